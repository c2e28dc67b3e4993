"""edge.origin_hidden: the server behind the edge answers nobody else, and no record gives its address away."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.published import Published, in_spf, in_zone, zone_of
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.record.findings import Status, Verdict, combine, failed, passed, unknown
from launchready_lib.site import markup, web
from launchready_lib.wording import brief

if TYPE_CHECKING:
    from launchready_lib.checks.secure_edge.edge import Edge, EdgeEvidence
    from launchready_lib.client import Client
    from launchready_lib.network import Response

MOST_ADDRESSES = 24
MOST_HOSTS = 6
HOPS = 2
SHORTEST_BODY = 64  # bytes: a shorter body, such as "ok", proves nothing
_HOSTS_ITSELF = ("vercel", "netlify")  # edges that serve the app themselves, so that there is no server behind them


@dataclass(frozen=True)
class Direct:
    """What an address answered when asked for a web host past the edge."""

    url: str
    address: str  # the published one that was asked
    came_from: str  # why this address was asked
    answer: str  # the status, or how it refused
    same: str = ""  # what it has in common with the site as the edge gives it: "body", "title", or nothing

    def row(self) -> Row:
        """The row that evidence shows."""
        return {
            "asked": self.url,
            "of": self.address,
            "because": self.came_from,
            "answer": self.answer,
            "same_as_the_site": self.same or "nothing",
        }


@dataclass(frozen=True)
class OriginEvidence(Evidence):
    """The addresses behind the edge, and what they and DNS say to strangers.

    Attributes:
        declared, edge: as in `EdgeEvidence`.
        hosts_itself: the edge is the host, so that nothing is behind it.
        origins: addresses that should answer the edge alone.
        published: every other address that records show.
        tried: what was asked.
        missing: what could not be.
    """

    declared: str | None
    edge: Edge | None
    hosts_itself: bool
    origins: tuple[str, ...]
    published: tuple[Published, ...]
    tried: tuple[Direct, ...]
    missing: tuple[Unavailable, ...] = ()

    def rows(self) -> Iterable[Row]:
        """One row for each answer, then one for each record that shows an address."""
        return [*(each.row() for each in self.tried), *(_record(each) for each in self.published)]


def _record(each: Published) -> Row:
    return {"asked": each.name, "of": str(each.network), "because": each.record}


@probe
async def survey(client: Client, gate: EdgeEvidence | Unavailable) -> OriginEvidence | Unavailable:
    """Ask every address that may be the server's for the site, under the site's name, and compare with the edge's."""
    if no := web.unauthorized(client):
        return no
    if isinstance(gate, Unavailable):
        return gate
    hosting, edge = client.parameters.hosting, gate.edge
    zone = zone_of(client)
    shown, behind = in_zone(zone) if isinstance(zone, ZoneFile) else ((), ())
    origins = tuple(dict.fromkeys((*hosting.origins, *(a for a in behind if edge is not None and not edge.holds(a)))))
    every = dict.fromkeys((*_named(gate), *await _spf(client), *shown))
    published = tuple(p for p in every if edge is None or not edge.holds(str(p.network.network_address)))
    provider = (hosting.provider or "").lower()
    hosts_itself = edge is not None and edge.id in _HOSTS_ITSELF and provider.startswith(("", edge.id)[bool(provider)])
    run = _Run(client, gate)
    missing = await run.references()
    tried = () if edge is None else await run.all(_candidates(origins, published))
    if edge is not None:
        beyond = [a for a in origins if not edge.holds(a) and not client.network.scope.names(a)]
        reason = "the origin {} was not asked: authorization.hosts does not name it"
        missing += [Unavailable(reason.format(a), f"authorization.hosts: [{a}]") for a in beyond]
    return OriginEvidence(gate.declared, edge, hosts_itself, origins, published, tried, tuple(missing))


def _named(gate: EdgeEvidence) -> list[Published]:
    return [
        Published(named.name, f"address ({named.role})", ipaddress.ip_network(address))
        for named in (*gate.web_hosts, *gate.others)
        if gate.edge is None or not gate.edge.serves(named.chain)
        for address in named.addresses
    ]


async def _spf(client: Client) -> list[Published]:
    domains = dict.fromkeys((client.parameters.domain, *client.parameters.mail.from_domains))
    answers = await asyncio.gather(*(client.network.ask(domain, "TXT") for domain in domains))
    return [each for domain, a in zip(domains, answers, strict=True) for each in in_spf(domain, a.records)]


def _candidates(origins: Iterable[str], published: Iterable[Published]) -> dict[str, tuple[str, str]]:
    """Address -> why it is asked, and the name that leads there; the declared ones first."""
    found = dict.fromkeys(origins, ("an origin", ""))
    for each in published:
        if each.address is not None:
            found.setdefault(each.address, (f"{each.name}, {each.record}", each.name))
    return dict(list(found.items())[:MOST_ADDRESSES])


class _Run:
    """Asks addresses for the web hosts that the edge serves, and compares."""

    def __init__(self, client: Client, gate: EdgeEvidence) -> None:
        self._client, self._edge = client, gate.edge
        main = web.host_of(web.origin(client))
        hosts = sorted((n.name for n in gate.web_hosts if n.state == "ok"), key=lambda name: name != main)
        self._hosts = hosts[:MOST_HOSTS]
        self._references: dict[str, Response] = {}

    async def references(self) -> list[Unavailable]:
        """Read each host's first page through the edge; gives why the canonical one could not be read."""
        request = self._client.network.request
        read = await asyncio.gather(*(request("GET", f"https://{host}/", follow=HOPS) for host in self._hosts))
        self._references = {
            host: answer
            for host, answer in zip(self._hosts, read, strict=True)
            if answer.status == 200 and web.host_of(answer.url) == host and not web.is_challenge(answer)
        }
        if self._references:
            return []
        url = f"{web.origin(self._client)}/"
        reasons = [why for answer in read if (why := web.why_unseen(url, answer))]
        no_page = Unavailable("no first page came to compare with", "site.canonical, and the site answering")
        return reasons[:1] or [no_page]

    async def all(self, candidates: dict[str, tuple[str, str]]) -> tuple[Direct, ...]:
        """Ask every address that may be asked."""
        scope, dialer = self._client.network.scope, self._client.network.dialer
        tries = [
            self._one(f"{scheme}://{host}/", host, address, why)
            for address, (why, name) in candidates.items()
            if scope.names(address) or (name and scope.names(name))
            if not scope.private(address) or dialer.mapped(address, 443)
            for host in self._references
            for scheme in ("https", "http")
        ]
        return tuple(await asyncio.gather(*tries))

    async def _one(self, url: str, host: str, address: str, why: str) -> Direct:
        answer = await self._client.network.request("GET", url, address=address, follow=HOPS)
        outcome = str(answer.status) if answer.ok else f"{answer.state}: {answer.error}"
        if self._edge is not None and (mark := self._edge.marks_of(answer)):
            return Direct(url, address, why, f"{outcome}, from the edge itself ({mark})")
        return Direct(url, address, why, outcome, _same(answer, self._references[host]))


def _same(answer: Response, reference: Response) -> str:
    """What two answers have in common that only the same site has."""
    if answer.status != 200 or web.host_of(answer.url) != web.host_of(reference.url):
        return ""
    bodies = [hashlib.sha256(each.body).digest() for each in (answer, reference)]
    if bodies[0] == bodies[1] and len(reference.body) >= SHORTEST_BODY:
        return "body"
    titles = [markup.read(each.text, each.url).title for each in (answer, reference)]
    return "title" if titles[0] and titles[0] == titles[1] else ""


@check("edge.origin_hidden")
def hidden(evidence: OriginEvidence) -> Verdict:
    """No origin address answers for the site directly, and no other DNS record gives it away."""
    if evidence.edge is None and evidence.declared == "none":
        none: list[Row] = [{"hosting.edge": "none"}]
        return failed("no edge stands before the site: its server's address is public", evidence=none, about=["none"])
    if evidence.edge is None:
        return unknown("no edge is declared, so nothing is known of what is behind it", needs="hosting.edge")
    if evidence.hosts_itself and not evidence.origins:
        row: Row = {"edge": evidence.edge.title, "origins": "none: it serves the app itself"}
        return passed(f"{evidence.edge.title} serves the app itself: there is no server behind it", evidence=[row])
    clauses = [*_answering(evidence, evidence.edge), *_given_away(evidence)]
    if evidence.missing:
        clauses.append(web.unseen(evidence.missing))
    if not evidence.origins:
        reason = "the address of the server behind the edge is not given"
        clauses.append(unknown(reason, needs="hosting.origins", evidence=[each.row() for each in evidence.tried]))
    elif inside := [address for address in evidence.origins if evidence.edge.holds(address)]:
        reason = f"{brief(inside)} is an address of {evidence.edge.title}, not of the server behind it"
        clauses.append(unknown(reason, needs="hosting.origins with the server's own address"))
    if not any(clause.status is Status.FAIL for clause in clauses) and evidence.tried:
        asked = brief(each.address for each in evidence.tried)
        text = f"asked directly, {asked} gave nothing of the site, and no other record shows an origin"
        clauses.append(passed(text, evidence=[each.row() for each in evidence.tried]))
    return combine(*clauses) if clauses else unknown("no address was asked", needs="hosting.origins")


def _answering(evidence: OriginEvidence, edge: Edge) -> Iterator[Verdict]:
    found = [each for each in evidence.tried if each.same]
    if not found:
        return
    addresses = list(dict.fromkeys(each.address for each in found))
    where = brief(f"{each.address} ({each.came_from})" for each in found)
    common = brief(each.same for each in found)
    yield failed(
        f"{where} gives the site to anybody who asks past the edge (same {common})",
        evidence=[each.row() for each in found],
        fix=f"On {brief(addresses)} let the firewall accept ports 80 and 443 from the networks of {edge.title} "
        f"({edge.source}) only, or use authenticated origin pulls or a tunnel; then change the address, since it may "
        "be known already",
        about=addresses,
    )


def _given_away(evidence: OriginEvidence) -> Iterator[Verdict]:
    found = [(each, o) for each in evidence.published for o in evidence.origins if each.holds(o)]
    if not found:
        return
    names = brief(f"{each.name} ({each.record})" for each, _ in found)
    yield failed(
        f"DNS gives {brief(o for _, o in found)} away: {names}",
        evidence=[_record(each) | {"origin": o} for each, o in found],
        fix=f"Let {names} lead to the edge or to another machine, then change the origin's address",
        about=sorted({each.name for each, _ in found}),
    )
