"""What an environment defines: .env files, lists of names, the configuration of hosts, Compose and CI."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from launchready_lib.parameters.secret import parse_env
from launchready_lib.sources import foreign_yaml

MAX_CHARACTERS = 512 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,99}\Z")
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
    """A configuration file that defines variables: a host's, of Compose or of CI."""
    return any(pattern.search(path) for pattern, _, _ in _READERS)


def definitions_in(path: str, text: str) -> tuple[Definition, ...]:
    """What a configuration file gives, and to which environment; nothing for other files."""
    environment, reader = next(((where, r) for pattern, where, r in _READERS if pattern.search(path)), ("", None))
    if reader is None:
        return ()
    try:
        values = reader(text[:MAX_CHARACTERS])
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ()
    named = {name: value for name, value in values.items() if isinstance(name, str) and _NAME.match(name)}
    return (Definition(environment, path, named),) if named else ()


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
    body = foreign_yaml.mapping(text)
    services = [*(body.get("services") or []), *(body.get("envVarGroups") or [])]
    for service in services:
        for entry in service.get("envVars") or []:
            if "key" in entry:
                value = entry.get("value")
                found[entry["key"]] = None if value is None else str(value)
    return found


def _compose(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for service in (foreign_yaml.mapping(text).get("services") or {}).values():
        given = service.get("environment") or {}
        if isinstance(given, list):
            pairs = [str(entry).partition("=") for entry in given]
            given = {name: value if equals else None for name, equals, value in pairs}
        found |= _texts(given)
    return found


def _workflow(text: str) -> dict[str, str | None]:
    """A GitHub workflow's `env`, its jobs' and their steps'; a value made of an expression is known by name only."""
    body = foreign_yaml.mapping(text)
    jobs = [job for job in (body.get("jobs") or {}).values() if isinstance(job, dict)]
    steps = [step for job in jobs for step in job.get("steps") or [] if isinstance(step, dict)]
    return _plain(part.get("env") for part in (body, *jobs, *steps))


def _pipeline(text: str) -> dict[str, str | None]:
    """The `variables` of a GitLab pipeline and its jobs."""
    body = foreign_yaml.mapping(text)
    return _plain(part.get("variables") for part in (body, *(job for job in body.values() if isinstance(job, dict))))


def _plain(parts: Iterable[Any]) -> dict[str, str | None]:
    found = {name: value for part in parts for name, value in _texts(part).items()}
    return {name: None if value is None or "${{" in value else value for name, value in found.items()}


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


COMPOSE, CI = "compose", "CI"
"""Sources that are no environment by themselves: nobody can tell whom they serve."""

_READERS: tuple[tuple[re.Pattern[str], str, Callable[[str], dict[str, str | None]]], ...] = (
    (re.compile(r"(?:^|/)fly(?:\.prod(?:uction)?)?\.toml\Z"), "production", _fly),
    (re.compile(r"(?:^|/)netlify\.toml\Z"), "production", _netlify),
    (re.compile(r"(?:^|/)(?:vercel|app)\.json\Z"), "production", _json_env),
    (re.compile(r"(?:^|/)render\.ya?ml\Z"), "production", _render),
    (re.compile(r"(?:^|/)(?:docker-)?compose\.prod(?:uction)?\.ya?ml\Z"), "production", _compose),
    (re.compile(r"(?:^|/)Dockerfile\Z"), "production", _dockerfile),
    (re.compile(r"(?:^|/)(?:docker-)?compose(?:\.(?:override|dev(?:elopment)?|local))?\.ya?ml\Z"), COMPOSE, _compose),
    (re.compile(r"\A\.github/workflows/[^/]+\.ya?ml\Z"), CI, _workflow),
    (re.compile(r"\A\.gitlab-ci\.yml\Z"), CI, _pipeline),
)
