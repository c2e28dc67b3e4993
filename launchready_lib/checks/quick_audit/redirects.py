"""Where plain HTTP and the four ways to type the domain lead."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import canonical_host, public_hosts
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import REDIRECTS, Network, Response, normal
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.site.web import DOWN, SILENT, hindered, reply_row, retried
from launchready_lib.wording import counted, listed

PERMANENT = (301, 308)
HOPS = 2
PATH, QUERY = "/launch-check/deep", "kept=yes&n=2"
_ANSWERS = ("ok", "tls", "protocol")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Walk:
    """The answers met from one starting address on, at most one more than the hops allowed."""

    start: str
    steps: tuple[Response, ...]  # the answers in order; the last one is where the walk ended
    left_scope: str | None = None  # a redirect not followed, as the authorization does not name its host

    @property
    def end(self) -> str:
        """The address where the walk ended."""
        return self.left_scope or self.steps[-1].url

    def rows(self) -> list[Row]:
        """One row a step."""
        return [reply_row(step) for step in self.steps]


@dataclass(frozen=True)
class RedirectEvidence(Evidence):
    """What plain HTTP answers on every public host, and where the four ways to type the domain end.

    Attributes:
        canonical: site.canonical as an origin; None where it is not given.
        apis: hosts that expect: api, for which a closed port 80 is right.
        plain: one answer a public host, over HTTP.
        up: hosts where something answers, on whichever port.
        walks: http and https for apex and www, in this order.
        zone: the zone file's names beside the declared ones.
    """

    domain: str
    canonical: str | None
    apis: frozenset[str]
    plain: tuple[Response, ...]
    up: frozenset[str]
    walks: tuple[Walk, ...]
    zone: ZoneHosts = NO_ZONE_HOSTS

    def rows(self) -> list[Row]:
        """One row per answer, plain HTTP first."""
        return [*(reply_row(reply) for reply in self.plain), *(row for walk in self.walks for row in walk.rows())]


@probe
async def survey(client: Client) -> RedirectEvidence | Unavailable:
    """Ask every public host over plain HTTP, and walk from the four addresses with a path and a query."""
    network, p = client.network, client.parameters
    zone = zone_hosts(client)
    hosts = (*public_hosts(p), *zone.names)
    domain = normal(p.domain)
    origin = _origin(p.site.canonical) if p.site.canonical else None
    plain = asyncio.gather(*(retried(network, f"http://{host}{PATH}?{QUERY}") for host in hosts))
    secure = asyncio.gather(*(retried(network, f"https://{host}/") for host in hosts))
    starts = [f"{scheme}://{host}{PATH}?{QUERY}" for scheme in ("http", "https") for host in (domain, f"www.{domain}")]
    walks = asyncio.gather(*(_walk(network, start, origin) for start in starts))
    answers, secured, walked = await asyncio.gather(plain, secure, walks)
    # A name that only the zone file knows may serve no web page at all.
    silent = {host for host, *both in zip(hosts, answers, secured, strict=True) if all(r.state in SILENT for r in both)}
    serving = [r for host, r in zip(hosts, answers, strict=True) if not (host in silent and host in zone.names)]
    return RedirectEvidence(
        domain=domain,
        canonical=origin,
        apis=frozenset(normal(s.host) for s in p.site.subdomains.values() if s.expect == "api") - {canonical_host(p)},
        plain=tuple(serving),
        up=frozenset(_host(reply.url) for reply in (*answers, *secured) if reply.state in _ANSWERS),
        walks=tuple(walked),
        zone=zone,
    )


def _host(url: str) -> str:
    return normal(web.host_of(url))


async def _walk(network: Network, start: str, canonical: str | None) -> Walk:
    steps: list[Response] = []
    url = start
    while True:
        reply = replace(await retried(network, url), url=url)
        location = _location(reply)
        if reply.state == "blocked" and steps:
            return Walk(start, tuple(steps), left_scope=url)
        steps.append(reply)
        if location is None or len(steps) > HOPS + 1 or _origin(url) == canonical:
            return Walk(start, tuple(steps))
        url = location


def _location(reply: Response) -> str | None:
    """Where an answer redirects to, absolute and without a fragment; None where it does not."""
    location = reply.header("location")
    if reply.status not in REDIRECTS or not location:
        return None
    try:
        target = urljoin(reply.url, location.strip())
        parts = urlsplit(target)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        return None
    return target.partition("#")[0] if usable else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    shown = "" if port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{normal(parts.hostname or '')}{shown}"


@check("redirects.https")
def https(redirects: RedirectEvidence) -> Verdict:
    """Every public host answers plain HTTP with one permanent redirect to HTTPS (RFC 9110 section 15.4)."""
    text = f"{counted(len(redirects.plain), 'host')} lead from plain HTTP to HTTPS for good"
    return combine_as(text, *(_plain(redirects, reply) for reply in redirects.plain), *redirects.zone.unseen())


def _plain(redirects: RedirectEvidence, reply: Response) -> Verdict:
    host, row = _host(reply.url), [reply_row(reply)]
    closed = reply.state in ("refused", "timeout")
    if closed and host in redirects.apis:
        return passed(f"{host} is an API and keeps port 80 closed", evidence=row)
    if closed and host in redirects.zone.names:
        return passed(f"{host} is no address that members type, and keeps port 80 closed", evidence=row)
    if reply.state in DOWN and host not in redirects.up:
        reason = f"{host} does not answer at all, neither over HTTP nor over HTTPS"
        return unknown(reason, needs=f"a run while {host} is up", evidence=row)
    if not closed and (verdict := hindered(reply)):
        return verdict
    if fault := _insecure(redirects, host, reply):
        fix = f"Answer http://{host}/… with 308 (or 301) and Location: https://{host}/… with the same path and query"
        return failed(fault, evidence=row, fix=fix, about=(host,))
    return passed(f"http://{host} leads to HTTPS for good", evidence=row)


def _insecure(redirects: RedirectEvidence, host: str, reply: Response) -> str | None:
    """What is wrong with a host's answer over plain HTTP."""
    if reply.state in ("refused", "timeout"):
        return f"port 80 of {host} is closed, so who types the name without https:// may reach nothing"
    if not reply.ok:
        return f"{host} does not speak HTTP on port 80: {reply.error}"
    if (location := _location(reply)) is None:
        return f"http://{host} answers {reply.status} in plain text instead of leading to HTTPS"
    if _origin(location) not in {f"https://{host}", redirects.canonical}:
        return f"http://{host} leads to {_origin(location)}, which is neither HTTPS on {host} nor the canonical address"
    if reply.status not in PERMANENT:
        return f"http://{host} leads to HTTPS only for now ({reply.status}, not 301 or 308)"
    return None


@check("redirects.canonical")
def canonical(redirects: RedirectEvidence) -> Verdict:
    """All four ways to type the domain end on one canonical origin: permanently, in two hops, path and query kept."""
    ends = {_origin(walk.end) for walk in redirects.walks if walk.steps[-1].ok}
    goal = redirects.canonical or (ends.pop() if len(ends) == 1 else None)
    text = f"http and https, with and without www, all end on {goal}"
    return combine_as(text, *(_arrives(redirects, walk, goal) for walk in redirects.walks))


def _arrives(redirects: RedirectEvidence, walk: Walk, goal: str | None) -> Verdict:
    rows, last, first = walk.rows(), walk.steps[-1], _origin(walk.start)
    host = _host(last.url)
    fix = f"Redirect {first}/… with 308 (or 301) straight to {goal}/… with the same path and query" if goal else None
    if not walk.left_scope:
        if last.state in DOWN and host not in redirects.up:
            reason = f"{host} does not answer, so where {first} ends could not be seen"
            return unknown(reason, needs=f"a run while {host} is up", evidence=rows)
        if last.state in DOWN or last.state in ("tls", "protocol"):
            text = f"{first} ends at {_origin(walk.end)}, which gives no answer: {last.error}"
            return failed(text, evidence=rows, fix=fix, about=(first,))
        if verdict := hindered(last):
            return verdict
    if goal is None:
        ends = listed(sorted({_origin(each.end) for each in redirects.walks}))
        text = f"http and https, with and without www, end on different origins: {ends}"
        return failed(text, evidence=rows, about=(redirects.domain,))
    if problem := _problem(walk, goal):
        return failed(f"{first} {problem}", evidence=rows, fix=fix, about=(first,))
    return passed(f"{first} ends on {goal}", evidence=rows)


def _problem(walk: Walk, goal: str) -> str | None:
    """What is wrong with a walk that could be seen to its end."""
    place = next((n for n, step in enumerate(walk.steps) if _origin(step.url) == goal), None)
    if walk.left_scope and _origin(walk.left_scope) == goal:
        place = len(walk.steps)
    location = _location(walk.steps[-1])
    if place is None or (location and _origin(location) != goal and _origin(walk.steps[-1].url) == goal):
        end = _origin(location) if location else _origin(walk.end)
        return f"ends on {end} instead of {goal}"
    hops = walk.steps[:place]
    if place > HOPS:
        return f"needs {place} redirects to reach {goal}; more than {HOPS} cost visitors time"
    if passing := [str(step.status) for step in hops if step.status not in PERMANENT]:
        return f"leads to {goal} only for now ({listed(passing)}, not 301 or 308)"
    arrival = walk.left_scope if place == len(walk.steps) else walk.steps[place].url
    parts = urlsplit(arrival or walk.start)
    if hops and (parts.path, parts.query) != (PATH, QUERY):
        return "loses the path or the query on its way, so deep links and campaign links break"
    return None
