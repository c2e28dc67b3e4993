"""Addresses that a domain's own records publish, beside those of its web hosts: what may give a hidden server away."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from launchready_lib.evidence import Unavailable
from launchready_lib.names import zonefile
from launchready_lib.names.zonefile import ZoneFile

if TYPE_CHECKING:
    from launchready_lib.client import Client

SMALL_NETWORK = 16
"""Addresses: a range this small in an SPF record points at a server."""


@dataclass(frozen=True)
class Published:
    """One address, or small range, that anybody can read.

    Attributes:
        name, record: where it stands.
        network: the address or range.
    """

    name: str
    record: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def holds(self, address: str) -> bool:
        """Whether an address is in it."""
        return ipaddress.ip_address(address) in self.network

    @property
    def address(self) -> str | None:
        """The address, where it is a single one."""
        return str(self.network.network_address) if self.network.num_addresses == 1 else None


def zone_of(client: Client) -> ZoneFile | Unavailable:
    """The zone file that the parameters give."""
    given = client.parameters.hosting.zone_file
    if given is None:
        reason = "only the declared names are known: the zone's other names were not given"
        return Unavailable(reason, "hosting.zone_file (an export from the DNS host)")
    try:
        with client.path(given).open(encoding="utf-8-sig", errors="replace") as file:
            return _read(file.read(zonefile.MOST_CHARACTERS + 1), client.parameters.domain)
    except OSError as error:
        return Unavailable(f"the zone file could not be read ({type(error).__name__})", "hosting.zone_file")


@lru_cache(maxsize=2)  # a dozen surveys ask for the same file within one stage
def _read(text: str, domain: str) -> ZoneFile:
    return zonefile.read(text, domain)


def in_zone(zone: ZoneFile) -> tuple[tuple[Published, ...], tuple[str, ...]]:
    """What a zone file publishes, and the addresses that it keeps behind its host's proxy, which nobody else sees."""
    published: list[Published] = []
    kept: list[str] = []
    for record in zone.records:
        if record.rdtype not in ("A", "AAAA"):
            continue
        try:
            network = ipaddress.ip_network(record.text)
        except ValueError:
            continue
        if record.proxied:
            kept.append(record.text)
        else:
            published.append(Published(record.name, f"{record.rdtype} (zone file)", network))
    return tuple(published), tuple(dict.fromkeys(kept))


def in_spf(domain: str, texts: tuple[str, ...]) -> Iterator[Published]:
    """Single servers that a domain's own SPF record names (RFC 7208 section 5.6)."""
    for text in texts:
        if not text.lower().startswith("v=spf1"):
            continue
        for term in text.split()[1:200]:
            kind, _, value = term.lstrip("+-~?").partition(":")
            if kind.lower() not in ("ip4", "ip6"):
                continue
            try:
                network = ipaddress.ip_network(value, strict=False)
            except ValueError:
                continue
            if network.num_addresses <= SMALL_NETWORK:
                yield Published(domain, f"SPF {kind.lower()}", network)
