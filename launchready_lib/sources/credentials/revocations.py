"""How a key that the engine's rules name is taken out of force, in its provider's terms.

The table is data/revocations.yaml.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import yaml

from launchready_lib.paths import PACKAGE


@dataclass(frozen=True)
class Revocation:
    """A provider, as founders know it, and what to do there; `public` where a key is made to be seen."""

    provider: str
    steps: str
    public: bool = False


def revocation(rule: str) -> Revocation:
    """What a rule of the engine stands for; for a provider that is not in the table, what holds for all."""
    name = bare(rule)
    known = next((told for start, told in _table() if name.startswith(start)), None)
    if known is not None:
        return known
    provider = name.partition("-")[0]
    return Revocation(
        provider,
        f"in the account at {provider}, where API keys or tokens are listed: make a new one, deploy it, then delete"
        " this one, and look at what was done with it",
    )


def bare(rule: str) -> str:
    """A rule's name without the collection that it comes from and without its number there."""
    return re.sub(r"\.\d+\Z", "", rule).rsplit(".", 1)[-1].rsplit("/", 1)[-1]


@functools.cache
def _table() -> tuple[tuple[str, Revocation], ...]:
    """How names of rules start, the longest first, with what they stand for."""
    loaded = yaml.safe_load((PACKAGE / "data" / "revocations.yaml").read_text(encoding="utf-8"))
    rows = [
        (start, Revocation(entry["name"], entry["steps"], public=part == "public"))
        for part in ("public", "providers")
        for entry in loaded[part].values()
        for start in entry["rules"]
    ]
    return tuple(sorted(rows, key=lambda row: -len(row[0])))
