"""Handover documents and other deliverables as text: whatever a stage recorded becomes lists and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from launchready_lib.record.exhibits import Table, cell, table_of

_DEPTH = 4
_LONG = 200


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
