"""What the zone file says of mail: names with records of their own, and DKIM selectors that nobody has to guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.names.hosts import under
from launchready_lib.names.published import zone_of
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import normal
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.wording import counted

if TYPE_CHECKING:
    from launchready_lib.client import Client

MOST_NAMES = 40
_KEYS = "._domainkey."
_SPF = re.compile(r"(?i)v=spf1(?= |$)")


@dataclass(frozen=True)
class ZoneMail:
    """Names of the zone file that speak of mail, From domains left out.

    Attributes:
        sending: names with an SPF or DMARC record of their own.
        receiving: names with MX records, or with rules for mail on its way (MTA-STS, TLS reporting).
        selectors: signing domain -> the selectors that stand in the file; From domains too.
        cut: how many more there are than `MOST_NAMES` of each.
    """

    sending: tuple[str, ...] = ()
    receiving: tuple[str, ...] = ()
    selectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cut: int = 0

    def unseen(self) -> list[Verdict]:
        """A clause for what was cut; none where nothing was."""
        if not self.cut:
            return []
        reason = (
            f"{counted(self.cut, 'more name')} of the zone file that {'speaks' if self.cut == 1 else 'speak'} of mail"
        )
        return [unknown(f"{reason} not looked at", needs="a zone file with the names in use")]


def zone_mail(client: Client, known: Iterable[str]) -> ZoneMail:
    """Sort the names of `hosting.zone_file` that speak of mail; empty where no zone file is given.

    Args:
        client: whose zone file.
        known: domains that are looked at anyhow.
    """
    zone = zone_of(client)
    if not isinstance(zone, ZoneFile):
        return ZoneMail()
    domain, known = normal(client.parameters.domain), set(known)
    sending: dict[str, None] = {}
    receiving: dict[str, None] = {}
    selectors: dict[str, dict[str, None]] = {}
    for record in zone.records:
        name = record.name
        if name.startswith("*") or not under(name, domain) or f".{name}".endswith(f".{domain}.{domain}"):
            continue  # a doubled name is a slip of the panel, which the DMARC check looks for by itself
        selector, _, signing = name.partition(_KEYS)
        if signing and record.rdtype in ("TXT", "CNAME"):
            selectors.setdefault(signing, {})[selector] = None
        elif record.rdtype == "MX":
            receiving[name] = None
        elif record.rdtype == "TXT":
            first, _, rest = name.partition(".")
            if _SPF.match(record.text) and not first.startswith("_"):
                sending[name] = None
            elif first == "_dmarc" and under(rest, domain):
                sending[rest] = None
            elif first == "_mta-sts" and under(rest, domain):
                receiving[rest] = None
            elif name.startswith("_smtp._tls.") and under(name.removeprefix("_smtp._tls."), domain):
                receiving[name.removeprefix("_smtp._tls.")] = None
    groups = [[name for name in found if name not in known] for found in (sending, receiving)]
    pairs = [(signing, selector) for signing, found in selectors.items() for selector in found]
    kept: dict[str, tuple[str, ...]] = {}
    for signing, selector in pairs[:MOST_NAMES]:
        kept[signing] = (*kept.get(signing, ()), selector)
    cut = sum(max(0, count - MOST_NAMES) for count in (*map(len, groups), len(pairs)))
    return ZoneMail(tuple(groups[0][:MOST_NAMES]), tuple(groups[1][:MOST_NAMES]), kept, cut)
