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

Section = Iterable[dns.rrset.RRset]


class Security(enum.IntEnum):
    """RFC 4035 section 4.3; of several, the least holds."""

    BOGUS = 0
    INSECURE = 1
    SECURE = 2


@dataclass(frozen=True)
class Trust:
    """One zone's validated keys: secure with keys, insecure where the parent proves that it is unsigned, else bogus."""

    zone: Name
    security: Security
    keys: dns.rrset.RRset | None = None


def trust_of(zone: Name, signers: dns.rrset.RRset, reply: dns.message.Message | None) -> Trust:
    """Trust a zone's DNSKEY answer if a key that the parent's DS records (SHA-256) name has signed it."""
    keys = _find(reply.answer, zone, RdataType.DNSKEY) if reply is not None else None
    if reply is None or keys is None:
        return Trust(zone, Security.BOGUS)
    named = [key for key in keys if dns.dnssec.make_ds(zone, key, DSDigest.SHA256, validating=True) in signers]
    if not named or not _signed(keys, reply.answer, zone, dns.rrset.from_rdata_list(zone, keys.ttl, named)):
        return Trust(zone, Security.BOGUS)
    return Trust(zone, Security.SECURE, keys)


def delegation(parent: Trust, authority: Section, cut: Name) -> Trust | dns.rrset.RRset:
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
    keys = trust.keys
    if keys is None:
        return trust.security
    if rdtype == RdataType.RRSIG:
        return Security.INSECURE  # nothing signs a signature (RFC 4035 section 2.2)
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


def _no_type(name: Name, rdtype: RdataType, nsecs: Section) -> bool:
    """NODATA: the name's own NSEC lacks the type, or the name only holds names below it."""
    return any(
        (nsec.name == name and not _has(nsec, rdtype) and not _has(nsec, RdataType.CNAME))
        or (nsec.name < name and nsec[0].next.is_subdomain(name) and nsec[0].next != name)
        for nsec in nsecs
    )


def _no_name(name: Name, nsecs: Section) -> bool:
    """NXDOMAIN: an NSEC covers the name, and one covers the wildcard at its closest encloser."""
    covering = next((nsec for nsec in nsecs if _covers(nsec, name)), None)
    if covering is None:
        return False
    shared = max(name.fullcompare(each)[2] for each in (covering.name, covering[0].next))
    wildcard = Name((b"*", *name.split(shared)[1].labels))
    return any(_covers(nsec, wildcard) for nsec in nsecs)


def _covers(nsec: dns.rrset.RRset, name: Name) -> bool:
    owner, following = nsec.name, nsec[0].next
    return bool(owner < name and (name < following or following <= owner))


def _has(nsec: dns.rrset.RRset, rdtype: RdataType) -> bool:
    return dns.rdatatype.to_text(rdtype) in nsec[0].to_text().split()[1:]


def _valid_nsecs(section: Section, zone: Name, keys: dns.rrset.RRset) -> list[dns.rrset.RRset]:
    return [rrset for rrset in section if rrset.rdtype == RdataType.NSEC and _signed(rrset, section, zone, keys)]


def _signed(rrset: dns.rrset.RRset, section: Section, zone: Name, keys: dns.rrset.RRset) -> bool:
    signatures = _find(section, rrset.name, RdataType.RRSIG, rrset.rdtype)
    if signatures is None:
        return False
    try:
        dns.dnssec.validate(rrset, signatures, {zone: keys})
    except dns.exception.DNSException:
        return False
    return True


def _find(
    section: Section, name: Name, rdtype: RdataType, covers: RdataType = RdataType.NONE
) -> dns.rrset.RRset | None:
    return next((r for r in section if (r.name, r.rdtype, r.covers) == (name, rdtype, covers)), None)
