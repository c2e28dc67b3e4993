"""What DNS publishes about the mail of every From domain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.checks.secure_edge.mail import dkim_keys, dmarc_discovery, providers, spf_audit, spf_tree
from launchready_lib.checks.secure_edge.mail.dkim_keys import DkimDomain
from launchready_lib.checks.secure_edge.mail.dmarc_discovery import Discovery
from launchready_lib.checks.secure_edge.mail.spf_tree import Node
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.published import ZoneMail, zone_mail
from launchready_lib.network import Network, normal
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.site.web import NETWORK_DOWN

if TYPE_CHECKING:
    from launchready_lib.client import Client


@dataclass(frozen=True)
class Sending:
    """What SPF says of one sending address in the name of one domain; `reason` where it is an error."""

    address: str
    result: str
    reason: str | None = None


@dataclass(frozen=True)
class DomainMail:
    """The mail records of one From domain."""

    domain: str  # the From domain
    spf: Node  # its SPF record with all that it includes
    sendings: tuple[Sending, ...]  # what SPF says of each declared sender
    dmarc: Discovery  # its DMARC policy, discovered


@dataclass(frozen=True)
class MailEvidence(Evidence):
    """What DNS publishes about the client's mail.

    Attributes:
        declared: mail.from_domains is given; else only the client's own domain was looked at.
        domains: one per From domain.
        dkim: the keys of each From domain and of each domain with declared selectors.
        providers: mail.providers as written.
        others: names of the zone file with SPF or DMARC records of their own.
        zone: what the zone file says of mail.
    """

    declared: bool
    domains: tuple[DomainMail, ...]
    dkim: tuple[DkimDomain, ...]
    providers: tuple[str, ...]
    others: tuple[DomainMail, ...] = ()
    zone: ZoneMail = field(default_factory=ZoneMail)

    def undeclared(self) -> list[Verdict]:
        """A clause for what nobody declared; none where the From domains are known."""
        if self.declared:
            return []
        reason = f"which domains send mail is not declared; only {self.domains[0].domain} was looked at"
        return [unknown(reason, needs="mail.from_domains")]

    def rows(self) -> Iterator[Row]:
        """One row per From domain, and per other name of the zone file: SPF, look-ups, senders, DMARC policy."""
        for each in (*self.domains, *self.others):
            record = each.dmarc.record
            yield {
                "domain": each.domain,
                "spf": " / ".join(each.spf.records) or f"none ({each.spf.state})",
                "spf_lookups": spf_audit.audit(each.spf).lookups,
                "senders": ", ".join(f"{s.address}: {s.result}" for s in each.sendings) or None,
                "dmarc": record.text if record else "none",
                "policy": each.dmarc.policy,
                "found_at": f"_dmarc.{record.domain}" if record else None,
            }


@probe
async def survey(client: Client) -> MailEvidence | Unavailable:
    """Look up SPF, DKIM and DMARC of every From domain, all at once."""
    network, p = client.network, client.parameters
    if not await network.control():
        return NETWORK_DOWN
    given = [normal(domain) for domain in p.mail.from_domains]
    names = list(dict.fromkeys(given or [normal(p.domain)]))
    selectors = {normal(domain): tuple(found) for domain, found in p.mail.dkim_selectors.items()}
    common = providers.selectors(p.mail.providers)
    zone = zone_mail(client, names)
    signing = list(dict.fromkeys([*names, *selectors, *zone.selectors]))
    keys = (dkim_keys.look_up(network, n, selectors.get(n, ()), common, zone.selectors.get(n, ())) for n in signing)
    domains, others, dkim = await asyncio.gather(
        asyncio.gather(*(_domain(network, name, p.mail.senders) for name in names)),
        asyncio.gather(*(_domain(network, name, ()) for name in zone.sending)),
        asyncio.gather(*keys),
    )
    return MailEvidence(bool(given), tuple(domains), tuple(dkim), tuple(p.mail.providers), tuple(others), zone)


async def _domain(network: Network, name: str, senders: Sequence[str]) -> DomainMail:
    async def discovery() -> Discovery:
        existing = (await network.ask(name, "TXT")).state != "NXDOMAIN"
        return await dmarc_discovery.discover(network, name, existing=existing)

    tree, discovered = await asyncio.gather(spf_tree.fetch(network, name), discovery())
    sendings = await asyncio.gather(*(_sending(network, address, name) for address in senders))
    return DomainMail(name, tree, tuple(sendings), discovered)


async def _sending(network: Network, address: str, domain: str) -> Sending:
    found = await spf_tree.evaluate(network, address, f"postmaster@{domain}")
    reasons = [event.get("reason") for event in found.trace.to_list() if event.get("reason")]
    return Sending(address, found.result, str(reasons[-1]) if reasons and "error" in found.result else None)
