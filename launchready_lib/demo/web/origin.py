"""The origin: which handler answers which address, on the site, on the admin host and on the API host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.routing import AnyMatches, HostMatches, Rule
from tornado.web import Application, RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.web import accounts, admin, pages, webhooks
from launchready_lib.demo.web.assets import Assets
from launchready_lib.demo.web.handler import Handler, Missing

if TYPE_CHECKING:
    from launchready_lib.demo.web.club import Club

TEMPLATES = Path(__file__).parent / "templates"

COMMON: list[tuple[str, type[Handler]]] = [
    (r"/healthz", pages.Health),
    (r"/version", pages.Version),
    (r"/robots\.txt", pages.Robots),
    (r"/static/([\w.-]+)", pages.Static),
]
ACCOUNTS: list[tuple[str, type[Handler]]] = [
    (r"/login", accounts.Login),
    (r"/logout", accounts.Logout),
    (r"/forgot", accounts.Forgot),
    (r"/reset", accounts.Reset),
]
API: list[tuple[str, type[Handler]]] = [
    (r"/api/dashboard", pages.DashboardData),
    (r"/api/me", pages.Me),
    (r"/api/members/(\w{1,80})", admin.Billing),
    (r"/webhooks/stripe", webhooks.Stripe),
]
ADMIN: list[tuple[str, type[Handler]]] = [
    (r"/admin", admin.Admin),
    (r"/admin/members/(\d{1,9})", admin.AdminChange),
    (r"/admin/api/members", admin.Members),
    (r"/admin/api/members/(\d{1,9})", admin.MemberPage),
    (r"/admin/api/export", admin.Export),
    (r"/admin/api/invites", admin.Invites),
    (r"/admin/api/cohort", admin.Cohort),
    (r"/admin/api/jobs/([0-9a-f]{16})", admin.Job),
    (r"/admin/api/jobs/([0-9a-f]{16})/result", admin.JobResult),
]
SITE: list[tuple[str, type[Handler]]] = [
    (r"/", pages.Home),
    (r"/signup", accounts.Signup),
    (r"/dashboard", pages.Dashboard),
    (r"/profile", pages.Profile),
    (r"/profile/password", accounts.ChangePassword),
    (r"/checkout", pages.Checkout),
    (r"/checkout/done", pages.CheckoutDone),
    (r"/(\.env|\.git/HEAD|\.git/config)", pages.Leak),
]
POLICY: list[tuple[str, type[Handler]]] = [(r"/\.well-known/mta-sts\.txt", pages.MailPolicy)]
REST: list[tuple[str, type[Handler]]] = [(r".*", Missing)]

ON_SITE = [*COMMON, *ACCOUNTS, *API, *ADMIN, *SITE, *REST]
ON_ADMIN = [*COMMON, *ACCOUNTS, (r"/", admin.Admin), *ADMIN, *REST]
ON_POLICY = [*POLICY, *REST]
ON_API = [*COMMON, (r"/", pages.ApiRoot), *API, *REST]


def application(club: Club) -> Application:
    """The app, to be served over TLS to the edge alone."""
    settings: dict[str, Any] = {
        "club": club,
        "assets": Assets(),
        "template_path": str(TEMPLATES),
        "template_whitespace": "oneline",
        "log_function": _quiet,
    }
    inner = {
        names.ADMIN: Application(ON_ADMIN, first_page="/", **settings),
        names.API: Application(ON_API, first_page="/", **settings),
        names.POLICY_HOST: Application(ON_POLICY, first_page="/", **settings),
    }
    rules = [Rule(HostMatches(host.replace(".", r"\.")), app) for host, app in inner.items()]
    return Application([*rules, Rule(AnyMatches(), Application(ON_SITE, first_page="/dashboard", **settings))],
                       log_function=_quiet)  # fmt: skip


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


def door(club: Club) -> Application:
    """The app of the origin's plain port."""
    return Application([(r".*", Door, {"club": club})], log_function=_quiet)


def _quiet(_: RequestHandler) -> None:
    """Say nothing: the journal has it already."""
