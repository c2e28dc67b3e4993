"""What code needs and what an environment defines: .env files, lists of names, settings of hosts, Compose and CI."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

from launchready_lib.parameters.secret import parse_env
from launchready_lib.sources import foreign_yaml, table
from launchready_lib.sources.credentials import Standing, find, values

MAX_CHARACTERS = 512 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,99}\Z")
_TITLES = frozenset({"name", "key", "variable", "variables", "digest"})
_ASKS_FOR_ONE = re.compile(r"[<>{}$]|(?i:change|your|todo|example|xxx)")
"""Tells a placeholder from a setting whose value happens to be such a word (LOG_LEVEL=default)."""
_LIVE = re.compile(r"(?:^|[^0-9A-Za-z])[srp]k_live_|^live_|pdl_live_")
_LOCAL = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|host\.docker\.internal|db|postgres|mysql|mariadb|redis|mongo)\Z"
)


class Need(IntEnum):
    """How much a read depends on the variable; the larger, the more."""

    DECLARED_OPTIONAL = 0  # a schema says that it may be missing; other reads of it do not count against that
    OPTIONAL = 1  # there is a default, or it is only compared with something
    TESTED = 2  # the code asks whether it is set; other plain reads of it in that file are then behind that question
    ASKED = 3  # it is read without a default
    DEMANDED = 4  # the code fails without it


@dataclass(frozen=True)
class Read:
    """One read of one variable; `line` counts from 1."""

    name: str
    path: str
    line: int
    need: Need


def one_of(kind: str) -> str:
    """A pattern of the words that the data lists under a kind."""
    return f"(?:{'|'.join(' '.join(table('variables')[kind]).split())})"


def is_given_by_platform(name: str) -> bool:
    """Set by the host, the framework or the shell, not by the founder."""
    return re.fullmatch(one_of("given"), name) is not None


def is_for_browsers(name: str) -> bool:
    """Its prefix makes the build write its value into what every visitor's browser gets."""
    return re.match(one_of("browsers") + "_", name) is not None


@dataclass(frozen=True)
class Definition:
    """Variables that one source gives to one environment; a value of None is known by name only."""

    environment: str
    source: str
    values: Mapping[str, str | None]


def parse_names(text: str) -> dict[str, str | None]:
    """Names as hosts list them: one a line (further columns are left out), NAME=…, or JSON."""
    stripped = text.strip()[:MAX_CHARACTERS]
    if stripped[:1] in ("[", "{"):
        try:
            return dict.fromkeys(_json_names(json.loads(stripped)))
        except (ValueError, RecursionError):
            return {}
    first = (
        re.split(r"[\s=:,|]+", line.strip().strip("|│\"'• -").strip(), maxsplit=1)[0] for line in stripped.splitlines()
    )
    return {name: None for name in first if _NAME.match(name) and name.lower() not in _TITLES}


def _json_names(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        named = next((body[key] for key in ("name", "key", "Name", "Key") if isinstance(body.get(key), str)), None)
        entries = [named] if named else list(body)
    else:
        entries = body if isinstance(body, list) else []
    for entry in entries:
        if isinstance(entry, str) and _NAME.match(entry):
            yield entry
        elif isinstance(entry, dict):
            yield from _json_names(entry)


def parse_values(text: str) -> dict[str, str | None]:
    """NAME=value lines of a .env file."""
    return dict(parse_env(text[:MAX_CHARACTERS]))


def is_definition(path: str) -> bool:
    """A configuration file that defines variables: a host's, of Compose or of CI."""
    return any(re.search(entry["files"], path) for entry in table("variables")["definitions"])


def definitions_in(path: str, text: str) -> tuple[Definition, ...]:
    """What a configuration file gives, and to which environment; nothing for other files."""
    entry = next((entry for entry in table("variables")["definitions"] if re.search(entry["files"], path)), None)
    if entry is None:
        return ()
    try:
        pairs = list(_dockerfile(text) if entry["format"] == "dockerfile" else _defined(entry, text[:MAX_CHARACTERS]))
    except (ValueError, TypeError, RecursionError):
        return ()
    named = {name: value for name, value in pairs if isinstance(name, str) and _NAME.match(name)}
    return (Definition(entry["environment"], path, named),) if named else ()


def _defined(entry: Mapping[str, Any], text: str) -> Iterator[tuple[Any, str | None]]:
    """Names with values as text; a reference to another place, or an expression, is known by name only."""
    body = _PARSERS[entry["format"]](text)
    for name, value in (pair for at in entry["at"] for given in _at(body, at.split(".")) for pair in _pairs(given)):
        plain = value.get("value") if isinstance(value, dict) else value
        refers = "${{" in str(plain) or (str(plain).startswith(("$", "@")) and "literal" not in entry)
        yield name, None if plain is None or refers else str(plain)


def _at(body: Any, place: list[str]) -> Iterator[Any]:
    """What stands at a place; a star is everything."""
    if not place:
        yield body
    elif place[0] == "*":
        for inner in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
            yield from _at(inner, place[1:])
    elif isinstance(body, dict):
        yield from _at(body.get(place[0]), place[1:])


def _pairs(given: Any) -> Iterator[tuple[Any, Any]]:
    """Names and values of a mapping, of a list of NAME=value, or of a list of {key, value}."""
    if isinstance(given, dict):
        yield from given.items()
    for entry in given if isinstance(given, list) else ():
        if not isinstance(entry, dict):
            name, equals, value = str(entry).partition("=")
            yield name, value if equals else None
        elif "key" in entry:
            yield entry["key"], entry.get("value")


def _dockerfile(text: str) -> Iterator[tuple[str, str]]:
    for line in re.findall(r"(?mi)^\s*ENV\s+(.+)$", text[:MAX_CHARACTERS]):
        pairs = re.findall(r'(\w+)=("[^"]*"|\S*)', line)
        words = line.split(None, 1)
        yield from ((name, value.strip('"')) for name, value in pairs) if pairs else ((words[0], words[-1]),)


COMPOSE, CI = "compose", "CI"  # sources that are no environment by themselves: nobody can tell whom they serve

_PARSERS: Mapping[str, Callable[[str], Any]] = {"toml": tomllib.loads, "json": json.loads, "yaml": foreign_yaml.mapping}


@dataclass(frozen=True)
class Setting:
    """One variable of one environment without its value; digests are equal for equal ones within one reading."""

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
        secret_or_url = values.is_secret_name(name) or values.is_url_name(name)
        yield Setting(
            name=name,
            environment=definition.environment,
            source=definition.source,
            blank=blank,
            placeholder=hollow and not blank and (secret_or_url or _ASKS_FOR_ONE.search(value) is not None),
            digest=_digest(key, value) if telling else None,
            database=_digest(key, database) if database else None,
            is_secret=secret,
            is_live=bool(_LIVE.search(value)) and not hollow,
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
