"""What a page loads and runs, as far as its own HTML says: where a Content-Security-Policy has to let it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from launchready_lib.record.html_events import End, Start, Text, events
from launchready_lib.site.markup import joined

LONGEST = 1_000_000
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


@lru_cache(maxsize=64)
def read(html: str, url: str) -> Loaded:
    """Read a page served from `url`; what lies beyond the first megabyte, or the parser's wits, is left out."""
    sources: dict[tuple[str, str], None] = {}
    scripts: list[str] = []
    script: list[str] | None = None
    base, has_styles, has_handlers = url, False, False
    for event in events(html[:LONGEST]):
        match event:
            case Text(data) if script is not None:
                script.append(data)
            case End("script") if script is not None:
                scripts.append("".join(script))
                script = None
            case Start(tag, given):
                has_styles |= tag == "style" or "style" in given
                has_handlers |= any(name.startswith("on") for name in given)
                if tag == "base" and given.get("href"):
                    base = joined(base, given["href"].strip())
                elif tag == "script" and "src" not in given:
                    script = [] if given.get("type", "").strip().lower() in _SCRIPT_TYPES else None
                sources |= {(kind, joined(base, place)): None for kind, place in _sources(tag, given) if place}
    hashes = (_hash(each) for each in scripts[:_MOST] if each.strip())
    return Loaded(tuple(sources)[:_MOST], tuple(dict.fromkeys(hashes)), has_styles, has_handlers)


def _sources(tag: str, given: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(directive, reference) of what a start tag loads."""
    if tag in _SOURCES:
        attribute, directive = _SOURCES[tag]
        yield directive, given.get(attribute, "").strip()
    for relation in given.get("rel", "").lower().split() if tag == "link" else ():
        preloaded = _PRELOADED.get(given.get("as", "").strip().lower()) if relation == "preload" else None
        if found := preloaded or _RELATIONS.get(relation):
            yield found, given.get("href", "").strip()


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
