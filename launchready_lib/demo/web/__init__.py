"""The web part of Harbor Club: an edge before an origin, an app on SQLite, its logs, checkout, and webhook events."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.certificates import CertificateAuthority
from launchready_lib.demo.faults import Switchboard
from launchready_lib.demo.web import database, edge, origin, repository, traffic, webhooks
from launchready_lib.demo.web.accounts import hash_password
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.database import Database
from launchready_lib.demo.web.logs import Journal
from launchready_lib.demo.web.upstream import Upstream

__all__ = ["Web", "start"]

LARGEST_REQUEST = 2_000_000
LOGGED = frozenset({"logs.request_ids", "queries.slow"})
"""Faults that show in the logs, which are made anew where one is switched."""


class Web:
    """The running web part; loopback `ports` are edge_http, edge_https, origin_http, origin_https."""

    def __init__(self, club: Club, folder: Path, release: str, tls: CertificateAuthority) -> None:
        """Open the origin's two ports, then the edge's before them."""
        self._club, self._folder, self._release = club, folder, release
        self._servers: list[HTTPServer] = []
        self._shown = club.switchboard.faults
        self._limits = edge.Limits()
        self.ports: dict[str, int] = {}
        self._serve("origin_https", origin.application(club), tls.context((*names.EDGE_HOSTS, names.FORMER)))
        self._serve("origin_http", _front(origin.Door, club=club), None)
        trusting = ssl.create_default_context(cafile=str(tls.file))
        self._upstream = Upstream(self.ports["origin_https"], trusting, names.DOMAIN)
        front = _front(edge.Edge, club=club, upstream=self._upstream, limits=self._limits)
        self._serve("edge_https", front, tls.context(names.EDGE_HOSTS))
        self._serve("edge_http", front, None)

    def _serve(self, name: str, app: Application, context: ssl.SSLContext | None) -> None:
        (listening,) = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
        server = HTTPServer(app, ssl_options=context, max_body_size=LARGEST_REQUEST, max_header_size=65_536)
        server.add_sockets([listening])
        self._servers.append(server)
        self.ports[name] = listening.getsockname()[1]

    async def stop(self) -> None:
        """Close every port, after what was accepted is done."""
        for server in self._servers:
            server.stop()
        await self._club.settle()
        self._upstream.close()
        for server in self._servers:
            await server.close_all_connections()
        self._servers.clear()
        self._club.database.close()
        self._club.journal.close()

    async def build(self) -> None:
        """Make the checkout as the faults want it."""
        wrong = self._club.switchboard.faults & repository.SHOWN
        await asyncio.to_thread(repository.build, self._folder / "repository", self._release, wrong)

    async def log(self) -> None:
        """Start the logs anew with some traffic."""
        self._club.journal.clear()
        await traffic.run(self._club, self._upstream)

    async def follow(self) -> None:
        """Show what was switched, to clients that no earlier burst has locked out."""
        self._limits.forget()
        switched = self._shown ^ self._club.switchboard.faults
        self._shown = self._club.switchboard.faults
        if switched & repository.SHOWN:
            await self.build()
        if switched & LOGGED and self._servers:
            await self.log()


def _front(handler: type[RequestHandler], **shared: object) -> Application:
    """An application that answers every address alike."""
    return Application([(r".*", handler, shared)], log_function=lambda _: None)


async def start(
    switchboard: Switchboard,
    folder: Path,
    tls: CertificateAuthority,
    *,
    release: str,
    environment: Mapping[str, str],
    smtp: tuple[str, int],
) -> Web:
    """Start the web part; returns when all its ports answer and its files lie in the folder."""
    release_file = folder / "production" / "release"
    release_file.parent.mkdir(parents=True, exist_ok=True)
    release_file.write_text(f"{release}\n", encoding="utf-8")
    journal = Journal(folder / "logs", switchboard)
    store = Database(folder / names.DATABASE_FILE, journal)
    passwords = (environment[names.MEMBER_PASSWORD], environment[names.ADMIN_PASSWORD])
    store.seed(*[await asyncio.to_thread(hash_password, password) for password in passwords])
    events = folder / "webhooks"
    events.mkdir(parents=True, exist_ok=True)
    for name, kind in (("activate", "checkout.session.completed"), ("cancel", "customer.subscription.deleted")):
        event = webhooks.captured(kind, database.TEST_CUSTOMER, int(time.time()) - 3_600)
        (events / f"{name}.json").write_text(event, encoding="utf-8")
    club = Club(switchboard, store, journal, environment, smtp, release_file, Counter())
    started = Web(club, folder, release, tls)
    await started.build()
    await started.log()
    switchboard.subscribe(started.follow)
    return started
