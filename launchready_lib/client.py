"""One client under audit: the parameters, the network they allow, and where files lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from launchready_lib import parameters as parameters_module
from launchready_lib import roadmap
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Network, Scope
from launchready_lib.parameters import MissingVariable, Parameters, Secret
from launchready_lib.paths import project_root
from launchready_lib.record.findings import Finding, Status, Verdict, failed, finding, of_entry, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTESTATION_DAYS = 90


class Client:
    """What every probe takes: validated parameters, the project's root (where relative paths start), this run's name.

    Secrets are read from `environment`: the process's variables, over the root's .env.
    """

    def __init__(
        self, parameters: Parameters, *, root: Path, release: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self.parameters = parameters
        self.root = root
        self.release = release or parameters.release
        self.environment = parameters_module.environment(root) if environment is None else environment
        self._closing: list[Callable[[], None]] = []

    @classmethod
    def open(cls, source: str | Path | Mapping[str, Any], *, root: Path | None = None, release: str = "") -> Client:
        """Load and validate a parameters file, or the mapping that papermill injects.

        Raises `ParametersError` with every problem and its place.
        """
        root = root or project_root()
        return cls(parameters_module.load(source, root=root), root=root, release=release)

    @cached_property
    def network(self) -> Network:
        """The only way out for this client."""
        p = self.parameters
        hosts = None if p.authorization is None else tuple(p.authorization.hosts)
        return Network(
            Scope(hosts, frozenset(self._services()), frozenset(p.site.third_parties)),
            nameservers=p.network.nameservers,
            connect_to=p.network.connect_to,
            ca_file=self.path(p.network.ca_file) if p.network.ca_file else None,
            headers={name: value for name, s in p.network.headers.items() if isinstance(value := self.secret(s), str)},
            timeout_s=p.network.timeout_s,
            requests_per_second=p.network.requests_per_second,
            max_body_mb=p.network.max_body_mb,
        )

    def _services(self) -> Iterator[str]:
        p = self.parameters
        if p.mail.inbox is not None:
            if p.mail.inbox.imap is not None:
                yield p.mail.inbox.imap.host
            yield from _host(p.mail.inbox.mailpit)
        if p.triage is not None:
            yield from _host(p.triage.model_url)
        if p.database.url is not None:
            yield from _host(p.database.url.template)

    def forbidden(self, measure: str) -> Unavailable | None:
        """Why an active measure may not be taken; None where `authorization.allow` has it."""
        granted = self.parameters.authorization
        if granted is None:
            reason = "nobody has authorized more than reading published DNS and registration data"
            return Unavailable(reason, "authorization (granted_by, granted_on, hosts, allow)")
        if measure not in granted.allow:
            return Unavailable(f"the authorization does not allow {measure}", f"authorization.allow: [{measure}]")
        return None

    def secret(self, secret: Secret) -> str | Unavailable:
        """The value of a secret, read now; unavailable where its variable is not set."""
        try:
            return secret.reveal(self.environment)
        except MissingVariable as missing:
            variable = f"the environment variable {missing.name}"
            return Unavailable(f"{variable} is not set", variable)

    def settled(self, verdict: Verdict) -> Finding:
        """The finding that a verdict becomes.

        What the founder declared not applicable is declared so; what could not be measured and may be vouched for takes
        the attestation of the parameters, marked so.
        """
        catalogue = roadmap.load()
        entry = catalogue.checks[verdict.check]
        declared = self.parameters.declared(verdict.check)
        if declared is not None and not entry.fixed:
            summary = f"Declared not applicable: {declared}"
            more = {"reason": declared, "target": None}
            return of_entry(entry.id, catalogue, Status.NOT_APPLICABLE, summary, "declared", **more)
        if verdict.status is Status.UNKNOWN and entry.attest:
            verdict = self._attested(verdict)
        return finding(verdict, catalogue, judged_at=datetime.now(UTC).isoformat(timespec="milliseconds"))

    def _attested(self, verdict: Verdict) -> Verdict:
        word = self.parameters.attestations.get(verdict.check)
        if word is None:
            return replace(verdict, needs=f"{verdict.needs}; or attestations.{verdict.check}")
        if (datetime.now(UTC).date() - word.date).days > ATTESTATION_DAYS:
            reason = f"{verdict.reason}; the attestation of {word.date} is older than {ATTESTATION_DAYS} days"
            return replace(verdict, reason=reason, needs=f"{verdict.needs}; or a new attestations.{verdict.check}")
        row = {"attested_by": word.by, "date": word.date.isoformat(), "evidence": word.evidence or ""}
        row["not_measured"] = verdict.reason or ""
        judge, answer = (passed, "yes") if word.answer else (failed, "no")
        summary = f"{word.by} vouched on {word.date} that the answer is {answer}; it was not measured"
        return replace(judge(summary, evidence=[row], source="attested"), check=verdict.check, defect=verdict.defect)

    def path(self, text: str | os.PathLike[str]) -> Path:
        """A path of the parameters file, from the project's root."""
        return self.root / Path(text).expanduser()

    def repository_path(self, text: str | os.PathLike[str] = "") -> Path | None:
        """A path under `repository`, from repository.path; None where no repository is given."""
        base = self.parameters.repository.path
        return None if base is None else self.path(base) / Path(text)

    def at_close(self, tidy: Callable[[], None]) -> None:
        """Have something tidied when the client is closed, which a stage's summary does."""
        self._closing.append(tidy)

    async def close(self) -> None:
        """Close connections left open, and tidy what was left for the end."""
        while self._closing:
            self._closing.pop()()
        await self.network.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _host(url: str | None) -> Iterator[str]:
    with suppress(ValueError):
        if host := urlsplit(url or "").hostname:
            yield host
