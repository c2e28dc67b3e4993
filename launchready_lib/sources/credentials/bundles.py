"""Small texts put together into files of a size that the engine likes, with a way back from its lines to theirs."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Tag = TypeVar("Tag")
_SIZE = 256 * 1024
_BETWEEN = b"\n\n"


@dataclass
class _Open(Generic[Tag]):
    texts: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    line: int = 1
    size: int = 0


class Bundles(Generic[Tag]):
    """Bundles by file name extension; whatever a method gives goes to the engine, in this order."""

    def __init__(self) -> None:
        self._open: dict[str, _Open[Tag]] = {}
        self._given: list[_Open[Tag]] = []
        self.bytes = 0

    def add(self, name: str, content: bytes, tag: Tag) -> Iterator[tuple[str, bytes]]:
        """Take a text in; its file name says what language it is."""
        extension = name.rsplit("/", 1)[-1].rpartition(".")[2][:12]
        bundle = self._open.setdefault(extension, _Open())
        bundle.texts.append(content)
        bundle.starts.append(bundle.line)
        bundle.tags.append(tag)
        bundle.line += content.count(b"\n") + 2
        bundle.size += len(content)
        bundle.ends.append(bundle.size + (len(bundle.ends) * len(_BETWEEN)))
        self.bytes += len(content)
        if bundle.size > _SIZE:
            yield self._closed(extension)

    def alone(self, name: str, content: bytes, tag: Tag) -> tuple[str, bytes]:
        """Take in what is no text, as a file of its own."""
        self.bytes += len(content)
        self._given.append(_Open(starts=[1], tags=[tag]))
        return name, content

    def rest(self) -> Iterator[tuple[str, bytes]]:
        """What is not full yet."""
        for extension in list(self._open):
            yield self._closed(extension)

    def _closed(self, extension: str) -> tuple[str, bytes]:
        bundle = self._open.pop(extension)
        content = _BETWEEN.join(bundle.texts)
        bundle.texts.clear()
        self._given.append(bundle)
        return f"{len(self._given) - 1}.{extension}", content

    def texts(self, number: int, content: bytes) -> Iterator[tuple[Tag, bytes]]:
        """What the file of this number was put together from; nothing for a file of its own."""
        start = 0
        for tag, end in zip(self._given[number].tags, self._given[number].ends, strict=False):
            yield tag, content[start:end]
            start = end + len(_BETWEEN)

    def place(self, number: int, line: int) -> tuple[Tag, int]:
        """Whose text stands at this line of the file of this number, and which line of it that is, from 1."""
        bundle = self._given[number]
        at = max(0, bisect.bisect_right(bundle.starts, line) - 1)
        return bundle.tags[at], line - bundle.starts[at] + 1
