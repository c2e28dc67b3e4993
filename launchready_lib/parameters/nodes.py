"""YAML text to PyYAML's nodes, which know their lines, and plain scalars to values.

Depth is bounded, aliases are shared, no tag is resolved; where YAML 1.1 and 1.2 differ, nothing is guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH = 40
UNTAGGED = "?"
"""The tag of a node that has none in the file."""

_LONGEST_NUMBER = 40
_KINDS_12 = (  # YAML 1.2.2, §10.3.2, the core schema
    ("null", re.compile(r"(?:null|Null|NULL|~|)\Z")),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")),
    ("float", re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")),
)
_LETTER_BOOLS = frozenset("yYnN")  # booleans by YAML 1.1's own type page, text in PyYAML and in YAML 1.2
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_SPLIT_INT = re.compile(r"([-+]?)0[0-9]+\Z")


class StopError(Exception):
    """Reading cannot go on; the message and line (from 1) are for a `Problem`."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def line_of(node: yaml.Node | yaml.Event) -> int:
    """Where a node begins, from 1."""
    return node.start_mark.line + 1 if node.start_mark else 1


def is_plain(node: yaml.Node) -> bool:
    """A scalar that is neither quoted nor tagged."""
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.tag == UNTAGGED


def compose(text: str) -> yaml.Node | None:
    """Make nodes of YAML text; None where it holds nothing; raises `StopError`: not one YAML document, or too deep."""
    try:
        return _Composer(text).get_single_node()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise StopError(f"a character that YAML does not allow (U+{error.character:04X})", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise StopError(_syntax(error.problem or ""), mark.line + 1 if mark else None) from None
    except (ValueError, OverflowError):
        raise StopError("not YAML: an escape or a number in it is out of range") from None


class _Composer(yaml.SafeLoader):
    """An anchor counts once its node is whole, so that nothing can contain itself."""

    depth = 0
    peek_event: Callable[[], Any]
    get_event: Callable[[], Any]

    def compose_node(self, *_: Any) -> yaml.Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                message = "text that starts with * must be quoted (or names an anchor that is not there)"
                raise StopError(message, line_of(event))
            return self.anchors[self.get_event().anchor]
        if isinstance(event, yaml.CollectionStartEvent) and self.depth == MAX_DEPTH:
            raise StopError(f"nested deeper than {MAX_DEPTH} levels", line_of(event))
        compose_one: Any = {
            yaml.ScalarEvent: self.compose_scalar_node,
            yaml.SequenceStartEvent: self.compose_sequence_node,
            yaml.MappingStartEvent: self.compose_mapping_node,
        }[type(event)]
        self.depth += 1
        node: yaml.Node = compose_one(None)
        self.depth -= 1
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def resolve(self, *_: Any) -> str:
        return UNTAGGED


def _syntax(problem: str) -> str:
    """Put the parser's complaint in words, without what it quotes of the file beyond one character."""
    if "another document" in problem:
        return "a second document (---); a parameters file holds one"
    if r"'\t'" in problem:
        return "a tab where YAML wants spaces; replace it"
    if "mapping values are not allowed" in problem:
        return "not YAML: a second colon in the line, or a wrong indent; quote text that holds ': '"
    if "could not find expected ':'" in problem:
        return "not YAML: a colon is missing after the key (or a space after the colon)"
    if start := re.search(r"found character '(.)' that cannot start", problem):
        return f"not YAML: text that starts with {start[1]} must be quoted"
    if "<block end>" in problem:
        return "not YAML: this line's indent fits none above it"
    return "not YAML: a bracket or a quote is left open, or the indent is wrong"


@dataclass(frozen=True)
class Ambiguous:
    """A plain scalar that YAML 1.1 and 1.2 read differently; `raw` is what the file says."""

    raw: str


Scalar = str | int | float | bool | None | dt.date | Ambiguous


def plain(raw: str) -> Scalar:
    """Read an unquoted scalar: its value where YAML 1.1 and 1.2 agree, a date as a date, else `Ambiguous`."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(raw[:1], [])
    old = next((tag.rpartition(":")[2] for tag, pattern in resolvers if pattern.match(raw)), "text")
    new = next((kind for kind, pattern in _KINDS_12 if pattern.match(raw)), "text")
    if old == "timestamp" and _DATE.match(raw):
        return _date(raw)
    if old != new or raw in _LETTER_BOOLS or (new == "int" and _SPLIT_INT.match(raw)):
        return Ambiguous(raw)
    if new == "null":
        return None
    if new == "bool":
        return raw.lower() == "true"
    if new in ("int", "float"):
        return _number(raw, new)
    return raw


def _date(raw: str) -> Scalar:
    try:
        return dt.date.fromisoformat(raw)
    except ValueError:
        return Ambiguous(raw)


def _number(raw: str, kind: str) -> Scalar:
    if len(raw) > _LONGEST_NUMBER:
        return Ambiguous(raw)
    if kind == "int":
        return int(raw, 0)
    return float(raw.lower().replace(".inf", "inf").replace(".nan", "nan"))
