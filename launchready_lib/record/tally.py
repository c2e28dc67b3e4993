"""What follows from the findings: minimum bar, failure signals, sprint items, baseline, deliverables, changes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeGuard

from launchready_lib.record.findings import Finding, Status
from launchready_lib.roadmap import Roadmap

Findings = Mapping[str, Finding]
_PASSED, _FAILED, _KNOWN = {Status.PASS}, {Status.FAIL}, {Status.PASS, Status.FAIL}
_SET_ASIDE = re.compile(r"~\d+$")

BASELINE_FROM = {
    "core_read_p95_ms": "latency.p95",
    "heavy_action_p95_ms": "flows.admin",
    "login_success_rate": "flows.login",
    "detection_minutes": "uptime.detection",
    "rollback_minutes": "rollback.drill",
    "interactive_seconds": "pages.interactive",
    "alert_read_minutes": "alerts.read",
}
"""Target id -> the check whose figure is the baseline where none was recorded; others measure it under strain."""


@dataclass(frozen=True)
class Bar:
    """One target of the minimum bar."""

    id: str
    status: Literal["met", "missed", "unknown"]
    checks: tuple[str, ...]


@dataclass(frozen=True)
class SignalState:
    """Whether a failure signal is there."""

    id: str
    stage: str
    text: str
    status: Literal["absent", "present", "unknown"]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class SprintItem:
    """One of the thirteen sprint items; `hours` is the effort of its failures."""

    number: int
    title: str
    status: Literal["done", "open", "unknown"]
    hours: float
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Deliverable:
    """Something a stage leaves behind; `data` is what the stage recorded of it."""

    id: str
    stage: str
    status: Literal["made", "partial", "unknown"]
    reason: str | None = None
    file: str | None = None
    data: Any = None


def minimum_bar(findings: Findings, roadmap: Roadmap) -> tuple[Bar, ...]:
    """Missed if any of its checks fails, unknown if any is unknown, else met."""
    return tuple(
        Bar(bar, _worst(findings, checks := roadmap.bar_checks(bar), ("missed", "unknown", "met")), checks)
        for bar in roadmap.minimum_bar
    )


def signals(findings: Findings, roadmap: Roadmap) -> tuple[SignalState, ...]:
    """Present if any check it comes from fails, unknown if any is unknown, else absent."""
    return tuple(
        SignalState(s.id, s.stage, s.text, _worst(findings, s.sources, ("present", "unknown", "absent")), s.sources)
        for s in roadmap.signals
    )


def sprint_items(findings: Findings, roadmap: Roadmap) -> tuple[SprintItem, ...]:
    """Open if any of its checks fails, unknown if any is unknown, else done."""
    items = []
    for number, title in enumerate(roadmap.sprint_items, 1):
        checks = tuple(entry.id for entry in roadmap.checks.values() if entry.item == number)
        hours = sum(findings[c].effort_hours or 0.0 for c in checks if findings[c].status is Status.FAIL)
        status = _worst(findings, checks, ("open", "unknown", "done"))
        items.append(SprintItem(number, title, status, hours, checks))
    return tuple(items)


def baseline(findings: Findings, recorded: Iterable[Mapping[str, Any]], roadmap: Roadmap) -> dict[str, Any]:
    """The seven targets' figures and whatever series were recorded beside them; None where nothing was measured.

    Findings' figures stand in for targets that none of the baseline records (oldest first) has.
    """
    figures: dict[str, Any] = {}
    for target in roadmap.targets:
        source = findings.get(BASELINE_FROM.get(target, ""))
        figures[target] = source.measured if source and is_figure(source.measured) else None
    for body in recorded:
        figures |= {str(key): value for key, value in body.items() if key not in roadmap.targets or is_figure(value)}
    return figures


def deliverables(
    findings: Findings,
    recorded: Iterable[Mapping[str, Any]],
    figures: Mapping[str, Any],
    missing: Mapping[str, str],
    roadmap: Roadmap,
) -> tuple[Deliverable, ...]:
    """Every deliverable of the roadmap once, with what was recorded of it (oldest record first).

    The report makes some by itself, from findings and figures; `missing` says by stage id why one left nothing.
    """
    bodies = {str(body.get("id")): body for body in recorded}
    made = []
    for stage in roadmap.stages.values():
        for deliverable in stage.deliverables:
            body = bodies.get(deliverable, {})
            if (status := body.get("status")) in ("made", "partial"):
                reason, file = (v if isinstance(v := body.get(key), str) else None for key in ("reason", "file"))
                made.append(Deliverable(deliverable, stage.id, status, reason, file, body.get("data")))
                continue
            reason = body.get("reason") or missing.get(stage.id) or "its stage ran, but does not make it yet"
            made.append(_derived(deliverable, stage.id, findings, figures, str(reason)))
    return tuple(made)


def _derived(deliverable: str, stage: str, findings: Findings, figures: Mapping[str, Any], reason: str) -> Deliverable:
    """What the report makes by itself from findings; else not made, for the reason given."""
    if deliverable == "risk_list":
        unknown = sum(f.status is Status.UNKNOWN for f in findings.values())
        words = f"{unknown} checks are not known" if unknown else None
        return Deliverable(deliverable, stage, "partial" if unknown else "made", words, "report.html")
    if deliverable == "environment_gaps":
        gaps = findings["environment.missing"]
        if gaps.status in (Status.PASS, Status.FAIL):
            return Deliverable(deliverable, stage, "made", None, "report.html")
        return Deliverable(deliverable, stage, "unknown", gaps.reason)
    if deliverable == "deployment_map" and any(findings[c].evidence for c in ("hosting.provider", "domain.resolves")):
        return Deliverable(deliverable, stage, "partial", "drawn from what the checks saw", "report.html")
    if deliverable == "baseline":
        known = sum(value is not None for value in figures.values())
        missing = [target for target in BASELINE_FROM if figures.get(target) is None]
        if known:
            words = f"not measured: {', '.join(missing)}" if missing else None
            return Deliverable(deliverable, stage, "partial" if missing else "made", words, "findings.json")
    return Deliverable(deliverable, stage, "unknown", reason)


def is_figure(value: object) -> TypeGuard[float]:
    """Whether a value from a record is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _worst(findings: Findings, checks: Iterable[str], words: tuple[Any, Any, Any]) -> Any:
    """The word for any failure, else for anything unknown, else for neither."""
    found = {findings[check].status for check in checks}
    return words[0] if Status.FAIL in found else words[1] if Status.UNKNOWN in found else words[2]


@dataclass(frozen=True)
class Changes:
    """Check ids by what became of them since release `since` (see `compare`), and that release's baseline.

    `declared_away` failed and is not applicable now: no fix, and easily overlooked.
    """

    since: str
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    still_open: tuple[str, ...]
    newly_known: tuple[str, ...]
    no_longer_known: tuple[str, ...]
    declared_away: tuple[str, ...]
    baseline: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As findings.json holds it."""
        lists = ("fixed", "broken", "still_open", "newly_known", "no_longer_known", "declared_away")
        return {"from": self.since} | {name: list(getattr(self, name)) for name in lists}


def compare(
    now: Mapping[str, Finding], before: Mapping[str, Finding], *, since: str, baseline: Mapping[str, Any]
) -> Changes:
    """Compare the findings of a release with those of the earlier release `since`, check by check."""
    then = {check: finding.status for check, finding in before.items()}

    def moved(away: set[Status], to: set[Status]) -> tuple[str, ...]:
        return tuple(check for check, f in now.items() if then.get(check) in away and f.status in to)

    return Changes(
        since=since,
        fixed=moved(_FAILED, _PASSED),
        broken=moved(_PASSED, _FAILED),
        still_open=moved(_FAILED, _FAILED),
        newly_known=moved({Status.UNKNOWN}, _KNOWN),
        no_longer_known=moved(_KNOWN, {Status.UNKNOWN}),
        declared_away=moved(_FAILED, {Status.NOT_APPLICABLE}),
        baseline=baseline,
    )


def earlier(folder: Path, started: datetime | None, when: Callable[[Path], datetime | None]) -> Path | None:
    """The neighbour of `folder` whose run started last before `started`; releases set aside as `<release>~N` never.

    `when` tells when the run in a folder started, None where it holds none of this client's.
    """
    if started is None:
        return None
    runs = [
        (at, other.name, other)
        for other in sorted(folder.resolve().parent.iterdir())
        if other.is_dir() and other.name != folder.resolve().name and not _SET_ASIDE.search(other.name)
        if (at := when(other)) and at < started
    ]
    return max(runs)[2] if runs else None
