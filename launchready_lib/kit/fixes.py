"""All files of one stage's kit, put together from the evidence of its cells."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from launchready_lib.checks.domain import DomainEvidence
from launchready_lib.checks.edge import EdgeEvidence
from launchready_lib.checks.exposure import ExposureEvidence
from launchready_lib.checks.headers import HeadersEvidence
from launchready_lib.checks.headers.cookies import SetAtLogin
from launchready_lib.checks.mail import MailEvidence
from launchready_lib.checks.redirects import RedirectEvidence
from launchready_lib.checks.subdomains import SubdomainEvidence
from launchready_lib.checks.tls import TlsEvidence
from launchready_lib.findings import Unavailable
from launchready_lib.kit import (
    deliverables,
    guard_files,
    header_files,
    header_plan,
    host_records,
    mail_records,
    name_records,
    records,
    redirect_files,
)
from launchready_lib.kit.deliverables import Delivery
from launchready_lib.kit.facts import Facts
from launchready_lib.kit.records import ZonePatch
from launchready_lib.kit.rendering import render

if TYPE_CHECKING:
    from launchready_lib.stage import Stage

P = ParamSpec("P")
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


def _kept_going(make: Callable[P, Kit]) -> Callable[P, Kit]:
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


@_kept_going
def names(
    stage: Stage,
    *,
    zone: DomainEvidence | Unavailable,
    hops: RedirectEvidence | Unavailable,
    subdomains: SubdomainEvidence | Unavailable,
) -> Kit:
    """Files for what stage 1 found wrong with names and redirects."""
    answers = () if isinstance(hops, Unavailable) else (step for walk in hops.walks for step in walk.steps)
    facts = Facts.of(stage.client, answers)
    plan = redirect_files.plan(facts, stage.failures, hops)
    files = _of_systems(redirect_files.files(facts, plan), plan.fixes)
    return Kit((*_dns(name_records.patches(facts, stage.failures, zone, subdomains), "names"), *_with_zone(files)))


@_kept_going
def edge(
    stage: Stage,
    *,
    gate: EdgeEvidence | Unavailable,
    tls: TlsEvidence | Unavailable,
    headers: HeadersEvidence | Unavailable,
    member: SetAtLogin | Unavailable,
    exposed: ExposureEvidence | Unavailable,
    mail: MailEvidence | Unavailable,
) -> Kit:
    """Files for what stage 3 found wrong, and its deliverables."""
    answers = () if isinstance(headers, Unavailable) else (view.response for view in (*headers.pages, *headers.hosts))
    facts, failures = Facts.of(stage.client, answers), stage.failures
    hosts = host_records.patches(facts, failures, gate, tls)
    plan = header_plan.plan(facts, failures, headers, member)
    guards = (
        *guard_files.proxied(facts, (each for patch in hosts for each in patch.sets)),
        *guard_files.protocols(facts, failures),
        *guard_files.limits(facts, failures),
        *guard_files.private(facts, failures, exposed),
        *guard_files.origin(facts, failures),
    )
    files = [
        *_dns(hosts, "hosts"),
        *(KitFile(each.name, each.text, (each.check,)) for each in guards),
        *_of_systems(header_files.files(facts, plan), plan.fixes),
    ]
    if isinstance(mail, MailEvidence):
        files += _dns(mail_records.patches(mail, failures, facts.domain), "mail")
    named = [(each.name, each.fixes) for each in files]
    return Kit(tuple(_with_zone(files)), deliverables.of(stage.judged, named, tls, mail))


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
