"""One variable of one environment, without its value: what it is good for, and whether another holds the same."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.sources.credentials import Standing, find, values
from launchready_lib.sources.variables.defined import Definition

_LIVE = re.compile(r"(?:^|[^0-9A-Za-z])[srp]k_live_|^live_|pdl_live_")
_LOCAL = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|host\.docker\.internal|db|postgres|mysql|mariadb|redis|mongo)\Z"
)


@dataclass(frozen=True)
class Setting:
    """One variable of one environment, without its value.

    Attributes:
        known: its value was seen; else only its name is known.
        blank, placeholder: what the value is, where it was seen.
        digest: equal for equal values within one reading; None for values that tell nothing.
        database: the same for the database that the value leads to.
        is_secret, is_live: what the value is good for.
    """

    name: str
    environment: str
    source: str
    known: bool = True
    blank: bool = False
    placeholder: bool = False
    digest: str | None = None
    database: str | None = None
    is_secret: bool = False
    is_live: bool = False

    @property
    def state(self) -> str:
        """The word for the matrix."""
        if not self.known:
            return "set (name only)"
        return "blank" if self.blank else "placeholder" if self.placeholder else "set"


def settings_of(definition: Definition, key: bytes) -> Iterator[Setting]:
    """What one source defines, its values told by what they are; digests are made with `key`."""
    for name, value in definition.values.items():
        if value is None:
            yield Setting(name, definition.environment, definition.source, known=False)
            continue
        hollow = values.is_placeholder(value) and not re.fullmatch(
            r"\d{1,7}|true|false|yes|no|on|off", value, re.IGNORECASE
        )
        blank = not value.strip()
        telling = not blank and not hollow and len(value) >= 8 and not values.is_reference(value)
        standings = {match.standing for match in find(value)}
        named = values.is_secret_name(name) and values.is_credible(name, value)
        secret = Standing.TEST not in standings and (Standing.SECRET in standings or named)
        database = _database(value)
        yield Setting(
            name=name,
            environment=definition.environment,
            source=definition.source,
            blank=blank,
            placeholder=hollow and not blank and _can_be_hollow(name, value),
            digest=_digest(key, value) if telling else None,
            database=_digest(key, database) if database else None,
            is_secret=secret,
            is_live=bool(_LIVE.search(value)) and not hollow,
        )


def _can_be_hollow(name: str, value: str) -> bool:
    """Tell a placeholder from a setting whose value happens to be such a word (LOG_LEVEL=default)."""
    return (
        values.is_secret_name(name)
        or values.is_url_name(name)
        or re.search(r"[<>{}$]|(?i:change|your|todo|example|xxx)", value) is not None
    )


def _database(value: str) -> str | None:
    """The database that a URL leads to (host, port, name); None for those of one machine."""
    if not re.match(r"(?:postgres(?:ql)?|mysql2?|mariadb|mongodb|rediss?|mssql|sqlserver)(?:\+\w+)?://", value):
        return None
    try:
        parts = urlsplit(value)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if not host or _LOCAL.match(host) or values.is_placeholder(host):
        return None
    return f"{host}:{port}{parts.path.rstrip('/')}"


def _digest(key: bytes, value: str) -> str:
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
