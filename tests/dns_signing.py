"""Signed zones for tests: a key, a zone signed with it, and the DS record that names it."""

from __future__ import annotations

import datetime as dt

import dns.dnssec
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ed25519

NOW = dt.datetime.now(dt.UTC)


class Key:
    """One key that signs everything, as many DNS hosts do it."""

    def __init__(self) -> None:
        self.private = ed25519.Ed25519PrivateKey.generate()
        self.public = dns.dnssec.make_dnskey(self.private.public_key(), "ED25519", flags=257)

    def ds(self, origin: str) -> str:
        return f"{dns.dnssec.make_ds(dns.name.from_text(origin), self.public, 'SHA256')}"


def signed(
    unsigned: dns.zone.Zone,
    key: Key,
    *,
    inception: dt.datetime = NOW - dt.timedelta(days=1),
    expiration: dt.datetime = NOW + dt.timedelta(days=20),
) -> dns.zone.Zone:
    """Sign a zone in place."""
    with unsigned.writer() as txn:
        dns.dnssec.sign_zone(
            unsigned,
            txn,
            [(key.private, key.public)],
            inception=inception,
            expiration=expiration,
            dnskey_ttl=300,
        )
    return unsigned


def unsign(zone: dns.zone.Zone, name: str, kind: str) -> dns.zone.Zone:
    """Take the signature off one record set."""
    owner = dns.name.from_text(name, zone.origin)
    zone.delete_rdataset(owner, dns.rdatatype.RRSIG, dns.rdatatype.from_text(kind))
    return zone


def spoil(zone: dns.zone.Zone, name: str, kind: str, record: str) -> dns.zone.Zone:
    """Change a record after it was signed."""
    owner = dns.name.from_text(name, zone.origin)
    zone.replace_rdataset(owner, dns.rdataset.from_text("IN", kind, 300, record))
    return zone
