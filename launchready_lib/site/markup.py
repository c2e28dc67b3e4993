"""What an HTML page says of itself: scripts, styles, images, meta elements, visible words. Bounded, never an error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin

from launchready_lib.record.html_events import QUOTED, UNSEEN, End, Start, Text, events

LONGEST = 1_000_000
MOST_RESOURCES = 1_000
LONGEST_TEXT = 20_000
_STYLE_RELATIONS = {"stylesheet": "style", "icon": "image", "apple-touch-icon": "image", "modulepreload": "script"}


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
