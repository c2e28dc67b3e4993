"""The world process: all of Harbor Club in one event loop (`python -m launchready_lib.demo.server`).

It says on its standard output when it is ready, obeys the control port, and ends with the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import datetime as dt
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from launchready_lib.demo import certificates, mailbox, names, registration, web
from launchready_lib.demo.control import Control, State
from launchready_lib.demo.faults import FAULTS, Switchboard
from launchready_lib.demo.nameservice import NameService
from launchready_lib.demo.texts import filled
from launchready_lib.demo.web import database, repository
from launchready_lib.record.files import write_private

_PARENT_CHECK_S = 1.0


class Harbor:
    """Every part of a world, started together."""

    _names: NameService
    _web: web.Web
    _ports: Mapping[str, int]

    def __init__(self, folder: Path, release: str, switchboard: Switchboard) -> None:
        self.folder, self.switchboard, self._release = folder, switchboard, release
        signing = base64.b64encode(secrets.token_bytes(24)).decode()
        self.environment = {
            names.MEMBER_PASSWORD: secrets.token_urlsafe(18),
            names.ADMIN_PASSWORD: secrets.token_urlsafe(18),
            names.WEBHOOK_SECRET: f"whsec_{signing}",
            names.DATABASE_URL: f"sqlite:///{folder / names.DATABASE_FILE}",
        }
        self.parameters_file = folder / "parameters.yaml"
        self._dns, self._servers = contextlib.AsyncExitStack(), contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Open every port and write the files that say where they are."""
        folder, switchboard = self.folder, self.switchboard
        authority = certificates.CertificateAuthority(folder, switchboard)
        keys = await asyncio.to_thread(mailbox.make_keys, folder / "dkim")
        self._names = NameService(switchboard, keys)
        await self._names.start()
        self._dns.push_async_callback(self._names.stop)
        mail = await mailbox.start(folder / "inbox", folder / "dkim", switchboard, authority)
        self._servers.callback(mail.close)
        smtp = mail.sockets[0].getsockname()[:2]
        rdap, rdap_port = registration.start(switchboard, authority.context([names.RDAP_HOST]))
        self._servers.push_async_callback(rdap.close_all_connections)
        self._servers.callback(rdap.stop)
        self._web = await web.start(
            switchboard, folder, authority, release=self._release, environment=self.environment, smtp=smtp
        )
        self._servers.push_async_callback(self._web.stop)
        self._ports = _published(self._names.ports, self._web.ports, smtp[1], rdap_port)
        (folder / "root.ds").write_text(self._names.root_ds)
        write_private(folder / "gatus.yaml", filled("gatus.yaml"))
        await self._describe()
        switchboard.subscribe(self._describe)

    async def _describe(self) -> None:
        """Write the files that the faults now on change."""
        (self.folder / "zone.txt").write_text(self._names.exported())
        today = dt.datetime.now(dt.UTC).date()
        text = filled(
            "parameters.yaml",
            folder=str(self.folder),
            slug=names.SLUG,
            release=self._release,
            previous=repository.PREVIOUS,
            members=database.MEMBERS,
            today=today,
            launch_on=today + dt.timedelta(days=9),
            rotated_on=today - dt.timedelta(days=40),
            resolver=self._names.resolver_port,
            ports=self._ports,
        )
        for fault in (FAULTS[check] for check in sorted(self.switchboard.faults)):
            if fault.parameters:
                body = yaml.safe_load(text)
                text = yaml.safe_dump({"client": _changed(body["client"], fault.parameters)}, sort_keys=False)
        write_private(self.parameters_file, text)

    async def change_records(self, text: str) -> None:
        """Change the zone; returns when every nameserver and the export show it."""
        await self._names.change(text)
        await self._describe()

    async def stop_servers(self) -> None:
        """Close every port but those of DNS: connections are refused, names still resolve."""
        await self._servers.aclose()

    async def stop(self) -> None:
        """Close everything."""
        await self.stop_servers()
        await self._dns.aclose()


def _changed(section: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A section of the parameters with a fault's change in it, mapping by mapping; None takes a key away."""
    whole = {k: _changed(section.get(k) or {}, v) if isinstance(v, Mapping) else v for k, v in change.items()}
    return {key: value for key, value in {**section, **whole}.items() if value is not None or key not in change}


def _published(dns: Mapping[str, int], web: Mapping[str, int], smtp: int, rdap: int) -> dict[str, int]:
    """Published address and port -> loopback port, from those of each part; `web` by edge_http and its like."""
    fronts = {
        names.EDGE_ADDRESS: "edge",
        names.TUNNEL_ADDRESS: "edge",
        names.ORIGIN_ADDRESS: "origin",
        names.FORMER_ADDRESS: "origin",
    }
    schemes = ((443, "https"), (80, "http"))
    ports = {f"{address}:{port}": web[f"{at}_{scheme}"] for address, at in fronts.items() for port, scheme in schemes}
    ports |= {f"{address}:53": port for address, port in dns.items()}
    return ports | {f"{names.MAIL_ADDRESS}:25": smtp, f"{names.RDAP_ADDRESS}:443": rdap}


async def serve(folder: Path, release: str, faults: list[str]) -> None:
    """Run a world until it is told to stop or its parent is gone."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    watches = [loop.create_task(watch) for watch in (_parent_gone(ended, os.getppid()), _input_closed(ended))]
    switchboard = Switchboard(faults)
    harbor = Harbor(folder, release, switchboard)

    async def obey(command: str, wanted: frozenset[str], text: str) -> None:
        match command:
            case "faults":
                await switchboard.set(wanted)
            case "records":
                await harbor.change_records(text)
            case "stop_servers":
                await harbor.stop_servers()
            case "stop":
                ended.set()

    control = Control(switchboard, obey)
    try:
        await harbor.start()
        await control.start()
        state = State(
            os.getpid(), control.port, control.token, str(folder), str(harbor.parameters_file), harbor.environment
        )
        file = folder / "state.json"
        write_private(file, json.dumps(asdict(state)))
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
    parser.add_argument("--release", default="launch")
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
