"""Which answers of a signed world can be trusted (RFC 4035 section 5): chain, signatures and proofs of absence."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import dns.dnssec
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.dnssectypes import DSDigest
from dns.name import Name
from dns.rdatatype import RdataType


class Security(enum.IntEnum):
    """RFC 4035 section 4.3; of several, the least holds."""

    BOGUS = 0
    INSECURE = 1
    SECURE = 2


@dataclass(frozen=True)
class Trust:
    """What is known of one zone's keys.

    Attributes:
        zone: its name.
        security: secure with keys, insecure where the parent proves that it is unsigned, else bogus.
        keys: validated DNSKEY records; none unless secure.
    """

    zone: Name
    security: Security
    keys: dns.rrset.RRset | None = None


def trust_of(zone: Name, signers: dns.rrset.RRset, reply: dns.message.Message | None) -> Trust:
    """Trust a zone's DNSKEY answer if a key that the parent's DS records name has signed it."""
    keys = _find(reply.answer, zone, RdataType.DNSKEY) if reply is not None else None
    if reply is None or keys is None:
        return Trust(zone, Security.BOGUS)
    named = [key for key in keys if any(_names(zone, signer, key) for signer in signers)]
    entry = dns.rrset.from_rdata_list(zone, keys.ttl, named) if named else None
    if entry is None or not _signed(keys, reply.answer, zone, entry):
        return Trust(zone, Security.BOGUS)
    return Trust(zone, Security.SECURE, keys)


def delegation(parent: Trust, authority: list[dns.rrset.RRset], cut: Name) -> Trust | dns.rrset.RRset:
    """What a referral says of the child: its DS records where they are signed, else what the child is worth."""
    if parent.keys is None:
        return Trust(cut, parent.security)
    signers = _find(authority, cut, RdataType.DS)
    if signers is not None:
        return signers if _signed(signers, authority, parent.zone, parent.keys) else Trust(cut, Security.BOGUS)
    proven = any(
        nsec.name == cut and _has(nsec, RdataType.NS) and not _has(nsec, RdataType.DS)
        for nsec in _valid_nsecs(authority, parent.zone, parent.keys)
    )
    return Trust(cut, Security.INSECURE if proven else Security.BOGUS)


def security_of(reply: dns.message.Message, trust: Trust, name: Name, rdtype: RdataType) -> Security:
    """Whether an authoritative answer of a trusted zone is what the zone's owner signed."""
    if trust.keys is None:
        return trust.security
    if rdtype == RdataType.RRSIG:
        return Security.INSECURE  # nothing signs a signature (RFC 4035 section 2.2)
    keys = trust.keys
    answers = [rrset for rrset in reply.answer if rrset.rdtype != RdataType.RRSIG]
    if not all(_signed(rrset, reply.answer, trust.zone, keys) for rrset in answers):
        return Security.BOGUS
    for rrset in answers:
        if rrset.name == name and rrset.rdtype == rdtype:
            return Security.SECURE
        if rrset.name == name and rrset.rdtype == RdataType.CNAME:
            name = rrset[0].target
    if not name.is_subdomain(trust.zone):
        return Security.SECURE
    nsecs = _valid_nsecs(reply.authority, trust.zone, keys)
    absent = _no_name(name, nsecs) if reply.rcode() == dns.rcode.NXDOMAIN else _no_type(name, rdtype, nsecs)
    return Security.SECURE if absent else Security.BOGUS


def _no_type(name: Name, rdtype: RdataType, nsecs: Iterable[dns.rrset.RRset]) -> bool:
    """NODATA: the name's own NSEC lacks the type, or the name only holds names below it."""
    return any(
        (nsec.name == name and not _has(nsec, rdtype) and not _has(nsec, RdataType.CNAME))
        or (nsec.name < name and _next(nsec).is_subdomain(name) and _next(nsec) != name)
        for nsec in nsecs
    )


def _no_name(name: Name, nsecs: list[dns.rrset.RRset]) -> bool:
    """NXDOMAIN: an NSEC covers the name, and one covers the wildcard at its closest encloser."""
    covering = next((nsec for nsec in nsecs if _covers(nsec, name)), None)
    if covering is None:
        return False
    shared = max(len(_common(name, covering.name)), len(_common(name, _next(covering))))
    wildcard = Name((b"*", *name.labels[len(name.labels) - shared :]))
    return any(_covers(nsec, wildcard) for nsec in nsecs)


def _covers(nsec: dns.rrset.RRset, name: Name) -> bool:
    following = _next(nsec)
    owner: Name = nsec.name
    return bool(owner < name and (name < following or following <= owner))


def _common(one: Name, other: Name) -> tuple[bytes, ...]:
    return one.labels[len(one.labels) - one.fullcompare(other)[2] :]


def _next(nsec: dns.rrset.RRset) -> Name:
    following: Name = nsec[0].next
    return following


def _has(nsec: dns.rrset.RRset, rdtype: RdataType) -> bool:
    window, bit = divmod(int(rdtype), 256)
    octet, place = divmod(bit, 8)
    return any(
        number == window and octet < len(bitmap) and bitmap[octet] & (0x80 >> place)
        for number, bitmap in nsec[0].windows
    )


def _valid_nsecs(section: list[dns.rrset.RRset], zone: Name, keys: dns.rrset.RRset) -> list[dns.rrset.RRset]:
    return [rrset for rrset in section if rrset.rdtype == RdataType.NSEC and _signed(rrset, section, zone, keys)]


def _signed(rrset: dns.rrset.RRset, section: list[dns.rrset.RRset], zone: Name, keys: dns.rrset.RRset) -> bool:
    signatures = next(
        (s for s in section if s.name == rrset.name and s.rdtype == RdataType.RRSIG and s.covers == rrset.rdtype), None
    )
    if signatures is None:
        return False
    try:
        dns.dnssec.validate(rrset, signatures, {zone: keys})
    except dns.exception.DNSException:
        return False
    return True


def _names(zone: Name, signer: object, key: object) -> bool:
    digest = DSDigest(signer.digest_type)  # type: ignore[attr-defined]  # a DS record, typed as Rdata
    try:
        made = dns.dnssec.make_ds(zone, key, digest, validating=True)  # type: ignore[arg-type]
    except dns.exception.DNSException:
        return False
    return bool(made == signer)


def _find(section: list[dns.rrset.RRset], name: Name, rdtype: RdataType) -> dns.rrset.RRset | None:
    return next((rrset for rrset in section if rrset.name == name and rrset.rdtype == rdtype), None)
