"""Chat exports as messages: Slack, Discord and other JSON, mailboxes, plain text; zipped or not, and never trusted.

An export is one file, a zip or a folder of files. Nothing is unpacked, every size is bounded. Of a message only where
and when, and the text; who wrote it is not kept.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import email
import email.policy
import email.utils
import html
import io
import json
import os
import re
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message as Mail
from pathlib import Path
from typing import IO, Any

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
MAX_JSON_BYTES = 16 * 1024 * 1024
MAX_MAIL_BYTES = 8 * 1024 * 1024
MAX_TEXT = 200_000
_MAX_DEPTH = 12
_SLICE, _OVERLAP = 4_000, 1_000
_DATES = ("ts", "timestamp", "Timestamp", "date", "created_at", "createdAt", "time")
_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
_DIRECT = re.compile(r"(?i)^(?:mpdm-|[DG][0-9A-Z]{8,}$|dms?$|direct|private|c?\d{15,}$)|@|\s")
_PERSONAL_KINDS = re.compile(r"(?i)direct|^dm|personal|private")
_STAMP = re.compile(rb"(?m)^From [^\n]{0,500}\n(?=[A-Za-z-]+:)")


@dataclass(frozen=True)
class Message:
    """One message and its day, where known. Lives in memory only; a channel named after people is not named."""

    channel: str
    date: str
    text: str


@dataclass
class Export:
    """One export while it is read; `name` is `export 1` and so on, since a file's name may name people."""

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
        folders = name.replace("\\", "/").split("/")[:-1]
        yield from _parsed(lowered, content, channel_name(folders[-1]) if folders else export.name)


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


def channel_name(name: str, kind: str = "") -> str:
    """A channel's name as it may be shown: names of direct messages are names of people."""
    cleaned = "".join(c for c in name if c.isprintable())[:60].strip()
    if not cleaned or _DIRECT.search(cleaned) or _PERSONAL_KINDS.search(kind):
        return "direct message"
    return cleaned


def from_json(content: bytes, channel: str) -> Iterator[Message]:
    """A JSON file: a list of messages, or an object that holds one (Slack, Discord, Telegram, data packages).

    Raises:
        ValueError: it is no JSON, or nested too deep.
    """
    try:
        body: Any = json.loads(content.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise ValueError("nested too deep") from None
    if isinstance(body, dict) and isinstance(body.get("messages"), list):
        messages = body["messages"]
        inner = body["channel"] if isinstance(body.get("channel"), dict) else body
        name, kind = inner.get("name"), inner.get("type")
        if isinstance(name, str):
            channel = channel_name(name, kind if isinstance(kind, str) else "")
    else:
        messages = body if isinstance(body, list) else [body]
    for message in messages:
        text = html.unescape("\n".join(_strings(message)))[:MAX_TEXT]
        if text:
            yield Message(channel, _date(message), text)


def _strings(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _MAX_DEPTH and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth + 1)


def _date(message: object) -> str:
    if not isinstance(message, dict):
        return ""
    value = next((message[key] for key in _DATES if key in message), "")
    text = str(value)[:40]
    if found := _DAY.search(text):
        return found[1]
    try:
        seconds = float(text)
        return dt.datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, dt.UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def from_text(content: bytes, channel: str) -> Iterator[Message]:
    """Plain text: slices of lines, each with the last day that stood before it."""
    day, lines, size = "", list[str](), 0
    for line in _lines(content):
        found = _DAY.search(line[:60])
        if lines and (size > _SLICE or (found and found[1] != day)):
            yield Message(channel, day, "\n".join(lines))
            lines, size = [], 0
        day = found[1] if found else day
        lines.append(line)
        size += len(line)
    if lines:
        yield Message(channel, day, "\n".join(lines))


def _lines(content: bytes) -> Iterator[str]:
    """Lines one by one, the endless ones in pieces that overlap: all of a large file at once would fill the memory."""
    for line in io.BytesIO(content):
        for start in range(0, len(line), MAX_TEXT):
            piece = line[max(0, start - _OVERLAP) : start + MAX_TEXT]
            yield from piece.decode("utf-8", "replace").splitlines()


def from_mailbox(content: bytes, channel: str) -> Iterator[Message]:
    """A mailbox (RFC 4155) or one message (RFC 5322): subject and text parts, decoded."""
    for start, end in _mails(content):
        if end - start > MAX_MAIL_BYTES:  # taken apart it would fill the memory
            yield from from_text(content[start:end], channel)
            continue
        try:
            mail = email.message_from_bytes(content[start:end], policy=email.policy.compat32)
            text = "\n".join(_parts(mail))[:MAX_TEXT]
        except (ValueError, LookupError, RecursionError):  # a mail that Python cannot take apart is read as it stands
            text, mail = content[start:end].decode("utf-8", "replace")[:MAX_TEXT], Mail()
        day = ""
        with contextlib.suppress(ValueError, TypeError, OverflowError, IndexError):
            day = email.utils.parsedate_to_datetime(str(mail.get("Date", ""))).date().isoformat()
        yield Message(channel, day, text)


def _mails(content: bytes) -> Iterator[tuple[int, int]]:
    """Where each mail starts and ends; all is one where no line says that one begins."""
    start = None
    for found in _STAMP.finditer(content):
        if start is not None:
            yield start, found.start()
        start = found.end()
    yield start or 0, len(content)


def _parts(mail: Mail) -> Iterator[str]:
    yield str(mail.get("Subject", ""))
    for number, part in enumerate(mail.walk()):
        if number > 200:
            return
        payload = None if part.is_multipart() else part.get_payload(decode=True)
        if isinstance(payload, bytes) and b"\0" not in payload[:8000]:
            text = payload.decode("utf-8", "replace")
            yield html.unescape(text) if part.get_content_subtype() == "html" else text
