"""Signs of building too early, read from a repository's files, by what data/overbuilding.yaml knows of each.

infrastructure   regions, services, monitoring and queues, from configuration and manifests
code             caching and joins, from code and the log of queries
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from launchready_lib.evidence import Row
from launchready_lib.paths import PACKAGE


@dataclass(frozen=True)
class Sign:
    """One thing found.

    Attributes:
        what: in words, the same for the same thing, so that it counts once.
        where: file, with its line where there is one.
    """

    what: str
    where: str

    def row(self) -> Row:
        """The sign as evidence."""
        return {"sign": self.what, "where": self.where}


@dataclass(frozen=True)
class Topic:
    """One way of building too early.

    Attributes:
        members: from about so many on it may pay.
        pays: when it starts to pay.
        images, packages: part of a name, or a whole name -> what it is.
        resources: pattern -> what it is.
    """

    members: int
    pays: str
    images: Mapping[str, str]
    packages: Mapping[str, str]
    resources: tuple[tuple[re.Pattern[str], str], ...]


@cache
def _data() -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((PACKAGE / "data" / "overbuilding.yaml").read_text(encoding="utf-8"))
    return body


@cache
def pattern(name: str) -> re.Pattern[str]:
    """One of the patterns that tell files and lines apart."""
    return re.compile("".join(_data()["patterns"][name]))


@cache
def topics() -> Mapping[str, Topic]:
    """Every topic by name."""
    return {
        name: Topic(
            int(entry["members"]),
            str(entry["pays"]).strip(),
            entry.get("images", {}),
            entry.get("packages", {}),
            tuple((re.compile(pattern, re.IGNORECASE), what) for pattern, what in entry.get("resources", {}).items()),
        )
        for name, entry in _data()["topics"].items()
    }
