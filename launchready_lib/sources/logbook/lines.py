"""The end of a log file as lines, and what one line tells: JSON, logfmt, combined, or plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from launchready_lib.evidence import Unavailable
from launchready_lib.paths import PACKAGE

Format = Literal["json", "logfmt", "combined", "plain"]

MAX_BYTES = 48 * 1024 * 1024
MAX_LINES = 400_000
MAX_LINE = 16_000

_METHODS = r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)"
_LOGFMT = re.compile(r"""(?:^|\s)([A-Za-z_][\w.\-/]{0,60})=("(?:[^"\\]|\\.)*"|[^\s"]*)""")
_COMBINED = re.compile(r'\S+ \S+ \S+ \[[^\]]{10,40}\] "' + _METHODS + r' (\S{1,8000})[^"]{0,40}" (\d{3}) (?:\d+|-)(.*)')
_PLAIN_REQUEST = re.compile(r"\b" + _METHODS + r"\s+\"?((?:https?://[^\s/]+)?/[^\s\"]*)")
_PLAIN_STATUS = re.compile(
    r"(?:\bstatus[=: ]+|\bcompleted |HTTP/\d(?:\.\d)?\"? |\s)([1-5]\d\d)(?=[\s,;\])}]|$)", re.IGNORECASE
)
_PLAIN_ID = re.compile(
    r"(?:request|req|trace|correlation)[-_ .]?id[\"']?\s*[=: ]\s*[\"'\[(]?([\w.:+/-]{6,128})|\brid=([\w-]{6,128})",
    re.IGNORECASE,
)
_TAG_ID = re.compile(r"[\[(]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,32})[\])]")
_TRAIL_ID = re.compile(
    r"(?:^|[\s\"])([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{20,32})(?:[\s\"]|$)"
)
_PLAIN_LEVEL = re.compile(r"\b(DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b", re.IGNORECASE)
_NOT_IDS = frozenset({"", "-", "none", "null", "nil", "undefined", "unknown", "0"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line tells.

    Attributes:
        request_id: what lines of one request share; empty where there is none.
        method, path, route, status, level: empty (status 0) where the line does not tell.
        text: the line itself.
    """

    format: Format
    request_id: str = ""
    method: str = ""
    path: str = ""
    route: str = ""
    status: int = 0
    level: str = ""
    text: str = ""

    @property
    def is_of_request(self) -> bool:
        """The line tells of one request: it has an id, a route, or a path with a method or a status."""
        return bool(self.request_id or self.route or (self.path and (self.method or self.status)))

    @property
    def where(self) -> str:
        """The route, or else the path without its query."""
        return self.route or self.path.partition("?")[0]


@dataclass(frozen=True)
class Sample:
    """The newest lines of one file; `cut` where older ones were left out."""

    shown: str
    lines: tuple[str, ...]
    cut: bool = False


def read_sample(path: Path, shown: str, parameter: str, *, most: int = MAX_BYTES) -> Sample | Unavailable:
    """Read the last 48 MB of a file, at most 400,000 lines of at most 16,000 characters.

    `shown` is the file's name as the parameters give it, `parameter` the parameter that named it.
    """
    try:
        if not path.is_file():
            return Unavailable(f"the file {shown} is not there", parameter)
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - most))
            content = stream.read(most)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        return Unavailable(f"the file {shown} cannot be read ({reason})", parameter)
    cut = size > most
    if cut:
        content = content.partition(b"\n")[2]
    lines = content.decode("utf-8", "replace").split("\n")
    retained = tuple(line[:MAX_LINE] for line in lines[-MAX_LINES:] if line.strip())
    if not retained:
        return Unavailable(f"the file {shown} is empty", f"{parameter} with lines in it")
    return Sample(shown, retained, cut or len(lines) > MAX_LINES)


def parse_line(line: str) -> Entry:
    """Read one line; whatever it is, there is an answer."""
    text = line.strip()
    start = text.find("{")
    if start >= 0 and text.endswith("}"):
        try:
            body = json.loads(text[start:])
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict):
            return _of_fields("json", dict(_flat(body)), text, text[:start])
    if combined := _COMBINED.match(text):
        marks = _PLAIN_ID.search(combined[4]) or _TRAIL_ID.search(combined[4])
        return Entry("combined", _first(marks), combined[1], combined[2], "", int(combined[3]), "", text)
    pairs = _LOGFMT.findall(text)
    if len(pairs) >= 2:
        return _of_fields("logfmt", {key.lower(): value.strip('"') for key, value in pairs}, text, text)
    return _plain(text)


def _plain(text: str) -> Entry:
    request = _PLAIN_REQUEST.search(text)
    status = _PLAIN_STATUS.search(text) if request else None
    level = _PLAIN_LEVEL.search(text)
    return Entry(
        format="plain",
        request_id=_first(_PLAIN_ID.search(text) or _TAG_ID.search(text)),
        method=request[1] if request else "",
        path=request[2] if request else "",
        status=int(status[1]) if status else 0,
        level=level[1].lower() if level else "",
        text=text,
    )


def _of_fields(form: Format, fields: Mapping[str, str], text: str, prefix: str) -> Entry:
    named = {key.replace("-", "_"): value for key, value in fields.items()}
    message = next((named[key] for key in ("message", "msg", "event", "text") if key in named), "")
    request = _PLAIN_REQUEST.search(message)

    def value(kind: str) -> str:
        return next((named[key] for key in named if key in _keys(kind) and named[key]), "")

    status = value("status")
    request_id = value("id") or _first(_PLAIN_ID.search(message) or _TAG_ID.search(prefix))
    return Entry(
        format=form,
        request_id="" if request_id.lower() in _NOT_IDS else request_id,
        method=(value("method") or (request[1] if request else "")).upper(),
        path=value("path") or (request[2] if request else ""),
        route=value("route"),
        status=int(status) if re.fullmatch(r"[1-5]\d\d", status, re.ASCII) else 0,
        level=value("level").lower(),
        text=text,
    )


@cache
def _keys(kind: str) -> frozenset[str]:
    path = PACKAGE / "data" / "log_fields.yaml"
    return frozenset(yaml.safe_load(path.read_text(encoding="utf-8"))[kind])


def _first(match: re.Match[str] | None) -> str:
    found = next((group for group in match.groups() if group), "") if match else ""
    return "" if found.lower() in _NOT_IDS else found


def _flat(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Scalars by lower-case key, those one level down by `outer.inner`."""
    for key, value in body.items():
        if isinstance(value, dict):
            for inner, deep in value.items():
                if isinstance(deep, str | int | float):
                    yield f"{key}.{inner}".lower(), str(deep)
        elif isinstance(value, str | int | float):
            yield key.lower(), str(value)
