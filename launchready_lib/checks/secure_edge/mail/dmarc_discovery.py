"""DMARC policy discovery by the DNS tree walk, and where reports may go (RFC 9989 section 4.10, RFC 9990 section 4)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from launchready_lib.checks.secure_edge.mail import records as texts
from launchready_lib.checks.secure_edge.mail.records import LOST
from launchready_lib.names.hosts import registered_domain
from launchready_lib.network import Answer, DnsState, Network, normal

_MOST_QUERIES = 8
_START = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)")
_MAILTO = re.compile(r"(?i)mailto:([^@\s,;!<>]+@([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?))(?:![0-9]+[kmgt]?)?\Z")

Policy = Literal["none", "quarantine", "reject"]
_POLICIES: tuple[Policy, ...] = ("none", "quarantine", "reject")


@dataclass(frozen=True)
class DmarcRecord:
    """One valid DMARC record, or what is left of one."""

    domain: str  # the domain that publishes it (without _dmarc)
    text: str  # as published
    p: Policy = "none"  # also where it is invalid and reports are asked for
    sp: Policy | None = None
    np: Policy | None = None
    psd: str = "u"  # y, n or u
    testing: bool = False  # t=y, which lowers the policy by one step
    reports: tuple[str, ...] = ()  # the addresses of rua that can be written to
    error: str | None = None  # why receivers take no policy from it


@dataclass(frozen=True)
class ReportTarget:
    """One address for reports outside the organization."""

    address: str  # as in rua
    permission: DnsState | None  # the state of the look-up that must say v=DMARC1; None where none is needed
    permitted: bool  # the destination has agreed, or need not
    mail: DnsState  # the state of the destination's MX look-up
    refuses_mail: bool = False  # it publishes a null MX


@dataclass(frozen=True)
class Discovery:
    """What the tree walk finds for one author domain."""

    domain: str
    asked: tuple[Answer, ...]  # every look-up of the walk, the author domain first
    organizational: str
    record: DmarcRecord | None  # the record whose policy applies; None where there is none
    policy: Policy | None  # what applies to this domain's mail, t=y reckoned in
    targets: tuple[ReportTarget, ...] = ()  # the addresses for reports
    misplaced: DmarcRecord | None = None  # the record at the doubled name, where nobody looks; None where there is none

    @property
    def lost(self) -> tuple[Answer, ...]:
        """Look-ups that failed, as far as the policy depends on them."""
        needed = self.asked[:1] if self.record and self.record.domain == self.domain else self.asked
        return tuple(answer for answer in needed if answer.state in LOST)


def steps(domain: str) -> tuple[str, ...]:
    """The domains of the walk, at most eight: a long name is cut to its last seven labels after the first step."""
    labels = normal(domain).split(".")
    rest = labels[-(_MOST_QUERIES - 1) :] if len(labels) > _MOST_QUERIES else labels[1:]
    return (".".join(labels), *(".".join(rest[place:]) for place in range(len(rest))))


def is_record(text: str) -> bool:
    """Whether a TXT text is a DMARC record, valid or not."""
    return bool(_START.match(text))


def read(domain: str, answer: Answer) -> DmarcRecord | None:
    """The one DMARC record of a name; stray TXT is ignored, two records count as none (RFC 9989 section 4.10)."""
    records = [text for text in answer.records if is_record(text)]
    return parse(domain, records[0]) if len(records) == 1 else None


def parse(domain: str, text: str) -> DmarcRecord:
    """Read a record that starts with v=DMARC1 (RFC 9989 section 4.7); unknown tags are ignored."""
    try:
        given = dict(texts.tags(text))
    except texts.RecordError as wrong:
        return DmarcRecord(domain, text, error=str(wrong))
    reports = tuple(
        f"{match[1].partition('@')[0]}@{normal(match[2])}"
        for uri in given.get("rua", "").split(",")
        if (match := _MAILTO.match(uri.strip()))
    )[:10]
    policies = {
        name: next((policy for policy in _POLICIES if policy == given.get(name, "").lower()), None)
        for name in ("p", "sp", "np")
    }
    invalid = [name for name in ("p", "sp", "np") if (name == "p" or name in given) and policies[name] is None]
    error = None
    if invalid and not reports:
        error = f"{invalid[0]}= is missing or not none, quarantine or reject, and no reports are asked for"
    return DmarcRecord(
        domain,
        text,
        p="none" if invalid else (policies["p"] or "none"),
        sp=None if invalid else policies["sp"],
        np=None if invalid else policies["np"],
        psd=given.get("psd", "u").lower(),
        testing=given.get("t", "n").lower() == "y",
        reports=reports,
        error=error,
    )


def decide(domain: str, asked: Sequence[Answer], *, existing: bool = True) -> Discovery:
    """Find the organizational domain and the policy in the answers of a walk."""
    names, records = steps(domain)[: len(asked)], list[DmarcRecord]()
    for name, answer in zip(names, asked, strict=True):
        if record := read(name, answer):
            records.append(record)
            if record.psd in ("y", "n"):
                break
    organizational = _organizational(names, records)
    by_domain = {record.domain: record for record in records}
    suffix = next((r for r in records if r.psd == "y" and r.domain != names[0]), None)
    record = by_domain.get(names[0]) or by_domain.get(organizational) or suffix
    policy = _effective(record, names[0], existing=existing) if record and not record.error else None
    return Discovery(names[0], tuple(asked), organizational, record, policy)


def _organizational(names: Sequence[str], records: Sequence[DmarcRecord]) -> str:
    for record in records:
        if record.psd == "n":
            return record.domain
        if record.psd == "y" and record.domain != names[0]:
            return names[names.index(record.domain) - 1]
    return records[-1].domain if records else names[0]


def _effective(record: DmarcRecord, domain: str, *, existing: bool) -> Policy:
    below = (None if existing else record.np) or record.sp or record.p
    policy = record.p if record.domain == domain else below
    step = _POLICIES.index(policy)
    return _POLICIES[max(step - 1, 0)] if record.testing else policy


async def discover(network: Network, domain: str, *, existing: bool) -> Discovery:
    """Walk the tree for an author domain, and ask the destinations of reports for their permission."""
    asked = await asyncio.gather(*(network.ask(f"_dmarc.{name}", "TXT") for name in steps(domain)))
    found = decide(domain, asked, existing=existing)
    record = found.record
    targets: tuple[ReportTarget, ...] = ()
    if record is not None:
        targets = tuple(await asyncio.gather(*(_target(network, record.domain, a) for a in record.reports)))
    misplaced = None
    if record is None and not found.lost:
        doubled = f"{domain}.{domain}"
        misplaced = read(doubled, await network.ask(f"_dmarc.{doubled}", "TXT"))
    return replace(found, targets=targets, misplaced=misplaced)


async def _target(network: Network, publisher: str, address: str) -> ReportTarget:
    destination = address.rpartition("@")[2]
    own = registered_domain(destination) == registered_domain(publisher)
    names = [] if own else [f"{publisher}._report._dmarc.{destination}"]
    mail, *permissions = await asyncio.gather(
        network.ask(destination, "MX"), *(network.ask(name, "TXT") for name in names)
    )
    permitted = own or any(is_record(record) for record in permissions[0].records)
    null = [record.split() for record in mail.records] == [["0", "."]]
    return ReportTarget(address, None if own else permissions[0].state, permitted, mail.state, null)
