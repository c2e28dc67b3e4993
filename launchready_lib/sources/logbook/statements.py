"""Statements with their times: JSON lines {request_id, route, sql, ms}, or a Postgres log (text or JSON)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

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
    """One execution of one statement, without its values.

    Attributes:
        fingerprint: the statement in lower case, every value a question mark.
        ms: how long it took.
        request_id, route: what it was executed for; empty where the log does not tell.
    """

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
