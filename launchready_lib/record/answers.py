"""How each stage ended, and every check answered once: by its newest finding, or by why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from launchready_lib.record.findings import Finding, Status, of_entry
from launchready_lib.record.sheets import Sheet, moment, newest
from launchready_lib.record.tally import is_figure
from launchready_lib.roadmap import CheckEntry, Roadmap, Stage


@dataclass(frozen=True)
class StageRun:
    """One stage of a run; `sheet` is its notebook as read, None where there is none of this client's."""

    id: str
    notebook: str
    status: Literal["complete", "failed", "skipped"]
    seconds: float | None
    error: str | None
    sheet: Sheet | None
    times: tuple[datetime, ...] = ()


def stage_run(stage: Stage, sheet: Sheet | None, manifest: Mapping[str, Any]) -> StageRun:
    """How a stage ended.

    The manifest knows of time-outs and dead kernels, the notebook of what a consultant ran again afterwards: a stage
    that the manifest calls failed counts as complete once its notebook was finished later than the manifest's entry.
    """
    entry = _entry(stage, manifest)
    said = entry.get("status")
    body = (sheet.latest("stage") if sheet else None) or {}
    started, finished = moment(body.get("started")), moment(body.get("finished"))
    ended = moment(entry.get("finished")) or moment(entry.get("started"))  # a stage cut off has no end
    error = _fault(sheet, finished=finished is not None) if sheet else None
    reported = text if isinstance(text := entry.get("error"), str) and text else None
    if sheet is None:
        status: Literal["complete", "failed", "skipped"] = "failed" if said == "failed" else "skipped"
        error = reported
    elif error is None and said == "failed" and not (finished and ended and finished > ended):
        status, error = "failed", reported or "the run says that it failed"
    else:
        status = "failed" if error else "complete"
        error = reported or error if status == "failed" and said == "failed" else error
    seconds = entry.get("seconds")
    if not is_figure(seconds):
        seconds = (finished - started).total_seconds() if started and finished and finished >= started else None
    times = tuple(at for at in (started, finished, moment(entry.get("started")), ended) if at)
    return StageRun(stage.id, stage.notebook, status, seconds, error, sheet, times)


def _fault(sheet: Sheet, *, finished: bool) -> str | None:
    """What the notebook itself shows of a failure."""
    if sheet.problems and not sheet.findings and not sheet.records:
        return sheet.problems[0]
    if sheet.error:
        return f"a cell ended in an error ({sheet.error})"
    if sheet.stopped_before is not None and not finished:
        return f"it stopped before code cell {sheet.stopped_before}"
    return None


def _entry(stage: Stage, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The manifest's entry of a stage: `stages` is a list of {id, status, seconds, error} or a mapping by id."""
    stages = manifest.get("stages")
    if isinstance(stages, Mapping):
        stages = [{**body, "id": key} for key, body in stages.items() if isinstance(body, Mapping)]
    known = (each for each in stages if isinstance(each, Mapping)) if isinstance(stages, list) else ()
    return next((each for each in known if each.get("id") == stage.id), {})


def answers(
    sheets: Mapping[str, Sheet], runs: Iterable[StageRun], declared: Mapping[str, Any], roadmap: Roadmap
) -> tuple[dict[str, Finding], tuple[str, ...]]:
    """Every check of the roadmap exactly once, and a sentence for each finding that had to be left out.

    Of several findings of a check the newest counts; where there is none, `declared` (`client.not_applicable`) or how
    its stage ended says why.
    """
    judged = newest(chain.from_iterable(sheet.findings for sheet in sheets.values()))
    by_stage = {run.id: run for run in runs}
    findings: dict[str, Finding] = {}
    damaged: list[str] = []
    for entry in roadmap.checks.values():
        stage = roadmap.stages[entry.stage]
        again = f"run stage {stage.number} ({stage.notebook}) again"
        held = judged.pop(entry.id, None)
        found = _sound(held.finding, entry, roadmap) if held else None
        if held and found is None:
            damaged.append(f"the finding of {entry.id} contradicts itself and was left out")
            found = _unknown(entry, "its finding in the record is damaged", again, roadmap)
        elif found is None:
            found = _declared(entry, declared, roadmap) or _unknown(
                entry, why(by_stage[stage.id], stage), again, roadmap
            )
        findings[entry.id] = found
    damaged += [f"a finding of {check} was left out: the roadmap has no such check" for check in judged]
    return findings, tuple(damaged)


def _sound(finding: Finding, entry: CheckEntry, roadmap: Roadmap) -> Finding | None:
    """The finding as the catalogue of today places it; None where it breaks the rules of a finding."""
    known = finding.status in (Status.PASS, Status.FAIL)
    sources = {Status.UNKNOWN: ("none",), Status.NOT_APPLICABLE: ("declared",)}
    hours = finding.effort_hours
    texts = (finding.reason, finding.needs, finding.impact, finding.fix, finding.fingerprint, finding.measured_at)
    rules = (
        all(isinstance(text, str | None) for text in texts),
        all(isinstance(text, str) for text in (*finding.references, *finding.files)),
        all(figure is None or is_figure(figure) for figure in (finding.measured, hours)),
        finding.source in sources.get(finding.status, ("measured", "attested")),
        bool(finding.title and finding.summary),
        not known or (bool(finding.evidence) and moment(finding.measured_at) is not None),
        finding.status is not Status.UNKNOWN or bool(finding.reason and finding.needs),
        finding.status is not Status.NOT_APPLICABLE or (bool(finding.reason) and not entry.fixed),
        finding.status is not Status.FAIL or bool(finding.impact and finding.fix and is_figure(hours) and hours > 0),
    )
    if not all(rules):
        return None
    target = roadmap.targets[entry.target].limit if entry.target else None
    return replace(finding, stage=entry.stage, severity=entry.severity, item=entry.item, target=target)


def _declared(entry: CheckEntry, declared: Mapping[str, Any], roadmap: Roadmap) -> Finding | None:
    prefixes = {entry.id, *(entry.id[:place] for place, letter in enumerate(entry.id) if letter == ".")}
    reason = next((r for p in prefixes if isinstance(r := declared.get(p), str)), "")
    if entry.fixed or not reason:
        return None
    summary = f"Declared not applicable: {reason}"
    return of_entry(entry.id, roadmap, Status.NOT_APPLICABLE, summary, "declared", reason=reason)


def _unknown(entry: CheckEntry, reason: str, needs: str, roadmap: Roadmap) -> Finding:
    summary = f"Not known: {reason}"
    return of_entry(entry.id, roadmap, Status.UNKNOWN, summary, "none", reason=reason, needs=needs)


def why(run: StageRun, stage: Stage) -> str:
    """Why a stage left a check unanswered, as a founder reads it."""
    name = f"stage {stage.number} ({stage.title})"
    if run.status == "skipped":
        return f"{name} did not run"
    if run.status == "failed":
        return f"{name} did not get this far: {run.error or 'it ended early'}"
    return f"{name} ran, but its notebook does not judge this"
