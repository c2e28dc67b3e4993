"""Who serves each public host, and whether any of them hangs on somebody's session."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names import providers
from launchready_lib.names.hosts import public_hosts, registered_domain
from launchready_lib.names.providers import Kind, Provider
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import REDIRECTS, Answer, ConnectFailure, Response, address_of, normal
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import certificates as chain
from launchready_lib.site.web import NETWORK_DOWN, SILENT, retried
from launchready_lib.wording import counted, listed

_LOST = ("SERVFAIL", "TIMEOUT")
# RFC 1918, RFC 6598, loopback, link-local and RFC 4193; documentation ranges are nobody's building.
_AT_HOME = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                 "::1/128", "fc00::/7", "fe80::/10")
)  # fmt: skip


@dataclass(frozen=True)
class Clue:
    """One thing that names a provider: where it was seen, what it says, and which provider that means."""

    seen_in: str
    text: str
    provider: str


@dataclass(frozen=True)
class HostTrace:
    """What one public host shows of who serves it."""

    host: str
    looked_up: tuple[Answer, ...]  # the resolver's answers for A and AAAA
    reverse: tuple[str, ...]  # the names of its addresses (PTR)
    issuer: str | None  # the organisation that issued its certificate; None where no certificate was seen
    reply: Response  # what its root answered over HTTPS, or over HTTP where HTTPS did not answer

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every published address."""
        return tuple(record for answer in self.looked_up for record in answer.records)

    @property
    def chain(self) -> tuple[str, ...]:
        """The names passed on the way to the addresses, the host first."""
        return tuple(dict.fromkeys([self.host, *(name for answer in self.looked_up for name in answer.chain)]))

    @property
    def leads_to(self) -> str | None:
        """The host that it redirects to, where that is another one."""
        location = self.reply.header("location")
        if self.reply.status not in REDIRECTS or not location:
            return None
        try:
            target = normal(urlsplit(urljoin(self.reply.url, location)).hostname or "")
        except ValueError:
            return None
        return target if target and target != self.host else None


@dataclass(frozen=True)
class HostingEvidence(Evidence):
    """What every public host, and the declared origins, show of who serves them.

    Attributes:
        hosts: one per public host; of the zone file's other names those that serve the web, or lead to what hangs.
        origins: hosting.origins with the names of each (PTR).
        believed: hosting.provider as the founder wrote it.
        zone: the zone file's names beside the declared ones.
    """

    hosts: tuple[HostTrace, ...]
    origins: tuple[tuple[str, tuple[str, ...]], ...]
    believed: str | None
    zone: ZoneHosts = NO_ZONE_HOSTS

    def rows(self) -> list[Row]:
        """One row per host: where it leads, and who serves it by which clue."""
        return [_row(each, clues(each, self.origins)) for each in self.hosts]


@probe
async def survey(client: Client) -> HostingEvidence | Unavailable:
    """Trace every public host by DNS, reverse DNS, certificate and answer."""
    network, p = client.network, client.parameters
    if not await network.control():
        return NETWORK_DOWN
    zone = zone_hosts(client) if p.authorization is not None else NO_ZONE_HOSTS
    hosts, others, names = await asyncio.gather(
        asyncio.gather(*(_trace(client, host) for host in public_hosts(p))),
        asyncio.gather(*(_trace(client, host) for host in zone.names)),
        asyncio.gather(*(_reverse(client, (address,)) for address in p.hosting.origins)),
    )
    # Of the zone file's names, those that serve the web, or whose names alone say that they hang on a session.
    shown = [each for each in others if each.reply.state not in SILENT or any(map(_passing, each.chain))]
    return HostingEvidence(
        (*hosts, *shown), tuple(zip(p.hosting.origins, names, strict=True)), p.hosting.provider, zone
    )


async def _trace(client: Client, host: str) -> HostTrace:
    network = client.network
    v4, v6, issuer, reply = await asyncio.gather(
        network.ask(host, "A"), network.ask(host, "AAAA"), _issuer(client, host), retried(network, f"https://{host}/")
    )
    if not reply.ok and reply.state != "blocked":
        plain = await network.request("GET", f"http://{host}/")
        reply = plain if plain.ok else reply
    return HostTrace(host, (v4, v6), await _reverse(client, (*v4.records, *v6.records)), issuer, reply)


async def _reverse(client: Client, addresses: tuple[str, ...]) -> tuple[str, ...]:
    pointers = [parsed.reverse_pointer for address in addresses[:8] if (parsed := address_of(address))]
    answers = await asyncio.gather(*(client.network.ask(pointer, "PTR") for pointer in pointers))
    return tuple(normal(record) for answer in answers for record in answer.records[:4])


async def _issuer(client: Client, host: str) -> str | None:
    found = await client.network.connect(host, 443)
    return None if isinstance(found, ConnectFailure) else await asyncio.to_thread(_issued_by, found, host)


def _issued_by(sock: socket.socket, host: str) -> str | None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(sock, server_hostname=host) as wrapped:
            certificate = chain.read(wrapped.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        sock.close()
        return None
    return (certificate and certificate.organisation) or None


def clues(host: HostTrace, origins: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> tuple[Clue, ...]:
    """Everything that names a provider, the most telling first."""
    found = tuple(dict.fromkeys(_clues(host, origins)))
    if of_kind(found, "edge"):  # then the certificate is the edge's, and says nothing of the servers
        return tuple(clue for clue in found if clue.seen_in != "certificate")
    return found


def _clues(host: HostTrace, origins: tuple[tuple[str, tuple[str, ...]], ...]) -> Iterator[Clue]:
    known = providers.providers()
    yield from (Clue("name", name, p.id) for name in host.chain for p in known if p.serves(name))
    yield from (
        Clue("header", f"{header}: {value[:200]}", p.id)
        for p in known
        for header, pattern in p.headers.items()
        for value in host.reply.all(header)
        if re.search(pattern, value[:500], re.IGNORECASE)
    )
    yield from (Clue("reverse name", name, p.id) for name in host.reverse for p in known if _ends(name, p.reverse))
    yield from (Clue("address", address, p.id) for address in host.addresses for p in known if p.holds(address))
    yield from (Clue("certificate", host.issuer, p.id) for p in known if host.issuer and host.issuer in p.issuers)
    for address, names in origins:
        own = [p for p in known if p.holds(address) or any(_ends(name, p.reverse) for name in names)]
        yield from (Clue("declared origin", f"{address} {' '.join(names)}".strip(), p.id) for p in own)


def _ends(name: str, suffixes: tuple[str, ...]) -> bool:
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)


def of_kind(found: tuple[Clue, ...], kind: Kind) -> tuple[Provider, ...]:
    """The providers of one kind that the clues name, each once."""
    named = (providers.provider(clue.provider) for clue in found)
    return tuple({p.id: p for p in named if p.kind == kind}.values())


def _row(host: HostTrace, found: tuple[Clue, ...]) -> Row:
    return {
        "host": host.host,
        "names": " -> ".join(host.chain),
        "addresses": ", ".join(host.addresses) or host.looked_up[0].state,
        "edge": ", ".join(p.name for p in of_kind(found, "edge")) or None,
        "served_by": ", ".join(p.name for p in (*of_kind(found, "host"), *of_kind(found, "tunnel"))) or None,
        "clues": "; ".join(f"{clue.seen_in}: {clue.text}" for clue in found)[:800] or None,
        "certificate_from": host.issuer,
        "answer": str(host.reply.status or host.reply.state),
    }


@check("hosting.provider")
def provider(hosting: HostingEvidence) -> Verdict:
    """The provider that serves each public host is identified from DNS, address, certificate and response evidence."""
    found = [clues(each, hosting.origins) for each in hosting.hosts]
    named = listed(p.name for each in found for p in (of_kind(each, "host") or of_kind(each, "tunnel")))
    believed, hosts = hosting.believed, [p for each in found for p in of_kind(each, "host")]
    differs = f" (the parameters say {believed})" if believed and not any(p.is_called(believed) for p in hosts) else ""
    text = f"{counted(len(hosting.hosts), 'public host')} are served by {named}{differs}"
    return combine_as(text, *(_served(hosting, host) for host in hosting.hosts), *hosting.zone.unseen())


def _served(hosting: HostingEvidence, host: HostTrace) -> Verdict:
    found = clues(host, hosting.origins)
    row = [_row(host, found)]
    if serving := of_kind(found, "host") or of_kind(found, "tunnel"):
        return passed(f"{host.host} is served by {listed([p.name for p in serving])}", evidence=row)
    if unseen := _unseen(host, row):
        return unseen
    if target := hosting.zone.target_of(host.host):
        return passed(f"{host.host} is an alias of {target}, which {registered_domain(target)} serves", evidence=row)
    edges = of_kind(found, "edge")
    if edges and host.leads_to in {each.host for each in hosting.hosts}:
        # Such a redirect is the edge's own answer; the servers behind are those of the host that it leads to.
        return passed(f"{host.host} leads to {host.leads_to}, as answered by {edges[0].name}", evidence=row)
    behind = f" behind {listed([p.name for p in edges])}" if edges else ""
    text = f"nothing in names, addresses, certificate or answer says who serves {host.host}{behind}"
    fix = (
        f"Find the account whose servers answer for {host.host} (start with invoices), and name their addresses in "
        f"hosting.origins, so that the next audit can tell whose they are"
    )
    return failed(text, evidence=row, fix=fix, about=(host.host,))


def _unseen(host: HostTrace, row: list[Row]) -> Verdict | None:
    """Unknown where the host could not be seen: no look-up, no permission, no answer."""
    states = {answer.state for answer in host.looked_up}
    if not host.addresses and states & set(_LOST):
        return unknown(f"{host.host} could not be looked up", needs="a second run once its DNS answers", evidence=row)
    if host.reply.state == "blocked":
        needs = f"authorization.hosts: [{host.host}]"
        return unknown(f"{host.host} was not asked: {host.reply.error}", needs=needs, evidence=row)
    if not host.reply.ok:
        reason = f"{host.host} gave no answer ({host.reply.error})"
        return unknown(reason, needs=f"a run while {host.host} answers", evidence=row)
    return None


@check("hosting.independent")
def independent(hosting: HostingEvidence) -> Verdict:
    """No public host is a tunnel, a laptop, or the address of one branch or pull request."""
    text = f"none of {counted(len(hosting.hosts), 'public host')} is a tunnel, a laptop or a preview"
    return combine_as(text, *(_stands(host) for host in hosting.hosts), *hosting.zone.unseen())


def _stands(host: HostTrace) -> Verdict:
    found = clues(host)
    row = [_row(host, found)]
    if problem := _hangs(host, found):
        return failed(f"{host.host} {problem}", evidence=row, about=(host.host,))
    return _unseen(host, row) or passed(f"{host.host} is no tunnel, laptop or preview", evidence=row)


def _hangs(host: HostTrace, found: tuple[Clue, ...]) -> str | None:
    """What somebody's session or the next push may end; None where nothing does."""
    for name in filter(None, (*host.chain, host.leads_to)):
        if problem := _passing(name):
            return problem
    if tunnels := of_kind(found, "tunnel"):
        clue = next(c for c in found if c.provider == tunnels[0].id)
        return f"is served through {tunnels[0].name} ({clue.seen_in} {clue.text})"
    for address in host.addresses:
        parsed = address_of(address)
        if parsed is not None and any(parsed in net for net in _AT_HOME if net.version == parsed.version):
            return f"publishes the private address {address}, which nobody outside that building reaches"
    return None


def _passing(name: str) -> str | None:
    if (known := providers.by_name(name)) and known.kind == "tunnel":
        return f"leads to {name}: {known.name}, which lasts as long as somebody's session"
    if kind := providers.preview(name):
        return f"leads to {name}: {kind}, which the next push or clean-up may end"
    return None
