"""edge.proxied: web traffic passes the declared edge, and nothing else does."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.hosts import public_hosts
from launchready_lib.names.providers import table
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, SERVICES, ZoneHosts, zone_hosts
from launchready_lib.network import address_of, normal
from launchready_lib.record.findings import Status, Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.wording import brief

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.network import Response

_MOST_SERVICES = 40
_ANSWERED = ("NOERROR", "NODATA", "NXDOMAIN")


@dataclass(frozen=True)
class Edge:
    """One edge as published."""

    id: str
    title: str
    networks: tuple[str, ...]  # address ranges, with those of `hosting.edge_networks`
    names: tuple[str, ...]  # what its host names end in
    marks: dict[str, str]  # header -> pattern
    source: str  # where the ranges were read
    date: str  # when; they age

    def holds(self, address: str) -> bool:
        """Whether an address lies in its networks."""
        parsed = address_of(address)
        return parsed is not None and any(parsed in network for network in _parsed(self.networks))

    def serves(self, chain: Iterable[str]) -> bool:
        """Whether a CNAME chain ends in its names."""
        last = [normal(name) for name in chain][-1:]
        return any(name == end or name.endswith(f".{end}") for name in last for end in self.names)

    def marks_of(self, response: Response) -> str:
        """The first of its marks that an answer carries, as "header: value"; empty where there is none."""
        for header, pattern in self.marks.items():
            for value in response.all(header):
                if re.search(pattern, value[:300], re.IGNORECASE):
                    return f"{header}: {value[:80]}"
        return ""


@cache
def _parsed(networks: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in networks)


@cache
def known() -> dict[str, Edge]:
    """Every edge of the package's dated table."""
    return {
        name: Edge(name, e["title"], tuple(e["networks"]), tuple(e["names"]), e["marks"], e["source"], str(e["date"]))
        for name, e in table("edges.yaml").items()
    }


@dataclass(frozen=True)
class Named:
    """One name and where it leads."""

    name: str
    role: str  # web, or why it should not stand behind a web edge
    addresses: tuple[str, ...]
    chain: tuple[str, ...]
    state: str  # "ok" where DNS told, else what it said
    response: Response | None = None  # a read of `/` over HTTPS, for web hosts
    proxied: bool | None = None  # what the zone file notes of the edge's proxy; None where it does not say


@dataclass(frozen=True)
class EdgeEvidence(Evidence):
    """Web hosts and other names, against the edge that is declared.

    Attributes:
        declared: `hosting.edge`; "none" where the founder says there is none; None where nothing is said.
        edge: the one declared, where there is one.
        web_hosts: declared ones, and those that the zone file notes as proxied; others: names of other services.
        aside: names that the zone file notes as DNS only, on purpose past the edge.
        zone: the zone file's names beside the declared ones.
    """

    declared: str | None
    edge: Edge | None
    web_hosts: tuple[Named, ...]
    others: tuple[Named, ...]
    aside: tuple[str, ...] = ()
    zone: ZoneHosts = NO_ZONE_HOSTS

    def rows(self) -> Iterable[Row]:
        """One row a name."""
        return [_row(named, self.edge) for named in (*self.web_hosts, *self.others)]


def _row(named: Named, edge: Edge | None) -> Row:
    read = named.response
    recognised = {e.title: mark for e in known().values() if read is not None and (mark := e.marks_of(read))}
    return {
        "name": named.name,
        "role": named.role,
        "addresses": brief(named.addresses) or f"({named.state})",
        "leads_to": brief(named.chain),
        "in_its_networks": bool(edge and named.addresses and all(edge.holds(a) for a in named.addresses)),
        "marks": "; ".join(recognised.values()),
        "recognised": brief(recognised),
        "zone_file": {None: None, True: "proxied", False: "DNS only"}[named.proxied],
    }


@probe
async def survey(client: Client) -> EdgeEvidence | Unavailable:
    """Resolve every public host and the names of other services, and read each host's first page."""
    if no := web.unauthorized(client):
        return no
    hosting = client.parameters.hosting
    edge = known().get(hosting.edge or "")
    if edge is not None:
        edge = replace(edge, networks=edge.networks + tuple(hosting.edge_networks))
    hosts = public_hosts(client.parameters)
    zone = zone_hosts(client)
    proxied = [host.name for host in zone.web if host.proxied]
    found, more, others = await asyncio.gather(
        asyncio.gather(*(look_up(client, host, "web", read=True) for host in hosts)),
        asyncio.gather(*(look_up(client, host, "web, in the zone file", read=True) for host in proxied)),
        _others(client, hosts, zone),
    )
    real = [n for n in found if n.state != "absent" or web.is_declared(client, n.name)]
    # A name gone from DNS since the file was made hides nothing and shows nothing.
    real += [replace(n, proxied=True) for n in more if n.state != "absent"]
    aside = tuple(host.name for host in zone.web if host.proxied is False)
    return EdgeEvidence(hosting.edge, edge, tuple(real), others, aside, zone)


async def look_up(client: Client, name: str, role: str, *, read: bool = False) -> Named:
    """Ask DNS for a name's addresses and, where `read`, the name for its first page over HTTPS."""
    four, six = await asyncio.gather(client.network.ask(name, "A"), client.network.ask(name, "AAAA"))
    addresses = four.records + six.records
    silent = [answer for answer in (four, six) if answer.state not in _ANSWERED]
    state = "ok" if addresses else (silent[0].error or silent[0].state) if silent else "absent"
    response = await client.network.request("GET", f"https://{name}/") if read and state == "ok" else None
    return Named(name, role, addresses, four.chain or six.chain, state, response)


async def _others(client: Client, hosts: tuple[str, ...], zone: ZoneHosts) -> tuple[Named, ...]:
    """Mail exchangers of the client's own, and names of services that a web edge breaks: usual and in the zone file."""
    p = client.parameters
    domains = list(dict.fromkeys((p.domain, *p.mail.from_domains)))
    asked = await asyncio.gather(*(client.network.ask(domain, "MX") for domain in domains))
    exchangers = [normal(record.split()[-1]) for answer in asked for record in answer.records if record.split()]
    own = [name for name in exchangers if name == p.domain or name.endswith(f".{p.domain}")]
    wild, *usual = await asyncio.gather(
        look_up(client, f"launch-audit-{secrets.token_hex(4)}.{p.domain}", ""),
        *(look_up(client, f"{word}.{p.domain}", f"named {word}") for word in SERVICES),
    )
    mail = await asyncio.gather(*(look_up(client, name, "mail exchanger") for name in dict.fromkeys(own)))
    real = [n for n in usual if n.state != "absent" and n.name not in (*hosts, *own)]
    found = [*mail, *(n for n in real if not n.addresses or n.addresses != wild.addresses)]
    seen = {*hosts, *(n.name for n in found)}
    listed = [each for each in zone.services if each.name not in seen][:_MOST_SERVICES]
    more = await asyncio.gather(*(look_up(client, each.name, each.service) for each in listed))
    found += [replace(n, proxied=each.proxied) for n, each in zip(more, listed, strict=True) if n.state != "absent"]
    return tuple(found)


@check("edge.proxied")
def proxied(evidence: EdgeEvidence) -> Verdict:
    """An edge is declared; web hosts lead into its networks and carry its marks; mail and others do not."""
    edge = evidence.edge
    if edge is None:
        return _undeclared(evidence)
    if not evidence.web_hosts:
        return web.unseen([Unavailable("no public host has an address", "an address for site.canonical in DNS")])
    hosts = [_host(named, edge) for named in evidence.web_hosts]
    others = [_other(named, edge) for named in evidence.others]
    clauses = [clause for clause in (*hosts, *others) if clause.status is not Status.PASS]
    clauses += evidence.zone.unseen()
    for found, text in ((hosts, f"behind {edge.title}"), (others, "not behind it, as it must be")):
        good = [row for clause in found if clause.status is Status.PASS for row in clause.evidence]
        if good:
            clauses.append(passed(f"{brief(str(row['name']) for row in good)}: {text}", evidence=good))
    if evidence.aside:
        aside: list[Row] = [{"name": name, "zone_file": "DNS only"} for name in evidence.aside]
        clauses.append(passed(f"{brief(evidence.aside)}: DNS only, as the zone file says", evidence=aside))
    return combine(*clauses)


def _undeclared(evidence: EdgeEvidence) -> Verdict:
    rows = [_row(named, None) for named in evidence.web_hosts]
    if evidence.declared == "none":
        return failed(
            "no edge stands before the site: whoever floods it reaches the server itself",
            evidence=rows or [{"hosting.edge": "none"}],
            about=["none"],
        )
    seen = brief(str(row["recognised"]) for row in rows if row["recognised"])
    hint = f" (answers carry the marks of {seen})" if seen else ""
    return unknown(f"no edge is declared{hint}", needs="hosting.edge", evidence=rows)


def _host(named: Named, edge: Edge) -> Verdict:
    row = _row(named, edge)
    if named.state != "ok":
        needs = "an address in DNS" if named.state == "absent" else "nameservers that answer"
        return unknown(f"{named.name} has no address that could be seen ({named.state})", needs=needs, evidence=[row])
    outside = [address for address in named.addresses if not edge.holds(address)]
    if outside and not edge.serves(named.chain):
        if not edge.networks:
            reason = f"{named.name}: {edge.title} publishes no lasting list of its networks"
            return unknown(reason, needs="hosting.edge_networks", evidence=[row])
        return failed(
            f"{named.name} leads past {edge.title}, straight to {brief(outside)}",
            evidence=[row | {"list": f"{edge.source}, {edge.date}"}],
            fix=_way_in(named.name, edge),
            about=[named.name],
        )
    if named.response is None:
        return unknown(f"{named.name} was not read", needs=web.AGAIN, evidence=[row])
    # A challenge of the edge carries its marks too.
    if not named.response.ok and (why := web.why_unseen(f"https://{named.name}/", named.response)):
        return web.unseen([why])
    if not edge.marks_of(named.response):
        summary = f"{named.name} leads into the networks of {edge.title}, but its answer carries none of its marks"
        return failed(summary, evidence=[row], fix=_way_in(named.name, edge), about=[named.name])
    return passed(f"{named.name} stands behind {edge.title}", evidence=[row])


def _way_in(name: str, edge: Edge) -> str:
    if edge.id == "cloudflare":
        return f"In Cloudflare's DNS settings switch the proxy on (orange cloud) for {name}"
    return f"Point {name} to {edge.title} ({brief(edge.names)}), as its own documentation says"


def _other(named: Named, edge: Edge) -> Verdict:
    row = _row(named, edge)
    if named.state not in ("ok", "absent"):
        return unknown(f"{named.name} could not be resolved ({named.state})", needs="nameservers that answer")
    inside = [address for address in named.addresses if edge.holds(address)]
    if inside:
        return failed(
            f"{named.name} ({named.role}) leads to {edge.title}, which passes web traffic only: it cannot work",
            evidence=[row],
            fix=f"Switch the proxy off (DNS only) for {named.name}",
            about=[named.name],
        )
    return passed(f"{named.name} ({named.role}) leads past the edge, as it must", evidence=[row])
