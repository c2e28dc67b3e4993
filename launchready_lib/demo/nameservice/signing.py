"""Zones made from records, signed where they are meant to be (RFC 4035, ECDSA P-256 by RFC 6605, NSEC)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import dns.dnssec
import dns.name
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm, DSDigest
from dns.rdtypes.ANY.DNSKEY import DNSKEY

from launchready_lib.demo.nameservice.records import Zone

_TTL = 300
_ENTRY_POINT = 257  # zone key and secure entry point (RFC 4034 section 2.1.1)
LIFETIME = dt.timedelta(days=30)
_BACKDATED = dt.timedelta(hours=1)


@dataclass(frozen=True)
class ZoneKey:
    """The one key of a zone, which signs its keys and everything else.

    Attributes:
        origin: the zone's name without the final dot; empty for the root.
    """

    origin: str
    private: ec.EllipticCurvePrivateKey
    public: DNSKEY

    @classmethod
    def make(cls, origin: str) -> ZoneKey:
        """Make a new key."""
        private = ec.generate_private_key(ec.SECP256R1())
        public = dns.dnssec.make_dnskey(private.public_key(), Algorithm.ECDSAP256SHA256, flags=_ENTRY_POINT)
        return cls(origin, private, public)

    @property
    def delegation_signer(self) -> str:
        """The content of the DS record that a parent publishes for this key."""
        return dns.dnssec.make_ds(absolute(self.origin), self.public, DSDigest.SHA256).to_text()


def absolute(name: str) -> dns.name.Name:
    """A name as dnspython has it, from text with or without a final dot."""
    return dns.name.from_text(name or ".")


def zone(origin: str, records: Zone, key: ZoneKey | None = None, *, lifetime: dt.timedelta = LIFETIME) -> dns.zone.Zone:
    """Make a zone; with a key, sign it for `lifetime` from now."""
    text = "".join(f"{record.name}. {_TTL} IN {record.data}\n" for record in records)
    made = dns.zone.from_text(text, origin=absolute(origin), relativize=False)
    if key is not None:
        now = dt.datetime.now(dt.UTC)
        dns.dnssec.sign_zone(
            made, keys=[(key.private, key.public)], inception=now - _BACKDATED, expiration=now + lifetime
        )
    return made
