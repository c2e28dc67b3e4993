"""How jupyter_client gets a kernel of ours: forked if it can be, else the stock way; ended with all it started."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from launchready_lib.run.kernels import warm
from launchready_lib.run.kernels.processes import MARK, end_tree, sweep

_LAUNCHER = ["-m", "ipykernel_launcher"]


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc]
    """A local kernel that is forked when the kernelspec asks for this very Python's ipykernel.

    Our kernel manager uses it by itself, and forks where a server was prepared: for one notebook that would not pay. As
    `launchready-warm` it can be named in a kernelspec's `metadata.kernel_provisioner`, or in
    `JUPYTER_DEFAULT_PROVISIONER_NAME` for a JupyterLab of warm kernels; then it prepares one.
    """

    by_name = True

    @property
    def mark(self) -> str:
        """What the kernel and its descendants carry in their environment."""
        return f"{os.getpid()}-{self.kernel_id}"

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork the kernel, or start it in the stock way; silent outside its channels, which the redactor watches."""
        kwargs["env"] = (kwargs.get("env") or os.environ) | {MARK: self.mark}
        argv = kernel_arguments(cmd)
        if self.by_name:
            warm.prepare()
        if argv is not None and (server := warm.server()) is not None:
            cwd = kwargs.get("cwd") or str(Path.cwd())
            try:
                fork = functools.partial(server.fork, cwd=str(cwd), folder=getattr(self.parent, "folder", None))
                self.process = await asyncio.to_thread(fork, argv, dict(kwargs["env"]))
            except warm.NotWarm as error:
                warm.give_up(str(error))
            else:
                self.pid = self.pgid = self.process.pid
                self.cwd = cwd
                return self.connection_info
        return await super().launch_kernel(cmd, **{"stdout": DEVNULL, "stderr": DEVNULL} | kwargs)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and everything that it started, at once."""
        if self.process:
            end_tree(self.pid, self.mark)
        await super().kill(restart=restart)

    async def cleanup(self, restart: bool = False) -> None:
        """End what the kernel left behind when it shut down or died."""
        sweep(self.mark)
        await super().cleanup(restart=restart)

    async def wait(self) -> int | None:
        """Wait for the kernel's end, without the stock class's tenth of a second between looks."""
        while self.process and await self.poll() is None:  # noqa: ASYNC110 - a process, not a task: nothing to await
            await asyncio.sleep(0.01)
        code: int | None = await super().wait()
        return code


def kernel_arguments(cmd: list[str]) -> list[str] | None:
    """What follows `ipykernel_launcher` in a kernelspec's command; None for another Python, or another kernel."""
    if not cmd or Path(cmd[0]).absolute() != Path(sys.executable).absolute():
        return None
    place = next((i for i in range(1, len(cmd) - 1) if cmd[i : i + 2] == _LAUNCHER), None)
    if place is None or any(not option.startswith("-X") for option in cmd[1:place]):
        return None
    return cmd[place + 2 :]
