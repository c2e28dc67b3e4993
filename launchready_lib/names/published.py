"""What anybody can read in a domain's records and zone file: addresses beside the web's, names that speak of mail."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from launchready_lib.evidence import Unavailable
from launchready_lib.names import zonefile
from launchready_lib.names.hosts import under
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import normal
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.wording import counted

if TYPE_CHECKING:
    from launchready_lib.client import Client

MOST_NAMES = 40
_SMALL_NETWORK = 16
"""Addresses: a range this small in an SPF record points at a server."""
_SPF = re.compile(r"(?i)v=spf1(?= |$)")


@dataclass(frozen=True)
class Published:
    """One address, or small range, that anybody can read, and where it stands."""

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


_read = lru_cache(maxsize=2)(zonefile.read)  # a dozen surveys ask for the same file within one stage


def in_zone(zone: ZoneFile) -> tuple[tuple[Published, ...], tuple[str, ...]]:
    """What a zone file publishes, and the addresses that it keeps behind its host's proxy, which nobody else sees."""
    published: list[Published] = []
    hidden: list[str] = []
    for record in zone.records:
        if record.rdtype in ("A", "AAAA"):
            with suppress(ValueError):
                network = ipaddress.ip_network(record.text)
                if record.proxied:
                    hidden.append(record.text)
                else:
                    published.append(Published(record.name, f"{record.rdtype} (zone file)", network))
    return tuple(published), tuple(dict.fromkeys(hidden))


def in_spf(domain: str, texts: tuple[str, ...]) -> Iterator[Published]:
    """Single servers that a domain's own SPF record names (RFC 7208 section 5.6)."""
    for term in (term for text in texts if text.lower().startswith("v=spf1") for term in text.split()[1:200]):
        kind, _, value = term.lstrip("+-~?").partition(":")
        if kind.lower() in ("ip4", "ip6"):
            with suppress(ValueError):
                network = ipaddress.ip_network(value, strict=False)
                if network.num_addresses <= _SMALL_NETWORK:
                    yield Published(domain, f"SPF {kind.lower()}", network)


@dataclass(frozen=True)
class ZoneMail:
    """Names of the zone file that speak of mail, From domains left out.

    `sending` have an SPF or DMARC record, `receiving` MX records or rules for mail on its way (MTA-STS, TLS reporting);
    `selectors` are by signing domain, From domains too; `cut` is how many more there are than `MOST_NAMES` of each.
    """

    sending: tuple[str, ...] = ()
    receiving: tuple[str, ...] = ()
    selectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cut: int = 0

    def unseen(self) -> list[Verdict]:
        """A clause for what was cut; none where nothing was."""
        if not self.cut:
            return []
        speaking = f"{counted(self.cut, 'more name')} of the zone file that {'speaks' if self.cut == 1 else 'speak'}"
        return [unknown(f"{speaking} of mail not looked at", needs="a zone file with the names in use")]


def zone_mail(client: Client, known: Iterable[str]) -> ZoneMail:
    """The names of the zone file that speak of mail, beside the known domains; empty where no zone file is given."""
    zone = zone_of(client)
    if not isinstance(zone, ZoneFile):
        return ZoneMail()
    domain, known = normal(client.parameters.domain), set(known)
    sending: dict[str, None] = {}
    receiving: dict[str, None] = {}
    keys: dict[tuple[str, str], None] = {}
    for record in zone.records:
        name = record.name
        if name.startswith("*") or not under(name, domain) or f".{name}".endswith(f".{domain}.{domain}"):
            continue  # a doubled name is a slip of the panel, which the DMARC check looks for by itself
        first, _, rest = name.partition(".")
        selector, _, signing = name.partition("._domainkey.")
        if signing and record.rdtype in ("TXT", "CNAME"):
            keys[signing, selector] = None
        elif record.rdtype == "MX":
            receiving[name] = None
        elif record.rdtype == "TXT" and _SPF.match(record.text) and not first.startswith("_"):
            sending[name] = None
        elif record.rdtype == "TXT" and first == "_dmarc" and under(rest, domain):
            sending[rest] = None
        elif record.rdtype == "TXT" and first == "_mta-sts" and under(rest, domain):
            receiving[rest] = None
        elif record.rdtype == "TXT" and name.startswith("_smtp._tls.") and under(rest[5:], domain):
            receiving[rest[5:]] = None
    senders, receivers = ([name for name in found if name not in known] for found in (sending, receiving))
    selectors: dict[str, tuple[str, ...]] = {}
    for signing, selector in list(keys)[:MOST_NAMES]:
        selectors[signing] = (*selectors.get(signing, ()), selector)
    cut = sum(max(0, len(found) - MOST_NAMES) for found in (senders, receivers, keys))
    return ZoneMail(tuple(senders[:MOST_NAMES]), tuple(receivers[:MOST_NAMES]), selectors, cut)
