"""The process that has imported what notebooks import, and forks a real ipykernel for each of them (Linux).

Run as `python -m launchready_lib.run.kernels.forkserver CONTROL_FD`. It must be a process of its own: forking is safe
only while there is one thread, no zmq context and no event loop, so it has none of them, and refuses otherwise.

Protocol. Each message on the control socket (a SOCK_SEQPACKET pair) is the JSON `{"argv", "env", "cwd", "folder"}` with
one file descriptor: the kernel's own line. On that line the server answers `{"pid": …}` or `{"error": …}`, and
`{"exit": code}` when the kernel has ended (negative: by that signal). Whoever lets go of a line ends its kernel, and
its folder goes; whoever lets go of the control socket ends the server with every kernel.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import importlib.util
import io
import json
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from launchready_lib.paths import PACKAGE
from launchready_lib.run.kernels.processes import MARK, end_tree

MODULES: list[str] = yaml.load((PACKAGE / "data" / "warm_modules.yaml").read_bytes(), Loader=yaml.CSafeLoader)
PACKAGES = ("launchready_lib.checks",)
_REQUEST_LIMIT = 1 << 20
_PR_SET_PDEATHSIG = 1

Request = dict[str, Any]
"""What a kernel is to become: `argv` (list), `env` (mapping), `cwd`; and its `folder`."""


def import_all() -> None:
    """Import `MODULES` and every module of `PACKAGES`; raises where one of ours is broken: no fork then."""
    for name in MODULES:
        _try_import(name)
    for package in PACKAGES:
        for module in pkgutil.walk_packages(getattr(_try_import(package), "__path__", ()), f"{package}."):
            _try_import(module.name)


def _try_import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception:  # a notebook that needs it gets the same error, in its own cell
        if name.startswith("launchready_lib."):
            raise
        return None


def warm_up() -> None:
    """Do once what otherwise the first table, the first figure and the first stage in every kernel wait for."""
    from launchready_lib import roadmap  # noqa: PLC0415 - imported already, by import_all

    roadmap.load()
    with suppress(ImportError):
        import pandas as pd  # noqa: PLC0415
        import plotly.express as px  # noqa: PLC0415

        frame = pd.DataFrame({"x": ["a"], "y": [1.0]})
        frame.to_html()
        px.bar(frame, x="x", y="y").to_plotly_json()


@dataclass(frozen=True)
class Kernel:
    """A running kernel: its own line, the mark that it and all it starts carry, and the folder of its sockets."""

    line: socket.socket
    mark: str
    folder: str | None


@dataclass
class Server:
    """Forks kernels on request and reports their ends; `kernels` are those that run, by process id."""

    control: socket.socket
    kernels: dict[int, Kernel] = field(default_factory=dict)

    def serve(self) -> Request | None:
        """Serve until the control socket closes (None), or, in a new kernel's process, return the request to become."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self.control:
                        served, request = self._request(selector)
                        if not served:
                            return request
                    elif key.fileobj == wake_read:
                        _drain(wake_read)
                        self._reap(selector)
                    else:
                        self._let_go(key.data)

    def _request(self, selector: selectors.BaseSelector) -> tuple[bool, Request | None]:
        """Serve one; not served: the control socket closed, or, with a request, this is the kernel's process now."""
        try:
            body, fds, _, _ = socket.recv_fds(self.control, _REQUEST_LIMIT, 1)
        except OSError:
            body, fds = b"", []
        if not body or not fds:
            return False, None
        line = socket.socket(fileno=fds[0])
        try:
            request: Request = json.loads(body)
            if (threads := _threads()) != 1:
                raise RuntimeError(f"{threads} threads")
            pid = os.fork()
        except (ValueError, OSError, RuntimeError) as error:
            _say(line, {"error": str(error)})
            line.close()
            return True, None
        if pid == 0:
            for each in (self.control, line, *(kernel.line for kernel in self.kernels.values())):
                each.close()  # in the child nothing of the server's may stay open
            signal.set_wakeup_fd(-1)
            return False, request
        self.kernels[pid] = Kernel(line, request["env"].get(MARK, ""), request["folder"])
        selector.register(line, selectors.EVENT_READ, data=pid)
        _say(line, {"pid": pid})
        return True, None

    def _let_go(self, pid: int) -> None:
        """The other end of a line says nothing, ever: readable means closed."""
        kernel = self.kernels[pid]
        end_tree(pid, kernel.mark)
        if kernel.folder:
            shutil.rmtree(kernel.folder, ignore_errors=True)

    def _reap(self, selector: selectors.BaseSelector) -> None:
        for pid in tuple(self.kernels):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                line = self.kernels.pop(pid).line
                selector.unregister(line)
                _say(line, {"exit": os.waitstatus_to_exitcode(status)})
                line.close()

    def end(self) -> None:
        """End every kernel with its group."""
        for pid in self.kernels:
            self._let_go(pid)


def _say(line: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):
        line.send(json.dumps(message).encode())


def _drain(fd: int) -> None:
    with suppress(BlockingIOError):
        while os.read(fd, 4096):
            pass


def _threads() -> int:
    """Threads of this process, those outside Python's sight included."""
    return max(threading.active_count(), sum(1 for _ in Path("/proc/self/task").iterdir()))


def become_kernel(request: Request, server: int) -> NoReturn:
    """Turn this freshly forked process into the kernel that the request describes, and end with it."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    argv: list[str] = request["argv"]
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [(launcher and launcher.origin) or "ipykernel_launcher", *argv]
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - imported already, by import_all

    app = IPKernelApp.instance()
    app.initialize([*argv, f"--IPKernelApp.parent_handle={server}"])
    app.start()
    # ipykernel 7.4 may close its output channel while the control thread still flushes into it; then both wait for
    # seconds.
    app.control_thread.join(timeout=2)
    # As multiprocessing's forked children end: taking thousands of modules down would take longer than many a cell.
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - waits for threads that the notebook began
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name for it
    for each in gc.get_objects():
        if type(each) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):  # files that a cell left open
            with suppress(OSError, ValueError):
                each.flush()
    os._exit(0)


def main() -> None:
    """Import, then serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.path[0] == str(Path.cwd()):
        del sys.path[0]  # as ipykernel_launcher does; IPython puts the kernel's own working directory in
    import_all()
    warm_up()
    gc.collect()
    gc.freeze()  # pages that the collector never touches stay shared with the kernels
    own = os.getpid()
    server = Server(control)
    if (request := server.serve()) is not None:
        become_kernel(request, own)
    else:
        server.end()


if __name__ == "__main__":
    main()
