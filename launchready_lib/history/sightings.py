"""Every credential-like value in a repository's objects: our own layer and the engine, over each new line once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from launchready_lib.checks.repository import MAX_TEXT_BYTES, GitError, TrackedFile, blobs, is_text
from launchready_lib.credentials import Hit, Standing, engine, engine_hit, of_part, scan, structured
from launchready_lib.credentials.bundles import Bundles
from launchready_lib.credentials.inside import Left, inside, is_archive
from launchready_lib.findings import Row, Unavailable
from launchready_lib.history.excerpts import Excerpt, Unseen
from launchready_lib.history.objects import MAX_BYTES, MESSAGE, Index, kind_of

SECONDS = 240
MAX_SIGHTINGS = 100_000
MAX_SCRATCH_BYTES = 1024**3
_MAX_LINES_BYTES = 5 * 1024 * 1024

Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Sighting:
    """A value at one place of one object. Lives in memory only: it holds the value."""

    hit: Hit
    object_id: str
    order: int


@dataclass
class Seen:
    """All sightings; `gaps` and `engine` say what was not looked at."""

    sightings: list[Sighting] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    engine: Unavailable | None = None


@dataclass(frozen=True)
class _Piece:
    """What the engine got of one object."""

    order: int
    label: str
    numbers: Excerpt


def look(path: Path, index: Index, whole: frozenset[str]) -> Seen:
    """Scan every object of an index; those in `whole` line by line even where the lines were seen before."""
    reading = _Reading(path, index, whole)
    files = reading.files()
    found = engine.run(files)
    deque(files, maxlen=0)  # our own layer still reads what an engine that is not there left
    if isinstance(found, Unavailable):
        reading.seen.engine = found
    else:
        for each in found:
            reading.report(each)
    return reading.seen


class _Reading:
    """One pass over an index's objects."""

    def __init__(self, path: Path, index: Index, whole: frozenset[str]) -> None:
        self.seen = Seen()
        self._path, self._index, self._whole = path, index, whole
        self._until = time.monotonic() + SECONDS
        self._unseen = Unseen()
        self._bundles: Bundles[_Piece] = Bundles()

    def files(self) -> Files:
        """Files for the engine, of many pieces each; on the way our own layer reads every piece."""
        files = self._index.files
        try:
            left = max(1.0, self._until - time.monotonic())
            for order, (file, content) in enumerate(blobs(self._path, files, total=MAX_BYTES * 2, seconds=left)):
                if why := self._spent():
                    self.seen.gaps.append({"not_read": f"{len(files) - order} of {len(files)} objects", "why": why})
                    break
                yield from self._read(order, file, content)
        except GitError as error:
            self.seen.gaps.append({"not_read": "the rest of the objects", "why": str(error)})
        yield from self._bundles.rest()

    def _spent(self) -> str:
        if time.monotonic() > self._until:
            return "the time limit was reached"
        if len(self.seen.sightings) > MAX_SIGHTINGS:
            return f"over {MAX_SIGHTINGS} places look like credentials"
        return "the limit of text to scan was reached" if self._bundles.bytes > MAX_SCRATCH_BYTES else ""

    def _read(self, order: int, file: TrackedFile, content: bytes) -> Files:
        if file.path == MESSAGE:
            content = content.partition(b"\n\n")[2]
        if is_archive(file.path) and kind_of(file.path)[2]:
            self._index.aside["archives of others"] = self._index.aside.get("archives of others", 0) + 1
        elif is_archive(file.path):
            yield from self._parts(order, file, content, None)
        elif not is_text(content) or len(content) > _MAX_LINES_BYTES:
            yield self._bundles.alone(file.path, content, _Piece(order, file.path, Excerpt(b"")))
        else:
            excerpt = self._unseen.of(kind_of(file.path), content, whole=file.object_id in self._whole)
            if excerpt is not None:
                yield from self._lines(order, file, content, excerpt)

    def _lines(self, order: int, file: TrackedFile, content: bytes, excerpt: Excerpt) -> Files:
        if structured.reader_for(file.path) is not None and len(content) <= MAX_TEXT_BYTES:
            excerpt = Excerpt(content)
        if len(excerpt.content) <= MAX_TEXT_BYTES:
            for hit in scan(file.path, excerpt.content.decode("utf-8", "replace")):
                self._keep(hit, order, excerpt.line(hit.line))
        piece = _Piece(order, file.path, Excerpt(b"", excerpt.numbers))
        yield from self._bundles.add(file.path, excerpt.content, piece)
        if not kind_of(file.path)[2]:
            cells = file.path.lower().endswith(".ipynb")
            yield from self._parts(order, file, content if cells else excerpt.content, excerpt)

    def _parts(self, order: int, file: TrackedFile, content: bytes, excerpt: Excerpt | None) -> Files:
        for part in inside(file.path, content):
            if isinstance(part, Left):
                self.seen.gaps.append({"not_read": part.path, "why": part.why})
                continue
            for hit in of_part(part):
                self._keep(hit, order, excerpt.line(hit.line) if excerpt and part.line else hit.line)
            if excerpt is None:  # the engine reads notebooks and base64 itself, not archives
                piece = _Piece(order, part.path, Excerpt(b""))
                yield from self._bundles.add(part.path, part.text.encode("utf-8", "replace"), piece)

    def _keep(self, hit: Hit, order: int, line: int) -> None:
        if hit.standing is not Standing.PLACEHOLDER:
            placed = hit if line == hit.line else replace(hit, line=line)
            self.seen.sightings.append(Sighting(placed, self._index.files[order].object_id, order))

    def report(self, found: engine.EngineFind) -> None:
        """Take in what the engine found, at the place in the history where it stands."""
        piece, line = self._bundles.place(found.number, found.line)
        hit = engine_hit(found.value, piece.label, piece.numbers.line(line), found.rule, sure=found.sure)
        self._keep(hit, piece.order, hit.line)
