"""What a page says of itself (scripts, styles, images, visible words), and what an answer gives away of the inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal
from urllib.parse import urljoin

import yaml

from launchready_lib.network import Response
from launchready_lib.paths import PACKAGE
from launchready_lib.record.html_events import QUOTED, UNSEEN, End, Start, Text, events

LONGEST = 1_000_000
MOST_RESOURCES = 1_000
LONGEST_TEXT = 20_000
_STYLE_RELATIONS = {"stylesheet": "style", "icon": "image", "apple-touch-icon": "image", "modulepreload": "script"}
Kind = Literal["development server", "debug page", "stack trace", "directory listing", "inner detail"]
_READ = 400_000
_QUOTED = 120


@dataclass(frozen=True)
class Resource:
    """Something that a page loads."""

    kind: str  # script, style, image, font or other
    url: str  # absolute
    integrity: str | None = None  # integrity, crossorigin: the attributes as written; None where absent
    crossorigin: str | None = None


@dataclass(frozen=True)
class Markup:
    """A page, read once."""

    title: str = ""
    resources: tuple[Resource, ...] = ()
    equivalents: tuple[tuple[str, str], ...] = ()  # (name, content) of `<meta http-equiv>`, names lower case
    referrer: tuple[str, ...] = ()  # contents of `<meta name=referrer>`, in order
    text: str = ""  # visible words, white space collapsed, without what stands in pre, code or textarea
    quoted: str = ""  # what stands in pre, code or textarea
    has_password: bool = False


@lru_cache(maxsize=64)
def read(html: str, url: str) -> Markup:
    """Read a page served from `url`; what lies beyond the first megabyte, or the parser's wits, is left out."""
    title: list[str] = []
    text: list[str] = []
    quoted: list[str] = []
    resources: list[Resource] = []
    metas: list[dict[str, str]] = []
    base, in_title, has_password = url, False, False
    for event in events(html[:LONGEST]):
        match event:
            case Text(data) if in_title:
                title.append(data)
            case Text(data, inside) if not inside & UNSEEN:
                (quoted if inside & QUOTED else text).append(data)
            case Start("title"):
                in_title = not title
            case End("title"):
                in_title = False
            case Start("base", {"href": reference}):
                base = joined(base, reference)
            case Start("meta", given):
                metas.append(given)
            case Start("input", given):
                has_password |= given.get("type", "").strip().lower() == "password"
            case Start(tag, given) if len(resources) < MOST_RESOURCES and (found := _resource(tag, given, base)):
                resources.append(found)
    equivalents = ((m.get("http-equiv", "").strip().lower(), m.get("content", "")) for m in metas)
    referrer = (m.get("content", "") for m in metas if m.get("name", "").strip().lower() == "referrer")
    return Markup(
        title=" ".join("".join(title).split())[:300],
        resources=tuple(resources),
        equivalents=tuple((name, content) for name, content in equivalents if name)[:MOST_RESOURCES],
        referrer=tuple(referrer)[:MOST_RESOURCES],
        text=" ".join("".join(text).split())[:LONGEST_TEXT],
        quoted="".join(quoted)[:LONGEST_TEXT],
        has_password=has_password,
    )


def _resource(tag: str, given: dict[str, str], base: str) -> Resource | None:
    """What a start tag loads from an address of its own; None where nothing."""
    kind, reference = {"script": "script", "img": "image"}.get(tag), given.get("src", "").strip()
    if tag == "link":
        relations, reference = given.get("rel", "").lower().split(), given.get("href", "").strip()
        kind = next((_STYLE_RELATIONS[name] for name in relations if name in _STYLE_RELATIONS), None)
        if "preload" in relations:
            kind = given.get("as", "").strip().lower() or "other"
    if not kind or not reference or reference.lower().startswith(("data:", "blob:", "javascript:", "about:")):
        return None
    return Resource(kind, joined(base, reference), given.get("integrity"), given.get("crossorigin"))


def joined(base: str, reference: str) -> str:
    """The whole address of a reference; the base's where it makes none."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return base


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
    quoted_apart = text if is_error or not is_html(response) else read(text, response.url).text
    for kind, what, pattern in _patterns()["traces"]:
        if match := pattern.search(quoted_apart):
            yield Sign(kind, what, _quote(match))


def details(response: Response) -> tuple[Sign, ...]:
    """Signs of the inside that only an error may be judged by: SQL, file paths, names of exceptions."""
    text = response.text[:_READ]
    if is_html(response):
        page = read(text, response.url)  # addresses of scripts look like paths of files
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
