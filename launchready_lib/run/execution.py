"""What is known of a notebook while it runs and afterwards, in a form that may be seen."""

from __future__ import annotations

from launchready_lib.record import quick_nbformat  # noqa: F401  # isort: skip - before nbformat, which it makes load faster

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
from papermill.engines import NotebookExecutionManager

from launchready_lib.record.files import write_private
from launchready_lib.redact import Redactor
from launchready_lib.redact.messages import redacted

SAVE_EVERY_S = 2.0
Ending = Literal["complete", "failed", "timed_out", "died", "interrupted"]


@dataclass(frozen=True)
class Cells:
    """Code cells of a notebook: those that ran to their end, failed (or were cut off), and never ran."""

    total: int
    ran: int
    failed: int
    not_run: int


@dataclass(frozen=True)
class Outcome:
    """How a notebook went; `seconds` last to the kernel's end, `error` is redacted, and None where it is complete."""

    ending: Ending
    seconds: float
    cells: Cells
    error: str | None = None


class Record(NotebookExecutionManager):  # type: ignore[misc]
    """What papermill knows of a running notebook, with a redacted copy that alone is ever written or returned."""

    def __init__(
        self,
        nb: nbformat.NotebookNode,
        *,
        redactor: Redactor,
        target: Path | None,
        on_cell: Callable[[int, int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(nb, output_path=None, **kwargs)
        self.redactor = redactor
        self.target = target
        self.part = target and target.with_name(f".{target.name}.part")
        self.on_cell = on_cell
        self.ran: set[int] = set()
        self.failed: set[int] = set()
        self.outcome: Outcome | None = None
        self._began = time.monotonic()
        self._saved = float("-inf")
        self._shown = [self._redacted(cell) for cell in nb.cells]

    def save(self, *, always: bool = False, **_: Any) -> None:
        """Write the redacted copy beside its place, for a look after a kill, if it `always` must be or is due."""
        now = time.monotonic()
        if self.part is not None and (always or now - self._saved >= SAVE_EVERY_S):
            write_private(self.part, nbformat.v4.writes(self.redacted()))
            self._saved = now

    def discard(self) -> None:
        """Leave nothing beside the notebook's place."""
        if self.part is not None:
            self.part.unlink(missing_ok=True)

    def autosave_cell(self) -> None:
        """Nothing: a cell is saved when it has ended."""

    def cell_start(self, cell: nbformat.NotebookNode, *_: Any, **__: Any) -> None:
        """Mark the cell as running, without the save that papermill does here."""
        cell.metadata.papermill.update(start_time=self.now().isoformat(), status=self.RUNNING, exception=False)

    def cell_complete(self, cell: nbformat.NotebookNode, cell_index: int, **kwargs: Any) -> None:
        """Note that the cell has ended, well or not, and save."""
        if cell.metadata.papermill["status"] == self.FAILED:
            self.failed.add(cell_index)
        else:
            self.ran.add(cell_index)
        self._shown[cell_index] = self._redacted(cell)
        super().cell_complete(cell, cell_index=cell_index, **kwargs)
        self._shown[cell_index].metadata.papermill = cell.metadata.papermill
        if self.on_cell:
            self.on_cell(cell_index + 1, len(self.nb.cells))

    def finish(self, ending: Ending, error: str | None = None) -> Outcome:
        """End the record: no cell that has not run looks as if it had, and the notebook takes its place."""
        seconds = time.monotonic() - self._began
        error = self.redactor.text(error) if error else None
        self.outcome = Outcome(ending, round(seconds, 3), self.cells(), error)
        about = self.nb.metadata.papermill
        about.update(end_time=self.now().isoformat(), duration=seconds, exception=True if error else None)
        self.nb.metadata["launchready"] = {"ending": ending, "error": error, "cells": asdict(self.outcome.cells)}
        self._shown = [self._redacted(cell) for cell in self.nb.cells]
        self.cleanup_pbar()
        self.save(always=True)
        if self.part is not None and self.target is not None:
            self.part.replace(self.target)
        return self.outcome

    def cells(self) -> Cells:
        """Count the code cells that hold code."""
        code = {i for i, cell in enumerate(self.nb.cells) if cell.cell_type == "code" and cell.source.strip()}
        ran, failed = len(code & self.ran), len(code & self.failed)
        return Cells(len(code), ran, failed, len(code) - ran - failed)

    def redacted(self) -> nbformat.NotebookNode:
        """The notebook as it may be seen."""
        metadata = self.redactor.metadata(self.nb.metadata)
        return nbformat.from_dict({**self.nb, "metadata": metadata, "cells": self._shown})

    def _redacted(self, cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
        """A copy of a cell; what is nbformat's own (types, ids, counts) is left as it is."""
        clean = dict(cell, source=self.redactor.source(cell.source), metadata=self.redactor.metadata(cell.metadata))
        if "outputs" in cell:
            clean["outputs"] = [redacted(output, self.redactor) for output in joined(cell.outputs)]
        if "attachments" in cell:
            clean["attachments"] = self.redactor.value(cell.attachments)
        return nbformat.from_dict(clean)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join neighbouring pieces of the same stream, so that nothing hides across the seam."""
    whole: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = whole[-1] if whole else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            whole[-1] = nbformat.from_dict(dict(last, text=last.text + output.text))
        else:
            whole.append(output)
    return whole
