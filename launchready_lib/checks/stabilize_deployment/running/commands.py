"""A client's own commands, run where they were allowed: bounded in time, output, memory, processes and disk.

What is contained, and what is not, is told in docs/client-code.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Self

import psutil

from launchready_lib.evidence import Row
from launchready_lib.sources import table

Ending = Literal["exited", "stopped", "time", "output", "memory", "processes", "disk", "not started"]

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GIB = 1024**3
_HEAD, _TAIL = 32_000, 64_000
_CHUNK = 65_536
_GRACE_S = 20.0
_WORDS: dict[Ending, str] = {
    "stopped": "was stopped",
    "time": "took longer than its limit and was stopped",
    "output": "printed more than its limit and was stopped",
    "memory": "took more memory than its limit and was stopped",
    "processes": "started more processes than its limit and was stopped",
    "disk": "filled more of the disk than its limit and was stopped",
    "not started": "could not be started",
}


@dataclass(frozen=True)
class Limits:
    """What a command may take: seconds of wall clock, bytes (in memory, on disk, in one file, left free), processes.

    `keep`: what it leaves running in the background is meant to stay (a deploy's, never a build's).
    """

    seconds: float
    memory: int = 8 * GIB
    disk: int = 10 * GIB
    file: int = 4 * GIB
    spare: int = GIB // 2
    processes: int = 2000
    output: int = 16 * 1024 * 1024
    keep: bool = False


@dataclass(frozen=True)
class Run:
    """How a command went; `exit` is negative for a signal, `left` counts processes of its that had to be ended."""

    command: str
    ended: Ending
    exit: int | None
    seconds: float
    output: str = ""
    left: int = 0
    why: str = ""

    @property
    def ok(self) -> bool:
        """It ended by itself with code 0."""
        return self.ended == "exited" and self.exit == 0

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.ended != "exited":
            return _WORDS[self.ended] + (f" ({self.why})" if self.why else "")
        return f"exited with {self.exit}" if (self.exit or 0) >= 0 else f"was ended by signal {-(self.exit or 0)}"

    def row(self, last: int = 400) -> Row:
        """The run as evidence, with the last characters of its output."""
        return {
            "command": self.command,
            "ended": self.ending,
            "seconds": round(self.seconds, 1),
            "last_output": self.output.strip()[-last:],
        }


class Running:
    """A command on its way; use it in `async with`, which ends it together with all that it started."""

    def __init__(
        self, command: str | Sequence[str], *, folder: Path, environment: Mapping[str, str], limits: Limits
    ) -> None:
        self.command = command if isinstance(command, str) else shlex.join(command)
        self._words = shlex.split(command) if isinstance(command, str) else list(command)
        self._order = {"folder": str(folder), "environment": dict(environment), **asdict(limits)}
        self._limits = limits
        self._head, self._tail = bytearray(), bytearray()
        self._printed = 0
        self._began = time.monotonic()
        self._report: Run | None = None

    async def __aenter__(self) -> Self:
        memory = min(self._limits.memory, psutil.virtual_memory().total * 3 // 4)
        order = json.dumps({**self._order, "command": self._words, "memory": memory}) + "\n"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(SUPERVISOR),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"}, start_new_session=True,
        )  # fmt: skip
        self._listening = asyncio.create_task(self._listen())
        self._input = self._process.stdin
        if self._input is not None:
            self._input.write(order.encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        # Also a cancelled task waits here until nothing of the command is left.
        await asyncio.shield(asyncio.ensure_future(self.stop()))

    async def _listen(self) -> None:
        stream = self._process.stdout
        while stream is not None and (piece := await stream.read(_CHUNK)):
            self._printed += len(piece)
            room = _HEAD - len(self._head)
            self._head += piece[: max(room, 0)]
            self._tail += piece[max(room, 0) :]
            if len(self._tail) > 2 * _TAIL:
                del self._tail[:-_TAIL]
            if self._printed > self._limits.output:
                self._close()

    def _close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            if self._input is not None:
                self._input.close()

    @property
    def output(self) -> str:
        """What it has printed until now; where there was much, the beginning and the end."""
        tail = bytes(self._tail[-_TAIL:])
        left_out = self._printed - len(self._head) - len(tail)
        gap = f"\n[{left_out} bytes left out]\n".encode() if left_out > 0 else b""
        return (bytes(self._head) + gap + tail).decode("utf-8", "replace")

    def listens(self) -> bool:
        """Whether one of its processes waits for connections on a TCP port."""
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if any(each.status == psutil.CONN_LISTEN for each in process.net_connections(kind="tcp")):
                        return True
        return False

    async def wait(self, seconds: float | None = None) -> Run | None:
        """How it ended; None where it still runs after so many seconds."""
        if self._report is None:
            try:
                await asyncio.wait_for(self._process.wait(), seconds)
            except TimeoutError:
                return None
            self._report = await self._ended()
        return self._report

    async def stop(self) -> Run:
        """End it with all that it started, and say how it had gone."""
        self._close()
        found = await self.wait(_GRACE_S)
        if found is None:  # the supervisor itself hangs
            self._process.kill()
            found = await self.wait()
        return found or Run(self.command, "stopped", None, time.monotonic() - self._began, self.output)

    async def _ended(self) -> Run:
        report_line = b"" if self._process.stderr is None else await self._process.stderr.read()
        with contextlib.suppress(TimeoutError):  # where something that was left running still holds the pipe
            await asyncio.wait_for(self._listening, 1.0 if self._limits.keep else _GRACE_S)
        self._close()
        try:
            report = json.loads(report_line.splitlines()[-1])
        except (IndexError, ValueError):
            report = {"ended": "stopped", "exit": None, "left": 0, "why": ""}
        flooded = report["ended"] == "stopped" and self._printed > self._limits.output
        return Run(
            self.command,
            "output" if flooded else report["ended"],
            report["exit"],
            report.get("seconds", time.monotonic() - self._began),
            self.output,
            report["left"],
            report["why"],
        )


async def run(command: str | Sequence[str], *, folder: Path, environment: Mapping[str, str], limits: Limits) -> Run:
    """Run a command to its end, without a shell."""
    async with Running(command, folder=folder, environment=environment, limits=limits) as running:
        return await running.wait() or await running.stop()


async def run_all(
    commands: Iterable[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    deadline: float,
    redact: Callable[[str], str],
    keep: bool = False,
) -> tuple[Run, ...]:
    """Run commands one after another until one fails, all before `deadline` (time.monotonic), their output redacted."""
    runs: list[Run] = []
    for command in commands:
        limits = Limits(max(deadline - time.monotonic(), 1.0), keep=keep)
        done = await run(command, folder=folder, environment=environment, limits=limits)
        runs.append(replace(done, output=redact(done.output)))
        if not done.ok:
            break
    return tuple(runs)


def clean_environment(home: Path) -> dict[str, str]:
    """What a client's code sees of ours: a path without our own programs, a home of its own, how to reach registries.

    The names are in data/client_environment.yaml; proxies and registry addresses pass unless they hold a login.
    """
    for folder in ("tmp", ".local/bin"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    names = table("client_environment")
    return {
        **{name: os.environ[name] for name in names["passed"] if "@" not in os.environ.get(name, "@")},
        **{name: os.environ[name] for name in names["marks"] if name in os.environ},
        "PATH": os.pathsep.join([str(home / ".local" / "bin"), *foreign_path()]),
        **{name: value.replace("{home}", str(home)) for name, value in names["set"].items()},
    }


def foreign_path() -> list[str]:
    """Where programs are looked for, without the folders of the Python that runs us."""
    own = [Path(sys.prefix).resolve()] if sys.prefix != sys.base_prefix else []
    own += [Path(os.environ["VIRTUAL_ENV"]).resolve()] if os.environ.get("VIRTUAL_ENV") else []
    entries = [Path(entry) for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry]
    return [
        str(entry)
        for entry in entries
        if entry.is_absolute() and not any(entry.resolve().is_relative_to(each) for each in own)
    ]
