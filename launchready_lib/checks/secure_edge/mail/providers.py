"""The dated table of mail providers: which SPF includes are whose, and which DKIM selectors are common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from launchready_lib.names.hosts import under
from launchready_lib.names.providers import table

_FILE = "mail_providers.yaml"


@dataclass(frozen=True)
class MailProvider:
    """One provider; see data/mail_providers.yaml for the fields."""

    name: str
    return_path: Literal["own", "from"]
    includes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@cache
def _known() -> tuple[MailProvider, ...]:
    return TypeAdapter(tuple[MailProvider, ...]).validate_python(table(_FILE)["providers"])


def called(text: str) -> MailProvider | None:
    """The provider that a word in a parameters file means."""
    word = text.strip().lower()
    return next((provider for provider in _known() if word in {provider.name.lower(), *provider.also}), None)


def owner_of(include: str) -> str | None:
    """The name of the provider whose SPF record this is."""
    return next((p.name for p in _known() if any(under(include, name) for name in p.includes)), None)


def selectors(providers: Iterable[str]) -> tuple[str, ...]:
    """The selectors worth trying for a client with these providers: theirs first, then the common ones."""
    theirs = [selector for text in providers if (found := called(text)) for selector in found.selectors]
    return tuple(dict.fromkeys([*theirs, *table(_FILE)["common_selectors"]]))
