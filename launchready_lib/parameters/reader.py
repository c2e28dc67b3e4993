"""Read a parameters file, or the mapping that papermill made of one, into one tree with the place of every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from launchready_lib.parameters.nodes import MAX_DEPTH, UNTAGGED, StopError, compose, is_plain, line_of, plain
from launchready_lib.parameters.problems import Path, Problem, key_path, printable

MAX_BYTES = 256 * 1024
MAX_NODES = 20_000

_STR_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True)
class Place:
    """Where a value stands: its line (from 1), and what the file says where that is an unquoted scalar."""

    line: int
    raw: str | None = None


@dataclass
class Tree:
    """What was read: plain dicts, lists and scalars (`nodes.Ambiguous` among them), and what was wrong on the way."""

    value: Any = None
    file: str | None = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, message: str, path: Path = (), *, line: int | None = None, suggestion: str | None = None) -> None:
        """Note a problem; without a line, that of the key or of the nearest key above it."""
        known = line if line is not None else self.line(path)
        self.problems.append(Problem(message, key_path(path), self.file, known, suggestion))

    def line(self, path: Path) -> int | None:
        """The line of a key, or of the nearest key above it."""
        above = (self.places[path[:length]].line for length in range(len(path), -1, -1) if path[:length] in self.places)
        return next(above, None)


def read_file(path: FilePath, shown: str) -> Tree:
    """Read a YAML file into a tree; `shown` is the name that errors carry."""
    tree = Tree(file=shown)
    try:
        root = compose(_text(path))
        if root is None:
            raise StopError("the file is empty; it needs one top-level key: client")
        tree.value = _Builder(tree).value(root, (), line_of(root))
    except StopError as stop:
        tree.report(stop.message, line=stop.line)
    return tree


def read_mapping(source: Mapping[Any, Any]) -> Tree:
    """Read a mapping as papermill injects it (keys become text again), with or without `client` above the content."""
    tree = Tree()
    content = source["client"] if list(source) == ["client"] and isinstance(source["client"], Mapping) else source
    try:
        tree.value = _Copier(tree).copy(content, ("client",))
    except StopError as stop:
        tree.report(stop.message)
    return tree


def _text(path: FilePath) -> str:
    try:
        if path.exists() and not path.is_file():
            raise StopError("is not a file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise StopError(f"cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}") from None
    if len(content) > MAX_BYTES:
        raise StopError(f"larger than {MAX_BYTES // 1024} KiB, which no parameters file needs")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise StopError("not UTF-8; save the file as UTF-8 text", line) from None


class _Counter:
    """Bounds what aliases, or a mapping that refers to itself, can expand to."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.count = 0

    def step(self, path: Path, line: int | None = None) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise StopError(f"more than {MAX_NODES} values", line)
        if len(path) > MAX_DEPTH:
            raise StopError(f"nested deeper than {MAX_DEPTH} levels", line)


class _Builder(_Counter):
    """Makes values of nodes."""

    def value(self, node: yaml.Node, path: Path, line: int) -> Any:
        self.step(path, line)
        self.tree.places[path] = Place(line, node.value if is_plain(node) else None)
        if node.tag not in (UNTAGGED, _STR_TAG):
            self.tree.report("text that starts with ! must be quoted (YAML tags are not used here)", path)
        if isinstance(node, yaml.ScalarNode):
            return plain(node.value) if is_plain(node) else node.value
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        return [self.value(item, (*path, index), line_of(item)) for index, item in enumerate(node.value)]

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own = []
        for key_node, value_node in node.value:
            if is_plain(key_node) and key_node.value == "<<":
                self.merge(value_node, result, path, line_of(key_node))
            else:
                own.append((key_node, value_node))
        lines: dict[str, int] = {}
        for key_node, value_node in own:
            key, line = self.key(key_node, path), line_of(key_node)
            if key is None:
                continue
            if key in lines:
                self.tree.report(f"the key is given twice, first on line {lines[key]}", (*path, key), line=line)
                continue
            lines[key] = line
            result[key] = self.value(value_node, (*path, key), line)
        return result

    def key(self, node: yaml.Node, path: Path) -> str | None:
        message = "a key must be one piece of text"
        if isinstance(node, yaml.ScalarNode):
            raw = node.value
            value = plain(raw) if is_plain(node) else raw
            if isinstance(value, str) or (type(value) is int and str(value) == raw):
                return str(value)
            shown = printable(raw, 30)
            unclear = f'the key {shown} is not text to every YAML reader: quote it ("{shown}")'
            message = unclear if shown else "a key is missing"
        self.tree.report(message, path, line=line_of(node))
        return None

    def merge(self, node: yaml.Node, into: dict[str, Any], path: Path, line: int) -> None:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                self.tree.report("<< takes an alias of a mapping", path, line=line)
                continue
            self.step(path, line)
            for key, value in self.mapping(source, path).items():
                into.setdefault(key, value)


class _Copier(_Counter):
    """Copies a mapping that came without a file."""

    def copy(self, value: Any, path: Path) -> Any:
        self.step(path)
        if isinstance(value, Mapping):
            return self.mapping(value, path)
        if isinstance(value, list | tuple):
            return [self.copy(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def mapping(self, source: Mapping[Any, Any], path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in source.items():
            if isinstance(key, bool) or not isinstance(key, str | int):
                kind = "nothing" if key is None else f"a {type(key).__name__}"
                self.tree.report(f"a key that YAML read as {kind}, not as text: quote it in the file", path)
                continue
            text = str(key) if isinstance(key, str) or abs(key) < 10**MAX_DEPTH else hex(key)
            if text in result:
                self.tree.report("the key is given twice, as text and as a number", (*path, text))
                continue
            result[text] = self.copy(value, (*path, text))
        return result
