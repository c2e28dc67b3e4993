"""Trust anchors: the DS records from which a chain of trust starts."""

from __future__ import annotations

import dns.dnssec
import dns.exception
import dns.name
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.DS
import dns.zonefile

from launchready_lib.paths import PACKAGE

DS = dns.rdtypes.ANY.DS.DS
DNSKEY = dns.rdtypes.ANY.DNSKEY.DNSKEY
Anchors = dict[dns.name.Name, tuple[DS, ...]]


def shipped() -> str:
    """The root's DS records that ship with the package, with their date and source."""
    return (PACKAGE / "data" / "root-anchors.ds").read_text("utf-8")


def read(text: str) -> Anchors:
    """Read DS (or DNSKEY) records in zone-file form; ValueError where nothing in it can serve as an anchor."""
    try:
        rrsets = dns.zonefile.read_rrsets(text, origin=".", relativize=False, rdclass=None, default_ttl=0)
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        raise ValueError(f"not DS records in zone-file form ({type(error).__name__})") from error
    anchors: dict[dns.name.Name, list[DS]] = {}
    for rrset in rrsets:
        for rdata in rrset:
            if isinstance(rdata, DS):
                anchors.setdefault(rrset.name, []).append(rdata)
            elif isinstance(rdata, DNSKEY):
                anchors.setdefault(rrset.name, []).append(dns.dnssec.make_ds(rrset.name, rdata, "SHA256"))
    if not anchors:
        raise ValueError("it holds no DS record")
    return {name: tuple(found) for name, found in anchors.items()}
