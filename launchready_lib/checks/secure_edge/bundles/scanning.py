"""Credentials in what browsers receive: providers' keys, settings named as secrets, and what is public by design.

Unlike in a repository, where a text comes from does not matter: whatever is sent to browsers, anybody can read.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterator

from launchready_lib.names.providers import table
from launchready_lib.sources.credentials import Hit, Match, Standing, find
from launchready_lib.sources.credentials.grammars import DOCUMENTED
from launchready_lib.sources.credentials.values import entropy, is_placeholder, is_reference, snake

PIECE = 262_144
OVERLAP = 17_000  # characters: longer than any credential, so that none is cut between two pieces

_NAMED = re.compile(
    r"""(?<![\w-])([A-Za-z_][\w-]{3,79})\\{0,2}(?:["'`]|&quot;|&\#34;)?\s{0,3}[:=]\s{0,3}\\{0,2}"""
    r"""(?P<quote>["'`]|&quot;|&\#34;)(?P<value>[^\s"'`\\<>&]{12,300})\\{0,2}(?P=quote)"""
)
_SENT_PREFIX = re.compile(r"\A(?:next_public|vite|react_app|public|expo_public|nuxt_public|gatsby|ng_app)_")
_PRIVATE_NAME = re.compile(
    r"(?:\A|_)(?:secret(?:_access)?(?:_key)?|password|passwd|private_key|service_role(?:_key)?|service_account(?:_key)?|"
    r"admin_(?:api_)?key|master_key|auth_token|signing_key|encryption_key|secret_token)\Z"
)
_ABOUT_PASSWORDS = re.compile(
    r"(?:reset|forgot|forgotten|change|invalid|wrong|weak|missing|update|confirm|new|show|hide)_pass"
)
_PRIVILEGED = frozenset({"service_role", "supabase_admin", "postgres", "admin", "root"})
_RECENT_S = 86_400


def scan(text: str, place: str, *, is_page: bool = False, until: float | None = None) -> Iterator[Hit]:
    """Every value that looks like a credential, with what it is; lives in memory only.

    In a page made for one visitor (`is_page`) the visitor's own session token may stand. Raises `TimeoutError` where
    the moment `until` (time.monotonic) came.
    """
    lines = 0
    for start in range(0, len(text), PIECE):
        if until is not None and time.monotonic() > until:
            raise TimeoutError
        before = max(0, start - 1)
        piece = text[before : start + PIECE + OVERLAP]
        first = start - before
        for value, at, provider, what, advice, standing in _found(piece, is_page=is_page):
            if first <= at < first + PIECE:
                line = lines + piece.count("\n", first, at) + 1
                yield Hit(value, place, line, provider, what, advice, standing)
        lines += text.count("\n", start, start + PIECE)


_Found = tuple[str, int, str, str, str, Standing]


def _found(text: str, *, is_page: bool) -> Iterator[_Found]:
    browser_keys = table("browser_keys.yaml")
    advice: dict[str, str] = browser_keys["advice"]
    for match in find(text):
        grammar = match.grammar
        standing = _standing(match, is_page=is_page)
        if standing is Standing.PLACEHOLDER:
            continue
        todo = advice.get(grammar.id, grammar.revoke) if standing is Standing.PUBLIC else grammar.revoke
        if standing is Standing.POSSIBLE:
            todo = "nothing, if it is the visitor's own session; it is safer in a cookie that scripts cannot read"
        yield match.value, match.start, grammar.provider, grammar.what, todo, standing
    yield from _named(text)
    for key in browser_keys["keys"].values():
        for found in re.finditer(key["pattern"], text):
            yield found["value"], found.start("value"), key["provider"], key["what"], key["advice"], Standing.PUBLIC


def _standing(match: Match, *, is_page: bool) -> Standing:
    if match.standing not in (Standing.SECRET, Standing.TEST):
        return match.standing
    if match.value in DOCUMENTED:
        return Standing.DOCUMENTED
    if is_placeholder(match.value) or is_reference(match.value):
        return Standing.PLACEHOLDER
    if match.grammar.id == "jwt" and is_page and _is_fresh(match.value):
        return Standing.POSSIBLE
    return match.standing


def _is_fresh(token: str) -> bool:
    """Whether a token was made for this visit: issued within a day or ending within one, and without privileges."""
    part = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    if not isinstance(claims, dict) or str(claims.get("role", "")).lower() in _PRIVILEGED:
        return False
    now = time.time()
    issued, ends = claims.get("iat"), claims.get("exp")
    return any(isinstance(at, int | float) and abs(at - now) < _RECENT_S for at in (issued, ends))


def _named(text: str) -> Iterator[_Found]:
    """Values that no provider's grammar knows, under names that only secrets have, as builds put them into scripts."""
    for found in _NAMED.finditer(text):
        name, value = found[1], found["value"]
        spelled = _SENT_PREFIX.sub("", snake(name))
        if not _PRIVATE_NAME.search(spelled) or _ABOUT_PASSWORDS.search(spelled) or not _is_random(value):
            continue
        sure = name.isupper() or spelled.endswith("secret_access_key")
        standing = Standing.SECRET if sure else Standing.POSSIBLE
        todo = "make a new value where it was issued, and use it on the server alone"
        yield value, found.start("value"), "by its name", f"value of {name[:60]}", todo, standing


def _is_random(value: str) -> bool:
    """Whether nobody would write a value by hand, such as the name of an error or of a page."""
    if is_placeholder(value) or is_reference(value) or value.startswith(("http", "/", ".")):
        return False
    return sum(c.isdigit() for c in value) >= 2 and any(c.isalpha() for c in value) and entropy(value) >= 3.2
