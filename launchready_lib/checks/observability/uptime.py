"""uptime.now: what members and the billing provider need answers as it should, right now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.network import Response
from launchready_lib.record.findings import Status, Verdict, combine, failed, passed, unknown
from launchready_lib.site import markup, web
from launchready_lib.wording import listed

PAUSE_S = 1.0
_DOWN = ("refused", "timeout", "reset", "tls", "dns", "protocol")
_WANTED = {
    "page": "200",
    "guarded": "leads to the login, or 401 or 403",
    "webhook": "405 or 400 to a GET",
    "health": "2xx",
}


@dataclass(frozen=True)
class Endpoint:
    """One address that must be up."""

    name: str
    kind: str  # page, guarded (members only), webhook or health: what the right answer is
    url: str
    response: Response  # the second one where the first did not come

    def row(self) -> Row:
        """The answer as evidence."""
        response = self.response
        return {
            "endpoint": self.name,
            "address": self.url,
            "wanted": _WANTED[self.kind],
            "answered": str(response.status) if response.ok else response.state,
            "ended_at": response.url if response.ok else "",
            "seconds": round(response.seconds, 2),
            "note": response.error or "",
        }


@dataclass(frozen=True)
class UptimeEvidence(Evidence):
    """Every endpoint that matters, asked once, and again where nothing came.

    Attributes:
        missing: what the parameters do not name, with the reason and the parameter.
        control: whether our own network worked when something did not answer; None where everything did.
    """

    endpoints: tuple[Endpoint, ...]
    missing: tuple[Unavailable, ...]
    control: bool | None

    def rows(self) -> list[Row]:
        """One row an endpoint."""
        return [endpoint.row() for endpoint in self.endpoints]


@probe
async def survey(client: Client) -> UptimeEvidence | Unavailable:
    """Ask for home, login, dashboard, webhook and health, logged out."""
    if no := web.unauthorized(client):
        return no
    wanted, missing = _wanted(client)
    answers = await asyncio.gather(*(_asked(client, kind, url) for _, kind, url in wanted))
    control = await client.network.control() if any(not answer.ok for answer in answers) else None
    found = tuple(Endpoint(*one, answer) for one, answer in zip(wanted, answers, strict=True))
    return UptimeEvidence(found, tuple(missing), control)


def _wanted(client: Client) -> tuple[list[tuple[str, str, str]], list[Unavailable]]:
    p = client.parameters
    wanted = [("home", "page", web.address(client, p.site.pages.get("home", "/")))]
    missing: list[Unavailable] = []
    for name, kind in (("login", "page"), ("dashboard", "guarded")):
        if isinstance(url := web.page(client, name), Unavailable):
            missing.append(url)
        else:
            wanted.append((name, kind, url))
    if p.webhooks.billing is not None:
        wanted.append(("billing webhook", "webhook", web.address(client, p.webhooks.billing.url)))
    elif not any(name.split(".")[0] == "webhooks" for name in p.not_applicable):  # the founder may have no billing
        missing.append(Unavailable("the address of the billing webhook is not given", "webhooks.billing.url"))
    if p.site.health is not None:
        wanted.append(("health", "health", web.address(client, p.site.health)))
    return wanted, missing


async def _asked(client: Client, kind: str, url: str) -> Response:
    follow = web.HOPS if kind in ("page", "guarded") else 0
    first = await client.network.request("GET", url, follow=follow)
    if first.ok or first.state not in _DOWN:
        return first
    await asyncio.sleep(PAUSE_S)
    return await client.network.request("GET", url, follow=follow)


@check("uptime.now")
def now(uptime: UptimeEvidence) -> Verdict:
    """Home, login, the dashboard logged out, webhook endpoints and health answer as they should."""
    judged = [(endpoint, _judged(endpoint, uptime)) for endpoint in uptime.endpoints]
    clauses = [verdict for _, verdict in judged if verdict.status is not Status.PASS]
    clauses += [web.unseen([why]) for why in uptime.missing]
    if good := [endpoint for endpoint, verdict in judged if verdict.status is Status.PASS]:
        names = listed((endpoint.name for endpoint in good), most=len(good))
        clauses.append(passed(f"right now these answer as they should: {names}", evidence=[e.row() for e in good]))
    return combine(*clauses)


def _judged(endpoint: Endpoint, uptime: UptimeEvidence) -> Verdict:
    response = endpoint.response
    if not response.ok and response.state in _DOWN:
        error = response.error or response.state
        if not uptime.control:
            reason = f"{endpoint.name} did not answer ({error}), but a control look-up failed too"
            needs = "a working network: run this stage again"
            return unknown(f"{reason}: our own network is at fault", needs=needs, evidence=[endpoint.row()])
        summary = f"{endpoint.name} is down: {error}, twice, while our own network works"
        return failed(summary, evidence=[endpoint.row()], about=[endpoint.name])
    if why := web.why_unseen(endpoint.url, response):
        return web.unseen([why])
    good = {
        "page": response.status == 200,
        "webhook": response.status in (400, 405),
        "health": response.status is not None and 200 <= response.status < 300,
        "guarded": _is_guarded(endpoint, uptime),
    }[endpoint.kind]
    if good is None:
        reason = f"{endpoint.name}: the app decides in the browser what a stranger sees at {web.path_of(endpoint.url)}"
        return unknown(reason, needs=f"a look in a browser, signed out, at {endpoint.url}", evidence=[endpoint.row()])
    if good:
        return passed(f"{endpoint.name} answers as it should", evidence=[endpoint.row()])
    what = f"{endpoint.name} answers {response.status} where it should be {_WANTED[endpoint.kind]}"
    if endpoint.kind == "guarded" and response.status == 200:
        what = f"{endpoint.name} opens for a stranger, or leads elsewhere than to the login"
    return failed(what, evidence=[endpoint.row()], about=[endpoint.name])


def _is_guarded(endpoint: Endpoint, uptime: UptimeEvidence) -> bool | None:
    """Whether a stranger is kept out; None where only the app's script in a browser would tell."""
    response = endpoint.response
    if response.status in (401, 403):
        return True
    if response.status != 200:
        return False
    login = next((e for e in uptime.endpoints if e.name == "login"), None)
    if login is not None and login.response.ok and urlsplit(response.url).path == urlsplit(login.response.url).path:
        return True
    if markup.read(response.text, response.url).has_password:
        return True
    shells = [e.response.body for e in uptime.endpoints if e.kind == "page" and e.response.ok]
    return None if response.body in shells and not response.history else False
