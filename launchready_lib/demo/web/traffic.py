"""A little traffic of Harbor Club's own, so that its logs hold real requests before anybody audits them."""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tornado.httputil import HTTPHeaders

from launchready_lib.demo import names
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.handler import EDGE_KEY, REQUEST_ID
from launchready_lib.demo.web.logs import TRACE, Trace
from launchready_lib.demo.web.upstream import Reply, Upstream

VISITS = 3
ROUNDS = 6
ROUND = ("/dashboard", "/api/dashboard", "/profile", "/api/me", "/")
HEAVY = (
    "SELECT p.id, p.title, count(*) AS related FROM posts p JOIN posts q ON q.body LIKE '%' || p.title || '%'"
    " WHERE p.id <= ? GROUP BY p.id ORDER BY related DESC LIMIT 10"
)
HEAVY_MS = 400.0
HEAVY_MOST = 64_000


class Visitor:
    """A browser's worth of manners: it keeps cookies and fills in forms."""

    def __init__(self, club: Club, origin: Upstream) -> None:
        self._club, self._origin = club, origin
        self._cookies: dict[str, str] = {}

    async def get(self, path: str) -> Reply:
        """Ask for a page."""
        return await self._send("GET", path, HTTPHeaders(), b"")

    async def submit(self, page: str, action: str, **fields: str) -> Reply:
        """Open a page with a form and send the form."""
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.get(page)).body.decode())
        body = urlencode({"csrf": found.group(1) if found else "", **fields}).encode()
        headers = HTTPHeaders({"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))})
        return await self._send("POST", action, headers, body)

    async def _send(self, method: str, path: str, headers: HTTPHeaders, body: bytes) -> Reply:
        headers["Host"] = names.DOMAIN
        headers[EDGE_KEY], headers[REQUEST_ID] = self._club.edge_key, secrets.token_hex(16)
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        reply = await self._origin.send(method, path, headers, body)
        for line in reply.headers.get_list("Set-Cookie"):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return reply


async def run(club: Club, origin: Upstream) -> None:
    """Sign the test member in a few times and look around; with the fault `queries.slow`, one query takes long."""
    for _ in range(VISITS):
        visitor = Visitor(club, origin)
        password = club.environment[names.MEMBER_PASSWORD]
        await visitor.submit("/login", "/login", email=names.MEMBER_EMAIL, password=password)
        for path in ROUND * ROUNDS:
            await visitor.get(path)
        await visitor.submit("/dashboard", "/logout")
    if club.on("queries.slow"):
        await _heavy(club)


async def _heavy(club: Club) -> None:
    """Run the dashboard's query for related notes on so many of them that it really takes long, beside the loop."""
    ms = await asyncio.to_thread(_time_heavy, str(club.database.path))
    TRACE.set(Trace(secrets.token_hex(16), "/api/dashboard"))
    club.journal.query(HEAVY, ms)
    club.journal.event(
        "request answered", method="GET", status=200, ms=round(ms + 3, 2), queries=1, query_ms=round(ms, 2)
    )
    TRACE.set(None)


def _time_heavy(path: str) -> float:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        ms, notes = 0.0, 500
        while ms < HEAVY_MS and notes < HEAVY_MOST:
            started = time.perf_counter()
            connection.execute(HEAVY, (notes,)).fetchall()
            ms = (time.perf_counter() - started) * 1_000
            notes *= 2
        return ms
    finally:
        connection.close()
