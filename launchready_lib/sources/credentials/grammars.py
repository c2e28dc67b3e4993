"""What providers' keys look like, whether they are secret at all, and how each is revoked."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from launchready_lib.sources import table

Markers = tuple[tuple[str, int], ...]
"""Texts, each with the place in GRAMMARS of a grammar that may match where it stands."""


class Standing(StrEnum):
    """What a value that looks like a credential is; only `secret` ever fails a check."""

    SECRET = "secret"  # noqa: S105 - the name of a class of values
    PUBLIC = "public by design"
    TEST = "test-mode key"
    EXPIRED = "expired token"
    LOCAL = "for this machine only"
    PLACEHOLDER = "placeholder"
    DOCUMENTED = "documented example"
    EXAMPLE = "in an example file"
    FIXTURE = "in a test"
    ON_DISK = "only on this disk"
    POSSIBLE = "possible, look at it"
    FALSE_ALARM = "recorded as a false alarm"
    ROTATED = "recorded as rotated"


@dataclass(frozen=True)
class Grammar:
    """One kind of credential; one of `markers` stands in every match, the group `value`, if any, is the secret part."""

    id: str
    provider: str
    what: str
    pattern: re.Pattern[str]
    markers: tuple[str, ...]
    standing: Standing
    revoke: str


@dataclass(frozen=True)
class Match:
    """A credential found in text; `start` is the character at which `value` starts."""

    grammar: Grammar
    value: str
    start: int
    standing: Standing


_BEFORE, _AFTER = r"(?<![0-9A-Za-z_])", r"(?![0-9A-Za-z_])"
_STANDINGS = {"secret": Standing.SECRET, "public": Standing.PUBLIC, "test": Standing.TEST}

GRAMMARS: tuple[Grammar, ...] = tuple(
    Grammar(
        id=key,
        provider=entry["provider"],
        what=entry["what"],
        pattern=re.compile(entry["pattern"].replace("{B}", _BEFORE).replace("{E}", _AFTER)),
        markers=tuple(entry["markers"]),
        standing=_STANDINGS[entry.get("standing", "secret")],
        revoke=entry["revoke"],
    )
    for key, entry in table("credentials").items()
)
_MARKERS: Markers = tuple((marker, number) for number, grammar in enumerate(GRAMMARS) for marker in grammar.markers)

WORDS = table("secret_values")
DOCUMENTED = frozenset(WORDS["documented"])  # values that providers print in their own documentation
_LOCAL_HOSTS = frozenset(WORDS["local_hosts"])
_DOCUMENTATION_HOST = re.compile(WORDS["values"]["documentation_host"])


def likely(text: str) -> Markers:
    """The markers that stand in a text: all that its parts need be searched for."""
    return tuple(each for each in _MARKERS if each[0] in text)


def find(text: str, among: Markers | None = None) -> Iterator[Match]:
    """Every credential that some provider's grammar recognises in a text, with what it is.

    A value is judged by itself here: where it stands (a test, an example file) is for the caller. `among`: what
    `likely` told of a text of which this is a part.
    """
    present = {number for marker, number in (_MARKERS if among is None else among) if marker in text}
    for grammar in (GRAMMARS[number] for number in sorted(present)):
        for found in grammar.pattern.finditer(text):
            group = "value" if "value" in grammar.pattern.groupindex else 0
            yield Match(grammar, found[group], found.start(group), _standing(grammar, found))


def _standing(grammar: Grammar, found: re.Match[str]) -> Standing:
    if grammar.id == "jwt":
        return jwt_standing(found[0])
    if "host" in grammar.pattern.groupindex:
        host = found["host"].lower()
        if host in _LOCAL_HOSTS:
            return Standing.LOCAL
        if host.startswith(("$", "{")) or _DOCUMENTATION_HOST.search(host):
            return Standing.PLACEHOLDER
    return grammar.standing


def jwt_standing(token: str, *, now: float | None = None) -> Standing:
    """What a JSON web token is by its claims (RFC 7519): an anonymous role is public, an expired one opens nothing."""
    part = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):  # binascii's error is a ValueError
        claims = None
    if not isinstance(claims, dict):
        return Standing.PLACEHOLDER
    if str(claims.get("role", "")).lower() in ("anon", "anonymous", "public", "publishable"):
        return Standing.PUBLIC
    if claims.get("name") == "John Doe" or claims.get("sub") == "1234567890":
        return Standing.DOCUMENTED
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < (time.time() if now is None else now):
        return Standing.EXPIRED
    return Standing.SECRET
