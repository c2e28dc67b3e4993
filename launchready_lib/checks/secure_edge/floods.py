"""edge.ddos: every public web host stands behind an edge that is made to absorb floods."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge import edge
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.published import zone_of
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.record.findings import Status, Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.wording import brief

if TYPE_CHECKING:
    from launchready_lib.checks.secure_edge.edge import Edge, EdgeEvidence, Named
    from launchready_lib.client import Client

MOST_NAMES = 60


@dataclass(frozen=True)
class FloodEvidence(Evidence):
    """Every name that answers as a web server, and who stands before it.

    Attributes:
        hosts: declared hosts, and names of the zone file that answer on the web's ports.
        own_edge: the declared edge with the networks that the parameters add; None where none is declared.
        unread: how many names of the zone were left out.
        zone: the zone file's names beside the declared ones.
    """

    hosts: tuple[Named, ...]
    own_edge: Edge | None = None
    unread: int = 0
    zone: ZoneHosts = NO_ZONE_HOSTS

    def rows(self) -> Iterable[Row]:
        """One row a host."""
        return [_row(host, _edges(self)) for host in self.hosts]


@probe
async def survey(client: Client, gate: EdgeEvidence | Unavailable) -> FloodEvidence | Unavailable:
    """Take the hosts that the edge's survey read, and read every other name of the zone file."""
    if no := web.unauthorized(client):
        return no
    if isinstance(gate, Unavailable):
        return gate
    zone = zone_of(client)
    seen = {named.name for named in (*gate.web_hosts, *gate.others)}
    others = zone_hosts(client)
    left_out = seen | set(others.theirs)
    more = zone.names("A", "AAAA", "CNAME") if isinstance(zone, ZoneFile) else ()
    web_names = (n for n in more if n not in left_out and not n.startswith(("*", "_")) and "._" not in n)
    mine = [name for name in web_names if client.network.scope.names(name)]
    found = await asyncio.gather(*(_answering(client, name) for name in mine[:MOST_NAMES]))
    hosts = (*gate.web_hosts, *(named for named in found if named is not None))
    return FloodEvidence(hosts, gate.edge, max(0, len(mine) - MOST_NAMES), others)


async def _answering(client: Client, name: str) -> Named | None:
    """A name that answers on one of the web's ports; None for one that does not, such as a nameserver."""
    named = await edge.look_up(client, name, "web, in the zone file")
    scope, dialer = client.network.scope, client.network.dialer
    if not any(dialer.mapped(a, 443) or not scope.private(a) for a in named.addresses):
        return None  # nobody outside reaches it
    for scheme in ("https", "http"):
        answer = await client.network.request("GET", f"{scheme}://{name}/")
        if answer.state in ("ok", "tls", "protocol"):
            return replace(named, response=answer)
    return None


def _edges(evidence: FloodEvidence) -> list[Edge]:
    own = evidence.own_edge
    return [own if own is not None and each.id == own.id else each for each in edge.known().values()]


def _row(host: Named, edges: list[Edge]) -> Row:
    before, marks = _before(host, edges), _marks(host, edges)
    return {
        "host": host.name,
        "known_from": host.role,
        "addresses": brief(host.addresses) or f"({host.state})",
        "leads_to": brief(host.chain),
        "edge": before.title if before else "none",
        "marks": marks[0].marks_of(host.response) if marks and host.response else "",
    }


def _before(host: Named, edges: list[Edge]) -> Edge | None:
    """The edge that every address of a host belongs to, or that its name ends at."""
    addresses = host.addresses
    return next((e for e in edges if e.serves(host.chain) or (addresses and all(map(e.holds, addresses)))), None)


def _marks(host: Named, edges: list[Edge]) -> list[Edge]:
    return [each for each in edges if host.response is not None and each.marks_of(host.response)]


@check("edge.ddos")
def absorbed(evidence: FloodEvidence) -> Verdict:
    """Every public web host stands behind a DDoS-absorbing edge, told by its networks, its names, or its marks.

    Every edge of the package's table absorbs floods of the network and transport layers without being asked to.
    """
    if not evidence.hosts:
        return web.unseen([Unavailable("no public host has an address", "an address for site.canonical in DNS")])
    edges = _edges(evidence)
    clauses = [_host(host, edges) for host in evidence.hosts]
    clauses += evidence.zone.left_alone()
    if evidence.unread:
        reason = f"{evidence.unread} more names of the zone file were not read"
        clauses.append(unknown(reason, needs="a zone file with the names in use"))
    behind = brief(_row(host, edges)["edge"] for host in evidence.hosts)
    hosts = "the one web host stands" if len(evidence.hosts) == 1 else f"all {len(evidence.hosts)} web hosts stand"
    return combine_as(f"{hosts} behind an edge that absorbs floods ({behind})", *clauses)


def unguarded(evidence: FloodEvidence) -> tuple[Named, ...]:
    """The hosts that make the check fail."""
    edges = _edges(evidence)
    return tuple(host for host in evidence.hosts if _host(host, edges).status is Status.FAIL)


def _host(host: Named, edges: list[Edge]) -> Verdict:
    row = _row(host, edges)
    if host.state != "ok":
        needs = "an address in DNS" if host.state == "absent" else "nameservers that answer"
        return unknown(f"{host.name} has no address that could be seen ({host.state})", needs=needs, evidence=[row])
    if before := _before(host, edges):
        return passed(f"{host.name} stands behind {before.title}", evidence=[row])
    marks = _marks(host, edges)
    if marks and not marks[0].networks:
        return passed(f"{host.name} answers with the marks of {marks[0].title}", evidence=[row])
    if marks:
        reason = f"{host.name} answers with the marks of {marks[0].title}, from addresses that its list does not have"
        return unknown(reason, needs="hosting.edge_networks", evidence=[row])
    return failed(
        f"{host.name} ({brief(host.addresses)}) stands open to floods: no edge that absorbs them is before it",
        evidence=[row],
        about=[host.name],
    )
