"""Logs read, not trusted, bounded in time and memory: lines of four formats, and timed statements of query logs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from launchready_lib.evidence import Unavailable
from launchready_lib.sources import table

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
    """What one line tells: an id that lines of one request share, and what else; empty (status 0) where it does not."""

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
        return next((named[key] for key in named if key in table("log_fields")[kind] and named[key]), "")

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


_LONGEST = 2_000
_DURATION = re.compile(
    r"duration: (\d{1,12}(?:\.\d{1,6})?) ms"
    r"(?:\s+(?:statement|parse [^:]{1,80}|bind [^:]{1,80}|execute [^:]{1,80}):\s*(.*))?",
    re.DOTALL,
)
_COMMENT = re.compile(r"/\*(.*?)\*/|--[^\n]*", re.DOTALL)
_COMMENT_FIELD = re.compile(r"(\w{2,30})\s*[:=]\s*'?([^',*]{1,300})'?")
_MARKS = (
    (re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL), "?"),
    (re.compile(r"\$\d+|(?<![\w$])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)|(?<!:):\w+\b|%s|@\w+"), "?"),
    (re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)(?:\s*,\s*\(\s*\?(?:\s*,\s*\?)*\s*\))*"), "(?)"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Statement:
    """One execution of one statement without its values, and what it was executed for, where the log tells."""

    fingerprint: str
    ms: float
    request_id: str = ""
    route: str = ""


def fingerprint(sql: str) -> str:
    """A statement without comments and values, in one spelling, at most 2,000 characters."""
    text = _COMMENT.sub(" ", sql[: _LONGEST * 4]).lower()
    for pattern, mark in _MARKS:
        text = pattern.sub(mark, text)
    return text.strip(" ;")[:_LONGEST]


def parse_statements(lines: Iterable[str]) -> Iterator[Statement]:
    """Every timed statement in the lines; lines that tell of none are passed over."""
    for record in _records(lines):
        found = _of_json(record) if record.lstrip().startswith("{") else _of_postgres(record)
        if found is not None:
            yield found


def _records(lines: Iterable[str]) -> Iterator[str]:
    """Lines, those of Postgres that go on with a tab joined."""
    held: list[str] = []
    for line in lines:
        if line.startswith("\t") and held and len(held) < 200:
            held.append(line.strip())
            continue
        if held:
            yield "\n".join(held)
        held = [line]
    if held:
        yield "\n".join(held)


def _of_json(record: str) -> Statement | None:
    try:
        body: Any = json.loads(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    sql, ms = body.get("sql"), body.get("ms")
    if not isinstance(sql, str):
        message = body.get("message")
        return _of_postgres(message) if isinstance(message, str) else None
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not math.isfinite(ms) or ms < 0:
        return None
    origin = {key: str(body[key]) for key in ("request_id", "route") if isinstance(body.get(key), str | int)}
    return _statement(sql, float(ms), **origin)


def _of_postgres(record: str) -> Statement | None:
    match = _DURATION.search(record)
    if match is None or not match[2]:
        return None
    return _statement(match[2], float(match[1]))


def _statement(sql: str, ms: float, request_id: str = "", route: str = "") -> Statement:
    """Whose statement it is, is often in a comment: sqlcommenter's, Marginalia's, Rails' query logs."""
    named: dict[str, str] = {}
    if "/*" in sql:
        for comment in re.findall(r"/\*(.*?)\*/", sql[: _LONGEST * 4], re.DOTALL):
            named |= {key.lower(): value.strip().replace("%2F", "/") for key, value in _COMMENT_FIELD.findall(comment)}
    action = f"{named['controller']}#{named['action']}" if "controller" in named and "action" in named else ""
    return Statement(
        fingerprint=fingerprint(sql),
        ms=ms,
        request_id=request_id or named.get("request_id", ""),
        route=route or named.get("route", "") or action,
    )
