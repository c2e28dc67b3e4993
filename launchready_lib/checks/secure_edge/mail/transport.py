"""Whether mail for the client's domains finds its way, and what is demanded of its encryption on that way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.mail import records
from launchready_lib.checks.secure_edge.mail.message import internal
from launchready_lib.checks.secure_edge.mail.records import LOST, RecordError, published, unanswered
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.names.published import ZoneMail, zone_mail
from launchready_lib.network import Answer, Network, Response, address_of, normal
from launchready_lib.record.findings import Verdict, combine, combine_as, failed, passed, unknown
from launchready_lib.site.web import DOWN, NETWORK_DOWN
from launchready_lib.wording import counted, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client

_LONGEST_POLICY = 64_000
_MOST_HOSTS = 20
_PATH = "/.well-known/mta-sts.txt"


@dataclass(frozen=True)
class MailHost:
    """One host of an MX record."""

    preference: int  # the smaller, the sooner it is tried; 0 for the domain itself where there is no MX record
    name: str  # as the record says
    addresses: tuple[str, ...]  # where it is
    states: tuple[str, ...]  # of its two address look-ups
    alias: bool = False  # it is a CNAME, which an MX record must not name (RFC 2181 section 10.3)
    reachable: bool = True  # at least one address may be reached from outside

    @property
    def lost(self) -> bool:
        """No address is known because a look-up failed."""
        return not self.addresses and any(state in LOST for state in self.states)


@dataclass(frozen=True)
class DomainTransport:
    """The way of mail to one domain."""

    domain: str
    mx: Answer
    hosts: tuple[MailHost, ...]  # or the domain itself where it has an address and no MX record (RFC 5321 section 5.1)
    refuses: bool  # a null MX stands there (RFC 7505)
    sts: Answer  # of `_mta-sts`
    reports: Answer  # of `_smtp._tls`
    fetched: Response | None = None  # the policy file, asked for where an MTA-STS record stands
    place: tuple[Answer, ...] = ()  # where its host is, by DNS


@dataclass(frozen=True)
class TransportEvidence(Evidence):
    """The way of mail to the client's domains.

    Attributes:
        declared: mail.from_domains names them.
        domains: one per From domain.
        others: names of the zone file with mail hosts or rules for mail on its way.
        zone: what the zone file says of mail.
    """

    declared: bool
    domains: tuple[DomainTransport, ...]
    others: tuple[DomainTransport, ...] = ()
    zone: ZoneMail = field(default_factory=ZoneMail)

    def rows(self) -> Iterator[Row]:
        """One row per mail host and per published rule."""
        for each in (*self.domains, *self.others):
            yield from (*_mx_rows(each), *_sts_rows(each), *_report_rows(each))


@probe
async def transport(client: Client) -> TransportEvidence | Unavailable:
    """Look up the mail hosts, MTA-STS and TLS reporting of every From domain, and fetch published policies."""
    network, p = client.network, client.parameters
    if not await network.control():
        return NETWORK_DOWN
    given = [normal(domain) for domain in p.mail.from_domains]
    names = dict.fromkeys(given or [normal(p.domain)])
    zone = zone_mail(client, names)
    found, others = await asyncio.gather(
        asyncio.gather(*(_domain(network, name) for name in names)),
        asyncio.gather(*(_domain(network, name) for name in zone.receiving)),
    )
    return TransportEvidence(bool(given), tuple(found), tuple(others), zone)


async def _domain(network: Network, domain: str) -> DomainTransport:
    mx, sts, reports = await asyncio.gather(
        network.ask(domain, "MX"), network.ask(f"_mta-sts.{domain}", "TXT"), network.ask(f"_smtp._tls.{domain}", "TXT")
    )
    pairs = [(int(number), name) for number, _, name in (record.partition(" ") for record in mx.records)]
    refuses = any(name.strip(".") == "" for _, name in pairs)
    wanted = sorted((number, normal(name)) for number, name in pairs if name.strip("."))[:_MOST_HOSTS]
    if mx.state in ("NODATA", "NXDOMAIN"):
        wanted = [(0, domain)]
    hosts = await asyncio.gather(*(_host(network, number, name) for number, name in wanted))
    fetched, place = None, tuple[Answer, ...]()
    if published(sts, records.STS_START):
        host = f"mta-sts.{domain}"
        fetched = await network.request("GET", f"https://{host}{_PATH}", verify=True, max_body=_LONGEST_POLICY)
        if fetched.state == "dns":
            place = await asyncio.gather(network.ask(host, "A"), network.ask(host, "AAAA"))
    return DomainTransport(domain, mx, tuple(hosts), refuses, sts, reports, fetched, place)


async def _host(network: Network, preference: int, name: str) -> MailHost:
    four, six = await asyncio.gather(network.ask(name, "A"), network.ask(name, "AAAA"))
    addresses = four.records + six.records
    reachable = not addresses or not all(internal(address) for address in addresses)
    alias = bool(four.chain or six.chain)
    return MailHost(preference, name, addresses, (four.state, six.state), alias, reachable)


def _mx_rows(each: DomainTransport) -> list[Row]:
    rows: list[Row] = [
        {
            "domain": each.domain,
            "record": f"MX {host.preference} {host.name}" if each.mx.records else f"no MX ({each.mx.state})",
            "addresses": listed(host.addresses, most=_MOST_HOSTS) or None,
            "states": " / ".join(host.states),
        }
        for host in each.hosts
    ]
    shown = " / ".join(f"MX {record}" for record in each.mx.records) or f"MX {each.mx.state}"
    return [{"domain": each.domain, "record": shown}, *rows] if each.refuses or not rows else rows


def _sts_rows(each: DomainTransport) -> list[Row]:
    rows: list[Row] = [{"domain": each.domain, "record": f"_mta-sts: {_shown(each.sts)}"}]
    if each.fetched is not None:
        seen = each.fetched.text[:1000] if each.fetched.status == 200 else each.fetched.error or each.fetched.status
        rows.append({"domain": each.domain, "record": f"policy file: {seen}"})
    return rows


def _report_rows(each: DomainTransport) -> list[Row]:
    return [{"domain": each.domain, "record": f"_smtp._tls: {_shown(each.reports)}"}]


def _shown(answer: Answer) -> str:
    return " / ".join(answer.records)[:1000] or f"none ({answer.state})"


@check("mail.transport")
def in_transit(found: TransportEvidence) -> Verdict:
    """Mail hosts resolve (RFC 5321, 7505); MTA-STS (RFC 8461) and TLS reporting (RFC 8460) are valid if published."""
    clauses = [clause for each in found.domains for clause in (_ways(found, each), _strict(each), _reported(each))]
    for each in found.others:  # what a name of the zone file publishes must hold; it need not take mail
        if each.mx.state in LOST or (each.mx.records and not (each.refuses and not each.hosts)):
            clauses.append(_ways(found, each))
        clauses += (_strict(each), _reported(each))
    clauses += found.zone.unseen()
    ways = (*found.domains, *(each for each in found.others if each.mx.records))
    hosts = counted(sum(len(each.hosts) for each in ways), "mail host")
    enforced = [e.domain for e in (*found.domains, *found.others) if published(e.sts, records.STS_START)]
    more = f"MTA-STS of {listed(enforced)} is in order" if enforced else "no MTA-STS is published, which is no fault"
    return combine_as(f"{hosts} can be found; {more}", *clauses)


def _ways(found: TransportEvidence, each: DomainTransport) -> Verdict:
    rows, domain = _mx_rows(each), each.domain
    if each.mx.state in LOST:
        return unanswered(f"the mail hosts of {domain} could not be looked up ({each.mx.state})", rows)
    if each.refuses:
        if each.hosts:
            text = f"{domain} says that it takes no mail (a null MX), and names mail hosts beside it"
        elif not found.declared:
            reason = f"{domain} says that it takes no mail; whether it sends any is not declared"
            return unknown(reason, needs="mail.from_domains", evidence=rows)
        else:
            text = f"mail is sent from {domain}, but it says that it takes none (a null MX), so answers bounce"
        fix = f"Delete {domain}. IN MX 0 . and name the hosts of a mailbox that somebody reads"
        return failed(text, evidence=rows, fix=fix, about=(domain, "null"))
    if not each.mx.records and not each.hosts[0].addresses and not each.hosts[0].lost:
        if not found.declared:
            reason = f"{domain} has no mail host; whether it sends mail is not declared"
            return unknown(reason, needs="mail.from_domains", evidence=rows)
        fix = f"Publish the MX records that the mailbox provider gives: {domain}. 3600 IN MX 10 <its host>."
        text = f"{domain} has no MX record and no address, so answers to its mail cannot be delivered"
        return failed(text, evidence=rows, fix=fix, about=(domain, "missing"))
    own = zip(each.hosts, rows[-len(each.hosts) :], strict=True)
    return combine(*(_host_verdict(each, host, [row]) for host, row in own))


def _host_verdict(each: DomainTransport, host: MailHost, rows: list[Row]) -> Verdict:
    line = f"{each.domain}. IN MX {host.preference} {host.name}."
    if host.lost:
        return unanswered(f"the address of {host.name} could not be looked up", rows)
    which, about = f"{host.name}, a mail host of {each.domain},", (each.domain, host.name)
    if address_of(host.name):
        text = f"the MX record of {each.domain} names the address {host.name}, where it must name a host"
        return failed(text, evidence=rows, fix=f"Give {host.name} a name, and put that in {line}", about=(each.domain,))
    if not host.addresses:
        fix = f"Correct the name in {line}, or delete that record"
        return failed(f"{which} has no address", evidence=rows, fix=fix, about=about)
    if not host.reachable:
        fix = f"Publish its public address: {host.name}. IN A <address>"
        return failed(f"{which} has only private addresses", evidence=rows, fix=fix, about=about)
    if host.alias and each.mx.records:
        fix = f"Name the host itself, not its alias, in {line}"
        return failed(f"{which} is an alias (CNAME), which some servers refuse", evidence=rows, fix=fix, about=about)
    return passed(f"{host.name} has an address", evidence=rows)


def _strict(each: DomainTransport) -> Verdict:
    """The MTA-STS record and its policy file, where a record is published."""
    rows, domain = _sts_rows(each), each.domain
    name = f"_mta-sts.{domain}"
    if each.sts.state in LOST:
        return unanswered(f"{name} could not be looked up ({each.sts.state})", rows)
    texts = published(each.sts, records.STS_START)
    if not texts:
        return passed(f"{domain} publishes no MTA-STS", evidence=rows)
    if len(texts) > 1:
        text = f"{domain} has {len(texts)} MTA-STS records, so senders use none"
        return failed(text, evidence=rows, fix=f"Keep one TXT record at {name}", about=(domain, "mta-sts"))
    try:
        records.sts_id(texts[0])
    except RecordError as wrong:
        fix = f'Publish {name}. 3600 IN TXT "v=STSv1; id=20260101000000"'
        text = f"senders ignore the MTA-STS record of {domain}: {wrong}"
        return failed(text, evidence=rows, fix=fix, about=(domain, "mta-sts"))
    return _policy_file(each, rows)


def _policy_file(each: DomainTransport, rows: list[Row]) -> Verdict:
    domain, reply = each.domain, each.fetched
    host = f"mta-sts.{domain}"
    if reply is None or reply.state == "blocked":
        reason = f"the MTA-STS policy at {host} was not read"
        return unknown(reason, needs=f"authorization.hosts: [{host}]", evidence=rows)
    if reply.state in DOWN:  # senders go on with what they remember (RFC 8461 section 3.3)
        reason = f"{host}, which serves the MTA-STS policy, did not answer ({reply.error})"
        return unknown(reason, needs=f"a run while {host} answers", evidence=rows)
    if any(answer.state in LOST for answer in each.place):
        return unanswered(f"{host} could not be looked up", rows)
    about = (domain, "mta-sts policy")
    if each.place:
        text = f"{domain} announces an MTA-STS policy, but {host} has no address, so senders cannot read it"
        fix = f"Publish an address for {host} and serve the policy there, or delete _mta-sts.{domain}. IN TXT"
        return failed(text, evidence=rows, fix=fix, about=about)
    fix = f"Serve the policy as text/plain at https://{host}{_PATH}, under a valid certificate, without a redirect"
    if not reply.ok or reply.status != 200:
        seen = reply.error if not reply.ok else f"status {reply.status}"
        text = f"senders cannot read the MTA-STS policy of {domain} ({seen})"
        return failed(text, evidence=rows, fix=fix, about=about)
    if reply.media_type != "text/plain":
        text = f"the MTA-STS policy of {domain} comes as {reply.media_type or 'no type'}, not as text/plain"
        return failed(text, evidence=rows, fix=fix, about=about)
    try:
        policy = records.sts_policy(reply.text)
    except RecordError as wrong:
        text = f"senders ignore the MTA-STS policy of {domain}: {wrong}"
        return failed(text, evidence=rows, fix=f"Correct https://{host}{_PATH}", about=about)
    left = [h.name for h in each.hosts if not policy.covers(h.name)] if policy.mode != "none" else []
    if left:
        text = f"the MTA-STS policy of {each.domain} does not name its mail host {listed(left)}"
        fix = f"Add {listed([f'mx: {name}' for name in left])} to the policy file, and change the record's id"
        return failed(text, evidence=rows, fix=fix, about=(each.domain, "mta-sts mx"))
    return passed(f"the MTA-STS policy of {domain} is in order", evidence=rows)


def _reported(each: DomainTransport) -> Verdict:
    rows, domain = _report_rows(each), each.domain
    name = f"_smtp._tls.{domain}"
    if each.reports.state in LOST:
        return unanswered(f"{name} could not be looked up ({each.reports.state})", rows)
    texts = published(each.reports, records.TLSRPT_START)
    fix = f'Publish one record: {name}. 3600 IN TXT "v=TLSRPTv1; rua=mailto:tls-reports@{domain}"'
    if len(texts) > 1:
        text = f"{domain} has {len(texts)} TLS reporting records, so senders use none"
        return failed(text, evidence=rows, fix=fix, about=(domain, "tlsrpt"))
    try:
        for text in texts:
            records.tls_reports(text)
    except RecordError as wrong:
        text = f"senders ignore the TLS reporting record of {domain}: {wrong}"
        return failed(text, evidence=rows, fix=fix, about=(domain, "tlsrpt"))
    return passed(f"the TLS reporting of {domain} is in order", evidence=rows)
