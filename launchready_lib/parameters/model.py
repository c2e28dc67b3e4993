"""The content under `client`, as checks and notebooks see it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from launchready_lib.parameters import sections as s
from launchready_lib.parameters.fields import Line, Pattern, Prose, Section, Slug
from launchready_lib.parameters.flows import Flows
from launchready_lib.parameters.hosts import Domain
from launchready_lib.parameters.problems import Path, key_path
from launchready_lib.parameters.secret import Secret

STANDS_FOR = {"webhooks.billing": "webhooks"}
"""Sections that may be declared not applicable by their own name, and the group of checks that each feeds."""


def slug_of(name: str) -> str:
    """Make a folder's name of a client's; empty where nothing of the name can stand in one."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:64].rstrip("-")


class Parameters(Section):
    """A client's parameters, validated. Sections always exist; what was not given is None or empty.

    Only these are None as a whole where they are absent: authorization, consultant, business, triage, mail.inbox,
    accounts.member and .admin, webhooks.billing, monitoring.test_alert, each system under access.
    """

    name: Line
    slug: Slug = Field(
        default_factory=lambda data: slug_of(data["name"]) or "-", validate_default=True
    )  # "-" is refused
    domain: Domain
    release: Slug
    compare_with: Slug | None = None
    notes: Prose | None = None
    consultant: s.Consultant | None = None
    business: s.Business | None = None
    authorization: s.Authorization | None = None
    not_applicable: dict[Line, Prose] = Field(default_factory=dict)
    limits: s.Limits = Field(default_factory=s.Limits)
    network: s.Network = Field(default_factory=s.Network)
    site: s.Site = Field(default_factory=s.Site)
    hosting: s.Hosting = Field(default_factory=s.Hosting)
    mail: s.Mail = Field(default_factory=s.Mail)
    accounts: s.Accounts = Field(default_factory=s.Accounts)
    load: s.Load = Field(default_factory=s.Load)
    flows: Flows = Field(default_factory=Flows)
    webhooks: s.Webhooks = Field(default_factory=s.Webhooks)
    repository: s.Repository = Field(default_factory=s.Repository)
    database: s.Database = Field(default_factory=s.Database)
    query_log: s.Path | None = None
    queries: dict[Line, list[Pattern]] = Field(default_factory=dict)
    logs: list[s.Path] = Field(default_factory=list)
    triage: s.Triage | None = None
    monitoring: s.Monitoring = Field(default_factory=s.Monitoring)
    deploy: s.Deploy = Field(default_factory=s.Deploy)
    access: s.Access = Field(default_factory=s.Access)
    secrets_inventory: list[s.InventoryEntry] = Field(default_factory=list)
    runbook: s.Path | None = None
    attestations: dict[Line, s.Attestation] = Field(default_factory=dict)

    def declared(self, check: str) -> str | None:
        """Say why the founder declared a check not applicable; None where nobody did."""
        return next((reason for name, reason in self.not_applicable.items() if covers(name, check)), None)

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret with its key path."""
        return ((key_path(path), secret) for path, secret in _secrets(self, ("client",)))

    def variables(self) -> dict[str, list[str]]:
        """The environment variables that secrets read, each with the key paths that use it."""
        used: dict[str, list[str]] = {}
        for path, secret in self.secrets():
            for name in secret.names:
                used.setdefault(name, []).append(path)
        return used


def covers(name: str, check: str) -> bool:
    """Tell whether a name under `not_applicable` means this check: its id, or a prefix of it up to a dot."""
    meant = STANDS_FOR.get(name, name)
    return check == meant or check.startswith(f"{meant}.")


def _secrets(value: Any, path: Path) -> Iterator[tuple[Path, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, Section):
        for key, name in type(value).known().items():
            yield from _secrets(getattr(value, name), (*path, key))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secrets(item, (*path, index))
