"""End a kernel with everything it started: browsers (leaders of groups of their own), drivers, the client's commands.

A kernel carries a mark in its environment, by which its descendants are found also after their parent has died.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil

MARK = "LAUNCHREADY_KERNEL"
_ROUNDS = 5


def end_tree(pid: int | None, mark: str) -> None:
    """Kill the kernel `pid`, its process group and all that descends from it or carries its mark."""
    doomed = [*_descendants(pid)] if pid else []
    if pid and hasattr(os, "killpg"):
        with suppress(OSError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
    for process in doomed:
        with suppress(psutil.Error):
            process.kill()
    sweep(mark)


def sweep(mark: str) -> None:
    """Kill every process that carries the mark; again, since one of them may have been starting another."""
    for _ in range(_ROUNDS):
        left = [*marked(mark)]
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        if not left:
            return
        psutil.wait_procs(left, timeout=1)


def marked(mark: str) -> Iterator[psutil.Process]:
    """Processes that carry the mark and have not ended."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    return []
