"""What a run says while it goes on: a bar for each stage on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

from tqdm import tqdm

from launchready_lib.roadmap import Stage
from launchready_lib.run.manifest import StageEntry


class Progress:
    """Told how a run goes on; this one says nothing."""

    def begin(self, stage: Stage) -> None:
        """A stage starts."""

    def cell(self, done: int, total: int) -> None:
        """So many of the stage's cells have ended."""

    def end(self, stage: Stage, entry: StageEntry) -> None:
        """A stage has ended, or is passed over."""


class Lines(Progress):
    """One line when a stage starts and one when it ends; a log is not a place for ticks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, stage: Stage) -> None:
        """Name the stage."""
        print(f"{stage.number}/7 {stage.title} …", file=self._stream, flush=True)

    def end(self, stage: Stage, entry: StageEntry) -> None:
        """Say how it went."""
        print(f"{stage.number}/7 {stage.title}: {described(entry)}", file=self._stream, flush=True)


class Bars(Lines):
    """A bar for each stage, which stays when the stage has ended."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar: tqdm[None] | None = None

    def begin(self, stage: Stage) -> None:
        """Open the stage's bar."""
        self._bar = tqdm(
            desc=f"{stage.number}/7 {stage.title:<24}",
            total=1,
            unit="cell",
            file=self._stream,
            ncols=min(shutil.get_terminal_size().columns, 110),
            nrows=24,  # a terminal that does not say how high it is would get no bar
            bar_format="{desc} {bar:24} {n_fmt}/{total_fmt} {elapsed}{postfix}",
        )

    def cell(self, done: int, total: int) -> None:
        """Move it."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)

    def end(self, stage: Stage, entry: StageEntry) -> None:
        """Close it with how the stage went."""
        if self._bar is None:
            super().end(stage, entry)
            return
        self._bar.set_postfix_str(described(entry, seconds=False), refresh=True)
        self._bar.close()
        self._bar = None


def described(entry: StageEntry, *, seconds: bool = True) -> str:
    """How a stage went, in a few words."""
    if entry.status == "complete":
        return f"complete in {entry.seconds:.0f} s" if seconds and entry.seconds is not None else "complete"
    return f"{entry.status}: {entry.error}" if entry.error else entry.status


def for_stream(stream: TextIO | None = None) -> Progress:
    """Bars where the stream (default: stderr) is a terminal, else lines."""
    stream = stream or sys.stderr
    return Bars(stream) if stream.isatty() else Lines(stream)
