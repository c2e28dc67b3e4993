"""Messages out of one file of a chat export: only where and when, and the text; who wrote it is not kept."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import email.utils
import html
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Mail
from typing import Any

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
    """One message. Lives in memory only.

    Attributes:
        channel: the channel's name; `direct message` where the name would name people.
        date: its day, or empty.
        text: all its text, with line breaks.
    """

    channel: str
    date: str
    text: str


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
        channel, messages = _channel(body, channel), body["messages"]
    else:
        messages = body if isinstance(body, list) else [body]
    for message in messages:
        text = html.unescape("\n".join(_strings(message)))[:MAX_TEXT]
        if text:
            yield Message(channel, _date(message), text)


def _channel(body: dict[str, Any], channel: str) -> str:
    inner = body["channel"] if isinstance(body.get("channel"), dict) else body
    name, kind = inner.get("name"), inner.get("type")
    return channel_name(name, kind if isinstance(kind, str) else "") if isinstance(name, str) else channel


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
        yield Message(channel, _sent(mail), text)


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


def _sent(mail: Mail) -> str:
    try:
        return email.utils.parsedate_to_datetime(str(mail.get("Date", ""))).date().isoformat()
    except (ValueError, TypeError, OverflowError, IndexError):
        return ""
