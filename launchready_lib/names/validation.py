"""DNSSEC validated by ourselves, from a trust anchor down to every answer of the client's servers (RFC 4035)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import dns.dnssec
import dns.exception
import dns.name
import dns.rdatatype

from launchready_lib.evidence import Row
from launchready_lib.names import chain, denial
from launchready_lib.names.anchors import DNSKEY, DS, Anchors
from launchready_lib.names.chain import Link, RRset
from launchready_lib.network import Answer

# A hostile zone may publish keys by the hundred, each of which would have to be tried.
_MOST_KEYS = 24
# Each signature is tried with every key of its number: many under one number make few answers a day's work (KeyTrap).
_MOST_ALIKE = 2
_KNOWN_DIGESTS = (1, 2, 4)
_KNOWN_ALGORITHMS = (5, 7, 8, 10, 13, 14, 15, 16)
_LOST = ("TIMEOUT", "SERVFAIL", "NXDOMAIN")

TrustState = Literal["secure", "insecure", "bogus", "unknown"]


@dataclass(frozen=True)
class Trust:
    """What the chain of trust says of a zone: secure, insecure (no usable DS: nobody validates), bogus or unknown.

    `fault` is a short name of what is broken, the same in every run; `ends` when the first signature of the zone does.
    """

    state: TrustState
    detail: str
    fault: str = ""
    ends: dt.datetime | None = None
    rows: tuple[Row, ...] = ()


class _EndError(Exception):
    """The chain ends before the client's keys: carries what that means."""

    def __init__(self, state: TrustState, detail: str, fault: str = "") -> None:
        super().__init__(detail)
        self.trust = Trust(state, detail, fault)


def validate(links: Sequence[Link], answers: Iterable[Answer], anchors: Anchors, now: dt.datetime) -> Trust:
    """Follow the links from the deepest anchor down to the client's zone, then check its servers' answers, at `now`."""
    rows = tuple(chain.rows(links))
    try:
        trusted = _descend(links, anchors, now)
        ends = _leaf(links[-1], answers, trusted, now)
    except _EndError as end:
        return replace(end.trust, rows=rows)
    detail = f"the chain validates from the anchor down to {links[-1].zone}"
    return Trust("secure", detail, ends=min(ends, default=None), rows=rows)


def _descend(links: Sequence[Link], anchors: Anchors, now: dt.datetime) -> tuple[DS, ...]:
    """The DS records that name the client's keys."""
    names = [dns.name.from_text(link.zone) for link in links]
    start = next((place for place in reversed(range(len(links))) if names[place] in anchors), None)
    zone = links[-1]
    unvouched = start != len(links) - 1 and zone.ds is not None and zone.ds.state == "NODATA"
    if start is None and not unvouched:
        raise _EndError("unknown", "the trust anchor is for none of the zones above the domain")
    if start is None:
        raise _unvouched(zone)
    trusted = anchors[names[start]]
    for above, below in zip(links[start:], links[start + 1 :], strict=False):
        try:
            keys = _keys(above, above.keys[0], trusted, now)
        except _EndError as end:
            if unvouched:  # whoever cannot follow the chain this far takes what lies below as it comes
                raise _unvouched(zone) from None
            raise _EndError("unknown", f"the chain could not be followed past {above.zone}: {end}") from None
        try:
            trusted = _delegated(below, keys, now, is_last=below is zone)
        except _EndError as end:
            if unvouched and below is not zone and end.trust.state == "unknown":
                raise _unvouched(zone) from None
            raise
    return trusted


def _unvouched(zone: Link) -> _EndError:
    signed = any(chain.rrset_of(answer, "DNSKEY") for answer in zone.keys)
    more = "; the zone is signed, but without a DS record nobody checks that" if signed else ""
    return _EndError("insecure", f"there is no DS record for {zone.zone}{more}")


def _delegated(link: Link, parent: RRset, now: dt.datetime, *, is_last: bool) -> tuple[DS, ...]:
    """The usable DS records of a zone, validated with its parent's keys."""
    if link.ds is None or link.ds.state in _LOST:
        state = link.ds.state if link.ds else "not asked"
        raise _EndError("unknown", f"the DS records of {link.zone} could not be read ({state})")
    rrset = chain.rrset_of(link.ds, "DS")
    if rrset is None:
        raise _absent(link, parent, now, is_last=is_last)
    signatures = chain.signatures_of(link.ds, None, rrset.rdtype)
    if problem := chain.problem(rrset, signatures, parent, now):
        raise _EndError("unknown", f"the DS record of {link.zone} does not validate in its parent: {problem[0]}")
    usable = tuple(ds for ds in rrset if ds.digest_type in _KNOWN_DIGESTS and ds.algorithm in _KNOWN_ALGORITHMS)
    if not usable:
        raise _EndError("insecure", f"the DS record of {link.zone} names only algorithms that validators do not know")
    return usable


def _absent(link: Link, parent: RRset, now: dt.datetime, *, is_last: bool) -> _EndError:
    """What it means that a signed parent has no DS record: insecure where it proves that, else refused by resolvers."""
    assert link.ds is not None  # noqa: S101 - the caller has looked
    wrong = denial.unproved(link.ds, parent, now)
    if wrong is None:
        below = f"there is no DS record for {link.zone}, so nothing below it is validated"
        return _unvouched(link) if is_last else _EndError("insecure", below)
    text = f"{chain.text_of(parent.name)} says that {link.zone} has no DS record, but {wrong}"
    if is_last and link.asked_parent:
        return _EndError("bogus", text, "denial")
    return _EndError("unknown", text)


def _leaf(zone: Link, answers: Iterable[Answer], trusted: tuple[DS, ...], now: dt.datetime) -> list[dt.datetime]:
    """When the zone's signatures end; every server's keys and answers are checked."""
    if all(answer.state in _LOST for answer in zone.keys):
        raise _EndError("unknown", f"no server gave the keys of {zone.zone} ({zone.keys[0].state})")
    keys = {answer.server: _keys(zone, answer, trusted, now) for answer in zone.keys if answer.state not in _LOST}
    signatures_of_keys = (chain.signatures_of(answer, None, dns.rdatatype.DNSKEY) for answer in zone.keys)
    ends = [end for signatures in signatures_of_keys for end in chain.signed_until(signatures)]
    origin = dns.name.from_text(zone.zone)
    for answer in answers:
        ring = keys.get(answer.server) or next(iter(keys.values()))
        for rrset, signatures in _sets(answer, origin):
            if problem := chain.problem(rrset, signatures, ring, now):
                what = f"the {dns.rdatatype.to_text(rrset.rdtype)} record of {chain.text_of(rrset.name)}"
                raise _EndError("bogus", f"{_at(answer)}{what} does not validate: {problem[0]}", problem[1])
            ends += chain.signed_until(signatures)
        if _denies(answer, origin) and (why := denial.untyped(answer, ring, now)):
            text = f"that {answer.name} has no {answer.rdtype} record does not validate: {why}"
            raise _EndError("bogus", _at(answer) + text, "denial")
    return ends


def _denies(answer: Answer, origin: dns.name.Name) -> bool:
    """Whether an answer says that a name of the zone itself has none of the asked type."""
    if answer.state != "NODATA" or not answer.aa or answer.message is None or answer.message.answer:
        return False
    return any(r.rdtype == dns.rdatatype.SOA and r.name == origin for r in answer.message.authority)


def _keys(link: Link, answer: Answer, trusted: Iterable[DS], now: dt.datetime) -> RRset:
    """The zone's keys, signed by one that a DS record names."""
    if answer.state in _LOST:
        raise _EndError("unknown", f"its keys could not be read ({answer.state})")
    rrset = chain.rrset_of(answer, "DNSKEY")
    if rrset is None:
        text = f"there is a DS record for {link.zone}, but the zone has no keys: it is not signed"
        raise _EndError("bogus", _at(answer) + text, "unsigned")
    if len(rrset) > _MOST_KEYS:
        raise _EndError("unknown", f"{link.zone} publishes {len(rrset)} keys, more than we try")
    if max(Counter((dns.dnssec.key_id(key), key.algorithm) for key in rrset).values()) > _MOST_ALIKE:
        raise _EndError("unknown", f"{link.zone} publishes several keys under one number, more than we try")
    entry = RRset(rrset.name, rrset.rdclass, rrset.rdtype)
    for key in (key for key in rrset if any(_matches(rrset.name, key, ds) for ds in trusted)):
        entry.add(key, rrset.ttl)
    if not len(entry):
        tags = ", ".join(str(ds.key_tag) for ds in trusted)
        text = f"none of the keys of {link.zone} is the one that its DS record (key tag {tags}) names"
        raise _EndError("bogus", _at(answer) + text, "ds")
    if problem := chain.problem(rrset, chain.signatures_of(answer, None, rrset.rdtype), entry, now):
        raise _EndError("bogus", f"{_at(answer)}the keys of {link.zone} do not validate: {problem[0]}", problem[1])
    return rrset


def _matches(name: dns.name.Name, key: DNSKEY, ds: DS) -> bool:
    if dns.dnssec.key_id(key) != ds.key_tag or key.algorithm != ds.algorithm or not key.flags & 0x0100:
        return False
    try:
        made = dns.dnssec.make_ds(name, key, ds.digest_type, policy=dns.dnssec.allow_all_policy, validating=True)
    except (dns.exception.DNSException, ValueError):
        return False
    return bool(made.digest == ds.digest)


def _sets(answer: Answer, origin: dns.name.Name) -> Iterator[tuple[RRset, list[Any]]]:
    """Every record set of the zone in an authoritative answer, with its signatures."""
    if answer.message is None or not answer.aa or answer.state not in ("NOERROR", "NODATA"):
        return
    for rrset in answer.message.answer:
        if rrset.rdtype == dns.rdatatype.RRSIG or not rrset.name.is_subdomain(origin):
            continue
        signatures = chain.signatures_of(answer, rrset.name, rrset.rdtype)
        # A server may hold a zone of its own below this one; its signatures are that zone's business.
        if not signatures or any(signature.signer == origin for signature in signatures):
            yield rrset, signatures


def _at(answer: Answer) -> str:
    return f"at {answer.server} " if answer.server else ""
