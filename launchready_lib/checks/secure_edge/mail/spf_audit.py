"""What is wrong with an SPF record and all that it includes, found without any message (RFC 7208)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from launchready_lib.checks.secure_edge.mail.providers import owner_of
from launchready_lib.checks.secure_edge.mail.records import LOST
from launchready_lib.checks.secure_edge.mail.spf_tree import IpNetwork, Node, Term
from launchready_lib.evidence import Row

LOOKUPS, _VOIDS, _EXCHANGERS = 10, 2, 10
# Nobody owns so much: a range this wide lets strangers in.
_WIDE_V4, _WIDE_V6 = 8, 19
_QUARTER_V4 = 2**30

Kind = Literal["missing", "two", "error", "include", "lookups", "voids", "exchangers", "open", "closing"]


@dataclass(frozen=True)
class Problem:
    """One thing wrong."""

    kind: Kind
    text: str  # for people
    about: tuple[str, ...]  # the record and the term that it is on


@dataclass(frozen=True)
class SpfAudit:
    """The findings on one domain's SPF."""

    problems: tuple[Problem, ...]  # the most fundamental first
    lookups: int  # as `voids`: how many a receiver may need in the worst case, counted on past the limits
    voids: int
    blame: tuple[Row, ...]  # one row per term of the domain's own record that asks, with what it costs and whose it is
    lost: tuple[tuple[str, str], ...]  # names whose records could not be looked up, with the state


def audit(node: Node) -> SpfAudit:
    """Judge a record with all that it includes."""
    lookups, voids = _cost(node)
    blame = tuple(_blame(term) for term in node.effective() if term.asks)
    problems = [*_records(node), *_limits(node, lookups, voids), *_openness(node)]
    return SpfAudit(tuple(problems), lookups, voids, blame, tuple(_lost(node)))


def _cost(node: Node | None) -> tuple[int, int]:
    """Look-ups and void look-ups of all terms that a receiver may come to."""
    terms = node.effective() if node else ()
    below = [_cost(term.child) for term in terms]
    return sum(t.asks for t in terms) + sum(b[0] for b in below), sum(t.voids for t in terms) + sum(b[1] for b in below)


def _blame(term: Term) -> Row:
    lookups, voids = _cost(term.child)
    owner = owner_of(term.target) if term.target else None
    return {"term": term.raw, "provider": owner, "lookups": 1 + lookups, "void": term.voids + voids}


def _records(node: Node) -> Iterator[Problem]:
    """Missing, doubled and unreadable records, here and below."""
    if node.state in LOST:
        return
    if not node.records and not node.loop and not node.cut:
        yield Problem("missing", f"{node.name} has no SPF record", (node.name, "missing"))
    for each in node.walk():
        if len(each.records) > 1:
            text = f"{each.name} has {len(each.records)} SPF records, so receivers use none of them"
            yield Problem("two", text, (each.name, "two"))
        yield from _terms(each)


def _terms(node: Node) -> Iterator[Problem]:
    if any(not 32 <= ord(char) < 127 for record in node.records for char in record):
        yield Problem("error", f"the SPF record of {node.name} holds characters outside ASCII", (node.name, "ascii"))
    for term in node.terms:
        if term.error:
            text = f"the SPF record of {node.name} cannot be read at {term.raw[:60]!r}: {term.error}"
            yield Problem("error", text, (node.name, term.raw))
    for term in node.effective():
        child, which = term.child, f"{term.raw} in the SPF record of {node.name}"
        if child is not None and child.loop:
            yield Problem("include", f"{which} leads back to itself", (node.name, term.raw))
        elif child is not None and not child.records and not child.cut and child.state not in LOST:
            yield Problem("include", f"{which} names a domain without an SPF record", (node.name, term.raw))


def _limits(node: Node, lookups: int, voids: int) -> Iterator[Problem]:
    if lookups > LOOKUPS:
        text = f"the SPF record of {node.name} needs {lookups} look-ups, receivers stop at {LOOKUPS}"
        yield Problem("lookups", text, (node.name, "lookups"))
    if voids > _VOIDS:
        text = f"{voids} look-ups of the SPF record of {node.name} come back empty, receivers stop at {_VOIDS}"
        yield Problem("voids", text, (node.name, "voids"))
    for each in node.walk():
        for term in each.effective():
            if term.name == "mx" and term.hosts > _EXCHANGERS:
                which = f"{term.raw} in the SPF record of {each.name}"
                text = f"{which} names {term.hosts} mail servers, over {_EXCHANGERS}"
                yield Problem("exchangers", text, (each.name, term.raw))


def _openness(node: Node) -> Iterator[Problem]:
    """Records that let strangers send, and records that say nothing about strangers."""
    if len(node.records) != 1:
        return
    yield from _wide(node)
    closing = last(node)
    which = f"the SPF record of {node.name}"
    if closing is None and not _hidden(node):
        yield Problem("closing", f"{which} has no all at its end", (node.name, "all"))
    elif closing is not None and closing.qualifier == "+":
        yield Problem("open", f"{which} ends in +all: anybody may send", (node.name, "+all"))
    elif closing is not None and closing.qualifier == "?":
        yield Problem("closing", f"{which} ends in ?all, which forbids nobody", (node.name, "?all"))


def last(node: Node) -> Term | None:
    """The `all` that decides for strangers, behind redirects too; None where there is none, or it cannot be seen."""
    for term in node.effective():
        if term.name == "all":
            return term
        if term.name == "redirect" and term.child is not None:
            return last(term.child) if not term.child.loop else None
    return None


def _hidden(node: Node) -> bool:
    """Whether the end of a record cannot be seen: behind a redirect with a macro, or one that was not read."""
    redirect = next((term for term in node.effective() if term.name == "redirect"), None)
    if redirect is None:
        return False
    child = redirect.child
    return child is None or child.cut or child.state in LOST or _hidden(child)


def _wide(node: Node) -> Iterator[Problem]:
    ranges: list[IpNetwork] = []
    for owner, term in _allowing(node):
        if term.name == "all" and owner is not node:
            text = f"{owner.name}, which the SPF record of {node.name} includes, ends in +all: anybody may send"
            yield Problem("open", text, (owner.name, "+all"))
        for network in term.networks:
            if network.prefixlen < (_WIDE_V4 if network.version == 4 else _WIDE_V6):
                text = f"{term.raw} in the SPF record of {owner.name} lets a large part of the internet send"
                yield Problem("open", text, (owner.name, term.raw))
            else:
                ranges.append(network)
    v4 = (network for network in ranges if isinstance(network, ipaddress.IPv4Network))
    if sum(network.num_addresses for network in ipaddress.collapse_addresses(v4)) >= _QUARTER_V4:
        text = f"together, the ranges of the SPF record of {node.name} let a quarter of the internet send"
        yield Problem("open", text, (node.name, "ranges"))


def _allowing(node: Node) -> Iterator[tuple[Node, Term]]:
    """Every term whose match means pass for a message from this domain, with its record."""
    for term in node.effective():
        if term.name == "redirect" and term.child is not None:
            yield from ((owner, found) for owner, found in _allowing(term.child) if found.name != "all")
        elif term.qualifier == "+" and term.name == "include" and term.child is not None:
            yield from _allowing(term.child)
        elif term.qualifier == "+":
            yield node, term


def _lost(node: Node) -> Iterator[tuple[str, str]]:
    for each in node.walk():
        if each.state in LOST:
            yield each.name, each.state
        for term in each.effective():
            if term.child is None and (state := next((s for s in term.states if s in LOST), None)):
                yield term.target or term.raw, state
