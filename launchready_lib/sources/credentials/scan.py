"""Credentials in files: providers' grammars, structured settings, and an engine's finds, one row a value."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from launchready_lib.sources import table
from launchready_lib.sources.credentials import places, structured
from launchready_lib.sources.credentials.grammars import DOCUMENTED, Markers, Match, Standing, find
from launchready_lib.sources.credentials.inside import Part
from launchready_lib.sources.credentials.values import (
    fingerprint,
    is_credible,
    is_placeholder,
    is_public_name,
    is_reference,
    is_secret_name,
    masked,
)

_VAGUE = frozenset({"database-url", "basic-auth-url", "jwt"})  # grammars that examples in documentation satisfy too

_AT_ISSUER = "make a new value where it was issued, set it in the host's settings, then take this one out"
_ORDER = tuple(Standing)


@dataclass(frozen=True)
class Hit:
    """A value that looks like a credential, at one place. Lives in memory only: it holds the value itself."""

    value: str
    path: str
    line: int
    provider: str
    what: str
    revoke: str
    standing: Standing
    vague: bool = False
    label: str = ""

    @property
    def place(self) -> str:
        """Where it stands, as it is shown."""
        return self.label or f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Credential:
    """One value wherever it stands: its worst standing, and at most five of `count` places; itself it is not kept."""

    fingerprint: str
    masked: str
    provider: str
    what: str
    revoke: str
    standing: Standing
    places: tuple[str, ...]
    count: int

    @property
    def is_leak(self) -> bool:
        """It fails a check."""
        return self.standing is Standing.SECRET

    def row(self) -> dict[str, str | int]:
        """The row that evidence shows."""
        return {
            "where": ", ".join(self.places),
            "places": self.count,
            "provider": self.provider,
            "what": self.what,
            "value": self.masked,
            "fingerprint": self.fingerprint,
            "standing": str(self.standing),
            "revoke": self.revoke,
        }


def scan(
    path: str, text: str, settings: structured.Reader | None = None, *, among: Markers | None = None
) -> Iterator[Hit]:
    """Every credential-like value of one file's text, with what it is where it stands.

    `settings` reads names and values where the file's own name does not say how; `among` is as `find` takes it.
    """
    if not is_scanned(path):
        return
    seen = set()
    for match in find(text, among):
        seen.add(match.value)
        yield _matched(match, path, text.count("\n", 0, match.start) + 1)
    reader = settings or structured.reader_for(path)
    if reader is None or places.is_foreign(path):
        return
    for setting in reader(text):
        if setting.value not in seen and not any(value in setting.value for value in seen) and _holds_secret(setting):
            what = f"value of {setting.name[:60]}"
            hit = Hit(setting.value, path, setting.line, "by its name", what, _AT_ISSUER, Standing.SECRET, vague=True)
            yield _placed(hit)


def is_scanned(path: str) -> bool:
    """Not written by others or by a tool, unless it is what browsers get."""
    return path.endswith((".js", ".map")) or not places.is_foreign(path)


def of_part(part: Part) -> Iterator[Hit]:
    """Every credential-like value of what lies inside a file; lines are those of the file where it is text."""
    settings = structured.assigned if part.code else structured.env if part.line else None
    for hit in scan(part.path, part.text, settings):
        yield replace(hit, line=part.line + hit.line - 1) if part.line else hit


def _holds_secret(setting: structured.Setting) -> bool:
    if is_public_name(setting.name):
        return False
    if setting.certain:
        return not is_reference(setting.value)
    return is_secret_name(setting.name) and is_credible(setting.name, setting.value)


def _matched(match: Match, path: str, line: int) -> Hit:
    kind = match.grammar
    vague = kind.id in _VAGUE
    return _placed(Hit(match.value, path, line, kind.provider, kind.what, kind.revoke, match.standing, vague=vague))


def _placed(hit: Hit) -> Hit:
    """What a value is, given where it stands."""
    standing = hit.standing
    if standing in (Standing.SECRET, Standing.TEST):
        if hit.value in DOCUMENTED:
            standing = Standing.DOCUMENTED
        elif is_placeholder(hit.value) or (hit.vague and is_reference(hit.value)):
            standing = Standing.PLACEHOLDER
        elif places.is_test(hit.path):
            standing = Standing.FIXTURE
        elif hit.vague and places.is_example(hit.path):
            standing = Standing.EXAMPLE
    return hit if standing is hit.standing else replace(hit, standing=standing)


def engine_hit(value: str, path: str, line: int, rule: str, *, sure: bool) -> Hit:
    """A find of the engine: told by our grammars where they know the value, else by the engine's rule."""
    known = next((match for match in find(value) if match.value == value), None)
    if known is not None:
        return _matched(known, path, line)
    known_rule = revocation(rule)
    standing = Standing.PUBLIC if known_rule.public else Standing.SECRET if sure else Standing.POSSIBLE
    what = bare(rule).replace("-", " ")
    return _placed(Hit(value, path, line, known_rule.provider, what, known_rule.steps, standing))


def gathered(hits: Iterable[Hit], known: Mapping[str, Standing]) -> tuple[Credential, ...]:
    """One credential a value, the worst first; `known` are fingerprints that the parameters vouch for."""
    by_value: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.standing is not Standing.PLACEHOLDER:
            by_value.setdefault(hit.value, []).append(hit)
    found = [credential(value, same, known) for value, same in by_value.items()]
    return tuple(sorted(found, key=lambda c: (rank(c.standing), c.places)))


def rank(standing: Standing) -> int:
    """How bad a standing is; 0 is the worst."""
    return _ORDER.index(standing)


def credential(value: str, hits: Sequence[Hit], known: Mapping[str, Standing], mark: str | None = None) -> Credential:
    """One value from all its hits; `mark`: its fingerprint, where that was made before."""
    worst = min(hits, key=lambda hit: rank(hit.standing))
    mark = mark or fingerprint(value)
    where = tuple(dict.fromkeys(hit.place for hit in hits))
    recorded = next((standing for key, standing in known.items() if key[:8] == mark or mark.startswith(key)), None)
    return Credential(
        fingerprint=mark,
        masked=masked(value),
        provider=worst.provider,
        what=worst.what,
        revoke=worst.revoke,
        standing=recorded or worst.standing,
        places=where[:5],
        count=len(where),
    )


@dataclass(frozen=True)
class Revocation:
    """A provider, as founders know it, and what to do there; `public` where a key is made to be seen."""

    provider: str
    steps: str
    public: bool = False


def revocation(rule: str) -> Revocation:
    """What a rule of the engine stands for; for a provider that is not in the table, what holds for all."""
    name = bare(rule)
    known = next((row for start, row in _revocations() if name.startswith(start)), None)
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
def _revocations() -> tuple[tuple[str, Revocation], ...]:
    """How names of rules start, the longest first, with what they stand for."""
    rows = [
        (start, Revocation(entry["name"], entry["steps"], public=part == "public"))
        for part in ("public", "providers")
        for entry in table("revocations")[part].values()
        for start in entry["rules"]
    ]
    return tuple(sorted(rows, key=lambda row: -len(row[0])))
