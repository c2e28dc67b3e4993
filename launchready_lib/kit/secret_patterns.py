"""The credential table as grep understands it (POSIX extended regular expressions), for the founder's own scan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import yaml

from launchready_lib.paths import PACKAGE

_LEFT_OUT = frozenset({"jwt", "basic-auth-url"})
"""Kinds that are public too often to refuse a commit for them."""
_MOST_REPEATS = 255
_PRIVATE_KEY = "-----BEGIN ([A-Z0-9]{1,12} ){0,3}PRIVATE KEY( BLOCK)?-----"


@dataclass(frozen=True)
class Pattern:
    """One kind of key: its name in words, and what finds it."""

    name: str
    pattern: str


@cache
def patterns() -> tuple[Pattern, ...]:
    """Every kind of secret of data/credentials.yaml that a single line can show."""
    return tuple(_patterns())


def _patterns() -> Iterator[Pattern]:
    entries = yaml.safe_load((PACKAGE / "data" / "credentials.yaml").read_text(encoding="utf-8"))
    for key, entry in entries.items():
        if entry.get("standing", "secret") != "secret" or key in _LEFT_OUT:
            continue
        pattern = _PRIVATE_KEY if key == "private-key" else extended(entry["pattern"])
        yield Pattern(f"{entry['provider']}: {entry['what']}", pattern)


def extended(pattern: str) -> str:
    """One of the table's patterns in POSIX syntax (IEEE 1003.1, 9.4): groups, classes, bounds of at most 255."""
    host = pattern.find("@(?P<host>")
    text = pattern if host < 0 else pattern[:host] + r"@[^\s]"
    text = re.sub(r"\(\?:|\(\?P<\w+>", "(", text)
    text = text.replace(r"\d", "[0-9]").replace(r"\"", '"')
    text = re.sub(r"\{(\d+),(\d+)\}", lambda m: f"{{{m[1]},{min(int(m[2]), _MOST_REPEATS)}}}", text)
    text = re.sub(r"\[[^\]]*\]", lambda m: m[0].replace(r"\s", "[:space:]"), text).replace(r"\s", "[[:space:]]")
    return text.replace("{B}", "(^|[^0-9A-Za-z_])").replace("{E}", "([^0-9A-Za-z_]|$)")
