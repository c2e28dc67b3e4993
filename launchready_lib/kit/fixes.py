"""All files of one stage's kit, and stage 3's deliverables, put together from the evidence of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from launchready_lib.checks.quick_audit.domain import DomainEvidence
from launchready_lib.checks.quick_audit.redirects import RedirectEvidence
from launchready_lib.checks.quick_audit.subdomains import SubdomainEvidence
from launchready_lib.checks.reduce_drag.caching import StaticEvidence
from launchready_lib.checks.secure_edge.bursts import BurstEvidence
from launchready_lib.checks.secure_edge.edge import EdgeEvidence
from launchready_lib.checks.secure_edge.exposure import ExposureEvidence
from launchready_lib.checks.secure_edge.floods import FloodEvidence
from launchready_lib.checks.secure_edge.headers import HeadersEvidence
from launchready_lib.checks.secure_edge.mail import MailEvidence, TransportEvidence
from launchready_lib.checks.secure_edge.tls import TlsEvidence
from launchready_lib.checks.secure_edge.tls.evidence import row as tls_row
from launchready_lib.evidence import Row
from launchready_lib.kit import caching_files, guard_files, header_files, mail_records, name_records, records
from launchready_lib.kit.model import Delivery, Judged, Kit, KitFile, never_raising, one
from launchready_lib.kit.quoting import render
from launchready_lib.kit.records import ZonePatch
from launchready_lib.kit.stacks import Facts
from launchready_lib.record.findings import Finding, Status
from launchready_lib.site.signin import SignedIn

MAIL = ("mail.spf", "mail.dkim", "mail.dmarc", "mail.transport")
TLS = ("tls.certificate", "tls.protocols", "tls.issuance")
_STATES = {Status.PASS: "in force", Status.UNKNOWN: "not known", Status.NOT_APPLICABLE: "not applicable"}
_MOST_NAMED = 4
"""Files of one plan that a finding names one by one."""


@never_raising
def names(stage: Judged, *evidence: object) -> Kit:
    """Files for what stage 1 found wrong with names and redirects, from its cells' evidence in any order."""
    hops = one(RedirectEvidence, evidence)
    answers = (step for walk in hops.walks for step in walk.steps) if hops is not None else ()
    facts, failures = Facts.of(stage.client, answers), stage.failures
    patches = name_records.patches(facts, failures, one(DomainEvidence, evidence), one(SubdomainEvidence, evidence))
    plan = name_records.plan(facts, failures, hops)
    return Kit((*_dns(patches, "names"), *_with_zone(_of_systems(name_records.files(facts, plan), plan.fixes))))


@never_raising
def edge(stage: Judged, *evidence: object) -> Kit:
    """Files for what stage 3 found wrong, and its deliverables, from its cells' evidence in any order."""
    headers, tls, mail = one(HeadersEvidence, evidence), one(TlsEvidence, evidence), one(MailEvidence, evidence)
    answers = (view.response for view in (*headers.pages, *headers.hosts)) if headers is not None else ()
    facts, failures, ways = Facts.of(stage.client, answers), stage.failures, one(TransportEvidence, evidence)
    gate, open_hosts = one(EdgeEvidence, evidence), one(FloodEvidence, evidence)
    hosts = guard_files.patches(facts, failures, gate, open_hosts, tls)
    plan = header_files.plan(facts, failures, headers, one(SignedIn, evidence))
    files = [
        *_dns(hosts, "hosts"),
        *guard_files.proxied(facts, hosts),
        *guard_files.protocols(facts, failures),
        *guard_files.limits(facts, failures, one(BurstEvidence, evidence)),
        *guard_files.private(facts, failures, one(ExposureEvidence, evidence)),
        *guard_files.origin(facts, failures),
        *_of_systems(header_files.files(facts, plan), plan.fixes),
        *_dns(mail_records.patches(mail, ways, failures, facts.domain), "mail"),
        *mail_records.policies(ways, failures),
    ]
    deliver = partial(_delivery, stage.judged, files)
    deliveries = (
        deliver("domain_and_tls", TLS, hosts=[] if tls is None else [tls_row(host, tls.now) for host in tls.hosts]),
        deliver("mail_records", MAIL, published=[] if mail is None else _published(mail)),
        deliver("edge_protections", [check for check in stage.judged if check.startswith(("edge.", "headers."))]),
    )
    return Kit(tuple(_with_zone(files)), deliveries)


@never_raising
def speed(stage: Judged, *evidence: object) -> Kit:
    """Files for what stage 4 found wrong with caching, from its cells' evidence in any order."""
    files = one(StaticEvidence, evidence)
    facts = Facts.of(stage.client, (asset.response for asset in files.assets) if files is not None else ())
    caching = caching_files.plan(stage.failures, files)
    return Kit(tuple(_with_zone(_of_systems(caching_files.files(facts, caching), (caching_files.CHECK,)))))


def _dns(patches: Iterable[ZonePatch], subject: str) -> Iterable[KitFile]:
    for patch in patches:
        yield KitFile(f"dns/{patch.zone}/{subject}.zone", records.bind(patch), patch.fixes)
        yield KitFile(f"dns/{patch.zone}/{subject}.yaml", records.octodns(patch), patch.fixes)


def _of_systems(files: Iterable[tuple[str, str]], fixes: tuple[str, ...]) -> list[KitFile]:
    """One plan's files; where they are many, the first of them, which names the others, stands for all."""
    found = list(files)
    first = 1 if len(found) > _MOST_NAMED else len(found)
    return [KitFile(name, text, fixes if place < first else ()) for place, (name, text) in enumerate(found)]


def _with_zone(files: list[KitFile]) -> list[KitFile]:
    """The files, and what those for Terraform stand on."""
    if any(each.name.startswith("cloudflare/") for each in files):
        return [*files, KitFile("cloudflare/zone.tf", render("cloudflare/zone.tf"))]
    return files


def _delivery(
    judged: Mapping[str, Finding], files: list[KitFile], name: str, checks: Iterable[str], **data: list[Row]
) -> Delivery:
    """Made where all is in force or ready to paste, partial where some is not, unknown where nothing was seen."""
    found = [judged[check] for check in checks if check in judged]
    if all(finding.status is Status.UNKNOWN for finding in found):
        reasons = dict.fromkeys(finding.reason for finding in found if finding.reason)
        return Delivery(name, "unknown", {}, reason="; ".join(reasons) or "none of its checks was judged")
    rows = []
    for finding in found:
        pasted = [f"kit/{file.name}" for file in files if finding.check in file.fixes]
        state = _STATES.get(finding.status) or ("ready to paste" if pasted else "to do")
        rows.append({"what": finding.title, "state": state, "files": ", ".join(pasted) or None})
    missing = [str(row["what"]) for row in rows if row["state"] in ("to do", "not known")]
    reason = f"not in force and without a file: {', '.join(missing)}" if missing else None
    first = next((file.name for file in files if any(f.check in file.fixes for f in found)), None)
    return Delivery(name, "partial" if missing else "made", {"protections": rows, **data}, reason, first)


def _published(mail: MailEvidence) -> list[Row]:
    """Every record that stands in DNS now."""
    rows: list[Row] = []
    for each in mail.domains:
        rows += [{"name": each.domain, "record": "SPF", "published": text} for text in each.spf.records]
        if each.dmarc.record is not None:
            where = f"_dmarc.{each.dmarc.record.domain}"
            rows.append({"name": where, "record": "DMARC", "published": each.dmarc.record.text})
    keys = [key for signing in mail.dkim for key in signing.keys if key.record]
    return rows + [{"name": key.name, "record": "DKIM", "published": key.record} for key in keys]
