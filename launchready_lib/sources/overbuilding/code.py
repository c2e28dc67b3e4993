"""Caching by hand and wide joins, from code and from the log of queries."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from launchready_lib.sources.overbuilding import Sign, pattern
from launchready_lib.sources.overbuilding.infrastructure import lines

MANY_JOINS = 6
_WINDOW = 4_000
_MOST_TEXT = 256 * 1024
_CLEARS = frozenset({"del", "delete", "forget", "invalidate", "unlink", "expire"})
_CACHE_MODULE = re.compile(r"(?i)(?:^|/)[\w-]*(?:cache|caching|redis|memcached?)[\w-]*(?:\.\w+$|/)")
_JOIN = re.compile(r"\bjoin\s+[\w\"`\[(]", re.IGNORECASE)
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
_ENDS = re.compile(r";|\"\"\"|'''|`|\n[ \t]*\n")


@dataclass(frozen=True)
class CacheUse:
    """One file that caches by hand: how many calls, and whether it forgets what it has put there."""

    path: str
    line: int
    calls: int
    clears: bool


def caches(path: str, text: str) -> CacheUse | None:
    """The calls of a cache in one file; None where there are none, or where the cache has its own module."""
    if pattern("not_a_cache").search(path) or _CACHE_MODULE.search(path):
        return None
    calls = [
        (number, match)
        for number, line in lines(text[:_MOST_TEXT])
        for match in pattern("call").finditer(line)
        if _is_cache(match)
    ]
    if not calls:
        return None
    return CacheUse(path, calls[0][0], len(calls), any(match["do"] in _CLEARS for _, match in calls))


def _is_cache(match: re.Match[str]) -> bool:
    """A call with a key in it: a table of one's own in memory is asked with a variable, a cache with a text."""
    literal = match["first"][-1] in "\"'`"
    return literal or (match["do"] in ("setex", "setEx", "fetch", "remember", "expire") and match["who"] != "caches")


def wide_joins(path: str, text: str) -> Iterator[Sign]:
    """Statements that join many tables, in code that is not for reports, exports or administrators."""
    if pattern("not_a_screen").search(path):
        return
    text = text[:_MOST_TEXT]
    for start, joins in _statements(text):
        if joins >= MANY_JOINS:
            line = text.count("\n", 0, start) + 1
            yield Sign(f"one statement joins {joins + 1} tables", f"{path}:{line}")


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Where a statement begins, and how many joins it has."""
    if len(_JOIN.findall(text)) >= MANY_JOINS:
        starts = [match.start() for match in _SELECT.finditer(text)]
        for start, following in pairwise([*starts, len(text)]):
            piece = text[start : min(following, start + _WINDOW)]
            end = _ENDS.search(piece)
            yield start, len(_JOIN.findall(piece[: end.start()] if end else piece))
    chained = [match.start() for match in pattern("chained").finditer(text)]
    place = 0
    while place < len(chained):
        start = chained[place]
        piece = text[start : start + _WINDOW]
        end = _ENDS.search(piece)
        following = bisect_left(chained, start + (end.start() if end else len(piece)), place + 1)
        yield start, following - place
        place = following


def logged_joins(statements: Mapping[str, str]) -> Iterator[Sign]:
    """Statements of the query log (its text by place) that join many tables."""
    for where, statement in statements.items():
        joins = len(_JOIN.findall(statement[:_WINDOW]))
        if joins >= MANY_JOINS:
            yield Sign(f"one statement joins {joins + 1} tables", where)
