"""That a parent zone has no DS record for a delegation, proved by its NSEC or NSEC3 records.

RFC 4035 section 5.2 and RFC 6840 section 4.4 for NSEC; RFC 5155 section 8.9 for NSEC3, with opt-out.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterator
from typing import Any

import dns.dnssec
import dns.name
import dns.rdatatype

from launchready_lib.names import rrsig
from launchready_lib.names.rrsig import RRset
from launchready_lib.network import Answer

MOST_ITERATIONS = 150
"""Past this validators take a zone for unsigned rather than count (RFC 9276 section 3.2)."""
_MOST_RECORDS = 8  # a proof takes two
_OPT_OUT = 0x01
_SHA1 = 1
_NS, _DS, _SOA = dns.rdatatype.NS, dns.rdatatype.DS, dns.rdatatype.SOA


def unproved(answer: Answer, keys: RRset, now: dt.datetime) -> str | None:
    """None where the parent proves that the asked delegation has no DS record; else why not, a clause.

    Args:
        answer: the parent's answer for DS, without any.
        keys: the parent's keys.
        now: the time that signatures are held against.
    """
    name = dns.name.from_text(answer.name)
    reasons: list[str] = []
    hashed: list[tuple[bytes, Any]] = []
    for rrset, signatures in _denials(answer, keys.name):
        if wrong := _unsigned(rrset, signatures, keys, now):
            reasons.append(wrong)
        elif rrset.rdtype == dns.rdatatype.NSEC:
            if rrset.name == name:
                return _bits(rrset[0])
            reasons.append(f"its proof speaks of {rrsig.text_of(rrset.name)}")
        elif (owner := _decoded(rrset.name)) is not None and rrset[0].algorithm == _SHA1:
            hashed.append((owner, rrset[0]))
    if any(record.iterations > MOST_ITERATIONS for _, record in hashed):
        return None
    if hashed:
        return _by_hash(name, keys.name, hashed)
    return reasons[0] if reasons else "its answer carries no proof of that (no NSEC or NSEC3 record)"


def _denials(answer: Answer, zone: dns.name.Name) -> Iterator[tuple[RRset, list[Any]]]:
    if answer.message is None:
        return
    authority = answer.message.authority
    found = [r for r in authority if r.rdtype in (dns.rdatatype.NSEC, dns.rdatatype.NSEC3) and len(r)]
    for rrset in [r for r in found if r.name.is_subdomain(zone)][:_MOST_RECORDS]:
        yield rrset, [s for r in authority if r.name == rrset.name and r.covers == rrset.rdtype for s in r]


def _unsigned(rrset: RRset, signatures: list[Any], keys: RRset, now: dt.datetime) -> str | None:
    # A signature over fewer labels was made for a wildcard, whose denial says nothing of this name.
    labels = len(rrset.name) - 1 - rrset.name.is_wild()
    own = [signature for signature in signatures if signature.labels == labels]
    wrong = rrsig.problem(rrset, own, keys, now)
    return f"its proof of that does not validate: {wrong[0]}" if wrong else None


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


def _by_hash(name: dns.name.Name, zone: dns.name.Name, records: list[tuple[bytes, Any]]) -> str | None:
    if match := _matching(name, records):
        return _bits(match)
    below = name
    while below != zone and below.is_subdomain(zone):
        if _matching(below.parent(), records):
            break
        below = below.parent()
    else:
        return "its proof does not lead to the name"
    if any(_covers(owner, record, _hash(below, record)) and record.flags & _OPT_OUT for owner, record in records):
        return None
    return "its proof does not cover the name"


def _matching(name: dns.name.Name, records: list[tuple[bytes, Any]]) -> Any | None:
    return next((record for owner, record in records if owner == _hash(name, record)), None)


def _hash(name: dns.name.Name, record: Any) -> bytes:
    return base64.b32hexdecode(dns.dnssec.nsec3_hash(name, record.salt, record.iterations, _SHA1))


def _decoded(owner: dns.name.Name) -> bytes | None:
    label = owner.labels[0].upper()
    try:
        return base64.b32hexdecode(label + b"=" * (-len(label) % 8))
    except (binascii.Error, ValueError):
        return None


def _covers(owner: bytes, record: Any, wanted: bytes) -> bool:
    """Whether a hash lies between an NSEC3 record's own and the next, which wraps round at the zone's end."""
    after = bytes(record.next)
    return owner < wanted < after or (after <= owner and (wanted > owner or wanted < after))
