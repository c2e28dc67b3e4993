"""The zones of Harbor Club's world (`data/zones`), how they change and are signed (RFC 4035, RFC 6605, NSEC)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import cast

import dns.btreezone
import dns.dnssec
import dns.name
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm, DSDigest

from launchready_lib.demo import names
from launchready_lib.demo.texts import filled
from launchready_lib.names import zonefile

SERIAL = 2026112401
OUTSIDE = (names.MAIL_PROVIDER_DOMAIN, "trycloudflare.com", "azurewebsites.net")
"""The zones of other people that Harbor Club's records lead to."""
LIFETIME = dt.timedelta(days=30)
_BACKDATED = dt.timedelta(hours=1)
_TTL = 300
_TIMERS = "7200 900 1209600 300"
_ENTRY_POINT = 257  # zone key and secure entry point (RFC 4034 section 2.1.1)
_REMOVE = re.compile(r"(?m)^; remove: (\S+)\. ([A-Z0-9]+)$")
_EXCLUDES = {"CNAME": {"CNAME", "A", "AAAA"}, "A": {"A", "CNAME"}, "AAAA": {"AAAA", "CNAME"}}
"""What cannot stand beside a type at one name (RFC 1034 section 3.6.2), among the types that lead to a host."""


@dataclass(frozen=True)
class Record:
    """One line of a zone: absolute name without the final dot, type and content, whether the edge stands before it."""

    name: str
    data: str
    proxied: bool = False

    @property
    def rdtype(self) -> str:
        """The type alone."""
        return self.data.partition(" ")[0]


Zone = tuple[Record, ...]


def records(zone: str, *, serial: int = SERIAL, **values: object) -> Zone:
    """What a zone of `data/zones` says: club (needs on, dkim, second), root and registry (ds), outside (origin)."""
    text = filled(f"zones/{zone}.zone", serial=serial, first_serial=SERIAL, timers=_TIMERS, txt=_txt, **values)
    made = []
    for line in text.splitlines():
        content, mark, _ = line.partition(" ; proxied")
        name, _, data = content.partition(" ")
        made.append(Record(name.rstrip("."), data, bool(mark)))
    return tuple(made)


def _txt(text: str) -> str:
    """A TXT record's content in strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    return "TXT " + " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


def exported(zone: Zone) -> str:
    """The zone as a DNS host exports it, with Cloudflare's marks on what can be proxied."""
    lines = [f";; Domain:     {names.DOMAIN}.", f"$ORIGIN {names.DOMAIN}."]
    for record in zone:
        mark = f" ; cf_tags=cf-proxied:{record.proxied}".lower() if record.rdtype in _EXCLUDES else ""
        lines.append(f"{record.name}. {_TTL} IN {record.data}{mark}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Change:
    """A change as a founder pastes what the kit prints: records in the place of others, and "; remove: name TYPE".

    A proxied record answers with the edge's address, as Cloudflare's nameservers do.
    """

    records: Zone
    removals: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, text: str) -> Change:
        """Read it; raises `ValueError` where a line is none of a zone file."""
        found = zonefile.read(text, names.DOMAIN)
        if found.problems:
            raise ValueError("; ".join(found.problems))
        made = []
        for each in found.records:
            data = _txt(each.text) if each.rdtype == "TXT" else f"{each.rdtype} {each.text}"
            made.append(Record(each.name, f"A {names.EDGE_ADDRESS}" if each.proxied else data, bool(each.proxied)))
        return cls(tuple(made), frozenset((match[1], match[2]) for match in _REMOVE.finditer(text)))

    def applied(self, zone: Zone) -> Zone:
        """The zone with this change made."""
        gone = set(self.removals)
        for record in self.records:
            gone |= {(record.name, each) for each in _EXCLUDES.get(record.rdtype, {record.rdtype})}
        return (*(each for each in zone if (each.name, each.rdtype) not in gone), *self.records)


class ZoneKey:
    """The one key of a zone, which signs all; `delegation_signer` is the DS record that a parent publishes for it."""

    def __init__(self, origin: str) -> None:
        """Make a new key for a zone, named without the final dot; the root's name is empty."""
        self.private = ec.generate_private_key(ec.SECP256R1())
        public = self.private.public_key()
        self.public = dns.dnssec.make_dnskey(public, Algorithm.ECDSAP256SHA256, flags=_ENTRY_POINT)
        signer = dns.dnssec.make_ds(dns.name.from_text(f"{origin}."), self.public, DSDigest.SHA256)
        self.delegation_signer = signer.to_text()


def served(
    origin: str, zone: Zone, key: ZoneKey | None = None, *, lifetime: dt.timedelta = LIFETIME
) -> dns.btreezone.Zone:
    """A zone as a nameserver holds it; with a key, signed for `lifetime` from now."""
    text = "".join(f"{record.name}. {_TTL} IN {record.data}\n" for record in zone)
    made = dns.zone.from_text(
        text, origin=dns.name.from_text(f"{origin}."), relativize=False, zone_factory=dns.btreezone.Zone
    )
    if key is not None:
        start = dt.datetime.now(dt.UTC)
        dns.dnssec.sign_zone(
            made, keys=[(key.private, key.public)], inception=start - _BACKDATED, expiration=start + lifetime
        )
    return cast("dns.btreezone.Zone", made)
