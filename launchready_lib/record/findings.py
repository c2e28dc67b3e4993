"""Verdicts and findings: what a check answers, and what travels into the record, the report and findings.json."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Literal

from launchready_lib.evidence import Row
from launchready_lib.roadmap import Roadmap, Severity

FINDING_MIME = "application/vnd.launchready.finding+json"
RECORD_MIME = "application/vnd.launchready.record+json"

Source = Literal["measured", "attested", "declared", "none"]


class Status(StrEnum):
    """The three answers of a check, and the one that only the founder can declare."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Decision(StrEnum):
    """The audit's answer to "shall we launch?"."""

    GO = "go"
    CONDITIONAL = "conditional"
    NO_GO = "no_go"


@dataclass(frozen=True)
class Verdict:
    """A check's answer from one piece of evidence: pass, fail or unknown, in one plain sentence with the facts in it.

    Attributes:
        evidence: rows as observed, flat, one scalar a column; not empty for pass and fail.
        measured: the figure, where the check has a target, in the target's unit.
        reason, needs: of unknown: why, and what would make it known.
        impact, fix, effort_hours, references: of fail; the catalogue's where not given.
        about: what the fault is on (names, files); makes the fingerprint.
        check: the roadmap id; set by the decorator.
        defect: true where the check itself broke.
    """

    status: Status
    summary: str
    evidence: tuple[Row, ...] = ()
    measured: float | None = None
    source: Source = "measured"
    reason: str | None = None
    needs: str | None = None
    impact: str | None = None
    fix: str | None = None
    effort_hours: float | None = None
    references: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    check: str = ""
    defect: bool = False

    def __post_init__(self) -> None:
        if self.status in (Status.PASS, Status.FAIL) and not self.evidence:
            raise ValueError(f"a verdict of {self.status} needs evidence: {self.summary}")
        if self.status is Status.UNKNOWN and not (self.reason and self.needs):
            raise ValueError(f"unknown must say why and what would make it known: {self.summary}")


def passed(
    summary: str, *, evidence: Iterable[Mapping[str, Any]], measured: float | None = None, source: Source = "measured"
) -> Verdict:
    """Answer pass, with the rows that prove it."""
    return Verdict(Status.PASS, summary, _rows(evidence), measured=measured, source=source)


def failed(
    summary: str,
    *,
    evidence: Iterable[Mapping[str, Any]],
    impact: str | None = None,
    fix: str | None = None,
    effort_hours: float | None = None,
    references: Iterable[str] = (),
    files: Iterable[str] = (),
    about: Iterable[str] = (),
    measured: float | None = None,
    source: Source = "measured",
) -> Verdict:
    """Answer fail; impact, fix, effort and references come from the catalogue unless given."""
    lists = {"references": tuple(references), "files": tuple(files), "about": tuple(about)}
    more: dict[str, Any] = {"impact": impact, "fix": fix, "effort_hours": effort_hours, **lists}
    return Verdict(Status.FAIL, summary, _rows(evidence), measured=measured, source=source, **more)


def unknown(
    reason: str, *, needs: str, evidence: Iterable[Mapping[str, Any]] = (), summary: str | None = None
) -> Verdict:
    """Answer that it could not be told: why, and what would make it known."""
    return Verdict(Status.UNKNOWN, summary or f"Not known: {reason}", _rows(evidence), reason=reason, needs=needs)


def combine(*clauses: Verdict) -> Verdict:
    """Join the clauses of one check: any false fails, else any unmeasured is unknown, only all true passes.

    The sentences and rows of the clauses that decide come first; the rows of the others follow, so that nothing
    observed is lost.
    """
    if not clauses:
        raise ValueError("a check needs at least one clause")
    status = next(s for s in (Status.FAIL, Status.UNKNOWN, Status.PASS) if any(c.status is s for c in clauses))
    deciding = [c for c in clauses if c.status is status]
    all_of_them = (*deciding, *(c for c in clauses if c.status is not status))
    first = deciding[0]
    joined: dict[str, Any] = {
        name: "; ".join(dict.fromkeys(text for c in deciding if (text := getattr(c, name)))) or None
        for name in ("summary", "reason", "needs", "impact", "fix")
    }
    joined |= {
        name: tuple(dict.fromkeys(each for c in deciding for each in getattr(c, name)))
        for name in ("references", "files", "about")
    }
    return replace(
        first,
        **joined,
        evidence=tuple(row for c in all_of_them for row in c.evidence),
        measured=next((c.measured for c in all_of_them if c.measured is not None), None),
        source="attested" if all(c.source == "attested" for c in clauses) else first.source,
        effort_hours=sum(c.effort_hours for c in deciding if c.effort_hours) or None,
        defect=any(c.defect for c in clauses),
    )


def combine_as(passing: str, *clauses: Verdict) -> Verdict:
    """Combine clauses; where all pass, `passing` stands for their sentences, so that a pass is one sentence."""
    verdict = combine(*clauses)
    return replace(verdict, summary=passing) if verdict.status is Status.PASS else verdict


def _rows(evidence: Iterable[Mapping[str, Any]]) -> tuple[Row, ...]:
    return tuple(dict(row) for row in evidence)


@dataclass(frozen=True)
class Finding:
    """One check's answer as it stands in the record; `to_json` is the shape of findings.schema.json."""

    check: str
    stage: str
    status: Status
    severity: Severity
    title: str
    summary: str
    source: Source
    evidence: tuple[Row, ...] = ()
    measured: float | None = None
    target: float | None = None
    reason: str | None = None
    needs: str | None = None
    impact: str | None = None
    fix: str | None = None
    files: tuple[str, ...] = ()
    effort_hours: float | None = None
    item: int | None = None
    references: tuple[str, ...] = ()
    measured_at: str | None = None
    fingerprint: str | None = None
    defect: bool = False

    def to_json(self) -> dict[str, Any]:
        """The finding as findings.json holds it."""
        body = {name: value for name, value in vars(self).items() if name not in _PLACED_APART} | {
            "status": str(self.status),
            "severity": str(self.severity),
            "evidence": [dict(row) for row in self.evidence],
            "fix": {"text": self.fix, "files": list(self.files)} if self.fix else None,
            "references": list(self.references),
        }
        if self.target is not None:
            body |= {"measured": self.measured, "target": self.target}
        return body | {"defect": True} if self.defect else body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Finding:
        """Read a finding back; raises `KeyError`, `ValueError`, `TypeError` or `AttributeError` for any other thing."""
        fix = body.get("fix") or {}
        held: dict[str, Any] = {each.name: body.get(each.name) for each in fields(cls) if each.default is None}
        held["fix"] = fix.get("text")
        held |= {name: str(body[name]) for name in ("check", "stage", "title", "summary")}
        return cls(
            **held,
            status=Status(body["status"]),
            severity=Severity(body["severity"]),
            source=body["source"],
            evidence=tuple(dict(row) for row in body.get("evidence", ())),
            files=tuple(fix.get("files", ())),
            references=tuple(body.get("references", ())),
            defect=bool(body.get("defect", False)),
        )


_PLACED_APART = ("measured", "target", "files", "defect")
"""Fields that the JSON holds elsewhere, or only sometimes."""


def of_entry(check: str, roadmap: Roadmap, status: Status, summary: str, source: Source, **more: Any) -> Finding:
    """A finding with what the catalogue says of its check; raises `KeyError` where the roadmap has no such check."""
    entry = roadmap.checks[check]
    target = roadmap.targets[entry.target].limit if entry.target else None
    known = {"target": target, "item": entry.item, "references": entry.references}
    return Finding(check, entry.stage, status, entry.severity, entry.title, summary, source, **known | more)


def finding(verdict: Verdict, roadmap: Roadmap, *, judged_at: str) -> Finding:
    """Make a verdict a finding: the catalogue gives what the check left out; `KeyError` where it has no such check."""
    entry = roadmap.checks[verdict.check]
    more: dict[str, Any] = {"measured_at": judged_at}
    if verdict.status is Status.UNKNOWN:
        more = {"reason": verdict.reason, "needs": verdict.needs}
    elif verdict.status is Status.FAIL:
        about = "\n".join((verdict.check, *sorted(verdict.about)))
        more |= {
            "impact": verdict.impact or entry.why,
            "fix": verdict.fix or entry.fix,
            "files": verdict.files,
            "effort_hours": verdict.effort_hours or entry.effort,
            "fingerprint": hashlib.sha256(about.encode()).hexdigest()[:16],
        }
    return of_entry(
        verdict.check,
        roadmap,
        verdict.status,
        verdict.summary,
        "none" if verdict.status is Status.UNKNOWN else verdict.source,
        evidence=verdict.evidence,
        measured=verdict.measured,
        references=verdict.references or entry.references,
        defect=verdict.defect,
        **more,
    )


_RANK = {severity: place for place, severity in enumerate(Severity)}
_STATUS_RANK = {Status.FAIL: 0, Status.UNKNOWN: 1, Status.PASS: 2, Status.NOT_APPLICABLE: 3}


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Order findings as the report does: failures first, by severity, then the least effort, then the roadmap id."""
    return sorted(findings, key=lambda f: (_STATUS_RANK[f.status], _RANK[f.severity], f.effort_hours or 0.0, f.check))


def decide(findings: Iterable[Finding], roadmap: Roadmap) -> Decision:
    """Go, conditional or no-go, as the head of roadmap.yaml defines them."""
    decision = Decision.GO
    for each in findings:
        entry = roadmap.checks[each.check]
        if each.status is Status.FAIL and entry.decisive:
            return Decision.NO_GO
        serious = entry.severity is Severity.HIGH
        if (each.status is Status.UNKNOWN and entry.decisive) or (each.status is Status.FAIL and serious):
            decision = Decision.CONDITIONAL
    return decision
