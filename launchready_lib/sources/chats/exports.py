"""Chat exports on the disk: one file, a zip or a folder of files. Nothing is unpacked, every size is bounded."""

from __future__ import annotations

import contextlib
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from launchready_lib.sources.chats.messages import (
    MAX_JSON_BYTES,
    Message,
    channel_name,
    from_json,
    from_mailbox,
    from_text,
)
from launchready_lib.sources.credentials.inside import open_zip

MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 128 * 1024 * 1024
MAX_TOTAL_BYTES = 1024**3
SECONDS = 120
_METADATA = frozenset({"users.json", "org_users.json", "integration_logs.json", "canvases.json"})
_NOT_TEXT = (
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".mp3", ".mp4", ".mov", ".m4a", ".ogg", ".opus", ".wav", ".pdf",
)  # fmt: skip
_ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, KeyError,
    IndexError, OverflowError, MemoryError,
)  # fmt: skip


@dataclass
class Export:
    """One export while it is read.

    Attributes:
        name: `export 1` and so on: a file's name may name people.
        path: where it lies.
        messages: how many were read.
        gaps: what was not read, and why.
        media: pictures and sounds, counted.
    """

    name: str
    path: Path
    messages: int = 0
    gaps: list[str] = field(default_factory=list)
    media: int = 0
    _left: int = field(default_factory=lambda: MAX_TOTAL_BYTES)

    def take(self, stream: IO[bytes], most: int) -> bytes | None:
        """Read a file whole; None where it is larger than `most` or the export's total is spent."""
        content = stream.read(min(most, self._left) + 1)
        self._left -= len(content)
        return content if len(content) <= most and self._left > 0 else None


def read(export: Export) -> Iterator[Message]:
    """Every message of an export; never raises for what it holds."""
    until = time.monotonic() + SECONDS
    try:
        for number, (name, size, stream) in enumerate(_files(export)):
            if number >= MAX_MEMBERS or time.monotonic() > until or export._left <= 0:  # noqa: SLF001 - its reader
                export.gaps.append("the rest of its files: the limit of files, bytes or time was reached")
                return
            for message in _messages(export, name, size, stream):
                if time.monotonic() > until:
                    export.gaps.append("the rest of its files: the limit of time was reached")
                    return
                export.messages += 1
                yield message
    except _BROKEN as error:
        export.gaps.append(f"it, or the rest of it: it cannot be read ({type(error).__name__})")


def _files(export: Export) -> Iterator[tuple[str, int, IO[bytes]]]:
    """(name, size, content) of each file."""
    kind = export.path.stat()
    if stat.S_ISDIR(kind.st_mode):
        yield from _of_folder(export.path)
    elif not stat.S_ISREG(kind.st_mode):
        raise ValueError("neither a file nor a folder")
    elif zipfile.is_zipfile(export.path):
        with export.path.open("rb") as whole, open_zip(whole) as archive:
            for member in archive.infolist()[: MAX_MEMBERS + 1]:
                if not member.is_dir():
                    with archive.open(member) as stream:
                        yield member.filename, member.file_size, stream
    else:
        with export.path.open("rb") as stream:
            yield f"{export.name}{export.path.suffix.lower()}", kind.st_size, stream


def _of_folder(folder: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place) / name
            if not path.is_symlink() and path.is_file():
                with path.open("rb") as stream:
                    yield path.relative_to(folder).as_posix(), path.stat().st_size, stream


def _messages(export: Export, name: str, size: int, stream: IO[bytes]) -> Iterator[Message]:
    lowered = name.lower()
    last = lowered.rsplit("/", 1)[-1]
    if lowered.endswith(_NOT_TEXT):
        export.media += 1
        return
    if lowered.endswith(_ARCHIVES):
        export.gaps.append("an archive inside")
        return
    content = export.take(stream, MAX_MEMBER_BYTES) if size <= MAX_MEMBER_BYTES else None
    if content is None:
        export.gaps.append(f"a file of {max(size, MAX_MEMBER_BYTES) // 1024**2} MB or more")
    elif b"\0" in content[:8000] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        export.media += 1
    elif last not in _METADATA:
        yield from _parsed(lowered, content, _channel_of(export, name))


def _channel_of(export: Export, name: str) -> str:
    folders = name.replace("\\", "/").split("/")[:-1]
    return channel_name(folders[-1]) if folders else export.name


def _parsed(lowered: str, content: bytes, channel: str) -> Iterator[Message]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    if lowered.endswith((".mbox", ".mbx", ".eml")) or content.startswith(b"From "):
        yield from from_mailbox(content, "mail")
        return
    if content.lstrip()[:1] in (b"[", b"{") and len(content) <= MAX_JSON_BYTES:
        with contextlib.suppress(ValueError):  # text that only looks like JSON, or broken JSON: its lines are read
            yield from from_json(content, channel)
            return
    yield from from_text(content, channel)
