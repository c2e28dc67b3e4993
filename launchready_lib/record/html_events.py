"""HTML as a stream of events: the one reader of pages and tables that others wrote. Bounded in time, never an error."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

UNSEEN = frozenset({"script", "style", "template", "noscript"})
"""Elements whose text nobody sees."""
QUOTED = frozenset({"pre", "code", "textarea", "samp", "kbd"})
_PIECE = 16_384
_LONGEST_OPEN = 500_000


class Start(NamedTuple):
    """A start tag; of two attributes of one name the first counts, one without a value is empty."""

    tag: str
    given: dict[str, str]


class End(NamedTuple):
    """An end tag."""

    tag: str


class Text(NamedTuple):
    """A piece of text, and which elements of `UNSEEN` and `QUOTED` it stands in."""

    data: str
    inside: frozenset[str]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._events: list[Start | End | Text] = []
        self._depths = dict.fromkeys(UNSEEN | QUOTED, 0)
        self._inside: frozenset[str] = frozenset()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._events.append(Start(tag, {name: value or "" for name, value in reversed(attrs)}))
        self._nest(tag, 1)

    def handle_endtag(self, tag: str) -> None:
        self._events.append(End(tag))
        self._nest(tag, -1)

    def handle_data(self, data: str) -> None:
        self._events.append(Text(data, self._inside))

    def _nest(self, tag: str, step: int) -> None:
        if tag in self._depths:
            self._depths[tag] = max(0, self._depths[tag] + step)
            self._inside = frozenset(name for name, depth in self._depths.items() if depth)

    def drained(self) -> list[Start | End | Text]:
        """The events since the last call."""
        found, self._events = self._events, []
        return found


def events(html: str) -> Iterator[Start | End | Text]:
    """Tags and text in order, until the page ends or nothing more makes sense; its caller bounds the length.

    What an element that never closes takes with it is lost: html.parser would read it again and again.
    """
    reader = _Reader()
    try:
        for start in range(0, len(html), _PIECE):
            reader.feed(html[start : start + _PIECE])
            yield from reader.drained()
            if len(reader.rawdata) > _LONGEST_OPEN:
                return
        if len(reader.rawdata) <= _PIECE // 2:
            reader.close()
    except (AssertionError, ValueError, RecursionError):
        pass  # html.parser gives up on some broken declarations; what it saw before them stands
    yield from reader.drained()
