"""All files of one stage's kit, put together from the evidence of its cells."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from launchready_lib.checks.bursts import BurstEvidence
from launchready_lib.checks.caching import StaticEvidence
from launchready_lib.checks.domain import DomainEvidence
from launchready_lib.checks.edge import EdgeEvidence
from launchready_lib.checks.exposure import ExposureEvidence
from launchready_lib.checks.floods import FloodEvidence
from launchready_lib.checks.headers import HeadersEvidence
from launchready_lib.checks.mail import MailEvidence, TransportEvidence
from launchready_lib.checks.redirects import RedirectEvidence
from launchready_lib.checks.signin import SignedIn
from launchready_lib.checks.subdomains import SubdomainEvidence
from launchready_lib.checks.tls import TlsEvidence
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
from launchready_lib.kit.deliverables import Delivery
from launchready_lib.kit.facts import Facts
from launchready_lib.kit.records import ZonePatch
from launchready_lib.kit.rendering import render

if TYPE_CHECKING:
    from launchready_lib.stage import Stage

P = ParamSpec("P")
Evidence = TypeVar("Evidence")
_MOST_NAMED = 4
"""Files of one plan that a finding names one by one."""


@dataclass(frozen=True)
class KitFile:
    """One file.

    Attributes:
        name: its path in kit/.
        fixes: ids of the checks whose fix it is.
    """

    name: str
    text: str
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kit:
    """What a stage leaves for the founder.

    Attributes:
        problem: why it could not be made; empty where it was.
    """

    files: tuple[KitFile, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    problem: str = ""


def kept_going(make: Callable[P, Kit]) -> Callable[P, Kit]:
    """A kit that breaks is said to be broken, with type and place, and stops no notebook."""

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> Kit:
        try:
            return make(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the findings of the stage matter more than its files
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            return Kit(problem=f"the kit broke ({place}); this is a defect of Launch Ready")

    return made


@kept_going
def names(stage: Stage, *evidence: object) -> Kit:
    """Files for what stage 1 found wrong with names and redirects, from its cells' evidence in any order."""
    hops = one(RedirectEvidence, evidence)
    answers = (step for walk in hops.walks for step in walk.steps) if hops is not None else ()
    facts, failures = Facts.of(stage.client, answers), stage.failures
    patches = name_records.patches(facts, failures, one(DomainEvidence, evidence), one(SubdomainEvidence, evidence))
    plan = redirect_files.plan(facts, failures, hops)
    return Kit((*_dns(patches, "names"), *_with_zone(_of_systems(redirect_files.files(facts, plan), plan.fixes))))


@kept_going
def edge(stage: Stage, *evidence: object) -> Kit:
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
def speed(stage: Stage, *evidence: object) -> Kit:
    """Files for what stage 4 found wrong with caching, from its cells' evidence in any order."""
    files = one(StaticEvidence, evidence)
    facts = Facts.of(stage.client, (asset.response for asset in files.assets) if files is not None else ())
    caching = caching_files.plan(stage.failures, files)
    return Kit(tuple(_with_zone(_of_systems(caching_files.files(facts, caching), (caching_files.CHECK,)))))


def one(kind: type[Evidence], evidence: Iterable[object]) -> Evidence | None:
    """The evidence of one kind; None where a probe had none."""
    return next((each for each in evidence if isinstance(each, kind)), None)


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
