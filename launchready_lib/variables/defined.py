"""What an environment defines: .env files, lists of names, and the configuration files of hosts."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from launchready_lib.parameters.secret import parse_env

MAX_CHARACTERS = 512 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,99}\Z")
_MOST_ALIASES = 50
_TITLES = frozenset({"name", "key", "variable", "variables", "digest"})


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
    """A host's configuration file that defines variables."""
    return any(pattern.search(path) for pattern, _ in _READERS)


def definitions_in(path: str, text: str) -> tuple[Definition, ...]:
    """What a host's configuration file gives to production; nothing for other files."""
    reader = next((reader for pattern, reader in _READERS if pattern.search(path)), None)
    if reader is None:
        return ()
    try:
        values = reader(text[:MAX_CHARACTERS])
    except (ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        return ()
    named = {name: value for name, value in values.items() if isinstance(name, str) and _NAME.match(name)}
    return (Definition("production", path, named),) if named else ()


def _fly(text: str) -> dict[str, str | None]:
    return _texts(tomllib.loads(text).get("env", {}))


def _netlify(text: str) -> dict[str, str | None]:
    body = tomllib.loads(text)
    shared = body.get("build", {}).get("environment", {})
    return _texts(shared) | _texts(body.get("context", {}).get("production", {}).get("environment", {}))


def _json_env(text: str) -> dict[str, str | None]:
    """vercel.json and app.json: values, or Heroku's {description, value, generator}."""
    return _texts(json.loads(text).get("env", {}))


def _render(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    body = _safe_yaml(text)
    services = [*(body.get("services") or []), *(body.get("envVarGroups") or [])]
    for service in services:
        for entry in service.get("envVars") or []:
            if "key" in entry:
                value = entry.get("value")
                found[entry["key"]] = None if value is None else str(value)
    return found


def _compose(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for service in (_safe_yaml(text).get("services") or {}).values():
        given = service.get("environment") or {}
        if isinstance(given, list):
            pairs = [str(entry).partition("=") for entry in given]
            given = {name: value if equals else None for name, equals, value in pairs}
        found |= _texts(given)
    return found


def _dockerfile(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for line in re.findall(r"(?mi)^\s*ENV\s+(.+)$", text):
        pairs = re.findall(r'(\w+)=("[^"]*"|\S*)', line)
        words = line.split(None, 1)
        found |= {name: value.strip('"') for name, value in pairs} if pairs else {words[0]: words[-1]}
    return found


def _texts(given: Any) -> dict[str, str | None]:
    """Names with values as text; a reference to another place is known by name only."""
    if not isinstance(given, dict):
        return {}
    plain = {name: value.get("value") if isinstance(value, dict) else value for name, value in given.items()}
    return {
        name: None if value is None or str(value).startswith(("$", "@")) else str(value)
        for name, value in plain.items()
    }


def _safe_yaml(text: str) -> dict[str, Any]:
    if "<<" in text and len(re.findall(r"\*\w", text)) > _MOST_ALIASES:
        raise ValueError("too many aliases: merged into one another they grow without bound")
    body = yaml.safe_load(text)
    return body if isinstance(body, dict) else {}


_READERS: tuple[tuple[re.Pattern[str], Callable[[str], dict[str, str | None]]], ...] = (
    (re.compile(r"(?:^|/)fly(?:\.prod(?:uction)?)?\.toml\Z"), _fly),
    (re.compile(r"(?:^|/)netlify\.toml\Z"), _netlify),
    (re.compile(r"(?:^|/)(?:vercel|app)\.json\Z"), _json_env),
    (re.compile(r"(?:^|/)render\.ya?ml\Z"), _render),
    (re.compile(r"(?:^|/)(?:docker-)?compose\.prod(?:uction)?\.ya?ml\Z"), _compose),
    (re.compile(r"(?:^|/)Dockerfile\Z"), _dockerfile),
)
