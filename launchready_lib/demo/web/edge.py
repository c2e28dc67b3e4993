"""The edge before Harbor Club: redirects, TLS, limits, compression and request ids; all else comes from the origin."""

from __future__ import annotations

import gzip
import math
import secrets
import time
from collections import defaultdict, deque
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.handler import EDGE_KEY, HSTS, REQUEST_ID
from launchready_lib.demo.web.upstream import NoReplyError, Upstream

TRIES, WINDOW_S, PAUSE_S = 10, 60.0, 5.0
MOST_ADDRESSES = 10_000
LIMITED = {"/login", "/signup", "/forgot", "/reset"}
SMALLEST_COMPRESSED = 200
TEXTS = ("text/", "application/json", "image/svg+xml")
NOT_PASSED_ON = {
    "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection", "expect",
    "accept-encoding", "content-length", "cf-connecting-ip", "x-forwarded-for", "x-forwarded-proto",
    REQUEST_ID.lower(), EDGE_KEY.lower(),
}  # fmt: skip
NOT_PASSED_BACK = {
    "connection", "keep-alive", "transfer-encoding", "content-length", "server", "date", REQUEST_ID.lower(),
}  # fmt: skip


class Limits:
    """How often each address tried each limited page: past `TRIES` within `WINDOW_S`, it waits `PAUSE_S`."""

    def __init__(self) -> None:
        self._tries: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=TRIES))
        self._until: dict[tuple[str, str], float] = {}

    def wait(self, address: str, path: str) -> int:
        """How many seconds this address must wait before its next try; 0 where it need not."""
        return max(0, math.ceil(self._until.get((address, path), 0.0) - time.monotonic()))

    def count(self, address: str, path: str) -> None:
        """Note a try."""
        if len(self._tries) > MOST_ADDRESSES:
            self.forget()
        tries, now = self._tries[address, path], time.monotonic()
        tries.append(now)
        if len(tries) == TRIES and now - tries[0] < WINDOW_S:
            self._until[address, path] = now + PAUSE_S
            tries.clear()

    def forget(self) -> None:
        """Let everybody start anew."""
        self._tries.clear()
        self._until.clear()


class Edge(RequestHandler):
    """Answers what it can, and asks the origin for the rest; its log is the origin's, with the same request ids."""

    def initialize(self, club: Club, upstream: Upstream, limits: Limits) -> None:
        """Take what all of the edge's handlers share."""
        self.club, self.upstream, self.limits = club, upstream, limits

    def set_default_headers(self) -> None:
        """Mark the answer as the edge's."""
        self.set_header("Server", "cloudflare")
        self.set_header("CF-RAY", f"{secrets.token_hex(8)}-AMS")
        self.set_header("CF-Cache-Status", "DYNAMIC")

    def prepare(self) -> None:
        """Make the request's id."""
        self.request_id = secrets.token_hex(16)
        if not self.club.on("logs.request_ids"):
            self.set_header(REQUEST_ID, self.request_id)
        if self.request.protocol == "https" and not self.club.on("headers.hsts"):
            self.set_header("Strict-Transport-Security", HSTS)

    async def answer(self) -> None:
        """Redirect, refuse, or forward."""
        host, path = self.request.host_name.lower().rstrip("."), self.request.path
        if host not in names.EDGE_HOSTS:
            self._say(404, "No such site here.")
        elif self.request.protocol == "http" and not (host == names.APP and self.club.on("redirects.https")):
            self._move(host)
        elif host == names.WWW and not self.club.on("redirects.canonical"):
            self._move(names.DOMAIN)
        elif self.request.method == "POST" and path in LIMITED and not self.club.on("edge.rate_limit"):
            address = self.request.remote_ip or ""
            if wait := self.limits.wait(address, path):
                self.set_header("Retry-After", str(wait))
                self._say(429, f"Too many tries. Please wait {wait} seconds and try again.")
                return
            await self._forward(host)
            if path != "/login" or self.get_status() == 401:
                self.limits.count(address, path)
        else:
            await self._forward(host)

    get = head = post = put = patch = delete = options = answer

    def compute_etag(self) -> None:
        """Leave that to the origin."""

    def _move(self, host: str) -> None:
        target = urlsplit(self.request.uri or "/")
        query = f"?{target.query}" if target.query else ""
        self.set_status(301)
        self.set_header("Location", f"https://{host}{target.path or '/'}{query}")
        self.finish()

    def _say(self, status: int, text: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    async def _forward(self, host: str) -> None:
        headers = HTTPHeaders()
        for name, value in self.request.headers.get_all():
            if name.lower() not in NOT_PASSED_ON:
                headers.add(name, value)
        headers["Host"] = host
        headers["CF-Connecting-IP"] = self.request.remote_ip or ""
        headers["X-Forwarded-Proto"] = "https"
        headers[REQUEST_ID], headers[EDGE_KEY] = self.request_id, self.club.edge_key
        body = self.request.body
        if body or self.request.method in {"POST", "PUT", "PATCH"}:
            headers["Content-Length"] = str(len(body))
        target = urlsplit(self.request.uri or "/")
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        try:
            reply = await self.upstream.send(self.request.method or "GET", path, headers, body)
        except (NoReplyError, OSError):
            self._say(502, "Harbor Club cannot be reached right now. Please try again in a minute.")
            return
        self.set_status(reply.status)
        self._pass_back(reply.headers, reply.body)

    def _pass_back(self, headers: HTTPHeaders, body: bytes) -> None:
        self.clear_header("Content-Type")
        for name in headers:
            if name.lower() in NOT_PASSED_BACK:
                continue
            self.clear_header(name)
            for value in headers.get_list(name):
                self.add_header(name, value)
        plain = self.club.on("caching.static") and self.request.path.startswith("/static/")
        textual = headers.get("Content-Type", "").startswith(TEXTS)
        if len(body) >= SMALLEST_COMPRESSED and textual and not plain:
            self.add_header("Vary", "Accept-Encoding")
            if "gzip" in self.request.headers.get("Accept-Encoding", ""):
                self.set_header("Content-Encoding", "gzip")
                body = gzip.compress(body, 6, mtime=0)
        if self.request.method == "HEAD" and "Content-Length" in headers:
            self.set_header("Content-Length", headers["Content-Length"])
        self.finish(body or None)

    def write_error(self, status_code: int, **_: object) -> None:
        """Refuse in plain words."""
        self._say(status_code, "That request could not be read." if status_code < 500 else "Please try again.")
