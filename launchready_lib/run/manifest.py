"""manifest.json: what a run did, true at every moment, also after a kill.

    {
      "schema": 1,
      "client": "acme-members",            slug
      "release": "2026.11.1",
      "parameters": "parameters/acme.yaml",  from the project's root where it lies below it
      "tool": "0.1.0",                     version of Launch Ready
      "roadmap": "3f9a1c77…",              digest of the catalogue
      "started": "2026-11-21T12:30:45+00:00",
      "finished": null,                    null while it runs, and for ever where it was killed
      "complete": false,                   true where all seven stages are
      "stages": [{
        "id": "quick_audit", "notebook": "01_quick_audit.ipynb",
        "status": "complete",              complete | failed | skipped
        "started": …, "finished": …, "seconds": 41.2,
        "error": null,                     type and message, redacted; of a skipped stage, why
        "cells": {"total": 14, "ran": 14, "failed": 0, "not_run": 0}
      }]
    }

Before a stage starts, it is written down as failed, "cut off": a killed run leaves that behind, and a stage that
ends replaces it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from launchready_lib import __version__
from launchready_lib.record.files import write_private
from launchready_lib.roadmap import Roadmap, Stage
from launchready_lib.run.execution import Cells, Outcome

NAME = "manifest.json"
SCHEMA = 1
_LARGEST = 4_000_000
CUT_OFF = "cut off: the run was killed while this stage ran"


@dataclass(frozen=True)
class StageEntry:
    """How one stage went; see the module for the fields."""

    id: str
    notebook: str
    status: Literal["complete", "failed", "skipped"] = "skipped"
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    error: str | None = "not reached"
    cells: Cells | None = None


@dataclass(frozen=True)
class Manifest:
    """How a run went; see the module for the fields."""

    client: str
    release: str
    parameters: str
    tool: str
    roadmap: str
    started: str
    stages: tuple[StageEntry, ...]
    finished: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every stage is."""
        return all(stage.status == "complete" for stage in self.stages)

    @property
    def failed(self) -> tuple[StageEntry, ...]:
        """The stages that failed."""
        return tuple(stage for stage in self.stages if stage.status == "failed")

    def stage(self, stage_id: str) -> StageEntry:
        """One stage's entry."""
        return next(stage for stage in self.stages if stage.id == stage_id)

    def with_stage(self, entry: StageEntry) -> Manifest:
        """The manifest with one entry replaced."""
        return replace(self, stages=tuple(entry if old.id == entry.id else old for old in self.stages))


def new(roadmap: Roadmap, *, client: str, release: str, parameters: str) -> Manifest:
    """A run of which no stage has started."""
    stages = tuple(StageEntry(stage.id, stage.notebook) for stage in roadmap.stages.values())
    return Manifest(client, release, parameters, __version__, roadmap.digest, now(), stages)


def running(stage: Stage) -> StageEntry:
    """What is written down before a stage starts."""
    return StageEntry(stage.id, stage.notebook, "failed", started=now(), error=CUT_OFF)


def ended(entry: StageEntry, outcome: Outcome) -> StageEntry:
    """A stage's entry after it has ended."""
    ended_as: Literal["complete", "failed"] = "complete" if outcome.ending == "complete" else "failed"
    seconds, error, cells = outcome.seconds, outcome.error, outcome.cells
    return replace(entry, status=ended_as, finished=now(), seconds=seconds, error=error, cells=cells)


def write(folder: Path, manifest: Manifest) -> None:
    """Write it in one piece."""
    body = {"schema": SCHEMA, **asdict(manifest), "complete": manifest.complete}
    body["stages"] = body.pop("stages")  # last, where people look for them
    write_private(folder / NAME, json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def read(folder: Path) -> Manifest | None:
    """Read a run's manifest; None where there is none, or none that can be read."""
    try:
        with (folder / NAME).open("rb") as stream:
            body: dict[str, Any] = json.loads(stream.read(_LARGEST))
        stages = tuple(
            StageEntry(**{**each, "cells": each.get("cells") and Cells(**each["cells"])}) for each in body.pop("stages")
        )
        known = {key: body[key] for key in Manifest.__dataclass_fields__ if key in body}
        return Manifest(stages=stages, **known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def now() -> str:
    """The time as the manifest writes it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
