"""What DNS says of the client's main names, asked of every nameserver, of the parent zone and of the resolver."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names import anchors, chain, delegation, validation
from launchready_lib.names.delegation import Delegation
from launchready_lib.names.hosts import canonical_host, main_hosts
from launchready_lib.names.validation import Trust
from launchready_lib.names.zone_hosts import looked_up
from launchready_lib.network import Answer, normal
from launchready_lib.site.web import NETWORK_DOWN, Reach, reach
from launchready_lib.wording import listed

MOST_ADDRESSES = 32  # Addresses that are connected to: a zone may name thousands, none of them the client's
_MOST_SHOWN = 40


@dataclass(frozen=True)
class DomainEvidence(Evidence):
    """What DNS says of one client's main names: one answer per name, type and nameserver, states kept apart.

    Attributes:
        domain: the client's domain.
        hosts: apex, www and the canonical host.
        canonical: the host of site.canonical; None where it is not given.
        delegation: the parent's side, and every nameserver's addresses.
        soa, ns: what each nameserver's address answered for the domain itself.
        answers: what each nameserver's address answered for A and AAAA of each host.
        others: what each answered for the other names of the zone file; `unasked`: how many of those were not asked.
        again: the same asked once more over TCP, where nameservers gave different addresses.
        resolved: what the resolver answers for the hosts, as members' machines see it.
        reached: whether the addresses found accept connections; `untried`: how many more there are.
        trust: the DNSSEC chain, validated.
        asked_at: when.
    """

    domain: str
    hosts: tuple[str, ...]
    canonical: str | None
    delegation: Delegation
    soa: tuple[Answer, ...]
    ns: tuple[Answer, ...]
    answers: tuple[Answer, ...]
    resolved: tuple[Answer, ...]
    reached: tuple[Reach, ...]
    trust: Trust | Unavailable
    asked_at: dt.datetime
    again: tuple[Answer, ...] = ()
    others: tuple[Answer, ...] = ()
    unasked: int = 0
    untried: int = 0

    def rows(self) -> list[Row]:
        """One row per answer: name, type, nameserver, state, records."""
        return [self.row(a) for a in (*self.soa, *self.ns, *self.answers, *self.others, *self.resolved)]

    def row(self, answer: Answer) -> Row:
        """One answer as evidence."""
        records = listed(answer.records, most=_MOST_SHOWN) or answer.error or ""
        return {
            "name": answer.name,
            "type": answer.rdtype,
            "nameserver": self.server_name(answer),
            "state": answer.state,
            "answer": " -> ".join((*answer.chain, records)) or "none",
        }

    def server_name(self, answer: Answer) -> str:
        """The nameserver that gave an answer, by name and address; "resolver" for the resolver's."""
        names = {s.address: s.name for s in self.delegation.servers}
        return f"{names[answer.server]} ({answer.server})" if answer.server in names else "resolver"

    def of(self, host: str) -> tuple[Answer, ...]:
        """The nameservers' answers for one host that came back at all."""
        return tuple(a for a in (*self.answers, *self.others) if a.name == host and a.state != "TIMEOUT")

    def heard(self) -> bool:
        """Whether any nameserver answered us directly."""
        return any(a.state != "TIMEOUT" for a in (*self.soa, *self.answers))


@probe
async def survey(client: Client) -> DomainEvidence | Unavailable:
    """Ask every nameserver for every main name, all at once, the parent for the delegation, and try the addresses."""
    network, p = client.network, client.parameters
    domain, hosts = normal(p.domain), main_hosts(p)
    pairs = [(host, rdtype) for host in hosts for rdtype in ("A", "AAAA")]
    if not await network.control():
        return NETWORK_DOWN
    delegated, resolved = await asyncio.gather(
        delegation.find(network, domain), asyncio.gather(*(network.ask(host, rdtype) for host, rdtype in pairs))
    )
    servers = [server.address for server in delegated.servers]

    async def everywhere(questions: Iterable[tuple[str, str]]) -> tuple[Answer, ...]:
        asked = (network.ask(name, t, server=s, dnssec=True) for name, t in questions for s in servers)
        return tuple(await asyncio.gather(*asked))

    more, unasked = looked_up(client)
    links, soa, ns, answers, others = await asyncio.gather(
        chain.fetch(network, delegated),
        everywhere([(domain, "SOA")]),
        everywhere([(domain, "NS")]),
        everywhere(pairs),
        everywhere(more),
    )
    now = dt.datetime.now(dt.UTC)
    disputed = (*_disputed(answers), *_disputed(others))
    again = (network.ask(a.name, a.rdtype, server=a.server, dnssec=True, tcp=True) for a in disputed)
    # Each address once, with the first host that leads there.
    first = {address: answer.name for answer in reversed((*answers, *resolved)) for address in answer.records}
    places = [(first[a], a) for a in dict.fromkeys(a for answer in (*answers, *resolved) for a in answer.records)]
    return DomainEvidence(
        domain=domain,
        hosts=hosts,
        canonical=canonical_host(p),
        delegation=delegated,
        soa=soa,
        ns=ns,
        answers=answers,
        resolved=tuple(resolved),
        reached=await reach(client, places[:MOST_ADDRESSES]),
        trust=_trust(client, links, (*soa, *ns, *answers, *others), now),
        asked_at=now,
        again=tuple(await asyncio.gather(*again)),
        others=others,
        unasked=unasked,
        untried=max(0, len(places) - MOST_ADDRESSES),
    )


def _disputed(answers: Iterable[Answer]) -> list[Answer]:
    """Answers for a name and type for which another server gave other records."""
    given: dict[tuple[str, str], dict[frozenset[str], list[Answer]]] = {}
    for answer in answers:
        if answer.state == "NOERROR":
            given.setdefault((answer.name, answer.rdtype), {}).setdefault(frozenset(answer.records), []).append(answer)
    return [answer for sets in given.values() if len(sets) > 1 for found in sets.values() for answer in found]


def _trust(
    client: Client, links: tuple[chain.Link, ...], answers: tuple[Answer, ...], now: dt.datetime
) -> Trust | Unavailable:
    given = client.parameters.network.dnssec_anchor
    try:
        text = client.path(given).read_text("utf-8") if given else anchors.shipped()
        anchor = anchors.read(text)
    except (OSError, ValueError) as error:
        return Unavailable(f"the trust anchor could not be read ({type(error).__name__})", "network.dnssec_anchor")
    return validation.validate(links, answers, anchor, now)


def leads(answer: Answer) -> bool:
    """Whether an answer leads anywhere: to records, or to another name."""
    return answer.state == "NOERROR" or bool(answer.chain)
