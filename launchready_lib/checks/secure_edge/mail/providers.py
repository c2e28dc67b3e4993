"""The dated table of mail providers: which SPF includes are whose, and which DKIM selectors are common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import yaml

from launchready_lib.names.hosts import under
from launchready_lib.paths import PACKAGE


@dataclass(frozen=True)
class MailProvider:
    """One provider; see data/mail_providers.yaml for the fields."""

    name: str
    return_path: Literal["own", "from"]
    includes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def is_called(self, text: str) -> bool:
        """Whether somebody means this provider by a word in a parameters file."""
        return text.strip().lower() in {self.name.lower(), *self.also}


@cache
def _table() -> dict[str, Any]:
    loaded = yaml.safe_load((PACKAGE / "data" / "mail_providers.yaml").read_text("utf-8"))
    assert isinstance(loaded, dict)  # noqa: S101 - our own file
    return loaded


@cache
def known() -> tuple[MailProvider, ...]:
    """Every provider of the table."""
    return tuple(
        MailProvider(
            name=body["name"],
            return_path=body["return_path"],
            includes=tuple(body["includes"]),
            selectors=tuple(body["selectors"]),
            also=tuple(body.get("also", ())),
        )
        for body in _table()["providers"]
    )


def called(text: str) -> MailProvider | None:
    """The provider that a word in a parameters file means."""
    return next((provider for provider in known() if provider.is_called(text)), None)


def owner_of(include: str) -> str | None:
    """The name of the provider whose SPF record this is."""
    return next((p.name for p in known() if any(under(include, name) for name in p.includes)), None)


def selectors(providers: Iterable[str]) -> tuple[str, ...]:
    """The selectors worth trying for a client with these providers: theirs first, then the common ones."""
    theirs = [selector for text in providers if (found := called(text)) for selector in found.selectors]
    return tuple(dict.fromkeys([*theirs, *_table()["common_selectors"]]))
