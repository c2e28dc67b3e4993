"""The patterns of data/deploys.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from launchready_lib.paths import PACKAGE

LINE = 1_000
"""Characters of a line that are looked at."""
_MOST_TEXT = 512 * 1024

Patterns = tuple[re.Pattern[str], ...]


@cache
def data() -> Mapping[str, Any]:
    """What the file holds."""
    body: Mapping[str, Any] = yaml.safe_load((PACKAGE / "data" / "deploys.yaml").read_text(encoding="utf-8"))
    return body


@cache
def commands() -> tuple[tuple[str, Patterns], ...]:
    """Name of a service or program, and what calls it."""
    return tuple((name, _compiled(patterns)) for name, patterns in data()["commands"].items())


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and beginning of each line."""
    return ((number, line[:LINE]) for number, line in enumerate(text[:_MOST_TEXT].splitlines(), 1))


def matches(kind: str, line: str) -> re.Match[str] | None:
    """The first match of one kind's patterns in a line."""
    return next((found for pattern in _patterns(kind) if (found := pattern.search(line))), None)


@cache
def _patterns(kind: str) -> Patterns:
    return _compiled(data()[kind])


def _compiled(patterns: list[str | list[str]]) -> Patterns:
    return tuple(re.compile("".join(pattern), re.IGNORECASE) for pattern in patterns)
