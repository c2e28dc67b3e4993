"""Text that has the form of a credential, whoever's it is: recognised by prefix, header or place, and masked.

Each rule names literal hints, so that its pattern runs only where one of them occurs. Every pattern either consumes
what it has scanned or gives up within its shortest length, which keeps the whole linear in the text. Keys that are
public by design (Stripe `pk_`, Supabase anon tokens, Google `AIza`, Mapbox `pk.`) are left alone.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import yaml

from launchready_lib.paths import PACKAGE

Replace = Callable[[re.Match[str]], str] | str


def mark(name: str) -> str:
    """What stands in place of a secret; safe inside JSON strings, HTML and Markdown."""
    return f"[redacted: {name}]"


@dataclass(frozen=True)
class Rule:
    """One form: a hint in lower case that must occur, the pattern, and what replaces a match."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Replace


_PLACEHOLDER = frozenset({"password", "pass", "pwd", "pw", "secret", "xxxx", "***", "****", "*****", "…", "..."})
_PUBLIC_ROLES = frozenset({"anon"})


def _url_password(match: re.Match[str]) -> str:
    user, password = match[1], match[2]
    if password.lower() in _PLACEHOLDER or password.startswith(("${", "$(", "{{", "<")):
        return match[0]
    return f"{user}:{mark('password in a URL')}@"


def _jwt(match: re.Match[str]) -> str:
    """A token is a credential unless it says that everyone has it."""
    body = match[0].split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        public = isinstance(claims, dict) and str(claims.get("role")) in _PUBLIC_ROLES
    except (ValueError, RecursionError):
        public = False
    return match[0] if public else mark("token")


def _basic(match: re.Match[str]) -> str:
    try:
        plain = base64.b64decode(match[2] + "=" * (-len(match[2]) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return match[0]
    return match[1] + mark("basic credentials") if b":" in plain else match[0]


def _header(match: re.Match[str]) -> str:
    """After a header's name: anything behind a scheme, and what is long and holds a digit."""
    before, scheme, value = match[1], match[2] or "", match[3]
    if scheme or (len(value) >= 16 and any(c.isdigit() for c in value)):
        return before + scheme + mark("credentials")
    return match[0]


_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority", "version"})
_COOKIE = re.compile(r"(?:(?<=^)|(?<=[;,\s]))([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})=(\"?)([^\s;,\"<>\\]{8,4096})")


def cookies(value: str) -> str:
    """Mask the values in a Cookie or Set-Cookie header's content; attributes and values too short for one stay."""

    def one(match: re.Match[str]) -> str:
        return match[0] if match[1].lower() in _ATTRIBUTES else f"{match[1]}={match[2]}{mark('cookie')}"

    return _COOKIE.sub(one, value)


_DATA: dict[str, list[Any]] = yaml.load(
    (PACKAGE / "data" / "credential_forms.yaml").read_bytes(), Loader=yaml.CSafeLoader
)
_DECIDING: dict[str, Replace] = {
    "basic": _basic,
    "bearer": lambda match: match[1] + mark("token") if any(c.isdigit() for c in match[2]) else match[0],
    "cookie header": lambda match: match[1] + cookies(match[2]),
    "header": _header,
    "jwt": _jwt,
    "url password": _url_password,
}
PREFIXES = tuple(sorted((prefix for _, prefixes, _ in _DATA["prefixed"] for prefix in prefixes), key=len, reverse=True))
"""What providers put before their keys, the longer first."""
_PREFIXED = (
    (mark(name), prefixes, rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, prefixes))}){rest}")
    for name, prefixes, rest in _DATA["prefixed"]
)
_OTHERS = ((_DECIDING.get(name, rf"\1{mark(name)}"), hints, pattern) for name, hints, pattern in _DATA["rules"])
_RULES = tuple(
    Rule(tuple(hint.lower() for hint in hints), re.compile(pattern), replace)
    for replace, hints, pattern in chain(_PREFIXED, _OTHERS)
)
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = "-----END"
_REST_OF_KEY = re.compile(r"(?:[A-Za-z0-9+/=\s]|\\[nr])*")


def mask(text: str) -> str:
    """Replace everything that has the form of a credential."""
    text = _private_keys(text)
    lowered = text.lower()
    for rule in _RULES:
        if any(hint in lowered for hint in rule.hints):
            text = rule.pattern.sub(rule.replace, text)
    return text


def _private_keys(text: str) -> str:
    """Mask private key blocks, those cut off before their end included."""
    if "PRIVATE KEY" not in text:
        return text
    kept, place, ends = [], 0, True
    while match := _BEGIN.search(text, place):
        kept += [text[place : match.start()], mark("private key")]
        end = text.find(_END, match.end()) if ends else -1
        if end < 0:
            ends = False
            rest = _REST_OF_KEY.match(text, match.end())
            place = rest.end() if rest else match.end()
            continue
        closing = text.find("-----", end + len(_END))
        place = closing + 5 if 0 <= closing - end <= 80 else end + len(_END)
    return "".join(kept) + text[place:]
