"""Executed notebooks read back: every finding, record, chart and table of a stage, and how the stage ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launchready_lib.record.exhibits import Exhibit, exhibit
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME, Finding

MAX_BYTES = 64_000_000
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Judged:
    """A finding, and when it was judged (None where the record does not say)."""

    finding: Finding
    at: datetime | None


@dataclass(frozen=True)
class Record:
    """Something else that a stage recorded: its kind, its body, when."""

    kind: str
    data: Mapping[str, Any]
    at: datetime | None


@dataclass(frozen=True)
class Sheet:
    """One executed notebook; lists are in the order of its cells, `problems` sentences that name the file.

    `error` is a cell's, in one line; `stopped_before` the first code cell that never ran (from 1), None where all ran.
    """

    name: str
    findings: tuple[Judged, ...] = ()
    records: tuple[Record, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    error: str | None = None
    stopped_before: int | None = None
    problems: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[Record, ...]:
        """The records of one kind, oldest first."""
        return tuple(sorted((r for r in self.records if r.kind == kind), key=lambda r: r.at or _NEVER))

    def latest(self, kind: str) -> Mapping[str, Any] | None:
        """The body of the newest record of one kind."""
        found = self.of(kind)
        return found[-1].data if found else None

    @property
    def times(self) -> tuple[datetime, ...]:
        """Every moment at which something was judged or recorded."""
        return tuple(at for at in (*(f.at for f in self.findings), *(r.at for r in self.records)) if at)


_NEVER = datetime.min.replace(tzinfo=UTC)


def read(path: Path, *, exhibits: bool = True) -> Sheet:
    """Read one executed notebook; whatever is wrong with the file is a problem of the sheet, never an exception.

    Tables and charts (`exhibits`) take most of the time.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            return _unreadable(path, f"it is larger than {MAX_BYTES // 1_000_000} MB")
        body = json.loads(path.read_bytes(), parse_constant=lambda _: None)  # NaN is no JSON
    except OSError as error:
        return _unreadable(path, error.strerror or type(error).__name__)
    except (ValueError, RecursionError):
        return _unreadable(path, "it is not JSON, so it was cut short or is not a notebook")
    return sheet(body, path.name, exhibits=exhibits)


def sheet(notebook: object, name: str, *, exhibits: bool = True) -> Sheet:
    """Read a notebook's content (a mapping as nbformat 4 defines it)."""
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list):
        return Sheet(name, problems=(f"{name} cannot be read: it is not a notebook of format 4",))
    reader = _Reader(name, exhibits=exhibits)
    for number, cell in enumerate((c for c in cells if isinstance(c, Mapping)), 1):
        reader.cell(number, cell)
    return reader.result()


def moment(text: object) -> datetime | None:
    """A time as the record writes it (ISO 8601; without a zone it is UTC); None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unreadable(path: Path, why: str) -> Sheet:
    return Sheet(path.name, problems=(f"{path.name} cannot be read: {why}",))


class _Reader:
    """Goes over the cells once, remembering the heading that each stands under."""

    def __init__(self, name: str, *, exhibits: bool) -> None:
        self.name = name
        self.with_exhibits = exhibits
        self.heading = ""
        self.findings: list[Judged] = []
        self.records: list[Record] = []
        self.exhibits: list[Exhibit] = []
        self.problems: list[str] = []
        self.error: str | None = None
        self.stopped_before: int | None = None
        self._code = 0

    def result(self) -> Sheet:
        found = tuple(self.findings), tuple(self.records), tuple(self.exhibits)
        return Sheet(self.name, *found, self.error, self.stopped_before, tuple(self.problems))

    def cell(self, number: int, cell: Mapping[str, Any]) -> None:
        source = joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            if headings := _HEADING.findall(source):
                self.heading = headings[-1]
            return
        if cell.get("cell_type") != "code":
            return
        self._code += 1
        outputs = cell.get("outputs")
        outputs = [o for o in outputs if isinstance(o, Mapping)] if isinstance(outputs, list) else []
        if source.strip() and cell.get("execution_count") is None and not outputs and self.stopped_before is None:
            self.stopped_before = self._code
        first, recorded, shown = len(self.findings), len(self.records), len(self.exhibits)
        for output in outputs:
            self._output(number, output)
        judged = tuple(dict.fromkeys(j.finding.check for j in self.findings[first:]))
        closing = any(r.kind == "stage" and r.data.get("finished") for r in self.records[recorded:])
        own = () if closing else self.exhibits[shown:]  # the closing cell's table says the findings again
        self.exhibits[shown:] = [replace(each, checks=judged) for each in own]

    def _output(self, number: int, output: Mapping[str, Any]) -> None:
        if output.get("output_type") == "error":
            said = _ANSI.sub("", f"{output.get('ename', 'error')}: {output.get('evalue', '')}")
            self.error = " ".join(said.split())[:300]
            return
        data, metadata = _mapping(output.get("data")), _mapping(output.get("metadata"))
        if FINDING_MIME in data:
            self._finding(number, _body(data[FINDING_MIME]), metadata)
        elif RECORD_MIME in data:
            self._record(number, _body(data[RECORD_MIME]))
        elif self.with_exhibits:
            caption = metadata.get("caption")
            found = exhibit(data, heading=self.heading, caption=caption if isinstance(caption, str) else "")
            self.exhibits += [found] if found else []

    def _finding(self, number: int, body: object, metadata: Mapping[str, Any]) -> None:
        try:
            if not isinstance(body, Mapping):
                raise TypeError
            found = Finding.from_json(body)
        except (KeyError, ValueError, TypeError, AttributeError):
            self.problems.append(f"{self.name}, cell {number}: a damaged finding was left out")
            return
        recorded = metadata.get("recorded_at") or _mapping(metadata.get(FINDING_MIME)).get("recorded_at")
        self.findings.append(Judged(found, moment(recorded) or moment(found.measured_at)))

    def _record(self, number: int, body: object) -> None:
        known = _mapping(body)
        kind, data = known.get("kind"), known.get("data")
        if isinstance(kind, str) and isinstance(data, Mapping):
            self.records.append(Record(kind, data, moment(known.get("recorded_at"))))
            return
        what = f"a damaged record of kind {kind[:40]}" if isinstance(kind, str) else "a damaged record"
        self.problems.append(f"{self.name}, cell {number}: {what} was left out")


def joined(text: object) -> str:
    """A multi-line string of nbformat: text, or a list of lines."""
    if isinstance(text, list):
        return "".join(line for line in text if isinstance(line, str))
    return text if isinstance(text, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _body(value: object) -> object:
    """A JSON MIME body; some frontends save it as text."""
    if isinstance(value, str | list):
        try:
            return json.loads(joined(value))
        except (ValueError, RecursionError):
            return None
    return value


def newest(judged: Iterable[Judged]) -> dict[str, Judged]:
    """For each check the finding that was judged last; of equal times, the later in the notebook."""
    return {each.finding.check: each for each in sorted(judged, key=lambda each: each.at or _NEVER)}
