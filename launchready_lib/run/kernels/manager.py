"""The kernel manager that the engine hands to nbclient: our provisioner, and sockets that no other user can reach."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from launchready_lib.run.kernels.provisioner import WarmProvisioner
from launchready_lib.run.kernels.warm import private_folder

_RECONNECT_MS = 5


class PromptClient(AsyncKernelClient):  # type: ignore[misc]
    """A client that goes on as soon as the kernel is ready.

    It connects before the kernel listens, and looks again every few milliseconds instead of every tenth of a second.
    The stock one then listens until a fifth of a second is silent; nbclient drops by itself what does not belong to a
    cell.
    """

    def _context_default(self) -> zmq.asyncio.Context:
        context: zmq.asyncio.Context = super()._context_default()
        context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        return context

    async def wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as in jupyter_client
        """Wait until the kernel answers and is heard; raises `RuntimeError` where it died or `timeout` is over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self.kernel_info()
            with contextlib.suppress(Empty):
                message = await self.get_shell_msg(timeout=1)
                if message["msg_type"] == "kernel_info_reply":
                    await self.get_iopub_msg(timeout=0.2)
                    self._handle_kernel_info_reply(message)
                    return
            if not await self.is_alive():
                raise RuntimeError("the kernel died before it was ready")
            if deadline is not None and time.monotonic() > deadline:
                raise RuntimeError(f"the kernel was not ready within {timeout:g} s")


class WarmKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Starts kernels through our provisioner (unless their spec names one), over private sockets (encrypted TCP)."""

    folder: Path | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.client_factory = PromptClient
        self.context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)  # its control channel connects as early
        if sys.platform == "win32":
            self.transport_encryption = "auto"
            return
        self.folder = private_folder()
        self.transport = "ipc"
        self.ip = str(self.folder / "k")
        self.connection_file = str(self.folder / "kernel.json")

    async def _async_pre_start_kernel(self, **kw: Any) -> Any:
        names_another = "kernel_provisioner" in (self.kernel_spec.metadata or {})
        if not self.has_kernel and not names_another:
            name = kw.setdefault("kernel_id", self.session.session)
            self.provisioner = WarmProvisioner(kernel_id=name, kernel_spec=self.kernel_spec, parent=self)
            self.provisioner.by_name = False
        return await super()._async_pre_start_kernel(**kw)

    async def _async_wait(self, pollinterval: float = 0.1) -> None:
        await super()._async_wait(min(pollinterval, 0.01))

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if self.folder and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)

    pre_start_kernel = _async_pre_start_kernel
    cleanup_resources = _async_cleanup_resources
