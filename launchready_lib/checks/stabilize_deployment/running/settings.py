"""Settings with which a client's code may be run: those of development, never production's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launchready_lib.evidence import Unavailable
from launchready_lib.sources.credentials.values import is_placeholder
from launchready_lib.sources.variables import parse_values

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters
    from launchready_lib.sources.repository import Repository

ENVIRONMENTS = ("development", "dev", "local", "test")
_TRACKED = (".env.example", ".env.sample", ".env.template", ".env.development", ".env.dist")
_MOST = 512 * 1024
_SHORTEST = 8


def harmless(repo: Repository, parameters: Parameters) -> dict[str, str]:
    """The values of `repository.env_files` for development, over those of a tracked example."""
    found: dict[str, str] = {}
    for name in reversed(_TRACKED):
        found |= _values(repo.text(name) or "")
    for environment in reversed(ENVIRONMENTS):
        path = parameters.repository.env_files.get(environment)
        place = repo.disk(path) if path else None
        if place is not None and not isinstance(place, Unavailable):
            with place.open("rb") as stream:
                found |= _values(stream.read(_MOST).decode("utf-8-sig", "replace"))
    return found


def telling(settings: dict[str, str]) -> dict[str, str]:
    """Those of the values that must not be shown."""
    return {name: value for name, value in settings.items() if len(value) >= _SHORTEST and not is_placeholder(value)}


def _values(text: str) -> dict[str, str]:
    return {name: value for name, value in parse_values(text).items() if value is not None}
