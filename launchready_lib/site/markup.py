"""What an HTML page says of itself: scripts, styles, images, meta elements, visible words. Bounded, never an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urljoin

LONGEST = 1_000_000
MOST_RESOURCES = 1_000
LONGEST_TEXT = 20_000
_PIECE = 16_384
_LONGEST_OPEN = 500_000
_SILENT = frozenset({"script", "style", "template", "noscript"})
_QUOTED = frozenset({"pre", "code", "textarea", "samp", "kbd"})
_STYLE_RELATIONS = {"stylesheet": "style", "icon": "image", "apple-touch-icon": "image", "modulepreload": "script"}


@dataclass(frozen=True)
class Resource:
    """Something that a page loads.

    Attributes:
        kind: script, style, image, font or other.
        url: absolute.
        integrity, crossorigin: the attributes as written; None where absent.
    """

    kind: str
    url: str
    integrity: str | None = None
    crossorigin: str | None = None


@dataclass(frozen=True)
class Markup:
    """A page, read once.

    Attributes:
        title: of the page; empty where it has none.
        resources: what it loads, in order.
        equivalents: (name, content) of `<meta http-equiv>`, names lower case.
        referrer: contents of `<meta name=referrer>`, in order.
        text: visible words, white space collapsed, without what stands in pre, code or textarea.
        quoted: what stands in pre, code or textarea.
        has_password: it has a password field.
    """

    title: str = ""
    resources: tuple[Resource, ...] = ()
    equivalents: tuple[tuple[str, str], ...] = ()
    referrer: tuple[str, ...] = ()
    text: str = ""
    quoted: str = ""
    has_password: bool = False


@dataclass
class _Collected:
    title: list[str] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    equivalents: list[tuple[str, str]] = field(default_factory=list)
    referrer: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    has_password: bool = False


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found = _Collected()
        self._base = url
        self._silent = 0
        self._quoted = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag in _SILENT:
            self._silent += 1
        elif tag in _QUOTED:
            self._quoted += 1
        if tag == "title":
            self._in_title = not self.found.title
        elif tag == "base" and values.get("href"):
            self._base = _joined(self._base, values["href"])
        elif tag == "meta":
            self._meta(values)
        elif tag == "input" and values.get("type", "").strip().lower() == "password":
            self.found.has_password = True
        elif kind := _kind(tag, values):
            self._load(kind, values.get("href" if tag == "link" else "src", ""), values)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _QUOTED:
            self._quoted = max(0, self._quoted - 1)
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.found.title.append(data)
        elif not self._silent:
            (self.found.quoted if self._quoted else self.found.text).append(data)

    def _meta(self, values: dict[str, str]) -> None:
        content = values.get("content", "")
        if name := values.get("http-equiv", "").strip().lower():
            self.found.equivalents.append((name, content))
        if values.get("name", "").strip().lower() == "referrer":
            self.found.referrer.append(content)

    def _load(self, kind: str, reference: str, values: dict[str, str]) -> None:
        reference = reference.strip()
        if reference and not reference.lower().startswith(("data:", "blob:", "javascript:", "about:")):
            url = _joined(self._base, reference)
            self.found.resources.append(Resource(kind, url, values.get("integrity"), values.get("crossorigin")))


def _kind(tag: str, values: dict[str, str]) -> str | None:
    if tag in ("script", "img"):
        return "script" if tag == "script" else "image"
    if tag != "link":
        return None
    relations = values.get("rel", "").lower().split()
    if "preload" in relations:
        return values.get("as", "").strip().lower() or "other"
    return next((_STYLE_RELATIONS[name] for name in relations if name in _STYLE_RELATIONS), None)


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return base


def feed(parser: HTMLParser, html: str, enough: Callable[[], bool] = lambda: False) -> None:
    """Let a parser read a page in bounded time: until it has enough, the page ends, or nothing more makes sense.

    What an element that never closes takes with it is lost: html.parser would read it again and again.
    """
    try:
        for start in range(0, len(html), _PIECE):
            parser.feed(html[start : start + _PIECE])
            if enough() or len(parser.rawdata) > _LONGEST_OPEN:
                return
        if len(parser.rawdata) <= _PIECE // 2:
            parser.close()
    except (AssertionError, ValueError, RecursionError):
        pass  # html.parser gives up on some broken declarations; what it saw before them stands


@lru_cache(maxsize=64)
def read(html: str, url: str) -> Markup:
    """Read a page served from `url`; what lies beyond the first megabyte, or the parser's wits, is left out."""
    reader = _Reader(url)
    feed(reader, html[:LONGEST], lambda: len(reader.found.resources) > MOST_RESOURCES)
    found = reader.found
    return Markup(
        title=" ".join("".join(found.title).split())[:300],
        resources=tuple(found.resources[:MOST_RESOURCES]),
        equivalents=tuple(found.equivalents[:MOST_RESOURCES]),
        referrer=tuple(found.referrer[:MOST_RESOURCES]),
        text=" ".join("".join(found.text).split())[:LONGEST_TEXT],
        quoted="".join(found.quoted)[:LONGEST_TEXT],
        has_password=found.has_password,
    )
