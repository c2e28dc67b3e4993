"""What a page loads and runs, as far as its own HTML says: where a Content-Security-Policy has to let it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urljoin

LONGEST = 1_000_000
_PIECE = 16_384
_MOST = 500
_SOURCES = {
    "script": ("src", "script-src"),
    "img": ("src", "img-src"),
    "iframe": ("src", "frame-src"),
    "frame": ("src", "frame-src"),
    "audio": ("src", "media-src"),
    "video": ("src", "media-src"),
    "source": ("src", "media-src"),
    "track": ("src", "media-src"),
    "form": ("action", "form-action"),
}
_RELATIONS = {
    "stylesheet": "style-src",
    "icon": "img-src",
    "apple-touch-icon": "img-src",
    "manifest": "manifest-src",
    "modulepreload": "script-src",
}
_PRELOADED = {
    "script": "script-src",
    "style": "style-src",
    "font": "font-src",
    "image": "img-src",
    "fetch": "connect-src",
}
_SCRIPT_TYPES = ("", "module", "text/javascript", "application/javascript", "text/ecmascript", "application/ecmascript")


@dataclass(frozen=True)
class Loaded:
    """What one page loads.

    Attributes:
        sources: (directive, absolute address), in order, each once.
        hashes: of its inline scripts, as a policy has them.
        has_styles: it has style elements or attributes.
        has_handlers: it has attributes such as onclick.
    """

    sources: tuple[tuple[str, str], ...] = ()
    hashes: tuple[str, ...] = ()
    has_styles: bool = False
    has_handlers: bool = False


@dataclass
class _Found:
    sources: dict[tuple[str, str], None] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    has_styles: bool = False
    has_handlers: bool = False


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found = _Found()
        self._base = url
        self._script: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: (value or "").strip() for name, value in reversed(attrs)}
        self.found.has_styles |= tag == "style" or "style" in values
        self.found.has_handlers |= any(name.startswith("on") for name in values)
        if tag == "base" and values.get("href"):
            self._base = self._joined(values["href"])
        elif tag == "link":
            self._link(values)
        elif tag == "script" and "src" not in values:
            self._script = [] if values.get("type", "").lower() in _SCRIPT_TYPES else None
        elif tag in _SOURCES:
            attribute, directive = _SOURCES[tag]
            self._load(directive, values.get(attribute, ""))

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            self.found.scripts.append("".join(self._script))
            self._script = None

    def _link(self, values: dict[str, str]) -> None:
        for relation in values.get("rel", "").lower().split():
            directive = (
                _PRELOADED.get(values.get("as", "").lower()) if relation == "preload" else _RELATIONS.get(relation)
            )
            if directive:
                self._load(directive, values.get("href", ""))

    def _load(self, directive: str, reference: str) -> None:
        if reference and len(self.found.sources) < _MOST:
            self.found.sources[directive, self._joined(reference)] = None

    def _joined(self, reference: str) -> str:
        try:
            return urljoin(self._base, reference)
        except ValueError:
            return self._base


@lru_cache(maxsize=64)
def read(html: str, url: str) -> Loaded:
    """Read a page served from `url`; what lies beyond the first megabyte, or the parser's wits, is left out."""
    reader = _Reader(url)
    html = html[:LONGEST]
    try:
        for start in range(0, len(html), _PIECE):
            reader.feed(html[start : start + _PIECE])
            if len(reader.rawdata) > LONGEST // 2:
                break  # an element that never closes is read again with every piece
        else:
            reader.close()
    except (AssertionError, ValueError, RecursionError):
        pass  # html.parser gives up on some broken declarations; what it saw before them stands
    found = reader.found
    hashes = (_hash(script) for script in found.scripts[:_MOST] if script.strip())
    return Loaded(tuple(found.sources), tuple(dict.fromkeys(hashes)), found.has_styles, found.has_handlers)


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
