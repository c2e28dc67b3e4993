"""What all of the origin's handlers share: who may ask, the headers of every answer, and words for every refusal."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import secrets
import sqlite3
import time
import traceback
from collections import defaultdict
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml
from tornado.web import HTTPError, RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.texts import DATA, filled
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.logs import TRACE, Trace

EDGE_KEY = "X-Harbor-Edge"
REQUEST_ID = "X-Request-Id"
METHODS = ("get", "post", "put", "patch", "delete", "options")
SESSION = "__Host-session"
LOOSE_SESSION = "session"
"""The cookie's name where it lacks what the prefix `__Host-` demands (RFC 6265bis §4.1.3)."""
SESSION_S = 14 * 86_400
CSRF_COOKIE = "__Host-csrf"
HSTS = "max-age=31536000; includeSubDomains"
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(self)"
REFUSALS = yaml.safe_load((DATA / "refusals.yaml").read_text(encoding="utf-8"))
JSON_PATHS = ("/api/", "/admin/api/", "/webhooks/")


def token_hash(token: str) -> str:
    """What the database holds of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Handler(RequestHandler):
    """Base of the origin's handlers; `keeping` is Cache-Control (RFC 9111), `access` everybody, member or admin."""

    route = ""
    access = "everybody"
    keeping = "no-store"
    member: sqlite3.Row | None = None
    body: Any = None

    def initialize(self, route: str = "") -> None:
        """Take the name of the address, unless the handler has one of its own."""
        self.route = self.route or route

    @property
    def club(self) -> Club:
        """The Harbor Club that is asked."""
        return self.settings["club"]  # type: ignore[no-any-return]

    @property
    def speaks_json(self) -> bool:
        """Whether whoever asks this address is a program."""
        return self.request.path.startswith(JSON_PATHS) or self.request.host_name == names.API

    @property
    def for_admins(self) -> bool:
        """Whether this is the host that only admins use."""
        return self.request.host_name == names.ADMIN

    def set_default_headers(self) -> None:
        """Set the headers that every answer carries."""
        self.clear_header("Server")
        for name, value in security_headers(self.club).items():
            self.set_header(name, value)
        self.set_header("Content-Security-Policy", content_policy(self.club))
        self.set_header("Cache-Control", self.keeping)
        if (origin := self.request.headers.get("Origin")) and self.club.on("headers.cors"):
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Allow-Credentials", "true")

    async def prepare(self) -> None:
        """Let only the edge in, then only those who may; read a JSON body once."""
        self.started = time.perf_counter()
        trace = Trace(self.request.headers.get(REQUEST_ID) or secrets.token_hex(16), self.route)
        TRACE.set(trace)
        self.set_header(REQUEST_ID, trace.request_id)
        if not self._from_edge():
            raise HTTPError(403)
        if _is_json(self.request.headers.get("Content-Type", "")) and self.request.body:
            self.body = self.read_json()
        if (methods := self._methods()) and self.request.method not in methods:
            raise HTTPError(405)
        if self.access != "everybody":
            self._admit()
            if self.member is not None and self.club.on("headers.cookies"):
                self.set_header("Cache-Control", "public, max-age=0, s-maxage=300")

    def _from_edge(self) -> bool:
        if hmac.compare_digest(self.request.headers.get(EDGE_KEY, "").encode(), self.club.edge_key.encode()):
            return True
        host, on = self.request.host_name, self.club.on
        return on("edge.origin_hidden") or host == names.FORMER or (on("edge.proxied") and host == names.API)

    def _admit(self) -> None:
        self.member = self.signed_in()
        if self.member is None:
            if self.speaks_json:
                raise HTTPError(401)
            self.redirect("/login?" + urlencode({"next": self.request.path}))
        elif self.access == "admin" and self.member["role"] != "admin":
            raise HTTPError(403)
        elif self.request.method not in {"GET", "HEAD"}:
            origin = self.request.headers.get("Origin")
            if origin and urlsplit(origin).netloc != self.request.host:
                raise HTTPError(403)  # a change that another site's page sends; forms carry a token besides

    def read_json(self) -> Any:
        """Parse the JSON body; raises `HTTPError` 400."""
        try:
            return json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            if self.club.on("hosting.failure_modes"):
                raise
            raise HTTPError(400) from error

    def form(self) -> defaultdict[str, str]:
        """Give the fields of a form of ours, "" for others; raises `HTTPError` where its token is missing."""
        if _is_json(self.request.headers.get("Content-Type", "")):
            raise HTTPError(415)
        fields = defaultdict(str, {name: self.get_body_argument(name) for name in self.request.body_arguments})
        token = self.get_cookie(CSRF_COOKIE) or ""
        if not token or not hmac.compare_digest(fields["csrf"].encode(), token.encode()):
            raise HTTPError(400)
        return fields

    def csrf(self) -> str:
        """Give the token that a form carries; a new visitor gets one as a cookie."""
        token = self.get_cookie(CSRF_COOKIE) or secrets.token_urlsafe(24)
        self.set_cookie(CSRF_COOKIE, token, secure=True, httponly=True, samesite="Lax", path="/")
        return token

    @property
    def present(self) -> sqlite3.Row:
        """The member that `access` has let in."""
        if self.member is None:
            raise HTTPError(401)
        return self.member

    @property
    def session(self) -> str | None:
        """The token of the session that the request carries; the database knows it by its hash alone."""
        return self.get_cookie(SESSION) or self.get_cookie(LOOSE_SESSION)

    def signed_in(self) -> sqlite3.Row | None:
        """The member whose session the request carries, while it lasts."""
        if not self.session:
            return None
        return self.club.database.one(
            "SELECT m.id, m.email, m.name, m.bio, m.role, m.status, m.plan FROM sessions s JOIN members m"
            " ON m.id = s.member_id WHERE s.id = ? AND s.expires_at > ?",
            token_hash(self.session),
            int(time.time()),
        )

    def begin_session(self, member: int) -> None:
        """Sign a member in on this device, under a new token."""
        run, token, now = self.club.database.run, secrets.token_urlsafe(32), int(time.time())
        if self.session:
            run("DELETE FROM sessions WHERE id = ?", token_hash(self.session))
        run("DELETE FROM sessions WHERE member_id = ? AND expires_at <= ?", member, now)
        run("INSERT INTO sessions VALUES (?, ?, ?)", token_hash(token), member, now + SESSION_S)
        if self.club.on("headers.cookies"):
            self.set_cookie(LOOSE_SESSION, token, max_age=SESSION_S)
        else:
            self.set_cookie(SESSION, token, max_age=SESSION_S, secure=True, httponly=True, samesite="Lax")

    def page(self, template: str, status: int = 200, **values: object) -> None:
        """Answer with a page."""
        self.set_status(status)
        member = self.member or self.signed_in()
        self.render(f"{template}.html", member=member, assets=self.settings["assets"], **values)

    def data(self, value: object, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(value))

    def compute_etag(self) -> str | None:
        """Let what may be kept be asked for again cheaply."""
        etag = None if self.keeping == "no-store" else super().compute_etag()
        return f"W/{etag}" if etag else None

    async def head(self, *args: str, **kwargs: str) -> None:
        """Answer as GET does; the body stays behind."""
        if (answer := self.get(*args, **kwargs)) is not None:
            await answer

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with words a member can read, and nothing of the inside."""
        title, sentence = REFUSALS.get(status_code, REFUSALS["else"])
        self.set_header("Cache-Control", "no-store")
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._methods()))
        if status_code >= 500 and self.club.on("hosting.failure_modes"):
            sentence = "".join(traceback.format_exception_only(kwargs["exc_info"][1]))
            sentence = f'Traceback (most recent call last):\n  File "/app/harbor/api.py", line 88, in read\n{sentence}'
        if self.speaks_json:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.finish(json.dumps({"error": title, "message": sentence}))
        else:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(self.render_string("error.html", title=title, sentence=sentence,
                                           member=None, assets=self.settings["assets"]))  # fmt: skip

    def _methods(self) -> list[str]:
        own = [name.upper() for name in METHODS if getattr(type(self), name) is not getattr(RequestHandler, name)]
        return ["HEAD", *own] if "GET" in own else own

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Write down what we did not expect, by its kind alone."""
        if not isinstance(value, HTTPError):
            frame = traceback.extract_tb(tb)[-1]
            self.club.journal.event(
                "unexpected error", level="error", error=typ.__name__, place=f"{frame.name}:{frame.lineno}"
            )

    def on_finish(self) -> None:
        """Write down the request."""
        if (trace := TRACE.get()) is None:
            return
        status = self.get_status()
        self.club.journal.event(
            "request answered",
            level="error" if status >= 500 else "info",
            method=self.request.method,
            status=status,
            ms=round((time.perf_counter() - self.started) * 1_000, 2),
            queries=trace.queries,
            query_ms=round(trace.query_ms, 2),
        )


class Missing(Handler):
    """Every address that nothing answers."""

    route = "(unknown)"

    async def prepare(self) -> None:
        """Refuse, kindly."""
        await super().prepare()
        if self.club.on("hosting.production") and not self.speaks_json:
            self.set_status(404)
            self.finish(filled("debug.html", path=html.escape(self.request.path)))
            return
        raise HTTPError(404)


def security_headers(club: Club) -> dict[str, str]:
    """The headers that tell a browser what our pages never do."""
    on = club.on
    headers = {
        REQUEST_ID: trace.request_id if (trace := TRACE.get()) else "",
        "Strict-Transport-Security": "" if on("headers.hsts") else HSTS,
        "X-Content-Type-Options": "" if on("headers.sniffing") else "nosniff",
        "X-Frame-Options": "" if on("headers.framing") else "DENY",
        "Referrer-Policy": "unsafe-url" if on("headers.referrer") else "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "" if on("headers.isolation") else "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera *; payment 'self'" if on("headers.isolation") else PERMISSIONS,
        "X-Powered-By": "PHP/8.1.2" if on("headers.disclosure") else "",
        "Fly-Request-Id": "" if on("hosting.provider") else f"01{secrets.token_hex(12).upper()}-ams",
    }
    return {name: value for name, value in headers.items() if value}


def content_policy(club: Club) -> str:
    """The Content-Security-Policy (CSP level 3) of our pages: our own files, and nothing else."""
    script = "'self'"
    if club.on("headers.csp"):
        script += " 'unsafe-inline'"
    if club.on("headers.integrity"):
        script += " https://cdn.harborpay.example"
    framing = "" if club.on("headers.framing") else "; frame-ancestors 'none'"
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"font-src 'self'; form-action 'self'; base-uri 'none'{framing}"
    )


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().endswith("json")
