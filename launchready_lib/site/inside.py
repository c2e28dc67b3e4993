"""What an answer gives away of the inside: development servers, debug pages, stack traces, directory listings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from launchready_lib.network import Response
from launchready_lib.site import markup

Kind = Literal["development server", "debug page", "stack trace", "directory listing", "inner detail"]
_READ = 400_000
_QUOTED = 120
_ERROR_FROM = 400


@dataclass(frozen=True)
class Sign:
    """One sign of the inside in an answer.

    Attributes:
        kind: what it is a sign of.
        what: the framework or language.
        quote: the words that show it, shortened.
    """

    kind: Kind
    what: str
    quote: str


def _signs(kind: Kind, **patterns: str) -> list[tuple[Kind, str, re.Pattern[str]]]:
    return [(kind, what.replace("_", " "), re.compile(text, re.IGNORECASE)) for what, text in patterns.items()]


_ANYWHERE = [
    *_signs(
        "development server",
        Vite=r"<script[^>]{0,200}\bsrc=[\"']?[^\"'> ]{0,100}/@vite/client|/@react-refresh[\"']",
        webpack=r"webpack-dev-server|__webpack_hmr|/sockjs-node/|webpackHotUpdate",
        Next=r"/_next/static/development/|\"buildId\":\"development\"|/_next/webpack-hmr",
        Nuxt=r"/_nuxt/@vite/client|/__nuxt_devtools__",
        Parcel=r"HMR_RUNTIME|parcelHotUpdate",
        Browsersync=r"/browser-sync/browser-sync-client",
        live_reload=r"/livereload\.js\?|:35729/livereload",
        Create_React_App=r"<script[^>]{0,200}\bsrc=[\"']?/static/js/bundle\.js[\"'> ]",
    ),
    *_signs(
        "debug page",
        Werkzeug=r"Werkzeug Debugger|__debugger__=yes|EVALEX\s*=",
        Django=r"<th>Django Version:</th>|Django tried these URL patterns",
        Rails=r"<title>Action Controller: Exception caught|<code>Rails\.root: |<h2>Routing Error</h2>",
        Laravel=r"window\.ignite|laravel-ignition|<title>Whoops! There was an error|facade/ignition",
        Symfony=r"<title>[^<]{0,200}\(5\d\d [^)]{0,60}\)</title>[\s\S]{0,2000}exception-summary|id=[\"']sfwdt",
        ASP_NET=r"Server Error in '[^']{0,80}' Application|<title>Internal Server Error</title>[\s\S]{0,300}stackpage",
        Next_error_overlay=r"__nextjs-dev-overlay|nextjs__container_errors",
        Phoenix=r"<title>[^<]{0,200} at (?:GET|POST) [^<]{0,200}</title>[\s\S]{0,400}Phoenix",
    ),
    *_signs(
        "directory listing",
        listing=r"<title>Index of /|<h1>Index of /|<title>Directory listing for /|<title>listing directory |"
        r"\[To Parent Directory\]|<h1>Directory Listing For ",
    ),
]
_ON_ERRORS = _signs(
    "debug page", debug_mode=r"\bDEBUG\s*=\s*True\b|\bdebug mode is (?:on|enabled)\b|<h1>Debug(?:ger)?</h1>"
)
_TRACES = _signs(
    "stack trace",
    Python=r"Traceback \(most recent call last\)|File \"[^\"\n]{1,200}\.py\", line \d+",
    JavaScript=r"(?:\n|&nbsp;|<br ?/?>|\\n)\s{0,8}at [^\n<]{1,300}\.[cm]?[jt]sx?:\d+:\d+",
    Java=r"\bat [\w$.]{3,160}\([\w$]{1,80}\.(?:java|kt|scala):\d+\)",
    PHP=r"(?:Fatal error|Warning|Notice|Deprecated|Parse error)(?:</b>)?:\s[^\n]{1,300}? in (?:<b>)?[^\s<]{1,200}\.php"
    r"(?:</b>)? on line |Stack trace:\s{0,4}(?:<br ?/?>)?\s{0,4}#0 ",
    Ruby=r"[\w/.-]{1,200}\.rb:\d+:in [`']",
    Go=r"\bgoroutine \d+ \[running\]|\bpanic: [^\n]{1,200}\n\ngoroutine",
    NET=r"\bat [\w.`<>]{3,160}\([^()\n]{0,200}\) in [^\n]{1,200}:line \d+",
    Elixir=r"\*\* \(\w{1,60}Error\) [^\n]{1,200}\n\s{2,8}\([\w ]{1,40}",
)
_DETAILS = _signs(
    "inner detail",
    SQL=r"SQLSTATE\[|syntax error at or near \"|ORA-\d{5}|near \"[^\"\n]{1,40}\": syntax error|"
    r"You have an error in your SQL syntax|PG::\w+Error|psycopg2?\.|sqlite3\.\w+Error|"
    r"SequelizeDatabaseError|PrismaClient",
    path=r"/(?:usr|home|var|app|srv|opt|workspace|code)/[\w.@/-]{2,120}\.(?:py|rb|php|js|ts|go|java|ex)\b|"
    r"[/\\]node_modules[/\\]|[A-Z]:\\[\w\\. -]{2,120}\.(?:cs|php|js|py)\b|site-packages/",
    exception=r"\b(?:java\.lang|org\.springframework|System\.\w{1,40}|Illuminate\\\w{1,40}|ActionController::|"
    r"ActiveRecord::)[\w.\\:]{0,80}(?:Exception|Error)\b",
)
_SERVERS = (
    ("Werkzeug", re.compile(r"\bWerkzeug/", re.IGNORECASE)),
    ("Django's runserver", re.compile(r"\bWSGIServer/")),
    ("Python's http.server", re.compile(r"\bSimpleHTTP/")),
    ("WEBrick", re.compile(r"\bWEBrick/", re.IGNORECASE)),
    ("PHP's built-in server", re.compile(r"\bPHP [\d.]+ Development Server")),
)


def signs(response: Response) -> tuple[Sign, ...]:
    """Every sign of the inside in one answer; stack traces of ordinary pages only outside code that they quote."""
    return tuple(dict.fromkeys(_found(response)))


def _found(response: Response) -> Iterator[Sign]:
    server = response.header("server") or ""
    for what, pattern in _SERVERS:
        if pattern.search(server[:300]):
            yield Sign("development server", what, f"Server: {server[:_QUOTED]}")
    if token := response.header("x-debug-token-link"):
        yield Sign("debug page", "Symfony", f"X-Debug-Token-Link: {token[:_QUOTED]}")
    text = response.text[:_READ]
    is_error = (response.status or 0) >= _ERROR_FROM
    for kind, what, pattern in (*_ANYWHERE, *(_ON_ERRORS if is_error else ())):
        if match := pattern.search(text):
            yield Sign(kind, what, _quote(match))
    quoted_apart = text if is_error or not is_html(response) else markup.read(text, response.url).text
    for kind, what, pattern in _TRACES:
        if match := pattern.search(quoted_apart):
            yield Sign(kind, what, _quote(match))


def details(response: Response) -> tuple[Sign, ...]:
    """Signs of the inside that only an error may be judged by: SQL, file paths, names of exceptions."""
    text = response.text[:_READ]
    if is_html(response):
        page = markup.read(text, response.url)  # addresses of scripts look like paths of files
        text = f"{page.text}\n{page.quoted}"
    found = [(kind, what, pattern.search(text)) for kind, what, pattern in _DETAILS]
    return tuple(Sign(kind, what, _quote(match)) for kind, what, match in found if match)


def is_html(response: Response) -> bool:
    """Whether the answer is a page: declared so, or begins like one."""
    return response.media_type in ("text/html", "application/xhtml+xml") or looks_like_html(response.body)


def looks_like_html(body: bytes) -> bool:
    """Whether content begins like a page, whatever it is declared to be."""
    start = body[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<script"))


def _quote(match: re.Match[str]) -> str:
    return " ".join(match[0].split())[:_QUOTED]
