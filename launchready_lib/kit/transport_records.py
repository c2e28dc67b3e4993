"""DNS records and the policy file for mail on its way: mail hosts, MTA-STS and TLS reports."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator

from launchready_lib.checks.secure_edge.mail import TransportEvidence
from launchready_lib.checks.secure_edge.mail import records as texts
from launchready_lib.checks.secure_edge.mail.transport import DomainTransport
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.kit.records import RecordSet, ZonePatch, of
from launchready_lib.names.hosts import registered_domain, under
from launchready_lib.network import address_of
from launchready_lib.wording import listed

CHECK = "mail.transport"
WEEK_S = 604_800


def patches(ways: TransportEvidence, failures: Container[str], domain: str) -> tuple[ZonePatch, ...]:
    """What to change in each zone; `domain`: the client's own."""
    if CHECK not in failures:
        return ()
    found: list[ZonePatch] = []
    for each in ways.domains:
        zone = domain if under(each.domain, domain) else registered_domain(each.domain)
        if is_plain_name(each.domain):
            found.extend(of(CHECK, (*_hosts(each, zone), *_reports(each, zone), *_policy_record(each, zone))))
    return tuple(found)


def policies(ways: TransportEvidence, failures: Container[str]) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of each MTA-STS policy that has to name other mail hosts, or cannot be read."""
    if CHECK in failures:
        for each in ways.domains:
            if text := _policy(each):
                yield f"mail/{each.domain}/mta-sts.txt", text


def _hosts(each: DomainTransport, zone: str) -> Iterator[ZonePatch]:
    """The MX records that lead to a host with an address."""
    dead = [h for h in each.hosts if not h.lost and (not h.addresses or address_of(h.name) or not h.reachable)]
    alive = [host for host in each.hosts if host not in dead and is_plain_name(host.name)]
    if not each.mx.records or not (dead or each.refuses):
        return
    if not alive:
        note = f"name the hosts of a mailbox that somebody reads in the MX records of {each.domain}"
        yield ZonePatch(zone, "", notes=(note,))
        return
    gone = listed([host.name for host in dead]) or "the null MX"
    values = tuple(f"{host.preference} {host.name}." for host in alive)
    yield ZonePatch(zone, "", (RecordSet(each.domain, "MX", values, f"mail hosts of {each.domain}, without {gone}"),))


def _reports(each: DomainTransport, zone: str) -> Iterator[ZonePatch]:
    published = [text for text in each.reports.records if texts.TLSRPT_START.match(text)]
    if not published or (len(published) == 1 and _reads(texts.tls_reports, published[0])):
        return
    address = f"tls-reports@{registered_domain(each.domain)}"
    why = f"TLS reports of {each.domain}: create the mailbox {address}"
    name, value = f"_smtp._tls.{each.domain}", f"v=TLSRPTv1; rua=mailto:{address}"
    yield ZonePatch(zone, "", (RecordSet(name, "TXT", (value,), why),))


def _policy_record(each: DomainTransport, zone: str) -> Iterator[ZonePatch]:
    """One valid record, with another id where the policy changes, so that senders fetch it anew."""
    published = [text for text in each.sts.records if texts.STS_START.match(text)]
    policy = _policy(each)
    valid = len(published) == 1 and _reads(texts.sts_id, published[0])
    if not published or (valid and not policy):
        return
    version = hashlib.sha256((policy or each.domain).encode()).hexdigest()[:20]
    why = f"MTA-STS of {each.domain}" + (": serve kit/mail/…/mta-sts.txt first" if policy else "")
    name = f"_mta-sts.{each.domain}"
    yield ZonePatch(zone, "", (RecordSet(name, "TXT", (f"v=STSv1; id={version}",), why),))


def _policy(each: DomainTransport) -> str | None:
    """The policy file, in testing first; None where the one there will do, or none is published."""
    published = any(texts.STS_START.match(text) for text in each.sts.records)
    hosts = [host.name for host in each.hosts if host.addresses and is_plain_name(host.name)]
    if not published or not hosts or each.fetched is None or each.fetched.state == "blocked":
        return None
    try:
        standing = texts.sts_policy(each.fetched.text) if each.fetched.status == 200 else None
    except texts.RecordError:
        standing = None
    if standing is not None and (standing.mode == "none" or all(map(standing.covers, hosts))):
        return None
    mode = standing.mode if standing is not None else "testing"
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in hosts), f"max_age: {WEEK_S}"]
    return "\r\n".join(lines) + "\r\n"


def _reads(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except texts.RecordError:
        return False
    return True
