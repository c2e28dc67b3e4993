"""The kernel manager that the engine hands to nbclient: our provisioner, and sockets that no other user can reach."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from launchready_lib.kernels.provisioner import WarmProvisioner
from launchready_lib.kernels.warm import private_folder


class WarmKernelManager(AsyncKernelManager):  # type: ignore[misc]
    """Starts kernels through `WarmProvisioner`, over Unix sockets in a private folder (over encrypted TCP on Windows).

    A kernelspec that names a provisioner of its own keeps it.
    """

    folder: Path | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
