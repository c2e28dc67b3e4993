"""Words for founders: every technical term is explained where it is first read, and listed at the end.

Deliverables such as handover documents are text, too: whatever a stage recorded becomes lists and tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import yaml
from markupsafe import Markup, escape

from launchready_lib.paths import PACKAGE
from launchready_lib.record.exhibits import Table, cell, table_of

TERMS: dict[str, tuple[str, str]] = {
    term: tuple(explained)
    for term, explained in yaml.load((PACKAGE / "data" / "glossary.yaml").read_bytes(), Loader=yaml.CSafeLoader).items()
}
"""Term -> what the letters stand for, what it is."""
_TERM = re.compile(
    r"(?<![\w.-])(" + "|".join(sorted(map(re.escape, TERMS), key=len, reverse=True)) + r")s?(?!\w|-[A-Z])"
)
_RECORD = re.compile(r"\bIN $")
"""What stands before the type in a line of a zone file."""
TABLES: dict[str, Any] = yaml.load((PACKAGE / "data" / "report.yaml").read_bytes(), Loader=yaml.CSafeLoader)
"""The report's own lists of words, by what they are for."""
_DEPTH, _LONG = 4, 200


class Words:
    """Writes text in the order in which it is read, and remembers which terms were explained.

    Everything it returns is escaped; what it is given is text, never markup.
    """

    def __init__(self) -> None:
        self.explained: set[str] = set()
        self.used: set[str] = set()
        self._owed: list[str] = []

    def say(self, text: object) -> Markup:
        """A sentence: a term that was not explained yet is, in brackets behind it."""
        return self._written(text, lambda term: self._explain(term, Markup(" ({})").format(TERMS[term][1])))

    def folded(self, text: object) -> Markup:
        """A sentence that many will never unfold: terms are marked, and explained again where they are next read."""
        return self._written(text, lambda _: Markup())

    def heading(self, text: object) -> Markup:
        """A heading: what it would have to explain is owed, to be said by `owed` right below."""

        def owe(term: str) -> Markup:
            self._owed.append(term)
            return self._explain(term, Markup())

        return self._written(text, owe)

    def owed(self) -> Markup:
        """What the headings since the last call left unexplained."""
        terms, self._owed = self._owed, []
        parts = [Markup("<dfn>{}</dfn>: {}").format(term, TERMS[term][1]) for term in terms]
        return Markup('<p class="owed">{}.</p>').format(Markup("; ").join(parts)) if parts else Markup()

    def glossary(self) -> list[tuple[str, str, str]]:
        """Every term that was used: term, what it stands for, what it is."""
        return [(term, *TERMS[term]) for term in sorted(self.used, key=str.casefold)]

    def _explain(self, term: str, explanation: Markup) -> Markup:
        self.explained.add(term)
        return explanation

    def _written(self, text: object, explained: Callable[[str], Markup]) -> Markup:
        parts, done = [], 0
        plain = "" if text is None else str(text)
        for found in _TERM.finditer(plain):
            term = found[1]
            if _RECORD.search(plain, max(0, found.start() - 12), found.start()):
                continue  # within a line that is meant to be copied
            self.used.add(term)
            if term in self.explained:
                continue
            parts += [
                escape(plain[done : found.start()]),
                Markup('<abbr title="{}">{}</abbr>').format(TERMS[term][0], found[0]),
                explained(term),
            ]
            done = found.end()
        return Markup().join([*parts, escape(plain[done:])])


def hours(amount: float | None) -> str:
    """Working hours as people say them: `45 min`, `1.5 h`."""
    if not amount:
        return "0 h"
    return f"{amount * 60:.0f} min" if amount < 1 else f"{amount:.4g} h"


def day(at: date | datetime) -> str:
    """A day without a comma: `24 November 2026`."""
    return f"{at.day} {at:%B %Y}"


def figure(value: object, unit: str) -> str:
    """A measured figure with its unit, ratios as per cent."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "not measured"
    if unit == "ratio":
        return f"{value * 100:.4g} %"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 fault`, `3 faults`, `no faults`."""
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number or 'no'} {word}"


def upfirst(text: str) -> str:
    """A sentence's first letter in upper case; a host, file or setting at its beginning stays as it is."""
    first = text.split(" ", 1)[0].rstrip(".,:;")
    return text if re.search(r"[._/:@\d]", first) else text[:1].upper() + text[1:]


def short(text: str, letters: int = 110) -> str:
    """A sentence cut behind a part of it that stands alone, or at least behind a word."""
    if len(text) <= letters:
        return text
    for end in ("; ", ". ", ": "):
        if 2 * (part := text[: letters + 1].rfind(end)) >= letters:
            return f"{text[:part]} …"
    return text[:letters].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def isoday(text: object) -> str:
    """An ISO date in words; anything else as it is."""
    try:
        return day(date.fromisoformat(str(text)))
    except ValueError:
        return str(text)


def sentence(text: str | None) -> str:
    """A sentence with a capital and a full stop; what ends in a mark or a quote is left as it ends."""
    said = upfirst((text or "").strip())
    return f"{said}." if said and (said[-1].isalnum() or said[-1] == ")") else said


@dataclass(frozen=True)
class Part:
    """A piece of a document: a heading with a text, a list or a table under it (one of the three)."""

    heading: str = ""
    text: str = ""
    items: tuple[str, ...] = ()
    table: Table | None = None


def parts(data: Any, heading: str = "", depth: int = _DEPTH) -> Iterator[Part]:
    """What a deliverable's data holds, in reading order.

    Lists of mappings become tables, lists of other things become lists, scalars of one mapping a table of two columns;
    a mapping inside goes under a heading of its own. Strings are text, never Markdown or HTML.
    """
    if isinstance(data, Mapping):
        yield from _mapping(data, heading, depth)
    elif isinstance(data, list):
        if data and all(isinstance(each, Mapping) for each in data):
            if table := table_of(data):
                yield Part(heading, table=table)
        elif items := tuple(cell(each) for each in data[:_LONG]):
            yield Part(heading, items=items)
    elif data not in (None, ""):
        yield Part(heading, text=str(data)[: _LONG * 100])


def _mapping(data: Mapping[str, Any], heading: str, depth: int) -> Iterator[Part]:
    nested = {k: v for k, v in data.items() if isinstance(v, Mapping | list) or (isinstance(v, str) and "\n" in v)}
    scalars = [{"what": str(k).replace("_", " "), "answer": v} for k, v in data.items() if k not in nested]
    if scalars and (table := table_of(scalars)):
        yield Part(heading, table=table)
        heading = ""
    for key, value in list(nested.items())[:_LONG]:
        name = heading if key in ("rows", "items", "text", "steps") else str(key).replace("_", " ").capitalize()
        if depth:
            yield from parts(value, name, depth - 1)
