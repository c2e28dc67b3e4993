"""How each stage of a run ended, by its notebook and, where there is one, the run's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from launchready_lib.record.sheets import Sheet, moment
from launchready_lib.record.tally import is_figure
from launchready_lib.roadmap import Stage


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
    if sheet is None:
        status: Literal["complete", "failed", "skipped"] = "failed" if said == "failed" else "skipped"
        error = _text(entry.get("error"))
    elif error is None and said == "failed" and not (finished and ended and finished > ended):
        status, error = "failed", _text(entry.get("error")) or "the run says that it failed"
    else:
        status = "failed" if error else "complete"
        error = _text(entry.get("error")) or error if status == "failed" and said == "failed" else error
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
        found = stages.get(stage.id)
        return found if isinstance(found, Mapping) else {}
    if isinstance(stages, list):
        return next((s for s in stages if isinstance(s, Mapping) and s.get("id") == stage.id), {})
    return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
