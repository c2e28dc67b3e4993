"""Only what is new: a file's thousandth version repeats all but a few of its lines, and those were read before.

Lines are told apart by kind of place as well, since a key in a test and the same line in production code are not the
same. A new line comes with its neighbours, for patterns that look at both.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

MAX_KNOWN = 1_500_000
"""Lines kept in mind, about 150 MB; past it everything counts as new again, which costs time only."""

_NEIGHBOURS = 2
_SMALL = 2_000


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
        return _with_neighbours(lines, _places(new, hashes))


def _places(new: list[int], hashes: list[int]) -> Iterator[int]:
    """Where each of these stands; they come in the order in which they stand."""
    at = -1
    for mark in new:
        at = hashes.index(mark, at + 1)
        yield at


def _with_neighbours(lines: list[bytes], fresh: Iterable[int]) -> Excerpt:
    kept: list[int] = []
    last = -1
    for number in fresh:
        start = max(number - _NEIGHBOURS, last + 1)
        stop = min(number + _NEIGHBOURS + 1, len(lines))
        kept.extend(range(start, stop))
        last = max(last, stop - 1)
    return Excerpt(b"\n".join([lines[number] for number in kept]), [number + 1 for number in kept])
