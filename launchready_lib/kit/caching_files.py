"""Files with a hash in their names kept for a year, and text sent compressed, for each system that the client uses."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.checks.reduce_drag.caching import SMALL, THIRTY_DAYS_S, Asset, StaticEvidence, kept_for
from launchready_lib.kit import stacks
from launchready_lib.kit.stacks import Facts
from launchready_lib.wording import listed

CHECK = "caching.static"
HASHED = "[.~_-]" + 8 * "[0-9a-f]" + "[0-9a-f]*[.][a-z0-9.]+"
"""A file's name from the sign before its hash on, without a brace or backslash, which some systems read otherwise."""
_PLAIN = re.compile(r"/(?:[A-Za-z0-9_-]{1,80}/){0,8}")
_BUILDS = ("/_next/static/", "/_nuxt/", "/_astro/", "/_app/immutable/")
_ENDS_HASHED = re.compile(f".*{HASHED}\\Z")
_MOST = 8
_BY_FOLDER = ("cloudflare", "netlify")
"""Systems whose rules name whole folders only."""
_COMPRESSES = ("cloudflare", "vercel", "netlify")
"""Systems that compress by themselves."""


@dataclass(frozen=True)
class Place:
    """A folder of the site: `whole` where every file in it may be kept, else those with a hash in their names."""

    folder: str
    whole: bool

    @property
    def rest(self) -> str:
        """A regular expression for what follows the folder in the path of a file."""
        return ".+" if self.whole else f".*{HASHED}"

    @property
    def pattern(self) -> str:
        """A regular expression for whole paths."""
        return f"^{self.folder}{self.rest}$"


@dataclass(frozen=True)
class CachingPlan:
    """What to keep, whether to compress, and what it cannot know, a sentence each."""

    places: tuple[Place, ...] = ()
    compress: bool = False
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.places or self.compress)

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders that may be kept as a whole."""
        return tuple(place.folder for place in self.places if place.whole)

    @property
    def pattern(self) -> str:
        """One regular expression for all places; empty where there is none."""
        return "|".join(place.pattern for place in self.places)


def plan(failures: Container[str], seen: StaticEvidence | None) -> CachingPlan:
    """What failed, as places; an empty plan where nothing did."""
    if CHECK not in failures or seen is None:
        return CachingPlan()
    came = [asset for asset in seen.assets if asset.response.status == 200]
    short = [asset for asset in came if asset.fingerprinted and kept_for(asset.response) < THIRTY_DAYS_S]
    folders = dict.fromkeys(folder for asset in short if (folder := _folder(asset)) and _PLAIN.fullmatch(folder))
    places = [place for folder in list(folders)[:_MOST] if (place := _place(folder, came)) is not None]
    large = any(asset.is_text and asset.size >= SMALL and not asset.is_compressed for asset in came)
    return CachingPlan(tuple(places), large, tuple(_notes(places, short)))


def _path(asset: Asset) -> str:
    return urlsplit(asset.url).path


def _folder(asset: Asset) -> str:
    path = _path(asset)
    return next((build for build in _BUILDS if path.startswith(build)), path[: path.rfind("/") + 1])


def _place(folder: str, came: list[Asset]) -> Place | None:
    """Names that all end in a hash are told by it; others where everything seen in their folder is fingerprinted."""
    inside = [asset for asset in came if _folder(asset) == folder]
    if folder in _BUILDS:
        return Place(folder, whole=True)
    marked = [asset for asset in inside if asset.fingerprinted]
    if all(_ENDS_HASHED.match(_path(asset)) for asset in marked):
        return Place(folder, whole=False)
    return Place(folder, whole=True) if len(marked) == len(inside) and folder != "/" else None


def _notes(places: list[Place], short: list[Asset]) -> Iterator[str]:
    for place in places:
        if place.whole and place.folder not in _BUILDS:
            yield f"every file in {place.folder} is kept for a year: put none there without a hash in its name"
    left = [asset for asset in short if not any(re.match(place.pattern, _path(asset)) for place in places)]
    if left:
        yield f"not covered, for nothing but the build knows their names: {listed([_path(a) for a in left])}"


def files(facts: Facts, caching: CachingPlan) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of each file that the plan needs."""
    if not caching:
        return
    most = {stack for stack in facts.stacks if caching.places or (caching.compress and stack not in _COMPRESSES)}
    able = [stack for stack in facts.stacks if (caching.folders if stack in _BY_FOLDER else stack in most)]
    yield from stacks.printed(
        "caching",
        stacks.files("caching", able),
        title="Files that never change are kept, and text travels compressed",
        plan=caching,
        hosts=listed(facts.hosts, most=20),
    )
