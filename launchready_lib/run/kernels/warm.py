"""Start the fork server and ask it for kernels; a forked kernel behaves like a `subprocess.Popen`."""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from launchready_lib.paths import PACKAGE

_START_SECONDS = 60.0
_GONE = -int(getattr(signal, "SIGKILL", 9))


class NotWarm(RuntimeError):  # noqa: N818 - a refusal, after which a kernel starts in the stock way
    """No kernel can be forked here; start one in the stock way."""


class ForkedProcess:
    """A kernel forked by the server, a session's leader, with as much of `subprocess.Popen` as jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._line = line
        line.setblocking(False)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.returncode is None:
            try:
                message = self._line.recv(4096)
            except BlockingIOError:
                return None
            except OSError:
                message = b""
            # A line that closes without a word means that the server died, and each kernel dies with its server.
            self.returncode = int(json.loads(message)["exit"]) if message else _GONE
            self._line.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises `subprocess.TimeoutExpired` where it still runs after `timeout` seconds."""
        with selectors.DefaultSelector() as selector:
            if self.returncode is None:
                selector.register(self._line, selectors.EVENT_READ)
                selector.select(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
        return code

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel alone."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The server process; it ends with this one, or when it is closed."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise NotWarm("kernels are forked on Linux only")
        self._lock = threading.Lock()
        self._forked = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # numpy's threads would forbid forking
        if given := os.environ.get("PYTHONPATH"):
            environment["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in given.split(os.pathsep))
        command = [sys.executable, "-m", "launchready_lib.run.kernels.forkserver"]
        try:
            self.process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                env=environment,
                cwd=PACKAGE.parent,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # what a kernel writes past its channels was seen by no redactor
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise NotWarm(str(error)) from None
        finally:
            theirs.close()

    def fork(self, argv: list[str], env: dict[str, str], *, cwd: str, folder: Path | None = None) -> ForkedProcess:
        """Fork a kernel that runs `ipykernel_launcher` so; raises `NotWarm` where the server cannot (asked no more).

        The folder is removed with the kernel where this process ends before it.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"argv": argv, "env": env, "cwd": cwd, "folder": folder and str(folder)}
        body = json.dumps(request).encode()
        try:
            with self._lock:
                socket.send_fds(self._control, [body], [theirs.fileno()])
            theirs.close()
            ours.settimeout(_START_SECONDS)
            answer: dict[str, Any] = json.loads(ours.recv(4096) or b"{}")
        except (OSError, ValueError) as error:
            answer = {"error": str(error)}
            theirs.close()
        if "pid" not in answer:
            ours.close()
            raise NotWarm(str(answer.get("error", "the server has ended")))
        self._forked = True
        return ForkedProcess(answer["pid"], ours)

    def close(self) -> None:
        """End the server; it ends its kernels."""
        self._control.close()
        if not self._forked:
            self.process.kill()  # it may be importing still, and need not finish that
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def private_folder() -> Path:
    """A new folder of mode 0700 with a path short enough for Unix sockets, which have 107 bytes."""
    short = "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it; $TMPDIR may be too long
    return Path(tempfile.mkdtemp(prefix="lr-", dir=short if os.access(short, os.W_OK) else None))


_lock = threading.Lock()
_server: ForkServer | None = None
_refused: str | None = None


def prepare() -> None:
    """Start the fork server, where there can be one: it imports while the caller goes on."""
    global _server, _refused  # noqa: PLW0603 - one server for each process
    with _lock:
        if _refused is None and _server is None:
            try:
                _server = ForkServer()
            except NotWarm as error:
                _refused = str(error)


def server() -> ForkServer | None:
    """The fork server; None where none was prepared, or where there can be none."""
    return _server


def give_up(reason: str) -> None:
    """Fork no more in this process: a server that failed once is not trusted again."""
    global _refused  # noqa: PLW0603 - one server for each process
    close()
    _refused = reason


def close() -> None:
    """End the fork server and every kernel of it."""
    global _server
    with _lock:
        closing, _server = _server, None
    if closing is not None:
        closing.close()


def _after_fork() -> None:
    """A forked copy of this process must not use, nor end, its parent's server."""
    global _server, _lock
    _server, _lock = None, threading.Lock()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
