"""That a signed zone has no record of a type at a name, proved by its NSEC or NSEC3 records.

For a delegation without DS: RFC 4035 section 5.2 and RFC 6840 section 4.4 for NSEC, RFC 5155 section 8.9 for NSEC3,
with opt-out. For any other type: RFC 4035 section 5.4, RFC 5155 sections 8.5 and 8.7.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dns.dnssec
import dns.name
import dns.rdatatype

from launchready_lib.names import chain
from launchready_lib.names.chain import RRset
from launchready_lib.network import Answer

MOST_ITERATIONS = 150
"""Past this validators take a zone for unsigned rather than count (RFC 9276 section 3.2)."""
_MOST_RECORDS = 8  # a proof takes two
_OPT_OUT = 0x01
_SHA1 = 1
_Hashed = tuple[bytes, Any]
_NS, _DS, _SOA = dns.rdatatype.NS, dns.rdatatype.DS, dns.rdatatype.SOA


def unproved(answer: Answer, keys: RRset, now: dt.datetime) -> str | None:
    """None where the parent's answer for DS, signed with `keys`, proves that there is none; else why not, a clause."""
    name = dns.name.from_text(answer.name)
    proof = _read(answer, keys, now)
    for owner, record in proof.plain:
        if owner == name:
            return _bits(record)
    if proof.too_long or not proof.hashed:
        return None if proof.too_long else proof.why_not
    if match := _matching(name, proof.hashed):
        return _bits(match)
    below = _next_closer(name, keys.name, proof.hashed)
    if below is None:
        return "its proof does not lead to the name"
    return None if _covered(below, proof.hashed, opt_out=True) else "its proof does not cover the name"


def untyped(answer: Answer, keys: RRset, now: dt.datetime) -> str | None:
    """None where a zone's answer without records or alias proves that there are none; else why not, a clause."""
    name, kind = dns.name.from_text(answer.name), dns.rdatatype.from_text(answer.rdtype)
    proof = _read(answer, keys, now)
    for owner, record in proof.plain:
        if owner == name:
            return _present(record, kind)
        if owner < name < record.next and record.next.is_subdomain(name):
            return None  # the name only holds names below it
    if any(owner < name and (name < record.next or record.next == keys.name) for owner, record in proof.plain):
        stars = (r for owner, r in proof.plain if owner.is_wild() and name.is_subdomain(owner.parent()))
        return _present(next(stars, None), kind)
    if proof.too_long or not proof.hashed:
        return None if proof.too_long else proof.why_not
    return _untyped_by_hash(name, kind, keys.name, proof.hashed)


def _untyped_by_hash(name: dns.name.Name, kind: int, zone: dns.name.Name, records: list[_Hashed]) -> str | None:
    if match := _matching(name, records):
        return _present(match, kind)
    below = _next_closer(name, zone, records)
    if below is None:
        return "its proof does not lead to the name"
    if _covered(below, records, opt_out=True):
        return None
    if not _covered(below, records):
        return "its proof does not cover the name"
    return _present(_matching(dns.name.Name((b"*", *below.parent().labels)), records), kind)


def _present(record: Any | None, kind: int) -> str | None:
    """What the record of a name, or of the wildcard that would answer for it, says against there being none."""
    if record is None:
        return "its proof says that there is no such name at all"
    present = _has(record, kind) or _has(record, dns.rdatatype.CNAME)
    return "its own proof says that there is one" if present else None


@dataclass(frozen=True)
class _Proof:
    """The denials in an answer whose signatures hold: NSEC by name, NSEC3 by hash."""

    plain: list[tuple[dns.name.Name, Any]]
    hashed: list[_Hashed]
    why_not: str

    @property
    def too_long(self) -> bool:
        return any(record.iterations > MOST_ITERATIONS for _, record in self.hashed)


def _read(answer: Answer, keys: RRset, now: dt.datetime) -> _Proof:
    plain: list[tuple[dns.name.Name, Any]] = []
    hashed: list[_Hashed] = []
    reasons: list[str] = []
    for rrset, signatures in _denials(answer, keys.name):
        # A signature over fewer labels was made for a wildcard, whose denial says nothing of this name.
        labels = len(rrset.name) - 1 - rrset.name.is_wild()
        if wrong := chain.problem(rrset, [s for s in signatures if s.labels == labels], keys, now):
            reasons.append(f"its proof of that does not validate: {wrong[0]}")
        elif rrset.rdtype == dns.rdatatype.NSEC:
            plain.append((rrset.name, rrset[0]))
            reasons.append(f"its proof speaks of {chain.text_of(rrset.name)}")
        elif (owner := _decoded(rrset.name)) is not None and rrset[0].algorithm == _SHA1:
            hashed.append((owner, rrset[0]))
    return _Proof(plain, hashed, next(iter(reasons), "its answer carries no proof of that (no NSEC or NSEC3 record)"))


def _denials(answer: Answer, zone: dns.name.Name) -> Iterator[tuple[RRset, list[Any]]]:
    authority = answer.message.authority if answer.message else []
    found = [r for r in authority if r.rdtype in (dns.rdatatype.NSEC, dns.rdatatype.NSEC3) and len(r)]
    for rrset in [r for r in found if r.name.is_subdomain(zone)][:_MOST_RECORDS]:
        yield rrset, [s for r in authority if r.name == rrset.name and r.covers == rrset.rdtype for s in r]


def _bits(record: Any) -> str | None:
    """What the types of a delegation's own NSEC or NSEC3 record say against an unsigned delegation."""
    if _has(record, _DS):
        return "its own proof says that there is one"
    if _has(record, _SOA):
        return "its proof is the child zone's, not the parent's"
    return None if _has(record, _NS) else "its proof knows of no delegation there"


def _has(record: Any, kind: int) -> bool:
    window, place = divmod(kind, 256)
    for number, bitmap in record.windows:
        if number == window and place // 8 < len(bitmap):
            return bool(bitmap[place // 8] & (0x80 >> place % 8))
    return False


def _next_closer(name: dns.name.Name, zone: dns.name.Name, records: list[_Hashed]) -> dns.name.Name | None:
    """The name one label below the closest that is proved to exist (RFC 5155 section 8.3); None where none is."""
    below = name
    while below != zone and below.is_subdomain(zone):
        if _matching(below.parent(), records):
            return below
        below = below.parent()
    return None


def _covered(name: dns.name.Name, records: list[_Hashed], *, opt_out: bool = False) -> bool:
    """Whether a name's hash lies between a record's own and the next, which wraps round at the zone's end."""
    for owner, record in records:
        wanted, after = _hash(name, record), bytes(record.next)
        between = owner < wanted < after or (after <= owner and (wanted > owner or wanted < after))
        if between and (record.flags & _OPT_OUT or not opt_out):
            return True
    return False


def _matching(name: dns.name.Name, records: list[_Hashed]) -> Any | None:
    return next((record for owner, record in records if owner == _hash(name, record)), None)


def _hash(name: dns.name.Name, record: Any) -> bytes:
    return base64.b32hexdecode(dns.dnssec.nsec3_hash(name, record.salt, record.iterations, _SHA1))


def _decoded(owner: dns.name.Name) -> bytes | None:
    label = owner.labels[0].upper()
    try:
        return base64.b32hexdecode(label + b"=" * (-len(label) % 8))
    except (binascii.Error, ValueError):
        return None
