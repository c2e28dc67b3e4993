"""Lists of tag=value pairs, as DKIM keys and DMARC records have them (RFC 6376 section 3.2, RFC 9989 section 4.7)."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_MOST = 100


class TagError(ValueError):
    """Not a list of tags; the message says where."""


def read(text: str) -> tuple[tuple[str, str], ...]:
    """The tags in order, white space around names and values removed, names lower case.

    Raises:
        TagError: a part has no "=", a name is none, or a name comes twice.
    """
    pairs: dict[str, str] = {}
    parts = [part for part in text.split(";") if part.strip()]
    if len(parts) > _MOST:
        raise TagError(f"more than {_MOST} tags")
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not _NAME.match(name):
            raise TagError(f"{part.strip()[:40]!r} is not tag=value")
        if name in pairs:
            raise TagError(f"{name}= stands there twice")
        pairs[name] = value.strip()
    return tuple(pairs.items())
