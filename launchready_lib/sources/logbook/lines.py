"""One line of an application's log: JSON, logfmt, combined, or plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["json", "logfmt", "combined", "plain"]

_ID_KEYS = frozenset(
    {"request_id", "requestid", "req_id", "reqid", "x_request_id", "xrequestid", "request_uuid", "rid", "request.id"}
    | {"correlation_id", "correlationid", "x_correlation_id", "trace_id", "traceid", "trace", "trace.id", "req.id"}
    | {"http.request_id", "http.request.id", "context.request_id", "ctx.request_id", "extra.request_id"}
    | {"cf_ray", "fly_request_id", "x_vercel_id"}
)
_METHOD_KEYS = frozenset(
    {"method", "verb", "http_method", "request_method", "req.method", "request.method", "http.method"}
)
_PATH_KEYS = frozenset(
    {"path", "url", "uri", "request_path", "request_uri", "endpoint", "req.url", "req.path", "request.path"}
    | {"request.url", "http.target", "http.path", "http.url", "original_url", "originalurl"}
)
_ROUTE_KEYS = frozenset({"route", "req.route", "request.route", "http.route", "controller_action"})
_STATUS_KEYS = frozenset(
    {"status", "status_code", "statuscode", "code", "res.statuscode", "res.status", "response.status"}
    | {"http.status_code"}
)
_LEVEL_KEYS = frozenset({"level", "severity", "lvl", "log.level", "loglevel"})

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
    told = {key.replace("-", "_"): value for key, value in fields.items()}
    message = next((told[key] for key in ("message", "msg", "event", "text") if key in told), "")
    request = _PLAIN_REQUEST.search(message)
    status = _value(told, _STATUS_KEYS)
    request_id = _value(told, _ID_KEYS) or _first(_PLAIN_ID.search(message) or _TAG_ID.search(prefix))
    return Entry(
        format=form,
        request_id="" if request_id.lower() in _NOT_IDS else request_id,
        method=(_value(told, _METHOD_KEYS) or (request[1] if request else "")).upper(),
        path=_value(told, _PATH_KEYS) or (request[2] if request else ""),
        route=_value(told, _ROUTE_KEYS),
        status=int(status) if re.fullmatch(r"[1-5]\d\d", status, re.ASCII) else 0,
        level=_value(told, _LEVEL_KEYS).lower(),
        text=text,
    )


def _value(fields: Mapping[str, str], keys: frozenset[str]) -> str:
    return next((fields[key] for key in fields if key in keys and fields[key]), "")


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
