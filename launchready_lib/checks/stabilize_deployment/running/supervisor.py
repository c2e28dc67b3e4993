"""Runs one command of a client's under limits, and ends everything that it started.

A program of its own, run by its path, with nothing but the standard library: it is one thread, so limits can be set
between fork and exec, and on Linux it adopts what its descendants leave behind, so that nothing escapes by forking
twice or by leading a session of its own. Where the one who started it goes, it ends everything too.

It reads one line of JSON on its input (command, folder, environment, limits) and keeps listening for the end of input,
which means stop. The command's output and errors go to its own output. At the end it writes one line of JSON on its
errors: ended ("exited", "stopped", "time", "memory", "processes", "disk", "not started"), exit (the command's code,
negative for a signal), left (processes still there when the command had ended), seconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PROC = Path("/proc")
TICK_S = 0.1
LOOK_S = 0.3
_SUBREAPER = 36
_ROUNDS = 200


def main() -> None:
    """Run the command that the first line of input orders."""
    order = json.loads(sys.stdin.buffer.readline())
    if sys.platform == "linux":  # every orphan among our descendants becomes our child (prctl(2))
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    try:
        child = _start(order)
    except OSError as error:
        _report("not started", None, 0, 0.0, error.strerror or "")
        return
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    ended, code = _watch(child, order, began)
    keep = order["keep"] and code is not None
    left = 0 if keep else _end_all(child.pid, code is None)
    child.returncode = code if code is not None else -signal.SIGKILL
    _report(ended, code, left, time.monotonic() - began)


def _report(ended: str, code: int | None, left: int, seconds: float, why: str = "") -> None:
    report = {"ended": ended, "exit": code, "left": left, "seconds": round(seconds, 3), "why": why}
    sys.stderr.write(json.dumps(report) + "\n")
    sys.stderr.flush()


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    threads = _threads_of_user()

    def limit() -> None:
        import resource  # noqa: PLC0415 - absent where there is no fork

        wanted = {
            "RLIMIT_CORE": 0,
            "RLIMIT_FSIZE": order["file"],
            "RLIMIT_CPU": int(order["seconds"] * (os.cpu_count() or 1)) + 1,
            "RLIMIT_DATA": order["memory"],
        }
        if threads is not None and os.getuid() != 0:
            wanted["RLIMIT_NPROC"] = threads + order["processes"]
        for name, value in wanted.items():
            kind = getattr(resource, name)
            _, hard = resource.getrlimit(kind)
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with suppress(OSError, ValueError):
                resource.setrlimit(kind, (bound, bound))

    return subprocess.Popen(
        order["command"],
        cwd=order["folder"],
        env=order["environment"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=limit,  # noqa: PLW1509 - this process has one thread
    )


def _watch(child: subprocess.Popen[bytes], order: dict[str, Any], began: float) -> tuple[str, int | None]:
    """Wait for the command's end, or for a reason to end it: (how it ended, its code)."""
    free = _free(order["folder"])
    looked = began
    while True:
        code = _reap(child.pid)
        if code is not None:
            return "exited", code
        if select.select([sys.stdin], [], [], TICK_S)[0] and not os.read(sys.stdin.fileno(), 1):
            return "stopped", None
        now = time.monotonic()
        if now - began > order["seconds"]:
            return "time", None
        if now - looked >= LOOK_S:
            looked = now
            if excess := _excess(order, free):
                return excess, None


def _excess(order: dict[str, Any], free: int) -> str:
    living = _descendants()
    if len(living) > order["processes"]:
        return "processes"
    if sum(_status(str(pid), "RssAnon:") for pid in living) * 1024 > order["memory"]:
        return "memory"
    left = _free(order["folder"])
    return "disk" if free - left > order["disk"] or left < order["spare"] else ""


def _free(folder: str) -> int:
    with suppress(OSError):
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize
    return 1 << 62


def _reap(wanted: int) -> int | None:
    """Bury whoever has died; the code of the command where it is among them."""
    code = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == wanted:
                code = os.waitstatus_to_exitcode(status)
    return code


def _end_all(group: int, running: bool) -> int:
    """Kill the command's group and every descendant; the number of processes that outlived the command."""
    left = [pid for pid in _descendants() if pid != group or running]
    for _ in range(_ROUNDS):
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        living = _descendants()
        for stop in (signal.SIGSTOP, signal.SIGKILL):
            for pid in living:
                with suppress(OSError):
                    os.kill(pid, stop)
        _reap(group)
        if not living:
            break
        time.sleep(0.01)
    return 0 if running else len(left)


def _descendants() -> list[int]:
    """Process ids below this one (Linux; elsewhere the process group has to do)."""
    children: dict[int, list[int]] = {}
    for entry in _processes():
        with suppress(OSError, ValueError, IndexError):
            state, parent = (PROC / entry / "stat").read_text().rpartition(") ")[2].split()[:2]
            if state not in "ZX":
                children.setdefault(int(parent), []).append(int(entry))
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _processes() -> list[str]:
    return [name for name in os.listdir(PROC) if name.isdigit()] if PROC.is_dir() else []  # noqa: PTH208 - names will do


def _threads_of_user() -> int | None:
    """Threads of this user, which is what the limit on processes counts (setrlimit(2))."""
    mine = str(os.getuid())
    own = [entry for entry in _processes() if _owner(entry) == mine]
    return sum(_status(entry, "Threads:") for entry in own) if own else None


def _owner(entry: str) -> str:
    with suppress(OSError):
        return str((PROC / entry).stat().st_uid)
    return ""


def _status(entry: str, key: str) -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in (PROC / entry / "status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
