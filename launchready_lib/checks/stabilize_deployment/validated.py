"""Whether the app refuses to start when a variable that it needs is missing: tried, one variable at a time.

The app runs in a scratch copy with settings of development, never production's, and only where `authorization.allow`
has build.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment import running
from launchready_lib.checks.stabilize_deployment.build import BuildEvidence
from launchready_lib.checks.stabilize_deployment.running import Limits, Running, Scratch
from launchready_lib.checks.stabilize_deployment.running.clone import harmless
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import places
from launchready_lib.sources.credentials.values import is_url_name
from launchready_lib.sources.environments import EnvironmentEvidence
from launchready_lib.sources.repository import GitError, Repository
from launchready_lib.sources.variables import is_for_browsers, parse_values
from launchready_lib.wording import enumerated

if TYPE_CHECKING:
    from launchready_lib.client import Client

PART_OF_STAGE = 0.25
START_S = 20.0  # how long the app may take until it listens, or else has to stay up, when it has everything
PATIENCE_S = 3.0
SETTLE_S = 0.7  # how long an app that listens is watched: some look at their settings only then
POLL_S = 0.1
GATES = ("validate_env", "validate-env")
"""Names of the kit's environment gate, which a deploy may run in the app's stead."""
_MOST_ROWS = 60
_PATHS = {name: re.compile(pattern) for name, pattern in places.FILES["starts"].items()}


class Outcome(StrEnum):
    """What became of a start without one variable."""

    REFUSED = "refused"
    STARTED = "started all the same"
    UNCLEAR = "neither started nor refused"
    GATED = "the deploy's own check needs it"
    GIVEN = "a tracked file gives it"
    BUILT_IN = "compiled in when the app is built"
    BESIDE = "read beside the app only"
    UNTRIED = "not tried: the time was up"


@dataclass(frozen=True)
class Start:
    """One start of the app `without` a variable (or with all); `words`: the end of what it printed, redacted."""

    without: str
    outcome: Outcome
    went: str = ""
    named: bool = False
    seconds: float = 0.0
    words: str = ""
    listened: bool = False

    def row(self) -> Row:
        """The start as evidence."""
        return {
            "without": self.without or "(nothing)",
            "outcome": str(self.outcome),
            "process": self.went or None,
            "names_it": self.named if self.outcome is Outcome.REFUSED else None,
            "last_output": self.words[-300:] or None,
        }


@dataclass(frozen=True)
class StartEvidence(Evidence):
    """How the app started with everything, and without each variable that it needs.

    Attributes:
        complete: the start with every variable, one a command.
        starts: one a needed variable.
        filled: needed variables for which there was no value of development, so that one was made up.
    """

    complete: tuple[Start, ...]
    starts: tuple[Start, ...] = ()
    filled: tuple[str, ...] = ()

    def of(self, outcome: Outcome) -> list[Start]:
        """The starts that went so."""
        return [start for start in self.starts if start.outcome is outcome]

    def rows(self) -> Iterator[Row]:
        """One row a start."""
        return (start.row() for start in (*self.complete, *self.starts))


@probe
async def survey(
    client: Client, made: BuildEvidence | Unavailable, settings: EnvironmentEvidence | Unavailable
) -> StartEvidence | Unavailable:
    """Start the app with everything, then without each needed variable, in the scratch copy that was built."""
    if refused := client.forbidden("build"):
        return refused
    commands = client.parameters.repository.start
    if not commands:
        return Unavailable("no command that starts the app was given", "repository.start")
    if isinstance(settings, Unavailable):
        return settings
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    scratch = made.scratch if isinstance(made, BuildEvidence) else None
    place = scratch if scratch is not None and scratch.app.is_dir() else await running.fresh_clone(opened)
    if isinstance(place, Unavailable):
        return place
    client.at_close(place.remove)
    try:
        trial = await asyncio.to_thread(_prepared, client, opened, place, settings)
    except GitError as error:
        return repository.not_whole(error)
    return await trial.all_starts()


def _prepared(client: Client, repo: Repository, place: Scratch, settings: EnvironmentEvidence) -> _Trial:
    values = harmless(repo, client.parameters)
    aside = dict(_not_tried(repo, settings))
    filled = tuple(name for name in settings.needed if name not in values and name not in aside)
    values |= {name: "http://127.0.0.1:9" if is_url_name(name) else "made-up-by-the-audit" for name in filled}
    return _Trial(client, place, values, tuple(settings.needed), aside, filled)


def _not_tried(repo: Repository, settings: EnvironmentEvidence) -> Iterable[tuple[str, Start]]:
    """Needed variables whose absence says nothing about the app's start, or that the deploy's own check covers."""
    files = [f for f in repo.files if _PATHS["settings"].search(f.path) and not _PATHS["example"].search(f.path)]
    tracked: dict[str, str] = {}
    for file, content in repo.read(files):
        values = parse_values(content.decode("utf-8", "replace"))
        tracked |= dict.fromkeys((name for name, value in values.items() if value), file.path)
    gated = _gated(repo)
    for name, reads in settings.needed.items():
        if is_for_browsers(name):
            yield name, Start(name, Outcome.BUILT_IN)
        elif all(_PATHS["beside_the_app"].search(read.path) for read in reads):
            yield name, Start(name, Outcome.BESIDE, went=f"{reads[0].path}:{reads[0].line}")
        elif name in tracked:
            yield name, Start(name, Outcome.GIVEN, went=tracked[name])
        elif name in gated:
            yield name, Start(name, Outcome.GATED, went=gated[name])


def _gated(repo: Repository) -> dict[str, str]:
    """Variable -> the tracked environment gate that needs it, where a pipeline or start script runs that gate."""
    gates = [file for file in repo.files if file.name.rsplit(".", 1)[0] in GATES]
    if not gates:
        return {}
    pipelines = [file for file in repo.files if _PATHS["pipelines"].search(file.path) and file not in gates]
    text = "\n".join(content.decode("utf-8", "replace") for _, content in repo.read(pipelines))
    found: dict[str, str] = {}
    for file, content in repo.read(file for file in gates if re.search(rf"\b{re.escape(file.name)}\b", text)):
        found |= dict.fromkeys(re.findall(r"\b[A-Z][A-Z0-9_]+\b", content.decode("utf-8", "replace")), file.path)
    return found


@dataclass
class _Trial:
    """The starts of one app, one after another."""

    client: Client
    scratch: Scratch
    values: Mapping[str, str]
    needed: tuple[str, ...]
    aside: Mapping[str, Start]
    filled: tuple[str, ...]

    async def all_starts(self) -> StartEvidence:
        """Start with everything, then without each; what the time does not allow is said."""
        limits = self.client.parameters.limits
        deadline = time.monotonic() + limits.stage_minutes * 60 * PART_OF_STAGE
        commands = self.client.parameters.repository.start
        complete = [await self._start(command, "", START_S, listens=False) for command in commands]
        starts = []
        for name in self.needed:
            if name in self.aside:
                starts.append(self.aside[name])
            elif time.monotonic() > deadline:
                starts.append(Start(name, Outcome.UNTRIED))
            else:
                starts.append(await self._without(name, list(zip(commands, complete, strict=True))))
        return StartEvidence(tuple(complete), tuple(starts), self.filled)

    async def _without(self, name: str, commands: list[tuple[str, Start]]) -> Start:
        """The first of the app's commands that refuses; else how the first went."""
        found = []
        for command, complete in commands:
            patience = max(PATIENCE_S, 3 * complete.seconds) if complete.listened else START_S / 2
            start = await self._start(command, name, patience, listens=complete.listened)
            if complete.outcome is not Outcome.STARTED and not (start.named and name not in complete.words):
                start = Start(name, Outcome.UNCLEAR, start.went, seconds=start.seconds, words=start.words)
            if start.outcome is Outcome.REFUSED:
                return start
            found.append(start)
        return next((start for start in found if start.outcome is Outcome.STARTED), found[0])

    async def _start(self, command: str, without: str, patience: float, *, listens: bool) -> Start:
        """Start once, until it listens, ends, or has had its time; `listens`: with everything it did."""
        taken = {each.laddr.port for each in psutil.net_connections(kind="tcp") if each.laddr}
        port = random.choice([port for port in range(20_000, 30_000) if port not in taken])  # noqa: S311 - any will do
        values = {**self.values, "PORT": str(port), **self.scratch.environment}
        values.pop(without, None)
        began = time.monotonic()
        limits = Limits(patience + 30)
        async with Running(command, folder=self.scratch.app, environment=values, limits=limits) as process:
            listening = None
            while (run := await process.wait(POLL_S)) is None:
                now = time.monotonic()
                if listening is None and process.listens():
                    listening = now
                if now - began > patience or (listening is not None and now - listening > SETTLE_S):
                    break
            ended = run or await process.stop()
        seconds = (listening or time.monotonic()) - began
        words = self.scratch.redacted(ended.output, self.client, self.values).strip()[-4000:]
        named = bool(without) and re.search(rf"(?<!\w){re.escape(without)}(?!\w)", words) is not None
        if run is None:
            outcome = Outcome.STARTED if listening or not listens else Outcome.UNCLEAR
            went = f"listens after {seconds:.1f} s" if listening else f"runs after {seconds:.0f} s without listening"
        else:
            outcome = Outcome.STARTED if run.ok else Outcome.REFUSED
            went = run.ending
        return Start(without, outcome, went, named, seconds, words, listening is not None)


@check("environment.validated")
def validated(evidence: StartEvidence) -> Verdict:
    """The app, or a check that its deploy runs, refuses to start when a required variable is missing."""
    complete = [start.row() for start in evidence.complete]
    clauses = []
    if started := evidence.of(Outcome.STARTED):
        names = [start.without for start in started]
        summary = f"The app starts without {enumerated(names)}, which it needs: members would be the first to notice"
        rows = [*(start.row() for start in started), *complete][:_MOST_ROWS]
        clauses.append(failed(summary, evidence=rows, about=names))
    if unclear := evidence.of(Outcome.UNCLEAR):
        clauses.append(_unclear(evidence, unclear))
    if untried := evidence.of(Outcome.UNTRIED):
        reason = f"the time was up before the app was started without {enumerated(s.without for s in untried)}"
        clauses.append(unknown(reason, needs="limits.stage_minutes, larger", evidence=[s.row() for s in untried]))
    if refused := [*evidence.of(Outcome.REFUSED), *evidence.of(Outcome.GATED)]:
        clauses.append(_refuses(refused, complete))
    if not clauses:  # what is left is built in, given, or read beside the app
        counts: Row = {"needed_at_start": 0, "needed_elsewhere": len(evidence.starts)}
        rows = [counts, *(start.row() for start in evidence.starts)][:_MOST_ROWS]
        clauses.append(passed("The app needs no variable to start", evidence=rows))
    return combine(*clauses)


def _unclear(evidence: StartEvidence, unclear: list[Start]) -> Verdict:
    broken = [start for start in evidence.complete if start.outcome is not Outcome.STARTED]
    rows = [start.row() for start in (*evidence.complete, *unclear)][:_MOST_ROWS]
    if broken:
        made_up = f" (made-up values stood for {enumerated(evidence.filled)})" if evidence.filled else ""
        reason = f"the app does not start here even with every variable: it {broken[0].went}{made_up}"
        needs = "repository.env_files.development with values with which `repository.start` works on this machine"
        return unknown(reason, needs=needs, evidence=rows)
    names = enumerated(start.without for start in unclear)
    return unknown(f"without {names} the app neither listened nor ended", needs="a look by hand", evidence=rows)


def _refuses(refused: list[Start], complete: list[Row]) -> Verdict:
    named = sum(start.named or start.outcome is Outcome.GATED for start in refused)
    each = "the one variable" if len(refused) == 1 else f"each of the {len(refused)} variables"
    says = "and says which" if named == len(refused) else f"and says which for {named} of {len(refused)}"
    summary = f"The app refuses to start without {each} that it needs, {says}"
    return passed(summary, evidence=[*(start.row() for start in refused), *complete][:_MOST_ROWS])
