"""The origin: which handler answers which address, on the site, on the admin host and on the API host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tornado.routing import AnyMatches, HostMatches, Rule
from tornado.web import Application, RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.web import accounts, admin, pages, webhooks
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.handler import Handler, Missing

KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

VARYING = re.compile(r"\((?:\?P<(\w+)>)?[^)]*\)")
COMMON = {
    r"/healthz": pages.Health,
    r"/version": pages.Version,
    r"/robots\.txt": pages.Text,
    r"/static/(?P<file>[\w.-]+)": pages.Static,
}
ACCOUNTS = {
    r"/login": accounts.Login,
    r"/logout": accounts.Logout,
    r"/forgot": accounts.Forgot,
    r"/reset": accounts.Reset,
}
API = {
    r"/api/dashboard": pages.DashboardData,
    r"/api/me": pages.Me,
    r"/api/members/(?P<customer>\w{1,80})": admin.Billing,
    r"/webhooks/stripe": webhooks.Stripe,
}
ADMIN = {
    r"/admin": admin.Admin,
    r"/admin/members/(\d{1,9})": admin.AdminChange,
    r"/admin/api/members": admin.Members,
    r"/admin/api/members/(\d{1,9})": admin.MemberPage,
    r"/admin/api/export": admin.Export,
    r"/admin/api/invites": admin.Invites,
    r"/admin/api/cohort": admin.Cohort,
    r"/admin/api/jobs/([0-9a-f]{16})": admin.Job,
    r"/admin/api/jobs/([0-9a-f]{16})/result": admin.JobResult,
}
SITE = {
    r"/": pages.Home,
    r"/signup": accounts.Signup,
    r"/dashboard": pages.Dashboard,
    r"/profile": pages.Profile,
    r"/profile/password": accounts.ChangePassword,
    r"/checkout": pages.Checkout,
    r"/checkout/done": pages.CheckoutDone,
    r"/(\.env|\.git/HEAD|\.git/config)": pages.Leak,
}
HOSTS: dict[str, dict[str, type[Handler]]] = {
    names.ADMIN: {**COMMON, **ACCOUNTS, "/": admin.Admin, **ADMIN},
    names.API: {**COMMON, "/": pages.ApiRoot, **API},
    names.POLICY_HOST: {r"/\.well-known/mta-sts\.txt": pages.Text},
}
"""What the hosts with addresses of their own answer; every other host has the site's."""


class Assets:
    """Our own stylesheet, scripts and icon: content and media type, by the fingerprinted name they are served under."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, str]] = {}
        self._served: dict[str, str] = {}
        for path in sorted((Path(__file__).parent / "static").iterdir()):
            content = path.read_bytes()
            served = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
            self.files[served] = (content, KINDS[path.suffix])
            self._served[path.name] = f"/static/{served}"

    def url(self, name: str) -> str:
        """The address of a file, for templates."""
        return self._served[name]


def application(club: Club) -> Application:
    """The app, to be served over TLS to the edge alone."""
    settings: dict[str, Any] = {
        "club": club,
        "assets": Assets(),
        "template_path": str(Path(__file__).parent / "templates"),
        "template_whitespace": "oneline",
        "log_function": lambda _: None,  # the journal has it already
    }
    rules = [
        Rule(HostMatches(host.replace(".", r"\.")), Application(_routes(handlers), first_page="/", **settings))
        for host, handlers in HOSTS.items()
    ]
    site = Application(_routes({**COMMON, **ACCOUNTS, **API, **ADMIN, **SITE}), first_page="/dashboard", **settings)
    return Application([*rules, Rule(AnyMatches(), site)], log_function=lambda _: None)


def _routes(handlers: Mapping[str, type[Handler]]) -> list[tuple[str, type[Handler], dict[str, str]]]:
    """Each address with its handler and its name in the logs, which has {id} or a name for what varies."""
    routes = []
    for pattern, handler in handlers.items():
        named = VARYING.sub(lambda part: f"{{{part[1] or 'id'}}}", pattern)
        routes.append((pattern, handler, {"route": named.replace("\\", "")}))
    return [*routes, (r".*", Missing, {})]


class Door(RequestHandler):
    """The origin's plain port: nothing is served over HTTP, least of all to somebody who is not the edge."""

    def initialize(self, club: Club) -> None:
        """Take the club whose faults matter here."""
        self.club = club

    def prepare(self) -> None:
        """Refuse, or lead a host that bypasses the edge to HTTPS."""
        self.clear_header("Server")
        host = self.request.host_name
        if host == names.FORMER or (host == names.API and self.club.on("edge.proxied")):
            self.redirect(f"https://{host}{self.request.uri}", permanent=True)
        else:
            self.set_status(403)
            self.finish("Not here.")
