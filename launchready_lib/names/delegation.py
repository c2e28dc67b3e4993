"""Who answers for a domain: its parent zone, the NS sets on both sides of the cut, and every server's address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dns.name
import dns.rdatatype

from launchready_lib.network import Answer, Network, normal

ROOT = "."
_PARENT_SERVERS = 3
_NAMES_AT_MOST = 13
_ADDRESSES_AT_MOST = 8


@dataclass(frozen=True)
class Nameserver:
    """One address of one nameserver."""

    name: str
    address: str


@dataclass(frozen=True)
class Zone:
    """A zone above the client's, and some of the servers that answer for it."""

    name: str
    servers: tuple[Nameserver, ...]


@dataclass(frozen=True)
class Delegation:
    """How a domain hangs from its parent (RFC 1034 section 4.2).

    Attributes:
        above: the zones above it, the root first, the parent last.
        parent_set: the NS names that the parent publishes; None where no server of the parent could be asked.
        resolved: what the resolver says the NS records are.
        servers: every address of every nameserver that either side names.
        homeless: nameservers without any address, and the state of the look-up.
    """

    domain: str
    above: tuple[Zone, ...]
    parent_set: frozenset[str] | None
    resolved: Answer
    servers: tuple[Nameserver, ...]
    homeless: tuple[tuple[str, str], ...]

    @property
    def parent(self) -> str:
        """The parent zone's name; the root's where nothing else is known."""
        return self.above[-1].name if self.above else ROOT


async def find(network: Network, domain: str) -> Delegation:
    """Walk down from the root: the zones above, the parent's referral, then the addresses of all servers."""
    domain = normal(domain)
    above, resolved = await _zones(network, domain)
    parent = above[-1] if above else Zone(ROOT, ())
    asked = await asyncio.gather(*(network.ask(domain, "NS", server=s.address) for s in parent.servers))
    referrals = [found for answer in asked if (found := _referral(answer, domain))]
    glue = {pair for answer in asked for pair in _glue(answer)}
    parent_set = frozenset.union(*referrals) if referrals else None
    names = sorted((parent_set or frozenset()) | {normal(r) for r in resolved.records})[:_NAMES_AT_MOST]
    located = await asyncio.gather(
        *(_addresses(network, name, {address for owner, address in glue if owner == name}) for name in names)
    )
    servers = tuple(Nameserver(name, a) for name, (found, _) in zip(names, located, strict=True) for a in found)
    homeless = tuple((name, state) for name, (found, state) in zip(names, located, strict=True) if not found)
    return Delegation(domain, above, parent_set, resolved, servers, homeless)


async def _zones(network: Network, domain: str) -> tuple[tuple[Zone, ...], Answer]:
    """The zones above a domain, by the resolver, and the domain's own NS answer.

    CD is set, so that a validating resolver speaks of a bogus zone too; the root is asked as `Network.control` does.
    """
    labels = domain.split(".")
    names = [".".join(labels[place:]) for place in range(len(labels))]
    root, *answers = await asyncio.gather(
        network.ask(ROOT, "NS"), *(network.ask(name, "NS", cd=True) for name in names)
    )
    resolved, parents = answers[0], answers[1:]
    cuts = [(ROOT, root), *((n, a) for n, a in zip(reversed(names[1:]), reversed(parents), strict=True))]
    found = [(name, answer.records) for name, answer in cuts if answer.state == "NOERROR" and answer.records]
    zones = await asyncio.gather(*(_zone(network, name, records) for name, records in found))
    return tuple(zones), resolved


async def _zone(network: Network, name: str, records: Iterable[str]) -> Zone:
    servers = sorted(normal(record) for record in records)[:_PARENT_SERVERS]
    located = await asyncio.gather(*(network.ask(server, "A", cd=True) for server in servers))
    return Zone(name, tuple(Nameserver(s, a.records[0]) for s, a in zip(servers, located, strict=True) if a.records))


async def _addresses(network: Network, name: str, glue: set[str]) -> tuple[tuple[str, ...], str]:
    v4, v6 = await asyncio.gather(network.ask(name, "A", cd=True), network.ask(name, "AAAA", cd=True))
    found = sorted(glue | set(v4.records) | set(v6.records), key=lambda a: (":" in a, a))
    return tuple(found[:_ADDRESSES_AT_MOST]), v4.state


def _referral(answer: Answer, domain: str) -> frozenset[str]:
    """The NS set in a parent's answer: from the authority section, or the answer where the server holds both zones."""
    owner = dns.name.from_text(domain)
    for rrset in [*answer.message.authority, *answer.message.answer] if answer.message else ():
        if rrset.name == owner and rrset.rdtype == dns.rdatatype.NS:
            return frozenset(normal(str(rdata.target)) for rdata in rrset)
    return frozenset()


def _glue(answer: Answer) -> Iterator[tuple[str, str]]:
    for rrset in answer.message.additional if answer.message else ():
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            yield from ((normal(str(rrset.name)), rdata.address) for rdata in rrset)
