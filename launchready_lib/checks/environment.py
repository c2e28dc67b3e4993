"""Environment variables: whether production defines what the code needs, and whether each environment has its own.

Values are compared as digests under a key that lives as long as one reading; no value, nor a digest of one, is shown.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.checks import check, probe, repository
from launchready_lib.checks.repository import GitError, Repository
from launchready_lib.credentials import places
from launchready_lib.findings import Row, Unavailable, Verdict, combine, failed, passed, unknown
from launchready_lib.variables import (
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
    import pandas as pd

    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

PRODUCTION = "production"
READ_SECONDS = 60
_MOST_ROWS = 60
_ASIDE = frozenset({"example", COMPOSE, CI})
"""Sources that are no environment."""

_UNGUARDED = frozenset({"development", *_ASIDE})
"""Among themselves these may share what opens nothing of worth."""

_EXAMPLES = re.compile(
    r"(?:^|/)\.?env[\w.-]*\.(?:example|sample|template|dist|defaults?)$|(?:^|/)\.?env\.(?:example|sample)"
)
_DEVELOPMENT = re.compile(r"(?:^|/)\.env(?:\.(?:development|dev|local|test))*$")


@dataclass(frozen=True)
class EnvironmentEvidence:
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

    def frame(self) -> pd.DataFrame:
        """The matrix: one row a variable, one column an environment, never a value."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        columns = list(dict.fromkeys([PRODUCTION, *(setting.environment for setting in self.settings)]))
        holders: dict[str, dict[str, None]] = {}
        for each in self.settings:
            holders.setdefault(each.digest or "", {})[each.environment] = None
        states = {(s.name, s.environment): s.state + _shared_with(s, holders) for s in reversed(self.settings)}
        secret = {setting.name for setting in self.settings if setting.is_secret}
        names = sorted({*self.needed, *(setting.name for setting in self.settings)})
        rows = [
            {
                "variable": name,
                "needed": "yes" if name in self.needed else "",
                "in browsers": ("yes, a secret" if name in secret else "yes") if is_for_browsers(name) else "",
                **{column: states.get((name, column), self._absent(name, column)) for column in columns},
                "read in": ", ".join(f"{read.path}:{read.line}" for read in self.needed.get(name, ())[:3]),
            }
            for name in names
        ]
        return pd.DataFrame(rows)

    def _absent(self, name: str, column: str) -> str:
        return "missing" if name in self.needed and column not in (COMPOSE, CI) else ""


@probe
async def survey(client: Client) -> EnvironmentEvidence | Unavailable:
    """Read the code and the definitions that the parameters name."""
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    return await asyncio.to_thread(read_environments, opened, client.parameters)


def read_environments(repo: Repository, parameters: Parameters) -> EnvironmentEvidence | Unavailable:
    """What the code of one commit reads, and what its environments define."""
    key = secrets.token_bytes(32)
    unread: list[Unavailable] = []
    try:
        reads, code_files, cuts = _code(repo)
        definitions = [*_given(repo, parameters, unread), *_tracked(repo, parameters, unread)]
    except GitError as error:
        return Unavailable(f"the repository could not be read whole: {error}", "a complete clone at repository.path")
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


def _shared_with(setting: Setting, holders: Mapping[str, Iterable[str]]) -> str:
    """The other environments that hold the same value."""
    others = [name for name in holders.get(setting.digest or "", ()) if setting.digest and name != setting.environment]
    return f", shared with {' and '.join(others)}" if others else ""


def _code(repo: Repository) -> tuple[list[Read], int, tuple[Unavailable, ...]]:
    wanted = [file for file in repo.files if is_code(file.path) and not _is_aside(file.path)]
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


def _is_aside(path: str) -> bool:
    return places.is_test(path) or places.is_example(path) or places.is_foreign(path)


def _given(repo: Repository, parameters: Parameters, unread: list[Unavailable]) -> Iterator[Definition]:
    """The definitions that the parameters name, from disk: such files are rarely tracked."""
    asked = parameters.repository
    for environment, path in asked.env_files.items():
        text = _on_disk(repo, path, f"repository.env_files.{environment}")
        if isinstance(text, Unavailable):
            unread.append(text)
        else:
            yield Definition(environment, path, parse_values(text))
    if asked.production_variables:
        text = _on_disk(repo, asked.production_variables, "repository.production_variables")
        if isinstance(text, Unavailable):
            unread.append(text)
        else:
            yield Definition(PRODUCTION, asked.production_variables, parse_names(text))


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
    wanted = [file for file in repo.files if _may_define(file.path) and file.path not in named]
    if large := repository.too_large(wanted):
        unread.append(large)
    for file, content in repo.read(wanted):
        kind = "example" if _EXAMPLES.search(file.path) else "development" if _DEVELOPMENT.search(file.path) else None
        if kind:
            yield Definition(kind, file.path, parse_values(content.decode("utf-8", "replace")))
        else:
            yield from definitions_in(file.path, content.decode("utf-8", "replace"))


def _may_define(path: str) -> bool:
    return not places.is_foreign(path) and (
        is_definition(path) or bool(_EXAMPLES.search(path) or _DEVELOPMENT.search(path))
    )


@check("environment.missing")
def missing(evidence: EnvironmentEvidence) -> Verdict:
    """Production defines every variable that the code reads without a default, with a real value."""
    if evidence.code_files == 0:
        return unknown(
            "no code in a language whose reads are understood (JavaScript, TypeScript, Python, Ruby, PHP, Go)",
            needs="a list of needed variables by hand",
        )
    cut = [unknown(each.reason, needs=each.needs) for each in evidence.cuts]
    if not evidence.needed:
        row = {"code_files": evidence.code_files, "variables_read": len(evidence.read), "needed": 0}
        return combine(passed(f"None of {evidence.code_files} code files needs a variable", evidence=[row]), *cut)
    if PRODUCTION not in evidence.environments and not set(evidence.needed) <= set(evidence.of(PRODUCTION)):
        return _production_unknown(evidence)
    return combine(_all_defined(evidence), _all_real(evidence), *cut)


def _production_unknown(evidence: EnvironmentEvidence) -> Verdict:
    reason = next((gap.reason for gap in evidence.unread), "nobody said what production defines")
    rows = [_need_row(name, reads) for name, reads in evidence.needed.items()]
    needs = "repository.env_files.production, or names alone in repository.production_variables"
    return unknown(reason, needs=needs, evidence=rows[:_MOST_ROWS])


def _all_defined(evidence: EnvironmentEvidence) -> Verdict:
    defined = evidence.of(PRODUCTION)
    gaps = {name: reads for name, reads in evidence.needed.items() if name not in defined}
    if gaps:
        verb = "is" if len(gaps) == 1 else "are"
        return failed(
            f"{_listed(gaps)} {verb} read without a default and not defined for production",
            evidence=[{**_need_row(name, reads), PRODUCTION: "missing"} for name, reads in gaps.items()][:_MOST_ROWS],
            about=gaps,
        )
    rows = [{**_need_row(name, reads), PRODUCTION: defined[name][0].state} for name, reads in evidence.needed.items()]
    return passed(f"Production defines all {len(rows)} variables that the code needs", evidence=rows[:_MOST_ROWS])


def _all_real(evidence: EnvironmentEvidence) -> Verdict:
    """None of the variables is blank or a placeholder; where only names are known, that is unknown."""
    defined = {name: found for name, found in evidence.of(PRODUCTION).items() if name in evidence.needed}
    hollow, unseen, real = [], [], []
    for name, settings in defined.items():
        seen = [setting for setting in settings if setting.known]
        if not seen:
            unseen.append(name)
        elif all(setting.blank or setting.placeholder for setting in seen):
            hollow.append(seen[0])
        else:
            real.append(name)
    if hollow:
        names = _listed(setting.name for setting in hollow)
        return failed(
            f"{names} {'is' if len(hollow) == 1 else 'are'} blank or still a placeholder in production",
            evidence=[{"variable": s.name, PRODUCTION: s.state, "defined_in": s.source} for s in hollow][:_MOST_ROWS],
            about=[setting.name for setting in hollow],
        )
    if unseen:
        return unknown(
            f"of {len(unseen)} variables only the names are known, so a blank or a placeholder would not show",
            needs="repository.env_files.production with values (they stay on this machine)",
            evidence=[{"variable": name, PRODUCTION: "set (name only)"} for name in unseen][:_MOST_ROWS],
        )
    return passed("None of their values is blank or a placeholder", evidence=[{"values_looked_at": len(real)}])


def _need_row(name: str, reads: tuple[Read, ...]) -> Row:
    where = ", ".join(f"{read.path}:{read.line}" for read in reads[:3])
    return {"variable": name, "read_in": where, "reads": len(reads)}


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


@check("environment.separated")
def separated(evidence: EnvironmentEvidence) -> Verdict:
    """No environment has another's secret, database or live key."""
    faults = [*_shared(evidence), *_live_outside(evidence)]
    if faults:
        names = dict.fromkeys(str(fault["variable"]) for fault in faults)
        return failed(
            f"{_listed(names)}: {'; '.join(dict.fromkeys(str(fault['fault']) for fault in faults))}",
            evidence=faults[:_MOST_ROWS],
            about=names,
        )
    with_values = sorted({s.environment for s in evidence.settings if s.known and s.environment not in _ASIDE})
    if PRODUCTION not in with_values or len(with_values) < 2:
        seen = f"only {with_values[0]} was given with values" if with_values else "no environment was given with values"
        reason = next((gap.reason for gap in evidence.unread if "env_files" in gap.needs), seen)
        return unknown(reason, needs="repository.env_files for production and at least one other environment")
    rows = [
        {
            "environment": environment,
            "variables": sum(s.environment == environment for s in evidence.settings),
            "secrets": sum(s.environment == environment and s.is_secret for s in evidence.settings),
            "shared_with_another": 0,
        }
        for environment in dict.fromkeys(s.environment for s in evidence.settings)
    ]
    values_unread = [gap for gap in evidence.unread if "production_variables" not in gap.needs]
    return combine(
        passed(f"{_listed(with_values)} share no secret, database or live key", evidence=rows),
        *(unknown(gap.reason, needs=gap.needs) for gap in values_unread),
    )


def _shared(evidence: EnvironmentEvidence) -> Iterator[Row]:
    for kind, word in (("digest", "secret"), ("database", "database")):
        groups: dict[str, list[Setting]] = {}
        for setting in evidence.settings:
            mark = getattr(setting, kind)
            if mark and (kind == "database" or setting.is_secret or setting.is_live):
                groups.setdefault(mark, []).append(setting)
        for same in groups.values():
            environments = list(dict.fromkeys(setting.environment for setting in same))
            if len(environments) > 1 and not _UNGUARDED.issuperset(environments):
                yield _fault(same, environments, word)


def _fault(same: list[Setting], environments: list[str], word: str) -> Row:
    others = [environment for environment in environments if environment != PRODUCTION]
    if PRODUCTION in environments and _UNGUARDED.issuperset(others):
        article = "an" if others[0] == "example" else "a"
        fault = f"a production {word} sits in {article} {others[0]} file"
    else:
        fault = f"{' and '.join(environments)} share one {word}"
    return {
        "variable": ", ".join(dict.fromkeys(setting.name for setting in same)),
        "fault": fault,
        "environments": ", ".join(environments),
        "sources": ", ".join(dict.fromkeys(setting.source for setting in same)),
    }


def _live_outside(evidence: EnvironmentEvidence) -> Iterator[Row]:
    for setting in evidence.settings:
        if setting.is_live and setting.environment not in (PRODUCTION, COMPOSE):
            yield {
                "variable": setting.name,
                "fault": f"a live key sits in {setting.environment}",
                "environments": setting.environment,
                "sources": setting.source,
            }
