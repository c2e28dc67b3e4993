"""Every credential-like value in a repository's objects: our own layer and the engine, over each new line once.

A file's thousandth version repeats all but a few of its lines, and those were read before. Lines are told apart by kind
of place as well, since a key in a test and the same line in production code are not the same. A new line comes with its
neighbours, for patterns that look at both.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from launchready_lib.evidence import Row, Unavailable
from launchready_lib.sources.credentials import Markers, Standing, engine, likely, structured
from launchready_lib.sources.credentials.inside import Left, inside, is_archive
from launchready_lib.sources.credentials.scan import Hit, engine_hit, is_scanned, of_part, scan
from launchready_lib.sources.history.objects import MAX_BYTES, MESSAGE, TAG, Index, kind_of
from launchready_lib.sources.repository import MAX_TEXT_BYTES, GitError, TrackedFile, blobs, is_text

SECONDS = 240
MAX_SIGHTINGS = 100_000
MAX_SCRATCH_BYTES = 1024**3
_MAX_LINES_BYTES = 5 * 1024 * 1024

MAX_KNOWN = 1_500_000  # lines kept in mind, about 150 MB; past it everything counts as new again, which costs time only
_NEIGHBOURS = 2
_SMALL = 2_000

Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Excerpt:
    """Lines of one version of a file; `numbers` are theirs in the file, from 1, or None where all are here."""

    content: bytes
    numbers: Sequence[int] | None = None

    def line(self, number: int) -> int:
        """The file's line that stands at this line of the excerpt (both from 1)."""
        if self.numbers is None:
            return number
        return self.numbers[min(number, len(self.numbers)) - 1]


@dataclass
class Unseen:
    """Remembers lines by their hash; Python salts it anew for every process, so that none can be aimed at another."""

    _known: dict[Hashable, set[int]] = field(default_factory=dict)

    def of(self, kind: Hashable, content: bytes, *, whole: bool) -> Excerpt | None:
        """What of this content was not seen in its kind of place; `whole`: all of it, whatever was seen before."""
        lines = content.split(b"\n")
        hashes = list(map(hash, lines))
        known = self._known.setdefault(kind, set())
        new = list(itertools.filterfalse(known.__contains__, hashes))
        if not whole and not new:
            return None
        if sum(map(len, self._known.values())) > MAX_KNOWN:
            known.clear()
        known.update(new)
        if whole or len(content) < _SMALL or b"PRIVATE KEY" in content:
            return Excerpt(content)
        return _with_neighbours(lines, hashes, new)


def _with_neighbours(lines: list[bytes], hashes: list[int], new: Iterable[int]) -> Excerpt:
    """The lines of these hashes, which come in the order in which they stand, and what stands around them."""
    taken: list[int] = []
    at = last = -1
    for mark in new:
        at = hashes.index(mark, at + 1)
        stop = min(at + _NEIGHBOURS + 1, len(lines))
        taken.extend(range(max(at - _NEIGHBOURS, last + 1), stop))
        last = max(last, stop - 1)
    return Excerpt(b"\n".join([lines[number] for number in taken]), [number + 1 for number in taken])


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
    """What the engine got of one object; `ours` where our own layer is to read it too."""

    order: int
    label: str
    numbers: Excerpt
    ours: bool = False


def look(path: Path, index: Index, whole: frozenset[str]) -> Seen:
    """Scan every object of an index; those in `whole` line by line even where the lines were seen before."""
    reading = _Reading(path, index, whole)
    reading.seen.engine = engine.read(reading.files(), reading.bundles, reading.report, reading.own)
    return reading.seen


class _Reading:
    """One pass over an index's objects."""

    def __init__(self, path: Path, index: Index, whole: frozenset[str]) -> None:
        self.seen = Seen()
        self._path, self._index, self._whole = path, index, whole
        self._until = time.monotonic() + SECONDS
        self._own_until: float | None = None
        self._own_stopped = False
        self._unseen = Unseen()
        self.bundles: engine.Bundles[_Piece] = engine.Bundles()

    def files(self) -> Files:
        """Files for the engine, of many pieces each; what lies inside others our own layer reads on the way."""
        files = self._index.files
        try:
            left = max(1.0, self._until - time.monotonic())
            for order, (file, content) in enumerate(blobs(self._path, files, total=MAX_BYTES * 2, seconds=left)):
                full = self.bundles.bytes > MAX_SCRATCH_BYTES
                if why := "the limit of text to scan was reached" if full else self._overrun(self._until):
                    self.seen.gaps.append({"not_read": f"{len(files) - order} of {len(files)} objects", "why": why})
                    break
                yield from self._read(order, file, content)
        except GitError as error:
            self.seen.gaps.append({"not_read": "the rest of the objects", "why": str(error)})
        yield from self.bundles.rest()

    def own(self, number: int, content: bytes) -> None:
        """Our own layer over one of these files, while the engine reads it: this machine has more than one core."""
        if self._own_until is None:
            self._own_until = time.monotonic() + SECONDS
        among: Markers | None = None
        for piece, text in self.bundles.texts(number, content):
            if not piece.ours or self._own_stopped:
                continue
            among = likely(content.decode("utf-8", "replace")) if among is None else among
            for hit in scan(piece.label, text.decode("utf-8", "replace"), among=among):
                self._keep(hit, piece.order, piece.numbers.line(hit.line))
            if why := self._overrun(self._own_until):
                self._own_stopped = True
                self.seen.gaps.append({"not_read": "more versions, by our own patterns", "why": why})

    def _overrun(self, until: float) -> str:
        if time.monotonic() > until:
            return "the time limit was reached"
        many = len(self.seen.sightings) > MAX_SIGHTINGS
        return f"over {MAX_SIGHTINGS} places look like credentials" if many else ""

    def _read(self, order: int, file: TrackedFile, content: bytes) -> Files:
        if file.path in (MESSAGE, TAG):
            content = content.partition(b"\n\n")[2]
        if is_archive(file.path) and kind_of(file.path)[2]:
            self._index.aside["archives of others"] = self._index.aside.get("archives of others", 0) + 1
        elif is_archive(file.path):
            yield from self._parts(order, file, content, None)
        elif not is_text(content) or len(content) > _MAX_LINES_BYTES:
            yield self.bundles.alone(file.path, content, _Piece(order, file.path, Excerpt(b"")))
        else:
            excerpt = self._unseen.of(kind_of(file.path), content, whole=file.object_id in self._whole)
            if excerpt is not None:
                yield from self._lines(order, file, content, excerpt)

    def _lines(self, order: int, file: TrackedFile, content: bytes, excerpt: Excerpt) -> Files:
        if structured.reader_for(file.path) is not None and len(content) <= MAX_TEXT_BYTES:
            excerpt = Excerpt(content)
        ours = len(excerpt.content) <= MAX_TEXT_BYTES and is_scanned(file.path)
        piece = _Piece(order, file.path, Excerpt(b"", excerpt.numbers), ours)
        yield from self.bundles.add(file.path, excerpt.content, piece)
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
                yield from self.bundles.add(part.path, part.text.encode("utf-8", "replace"), piece)

    def _keep(self, hit: Hit, order: int, line: int) -> None:
        if hit.standing is not Standing.PLACEHOLDER:
            placed = hit if line == hit.line else replace(hit, line=line)
            self.seen.sightings.append(Sighting(placed, self._index.files[order].object_id, order))

    def report(self, found: engine.EngineFind, piece: _Piece, line: int) -> None:
        """Take in what the engine found, at the place in the history where it stands."""
        hit = engine_hit(found.value, piece.label, piece.numbers.line(line), found.rule, sure=found.sure)
        self._keep(hit, piece.order, hit.line)
