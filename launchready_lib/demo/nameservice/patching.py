"""A change to Harbor Club's zone as a founder pastes it: each name and type takes the place of what is there.

Reads what the kit prints (BIND lines, "; remove: name TYPE"), by the reader for exports of DNS hosts. A proxied record
answers with the edge's address, as Cloudflare's nameservers do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from launchready_lib.demo import names
from launchready_lib.demo.nameservice.records import Record, Zone, txt
from launchready_lib.names import zonefile

_REMOVE = re.compile(r"(?m)^; remove: (\S+)\. ([A-Z0-9]+)$")
_EXCLUDES = {"CNAME": {"CNAME", "A", "AAAA"}, "A": {"A", "CNAME"}, "AAAA": {"AAAA", "CNAME"}}
"""What cannot stand beside a type at one name (RFC 1034 section 3.6.2), among the types that lead to a host."""


@dataclass(frozen=True)
class Patch:
    """Records to put in the place of those of their names and types, and (name, type) to take out."""

    records: Zone = ()
    removals: frozenset[tuple[str, str]] = frozenset()

    def applied(self, zone: Zone) -> Zone:
        """The zone with this change made."""
        gone = set(self.removals)
        for record in self.records:
            rdtype = record.data.partition(" ")[0]
            gone |= {(record.name, each) for each in _EXCLUDES.get(rdtype, {rdtype})}
        kept = (each for each in zone if (each.name, each.data.partition(" ")[0]) not in gone)
        return (*kept, *self.records)


def read(text: str) -> Patch:
    """Read a change to the zone.

    Raises:
        ValueError: a line is none of a zone file.
    """
    found = zonefile.read(text, names.DOMAIN)
    if found.problems:
        raise ValueError("; ".join(found.problems))
    records = tuple(_record(each) for each in found.records)
    return Patch(records, frozenset((match[1], match[2]) for match in _REMOVE.finditer(text)))


def _record(each: zonefile.ZoneRecord) -> Record:
    if each.proxied:
        return Record(each.name, f"A {names.EDGE_ADDRESS}", proxied=True)
    return Record(each.name, txt(each.text) if each.rdtype == "TXT" else f"{each.rdtype} {each.text}")
