"""Verdicts and findings: what a check answers, and what travels into the record, the report and findings.json."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    """A check's answer from one piece of evidence.

    Attributes:
        status: pass, fail or unknown.
        summary: what was found, in one plain sentence with the facts in it.
        evidence: rows as observed, flat, one scalar a column; not empty for pass and fail.
        measured: the figure, where the check has a target, in the target's unit.
        source: measured, or attested where it rests on facts in the parameters.
        reason, needs: of unknown: why, and what would make it known.
        impact, fix, effort_hours, references: of fail; the catalogue's where not given.
        files: names in kit/ that hold the fix.
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
            msg = f"a verdict of {self.status} needs evidence: {self.summary}"
            raise ValueError(msg)
        if self.status is Status.UNKNOWN and not (self.reason and self.needs):
            msg = f"unknown must say why and what would make it known: {self.summary}"
            raise ValueError(msg)


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
    return Verdict(
        Status.FAIL,
        summary,
        _rows(evidence),
        measured=measured,
        source=source,
        impact=impact,
        fix=fix,
        effort_hours=effort_hours,
        references=tuple(references),
        files=tuple(files),
        about=tuple(about),
    )


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
    rest = [c for c in clauses if c.status is not status]
    first = deciding[0]
    return replace(
        first,
        summary="; ".join(dict.fromkeys(c.summary for c in deciding)),
        evidence=tuple(row for c in (*deciding, *rest) for row in c.evidence),
        measured=next((c.measured for c in (*deciding, *rest) if c.measured is not None), None),
        source="attested" if all(c.source == "attested" for c in clauses) else first.source,
        reason=_joined(c.reason for c in deciding),
        needs=_joined(c.needs for c in deciding),
        impact=_joined(c.impact for c in deciding),
        fix=_joined(c.fix for c in deciding),
        effort_hours=sum(c.effort_hours for c in deciding if c.effort_hours) or None,
        references=tuple(dict.fromkeys(r for c in deciding for r in c.references)),
        files=tuple(dict.fromkeys(f for c in deciding for f in c.files)),
        about=tuple(dict.fromkeys(a for c in deciding for a in c.about)),
        defect=any(c.defect for c in clauses),
    )


def together(passing: str, *clauses: Verdict) -> Verdict:
    """Combine clauses; where all pass, `passing` stands for their sentences, so that a pass is one sentence."""
    verdict = combine(*clauses)
    return replace(verdict, summary=passing) if verdict.status is Status.PASS else verdict


def _joined(texts: Iterable[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(t for t in texts if t)) or None


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
    defect: bool = field(default=False)

    def to_json(self) -> dict[str, Any]:
        """The finding as findings.json holds it."""
        body: dict[str, Any] = {
            "check": self.check,
            "stage": self.stage,
            "status": str(self.status),
            "severity": str(self.severity),
            "title": self.title,
            "summary": self.summary,
            "source": self.source,
            "evidence": [dict(row) for row in self.evidence],
            "reason": self.reason,
            "needs": self.needs,
            "impact": self.impact,
            "fix": {"text": self.fix, "files": list(self.files)} if self.fix else None,
            "effort_hours": self.effort_hours,
            "item": self.item,
            "references": list(self.references),
            "measured_at": self.measured_at,
            "fingerprint": self.fingerprint,
        }
        if self.target is not None:
            body |= {"measured": self.measured, "target": self.target}
        if self.defect:
            body["defect"] = True
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Finding:
        """Read a finding back from the record.

        Raises:
            KeyError, ValueError: the record is not a finding of ours.
        """
        fix = body.get("fix") or {}
        return cls(
            check=str(body["check"]),
            stage=str(body["stage"]),
            status=Status(body["status"]),
            severity=Severity(body["severity"]),
            title=str(body["title"]),
            summary=str(body["summary"]),
            source=body["source"],
            evidence=tuple(dict(row) for row in body.get("evidence", ())),
            measured=body.get("measured"),
            target=body.get("target"),
            reason=body.get("reason"),
            needs=body.get("needs"),
            impact=body.get("impact"),
            fix=fix.get("text"),
            files=tuple(fix.get("files", ())),
            effort_hours=body.get("effort_hours"),
            item=body.get("item"),
            references=tuple(body.get("references", ())),
            measured_at=body.get("measured_at"),
            fingerprint=body.get("fingerprint"),
            defect=bool(body.get("defect", False)),
        )


def finding(verdict: Verdict, roadmap: Roadmap, *, judged_at: str) -> Finding:
    """Make a verdict a finding: the catalogue gives what the check left out.

    Raises:
        KeyError: the verdict's check is not in the roadmap.
    """
    entry = roadmap.checks[verdict.check]
    is_fail = verdict.status is Status.FAIL
    is_unknown = verdict.status is Status.UNKNOWN
    return Finding(
        check=verdict.check,
        stage=entry.stage,
        status=verdict.status,
        severity=entry.severity,
        title=entry.title,
        summary=verdict.summary,
        source="none" if is_unknown else verdict.source,
        evidence=verdict.evidence,
        measured=verdict.measured,
        target=roadmap.targets[entry.target].limit if entry.target else None,
        reason=verdict.reason if is_unknown else None,
        needs=verdict.needs if is_unknown else None,
        impact=(verdict.impact or entry.why) if is_fail else None,
        fix=(verdict.fix or entry.fix) if is_fail else None,
        files=verdict.files if is_fail else (),
        effort_hours=(verdict.effort_hours or entry.effort) if is_fail else None,
        item=entry.item,
        references=verdict.references or entry.references,
        measured_at=None if is_unknown else judged_at,
        fingerprint=_fingerprint(verdict) if is_fail else None,
        defect=verdict.defect,
    )


def _fingerprint(verdict: Verdict) -> str:
    subject = "\n".join((verdict.check, *sorted(verdict.about)))
    return hashlib.sha256(subject.encode()).hexdigest()[:16]


_RANK = {severity: place for place, severity in enumerate(Severity)}
_STATUS_RANK = {Status.FAIL: 0, Status.UNKNOWN: 1, Status.PASS: 2, Status.NOT_APPLICABLE: 3}


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Order findings as the report does: failures first, by severity, then the least effort, then the roadmap id."""
    return sorted(
        findings,
        key=lambda f: (_STATUS_RANK[f.status], _RANK[f.severity], f.effort_hours or 0.0, f.check),
    )


def decide(findings: Iterable[Finding], roadmap: Roadmap) -> Decision:
    """Go, conditional or no-go, as the head of roadmap.yaml defines them."""
    decision = Decision.GO
    for each in findings:
        entry = roadmap.checks[each.check]
        decisive = entry.severity is Severity.BLOCKER or entry.bar is not None
        if each.status is Status.FAIL and decisive:
            return Decision.NO_GO
        if (each.status is Status.UNKNOWN and decisive) or (
            each.status is Status.FAIL and entry.severity is Severity.HIGH
        ):
            decision = Decision.CONDITIONAL
    return decision
