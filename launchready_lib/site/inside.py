"""What an answer gives away of the inside: development servers, debug pages, stack traces, directory listings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import yaml

from launchready_lib.network import Response
from launchready_lib.paths import PACKAGE
from launchready_lib.site import markup

Kind = Literal["development server", "debug page", "stack trace", "directory listing", "inner detail"]
_READ = 400_000
_QUOTED = 120


@dataclass(frozen=True)
class Sign:
    """One sign of the inside in an answer."""

    kind: Kind  # what it is a sign of
    what: str  # the framework or language
    quote: str  # the words that show it, shortened


@cache
def _patterns() -> dict[str, tuple[tuple[Kind, str, re.Pattern[str]], ...]]:
    """Heading of data/inside_signs.yaml -> (kind, framework or language, pattern)."""
    headings = yaml.safe_load((PACKAGE / "data" / "inside_signs.yaml").read_text("utf-8"))
    return {
        where: tuple(
            (kind, what, re.compile("|".join(pieces), re.IGNORECASE))
            for kind, entries in kinds.items()
            for what, pieces in entries.items()
        )
        for where, kinds in headings.items()
    }


def signs(response: Response) -> tuple[Sign, ...]:
    """Every sign of the inside in one answer; stack traces of ordinary pages only outside code that they quote."""
    return tuple(dict.fromkeys(_found(response)))


def _found(response: Response) -> Iterator[Sign]:
    server = response.header("server") or ""
    for kind, what, pattern in _patterns()["servers"]:
        if pattern.search(server[:300]):
            yield Sign(kind, what, f"Server: {server[:_QUOTED]}")
    if token := response.header("x-debug-token-link"):
        yield Sign("debug page", "Symfony", f"X-Debug-Token-Link: {token[:_QUOTED]}")
    text = response.text[:_READ]
    is_error = (response.status or 0) >= 400
    for kind, what, pattern in (*_patterns()["anywhere"], *(_patterns()["on_errors"] if is_error else ())):
        if match := pattern.search(text):
            yield Sign(kind, what, _quote(match))
    quoted_apart = text if is_error or not is_html(response) else markup.read(text, response.url).text
    for kind, what, pattern in _patterns()["traces"]:
        if match := pattern.search(quoted_apart):
            yield Sign(kind, what, _quote(match))


def details(response: Response) -> tuple[Sign, ...]:
    """Signs of the inside that only an error may be judged by: SQL, file paths, names of exceptions."""
    text = response.text[:_READ]
    if is_html(response):
        page = markup.read(text, response.url)  # addresses of scripts look like paths of files
        text = f"{page.text}\n{page.quoted}"
    found = [(kind, what, pattern.search(text)) for kind, what, pattern in _patterns()["details"]]
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
