"""The world process: all of Harbor Club in one event loop (`python -m launchready_lib.demo.server`).

It says on its standard output when it is ready, obeys the control port, and ends with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tornado.httpserver import HTTPServer

from launchready_lib.demo import certificates, dkim, mailbox, names, nameservice, parameters, registration, web
from launchready_lib.demo.control import Command, Control, State
from launchready_lib.demo.faults import Subscriber, Switchboard
from launchready_lib.demo.files import write_private
from launchready_lib.demo.nameservice import NameService
from launchready_lib.demo.parameters import Place

_PARENT_CHECK_S = 1.0


class Harbor:
    """Every part of a world, started together."""

    def __init__(self, folder: Path, release: str, switchboard: Switchboard) -> None:
        self.folder = folder
        self.switchboard = switchboard
        self.environment = _environment(folder)
        self.parameters_file = folder / "parameters.yaml"
        self._release = release
        self._names: NameService | None = None
        self._web: web.Web | None = None
        self._smtp: asyncio.Server | None = None
        self._rdap: HTTPServer | None = None
        self._publish: Subscriber | None = None

    async def start(self) -> None:
        """Open every port and write the files that say where they are."""
        authority = certificates.CertificateAuthority(self.folder, self.switchboard)
        keys = await asyncio.to_thread(dkim.make_keys, self.folder / "dkim")
        self._names = await nameservice.start(self.switchboard, keys)
        self._smtp = await mailbox.start(self.folder / "inbox", self.folder / "dkim", self.switchboard, authority)
        smtp = self._smtp.sockets[0].getsockname()
        self._rdap, rdap_port = registration.start(self.switchboard, authority.context([names.RDAP_HOST]))
        self._web = await web.start(
            self.switchboard,
            self.folder,
            authority,
            release=self._release,
            environment=self.environment,
            smtp=(smtp[0], smtp[1]),
        )
        place = Place(
            folder=self.folder,
            release=self._release,
            nameservers=self._names.ports,
            resolver=self._names.resolver_port,
            web=self._web.ports,
            smtp=smtp[1],
            rdap=rdap_port,
            ca_file=authority.file,
        )
        place.anchor.write_text(self._names.root_ds)
        known = self._web.parameters
        parameters.write_monitor(place.monitor, known()["site"]["pages"])

        async def publish() -> None:
            place.zone_file.write_text(self._names.exported() if self._names else "")
            lonely = self.switchboard.on("handover.access")
            parameters.write(self.parameters_file, place, known(), lonely=lonely)

        await publish()
        self.switchboard.subscribe(publish)
        self._publish = publish

    async def change_records(self, text: str) -> None:
        """Change the zone; returns when every nameserver and the export show it."""
        if self._names is not None and self._publish is not None:
            await self._names.change(text)
            await self._publish()

    async def stop_servers(self) -> None:
        """Close every port but those of DNS: connections are refused, names still resolve."""
        if self._web is not None:
            await self._web.stop()
        if self._rdap is not None:
            self._rdap.stop()
            await self._rdap.close_all_connections()
        if self._smtp is not None:
            self._smtp.close()
        self._web, self._rdap, self._smtp = None, None, None

    async def stop(self) -> None:
        """Close everything."""
        await self.stop_servers()
        if self._names is not None:
            await self._names.stop()


def _environment(folder: Path) -> Mapping[str, str]:
    signing = base64.b64encode(secrets.token_bytes(24)).decode()
    return {
        names.MEMBER_PASSWORD: secrets.token_urlsafe(18),
        names.ADMIN_PASSWORD: secrets.token_urlsafe(18),
        names.WEBHOOK_SECRET: f"whsec_{signing}",
        names.DATABASE_URL: f"sqlite:///{folder / names.DATABASE_FILE}",
    }


async def serve(folder: Path, release: str, faults: list[str]) -> None:
    """Run a world until it is told to stop or its parent is gone."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    watches = [loop.create_task(watch) for watch in (_parent_gone(ended, os.getppid()), _input_closed(ended))]
    switchboard = Switchboard(faults)
    harbor = Harbor(folder, release, switchboard)

    async def switch(command: Command) -> None:
        if command.name == "faults":
            await switchboard.set(command.faults)
        elif command.name == "records":
            await harbor.change_records(command.records)
        elif command.name == "stop_servers":
            await harbor.stop_servers()
        elif command.name == "stop":
            ended.set()

    control = Control(switchboard, switch)
    try:
        await harbor.start()
        await control.start()
        state = State(
            pid=os.getpid(),
            port=control.port,
            token=control.token,
            folder=str(folder),
            parameters_file=str(harbor.parameters_file),
            environment=dict(harbor.environment),
        )
        file = write_private(folder / "state.json", state.to_json())
        sys.stdout.write(json.dumps({"state": str(file)}) + "\n")
        sys.stdout.flush()
        await ended.wait()
    finally:
        for watch in watches:
            watch.cancel()
        await control.stop()
        await harbor.stop()


async def _parent_gone(ended: asyncio.Event, parent: int) -> None:
    """Notice a parent that ended without closing our input: a child of its own may hold the other end."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells a process that its parent ended
        await asyncio.sleep(_PARENT_CHECK_S)
    ended.set()


async def _input_closed(ended: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
    ended.set()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--release", default=names.LAUNCH)
    parser.add_argument("--fault", action="append", default=[], dest="faults")
    parser.add_argument("--temporary", action="store_true", help="remove the folder at the end")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.folder, options.release, options.faults))
    finally:
        if options.temporary:
            with contextlib.suppress(OSError):
                shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
