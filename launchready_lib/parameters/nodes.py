"""YAML text to nodes with lines: events in, no recursion in the parser, depth bounded, aliases shared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

MAX_DEPTH = 40


class StopError(Exception):
    """Reading cannot go on; the message and line (from 1) are for a `Problem`."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass
class Leaf:
    """A scalar as written; `plain` tells whether it was unquoted and untagged."""

    raw: str
    plain: bool
    line: int
    tag: str | None


@dataclass
class Branch:
    """A list."""

    line: int
    tag: str | None
    items: list[Node] = field(default_factory=list)


@dataclass
class Fork(Branch):
    """A mapping; its items are keys and values in turn."""

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys with their values, duplicates included."""
        return zip(self.items[::2], self.items[1::2], strict=True)


Node = Leaf | Branch


def compose(text: str) -> Node | None:
    """Make nodes of YAML text; None where it holds nothing.

    Raises:
        StopError: it is not one YAML document, or too deep.
    """
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            composer.take(event)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise StopError(f"a character that YAML does not allow (U+{error.character:04X})", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise StopError(_syntax(error), mark.line + 1 if mark else None) from None
    except (ValueError, OverflowError):
        raise StopError("not YAML: an escape or a number in it is out of range") from None
    return composer.root


class _Composer:
    """Collects events; an anchor counts once its node is whole, so that nothing can contain itself."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._documents = 0
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Branch, str | None]] = []

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        line = mark.line + 1 if mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise StopError("a second document (---); a parameters file holds one", line)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(self._open) == MAX_DEPTH:
                raise StopError(f"nested deeper than {MAX_DEPTH} levels", line)
            kind = Branch if isinstance(event, yaml.SequenceStartEvent) else Fork
            self._open.append((kind(line, event.tag), event.anchor))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._place(*self._open.pop())
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise StopError("text that starts with * must be quoted (or names an anchor that is not there)", line)
            self._place(self._anchors[event.anchor], None)
        elif isinstance(event, yaml.ScalarEvent):
            is_plain = event.style is None and event.implicit[0]
            self._place(Leaf(event.value, is_plain, line, event.tag), event.anchor)

    def _place(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][0].items.append(node)
        else:
            self.root = node


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """Put the parser's complaint in words, without what it quotes of the file beyond one character."""
    problem = error.problem or ""
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
