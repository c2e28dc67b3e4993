"""Environment variables of a client: what the code reads, and what each environment defines.

Values are compared as digests under a key that lives as long as one reading; no value, nor a digest of one, is shown.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import places
from launchready_lib.sources.repository import Repository
from launchready_lib.sources.variables import (
    CI,
    COMPOSE,
    Definition,
    Read,
    Setting,
    definitions_in,
    is_code,
    is_definition,
    is_for_browsers,
    parse_names,
    parse_values,
    reads_in,
    required,
    settings_of,
)

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

PRODUCTION = "production"
READ_SECONDS = 60
MOST_ROWS = 60
ASIDE = frozenset({"example", COMPOSE, CI})  # sources that are no environment

_EXAMPLES = re.compile(
    r"(?:^|/)\.?env[\w.-]*\.(?:example|sample|template|dist|defaults?)$|(?:^|/)\.?env\.(?:example|sample)"
)
_DEVELOPMENT = re.compile(r"(?:^|/)\.env(?:\.(?:development|dev|local|test))*$")


@dataclass(frozen=True)
class EnvironmentEvidence(Evidence):
    """What the code reads and what each environment defines.

    Attributes:
        needed: the variables that code reads without a default, with those reads.
        read: all variables that code reads.
        code_files: how many files were in a language that is understood.
        settings: one a variable and source.
        environments: which environments were named in the parameters, with values or names.
        unread: what was given and could not be read, with reasons.
        cuts: why part of the code was left out; none where all was read.
    """

    needed: dict[str, tuple[Read, ...]]
    read: frozenset[str] = frozenset()
    code_files: int = 0
    settings: tuple[Setting, ...] = ()
    environments: tuple[str, ...] = ()
    unread: tuple[Unavailable, ...] = ()
    cuts: tuple[Unavailable, ...] = ()

    def of(self, environment: str) -> dict[str, list[Setting]]:
        """The settings of one environment by name."""
        found: dict[str, list[Setting]] = {}
        for setting in self.settings:
            if setting.environment == environment:
                found.setdefault(setting.name, []).append(setting)
        return found

    def rows(self) -> Iterator[Row]:
        """The matrix: one row a variable, one column an environment, never a value."""
        columns = list(dict.fromkeys([PRODUCTION, *(setting.environment for setting in self.settings)]))
        holders: dict[str, dict[str, None]] = {}
        for each in self.settings:
            holders.setdefault(each.digest or "", {})[each.environment] = None
        states: dict[tuple[str, str], str] = {}
        for setting in reversed(self.settings):
            others = [name for name in holders[setting.digest or ""] if setting.digest and name != setting.environment]
            shared = f", shared with {' and '.join(others)}" if others else ""
            states[setting.name, setting.environment] = setting.state + shared
        secret = {setting.name for setting in self.settings if setting.is_secret}
        names = sorted({*self.needed, *(setting.name for setting in self.settings)})
        for name in names:
            absent = {c: "missing" if name in self.needed and c not in (COMPOSE, CI) else "" for c in columns}
            yield {
                "variable": name,
                "needed": "yes" if name in self.needed else "",
                "in browsers": ("yes, a secret" if name in secret else "yes") if is_for_browsers(name) else "",
                **{column: states.get((name, column), absent[column]) for column in columns},
                "read in": ", ".join(f"{read.path}:{read.line}" for read in self.needed.get(name, ())[:3]),
            }


@probe
async def survey(client: Client) -> EnvironmentEvidence | Unavailable:
    """Read the code and the definitions that the parameters name."""
    return await repository.read_through(client, read_environments, client.parameters)


def read_environments(repo: Repository, parameters: Parameters) -> EnvironmentEvidence:
    """What the code of one commit reads, and what its environments define.

    Raises:
        GitError: git stopped answering.
    """
    key = secrets.token_bytes(32)
    unread: list[Unavailable] = []
    reads, code_files, cuts = _code(repo)
    definitions = [*_given(repo, parameters, unread), *_tracked(repo, parameters, unread)]
    settings = [setting for definition in definitions for setting in settings_of(definition, key)]
    named = [*parameters.repository.env_files, *([PRODUCTION] if parameters.repository.production_variables else [])]
    return EnvironmentEvidence(
        needed=required(reads),
        read=frozenset(read.name for read in reads),
        code_files=code_files,
        settings=tuple(dict.fromkeys(settings)),
        environments=tuple(name for name in dict.fromkeys(named) if any(s.environment == name for s in settings)),
        unread=tuple(unread),
        cuts=cuts,
    )


def _code(repo: Repository) -> tuple[list[Read], int, tuple[Unavailable, ...]]:
    aside = (places.is_test, places.is_example, places.is_foreign)
    wanted = [file for file in repo.files if is_code(file.path) and not any(each(file.path) for each in aside)]
    large = repository.too_large(file for file in wanted if not places.is_built(file.path))
    cuts = (large,) if large else ()
    reads: list[Read] = []
    started = time.monotonic()
    count = 0
    for file, content in repo.read(wanted):
        if time.monotonic() - started > READ_SECONDS:
            reason = f"reading the code took over {READ_SECONDS} s: {count} of {len(wanted)} files were read"
            return reads, count, (Unavailable(reason, "a second try, or a branch without generated code"), *cuts)
        count += 1
        if b"env" in content.lower() or b"config(" in content or b"BaseSettings" in content:
            reads += reads_in(file.path, content.decode("utf-8", "replace"))
    return reads, count, cuts


def _given(repo: Repository, parameters: Parameters, unread: list[Unavailable]) -> Iterator[Definition]:
    """The definitions that the parameters name, from disk: such files are rarely tracked."""
    named = parameters.repository
    given = [(name, path, f"env_files.{name}", parse_values) for name, path in named.env_files.items()]
    if named.production_variables:
        given.append((PRODUCTION, named.production_variables, "production_variables", parse_names))
    for environment, path, parameter, parse in given:
        text = _on_disk(repo, path, f"repository.{parameter}")
        if isinstance(text, Unavailable):
            unread.append(text)
        else:
            yield Definition(environment, path, parse(text))


def _on_disk(repo: Repository, path: str, parameter: str) -> str | Unavailable:
    found = repo.disk(path)
    if isinstance(found, Unavailable):
        return Unavailable(found.reason, f"{parameter}: a file inside repository.path")
    try:
        with found.open("rb") as stream:
            return stream.read(repository.MAX_TEXT_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        return Unavailable(f"{path} could not be read ({error.strerror})", parameter)


def _tracked(repo: Repository, parameters: Parameters, unread: list[Unavailable]) -> Iterator[Definition]:
    """Host configuration, and tracked files of development and examples that the parameters do not name already."""
    named = {path.removeprefix("./") for path in parameters.repository.env_files.values()}
    unnamed = [file for file in repo.files if file.path not in named and not places.is_foreign(file.path)]
    wanted = [file for file in unnamed if _kind(file.path) or is_definition(file.path)]
    if large := repository.too_large(wanted):
        unread.append(large)
    for file, content in repo.read(wanted):
        text = content.decode("utf-8", "replace")
        if kind := _kind(file.path):
            yield Definition(kind, file.path, parse_values(text))
        else:
            yield from definitions_in(file.path, text)


def _kind(path: str) -> str | None:
    return "example" if _EXAMPLES.search(path) else "development" if _DEVELOPMENT.search(path) else None
