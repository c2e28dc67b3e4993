"""A domain's SPF record with everything that it includes, and what it says of an address (RFC 7208 sections 4 to 6)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import dns.exception
import dns.message
import dns.rdatatype
import spftrace

from launchready_lib.network import Answer, DnsState, Network, normal

VERSION = re.compile(r"(?i)v=spf1(?= |$)")
_MOST_RECORDS = 60
_MOST_DEPTH = 12
_MOST_TERMS = 200
_ASKING = ("include", "a", "mx", "ptr", "exists", "redirect")
VOID: tuple[DnsState, ...] = ("NXDOMAIN", "NODATA")

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Term:
    """One term of a record."""

    raw: str  # as written
    name: str = ""  # the mechanism or modifier, lower case; empty where the term cannot be read
    qualifier: str = "+"  # + - ~ ?; + where none is written
    target: str | None = None  # the name that it asks for; None where it asks for none, and for targets with macros
    networks: tuple[IpNetwork, ...] = ()  # what ip4 and ip6 name, and what a and mx widen to
    prefixes: tuple[int | None, int | None] = (None, None)
    error: str | None = None  # why a receiver gives up on it
    voids: int = 0  # look-ups of it that come back empty
    states: tuple[DnsState, ...] = ()  # the states of its look-ups, in order
    hosts: int = 0  # for mx, how many exchangers
    child: Node | None = None  # for include and redirect, the record it leads to

    @property
    def asks(self) -> bool:
        """It counts towards the ten look-ups."""
        return self.name in _ASKING


@dataclass(frozen=True)
class Node:
    """The SPF record of one name."""

    name: str  # where it was looked up
    state: DnsState  # of the TXT look-up
    records: tuple[str, ...] = ()  # every v=spf1 text there
    terms: tuple[Term, ...] = ()  # the terms of the record, where there is exactly one
    loop: bool = False  # the name stands above itself; nothing was read
    cut: bool = False  # too deep or too much to read on
    others: tuple[str, ...] = ()  # every other TXT text there, which a new record must leave in place

    def effective(self) -> tuple[Term, ...]:
        """The terms that a receiver may come to: up to `all`, and `redirect` only where there is no `all`."""
        place = next((n for n, term in enumerate(self.terms) if term.name == "all"), None)
        if place is None:
            return tuple(sorted(self.terms, key=lambda term: term.name == "redirect"))
        return tuple(term for term in self.terms[: place + 1] if term.name != "redirect")

    def walk(self) -> Iterator[Node]:
        """This record and all below it that a receiver may come to."""
        yield self
        for term in self.effective():
            if term.child is not None:
                yield from term.child.walk()


@dataclass
class _Budget:
    left: int = _MOST_RECORDS
    seen: dict[str, Node] = field(default_factory=dict)


async def fetch(network: Network, name: str) -> Node:
    """Read the record of a name and all that it includes, in parallel, bounded in depth and number."""
    return await _node(network, normal(name), (), _Budget())


async def evaluate(network: Network, address: str, sender: str, helo: str = "") -> Any:
    """Evaluate SPF for an address that sends as `sender`; spftrace's Result, with `result` and the trace."""
    return await spftrace.Evaluator(_Resolver(network), spftrace.Limits()).evaluate(address, sender, helo)


class _Resolver(spftrace.BaseResolver):  # type: ignore[misc]  # spftrace comes without types
    """Answers spftrace's look-ups through the one door."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        answer = await self._network.ask(name, rtype)
        if answer.state == "SERVFAIL" and (answer.error or "").startswith("not a DNS name"):
            return "NXDOMAIN", []  # RFC 7208 section 4.3: a malformed name is as one that does not exist
        if answer.state != "NOERROR":
            return "NOERROR" if answer.state == "NODATA" else answer.state, []
        if rtype == "TXT":
            return "NOERROR", list(_texts(answer))
        # of an MX record, the host behind the preference
        return "NOERROR", [record.rpartition(" ")[2].rstrip(".") for record in answer.records]


def _texts(answer: Answer) -> tuple[str, ...]:
    """TXT records as SPF reads them: strings joined without a space, bytes outside ASCII kept visible as such."""
    if answer.message is None or not isinstance(answer.message, dns.message.QueryMessage):
        return answer.records
    try:
        rrset = answer.message.resolve_chaining().answer
    except dns.exception.DNSException:
        return ()
    if rrset is None or rrset.rdtype != dns.rdatatype.TXT:
        return ()
    return tuple(b"".join(rdata.strings).decode("latin-1") for rdata in rrset)


async def _node(network: Network, name: str, above: tuple[str, ...], budget: _Budget) -> Node:
    if name in above:
        return Node(name, "NOERROR", loop=True)
    budget.left -= 1
    if budget.left < 0 or len(above) >= _MOST_DEPTH:
        return Node(name, "NOERROR", cut=True)
    answer = await network.ask(name, "TXT")
    published = _texts(answer)
    records = tuple(text for text in published if VERSION.match(text))
    others = tuple(text for text in published if text not in records)
    if len(records) != 1:
        return Node(name, answer.state, records, others=others)
    terms = parse(records[0], name)
    found = await asyncio.gather(*(_follow(network, term, (*above, name), budget) for term in terms))
    return Node(name, answer.state, records, tuple(found), others=others)


def parse(record: str, domain: str) -> tuple[Term, ...]:
    """Read every term of a record by itself, so that one mistake hides no others."""
    raws = [raw for raw in record[len("v=spf1") :].split(" ") if raw]
    terms = [_term(raw, domain) for raw in raws[:_MOST_TERMS]]
    for name in ("redirect", "exp"):
        doubled = [n for n, term in enumerate(terms) if term.name == name][1:]
        for place in doubled:
            terms[place] = replace(terms[place], error=f"{name}= stands there twice")
    if len(raws) > _MOST_TERMS:
        terms.append(Term(raws[_MOST_TERMS], error=f"more than {_MOST_TERMS} terms"))
    return tuple(terms)


def _term(raw: str, domain: str) -> Term:
    try:
        found = spftrace.parse(f"v=spf1 {raw}").terms[0]
        prefixes = (found.cidr4, found.cidr6)
        networks: tuple[IpNetwork, ...] = ()
        if found.name in ("ip4", "ip6"):
            networks = (ipaddress.ip_network(f"{found.arg}/{prefixes[found.name == 'ip6']}", strict=False),)
    except (spftrace.SpfError, ValueError, IndexError) as error:
        return Term(raw, error=str(error) or "it cannot be read")
    spec = found.arg if found.arg is not None else domain
    target = normal(spec) if found.name in _ASKING and "%" not in spec else None
    prefixes = prefixes if found.name in ("a", "mx") else (None, None)
    return Term(raw, found.name, found.qualifier, target, networks, prefixes)


async def _follow(network: Network, term: Term, above: tuple[str, ...], budget: _Budget) -> Term:
    """Look up what a term names, as far as that can be told without a message."""
    if term.target is None:
        return term
    if term.name in ("include", "redirect"):
        child = await _node(network, term.target, above, budget)
        return replace(term, child=child, voids=int(child.state in VOID), states=(child.state,))
    if term.name == "exists":
        answer = await network.ask(term.target, "A")
        return replace(term, voids=int(answer.state in VOID), states=(answer.state,))
    if term.name == "a":
        return await _hosts(network, term, [term.target])
    if term.name == "mx":
        answer = await network.ask(term.target, "MX")
        hosts = [normal(record.rpartition(" ")[2]) for record in answer.records]
        found = await _hosts(network, term, [host for host in hosts if host][:10])
        void = int(answer.state in VOID)
        return replace(found, voids=found.voids + void, states=(answer.state, *found.states), hosts=len(hosts))
    return term


async def _hosts(network: Network, term: Term, hosts: Sequence[str]) -> Term:
    """The addresses of `a` and `mx`; a host with neither family counts as one void look-up."""
    v4 = await asyncio.gather(*(network.ask(host, "A") for host in hosts))
    bare = [host for host, answer in zip(hosts, v4, strict=True) if answer.state in VOID]
    v6 = await asyncio.gather(*(network.ask(host, "AAAA") for host in bare))
    networks: list[IpNetwork] = []
    for address in (record for answer in (*v4, *v6) for record in answer.records):
        prefix = term.prefixes[":" in address]
        with suppress(ValueError):
            networks.append(ipaddress.ip_network(address if prefix is None else f"{address}/{prefix}", strict=False))
    states = tuple(answer.state for answer in (*v4, *v6))
    return replace(term, networks=tuple(networks), voids=sum(a.state in VOID for a in v6), states=states)
