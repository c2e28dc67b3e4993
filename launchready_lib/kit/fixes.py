"""All files of one stage's kit, put together from the evidence of its cells."""

from __future__ import annotations

from collections.abc import Container, Iterable

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
from launchready_lib.kit import (
    caching_files,
    deliverables,
    guard_files,
    header_files,
    header_plan,
    host_records,
    mail_records,
    name_records,
    records,
    redirect_files,
    transport_records,
)
from launchready_lib.kit.facts import Facts
from launchready_lib.kit.model import Judged, Kit, KitFile, kept_going, one
from launchready_lib.kit.records import ZonePatch
from launchready_lib.kit.rendering import render
from launchready_lib.site.signin import SignedIn

_MOST_NAMED = 4
"""Files of one plan that a finding names one by one."""


@kept_going
def names(stage: Judged, *evidence: object) -> Kit:
    """Files for what stage 1 found wrong with names and redirects, from its cells' evidence in any order."""
    hops = one(RedirectEvidence, evidence)
    answers = (step for walk in hops.walks for step in walk.steps) if hops is not None else ()
    facts, failures = Facts.of(stage.client, answers), stage.failures
    patches = name_records.patches(facts, failures, one(DomainEvidence, evidence), one(SubdomainEvidence, evidence))
    plan = redirect_files.plan(facts, failures, hops)
    return Kit((*_dns(patches, "names"), *_with_zone(_of_systems(redirect_files.files(facts, plan), plan.fixes))))


@kept_going
def edge(stage: Judged, *evidence: object) -> Kit:
    """Files for what stage 3 found wrong, and its deliverables, from its cells' evidence in any order."""
    headers, tls, mail = one(HeadersEvidence, evidence), one(TlsEvidence, evidence), one(MailEvidence, evidence)
    answers = (view.response for view in (*headers.pages, *headers.hosts)) if headers is not None else ()
    facts, failures, ways = Facts.of(stage.client, answers), stage.failures, one(TransportEvidence, evidence)
    gate, open_hosts = one(EdgeEvidence, evidence), one(FloodEvidence, evidence)
    hosts = host_records.patches(facts, failures, gate, open_hosts, tls)
    plan = header_plan.plan(facts, failures, headers, one(SignedIn, evidence))
    guards = (
        *guard_files.proxied(facts, hosts),
        *guard_files.protocols(facts, failures),
        *guard_files.limits(facts, failures, one(BurstEvidence, evidence)),
        *guard_files.private(facts, failures, one(ExposureEvidence, evidence)),
        *guard_files.origin(facts, failures),
    )
    files = [
        *_dns(hosts, "hosts"),
        *(KitFile(each.name, each.text, each.fixes) for each in guards),
        *_of_systems(header_files.files(facts, plan), plan.fixes),
        *_dns(mail_records.patches(mail, ways, failures, facts.domain), "mail"),
        *_policies(ways, failures),
    ]
    named = [(each.name, each.fixes) for each in files]
    return Kit(tuple(_with_zone(files)), deliverables.of(stage.judged, named, tls, mail))


@kept_going
def speed(stage: Judged, *evidence: object) -> Kit:
    """Files for what stage 4 found wrong with caching, from its cells' evidence in any order."""
    files = one(StaticEvidence, evidence)
    facts = Facts.of(stage.client, (asset.response for asset in files.assets) if files is not None else ())
    caching = caching_files.plan(stage.failures, files)
    return Kit(tuple(_with_zone(_of_systems(caching_files.files(facts, caching), (caching_files.CHECK,)))))


def _policies(ways: TransportEvidence | None, failures: Container[str]) -> Iterable[KitFile]:
    found = transport_records.policies(ways, failures) if ways is not None else ()
    return (KitFile(name, text, (transport_records.CHECK,)) for name, text in found)


def _dns(patches: Iterable[ZonePatch], subject: str) -> Iterable[KitFile]:
    for patch in patches:
        yield KitFile(f"dns/{patch.zone}/{subject}.zone", records.bind(patch), patch.fixes)
        yield KitFile(f"dns/{patch.zone}/{subject}.yaml", records.octodns(patch), patch.fixes)


def _of_systems(files: Iterable[tuple[str, str]], fixes: tuple[str, ...]) -> list[KitFile]:
    """One plan's files; where they are many, the first of them, which names the others, stands for all."""
    found = list(files)
    return [
        KitFile(name, text, fixes if place == 0 or len(found) <= _MOST_NAMED else ())
        for place, (name, text) in enumerate(found)
    ]


def _with_zone(files: list[KitFile]) -> list[KitFile]:
    """The files, and what those for Terraform stand on."""
    if any(each.name.startswith("cloudflare/") for each in files):
        return [*files, KitFile("cloudflare/zone.tf", render("cloudflare/zone.tf"))]
    return files
