"""The build: whether it runs from a fresh clone with the declared commands alone, and whether libraries are pinned.

Client code runs in `tried` only, where `authorization.allow` has build; lock files are read and never asked.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment import running
from launchready_lib.checks.stabilize_deployment.running import Limits, Run, Scratch
from launchready_lib.checks.stabilize_deployment.running.clone import harmless
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources import locks, repository, variables
from launchready_lib.sources.locks import Pinning, State
from launchready_lib.sources.repository import MAX_FILE_BYTES, GitError, Repository
from launchready_lib.wording import counted, enumerated

if TYPE_CHECKING:
    from launchready_lib.client import Client

PART_OF_STAGE = 0.5  # how much of the stage's time all commands of the build together may take
LOG_SHOWN = 6_000
_MOST_ROWS = 60
_PIP = re.compile(r"(?:\A|\s|/)pip3?(?:\s|\Z)")
_MOST_LOCK = MAX_FILE_BYTES // 2


@dataclass(frozen=True)
class BuildEvidence(Evidence):
    """How the declared commands went in a fresh clone.

    Attributes:
        commit: what was built.
        runs: one a command, until the first that failed; their output is redacted.
        changes: what is not as committed afterwards.
        incomplete: what the clone lacks that a build may need (submodules, large files kept elsewhere).
        unset: variables that the code needs and that the failing command's last words name.
        lent: variables that the build was given, with values of development, since it needed them.
        scratch: the clone, for what is tried next; gone with the evidence.
    """

    commit: str
    runs: tuple[Run, ...]
    changes: tuple[Row, ...] = ()
    incomplete: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    lent: tuple[str, ...] = ()
    scratch: Scratch | None = field(default=None, repr=False, compare=False)

    @property
    def failure(self) -> Run | None:
        """The command that did not end well."""
        return next((run for run in self.runs if not run.ok), None)

    @property
    def seconds(self) -> float:
        """How long all commands took together."""
        return sum(run.seconds for run in self.runs)

    def rows(self) -> Iterator[Row]:
        """One row a command, with the end of its log."""
        return (run.row(last=LOG_SHOWN) for run in self.runs)


@dataclass(frozen=True)
class LockEvidence(Evidence):
    """How every manifest of one commit is pinned."""

    commit: str
    files: int
    pinnings: tuple[Pinning, ...] = ()

    def rows(self) -> Iterator[Row]:
        """One row a manifest."""
        return (pinning.row() for pinning in self.pinnings)


@probe
async def tried(client: Client) -> BuildEvidence | Unavailable:
    """Build a fresh clone with the declared commands, in a clean environment and within limits."""
    if refused := client.forbidden("build"):
        return refused
    commands = client.parameters.repository.build
    if not commands:
        return Unavailable("no build command was given", "repository.build: the commands of a production build")
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    scratch = await _prepared(client, opened, commands)
    if isinstance(scratch, Unavailable):
        return scratch
    deadline = time.monotonic() + client.parameters.limits.stage_minutes * 60 * PART_OF_STAGE
    first = await _attempt(client, opened, scratch, {}, deadline)
    if isinstance(first, Unavailable) or not first.unset:
        return first
    settings = await asyncio.to_thread(harmless, opened, client.parameters)
    if not set(first.unset) <= settings.keys():
        return first
    scratch.remove()
    again = await _prepared(client, opened, commands)
    return again if isinstance(again, Unavailable) else await _attempt(client, opened, again, settings, deadline)


async def _prepared(client: Client, repo: Repository, commands: Iterable[str]) -> Scratch | Unavailable:
    """A fresh clone until the client is closed, with a Python to install into where the commands install with pip."""
    scratch = await running.fresh_clone(repo)
    if isinstance(scratch, Unavailable):
        return scratch
    client.at_close(scratch.remove)
    if any(_PIP.search(command) for command in commands):  # as hosts do, and never this machine's
        place = scratch.folder / "home" / "python"
        venv, environment = ["python3", "-m", "venv", str(place)], scratch.environment
        made = await running.run(venv, folder=scratch.folder, environment=environment, limits=Limits(120.0))
        if not made.ok:
            return Unavailable("no Python environment could be made for the build", "python3 with venv on this machine")
        path = os.pathsep.join([str(place / "bin"), environment["PATH"]])
        environment.update(PATH=path, VIRTUAL_ENV=str(place))
    return scratch


async def _attempt(
    client: Client, repo: Repository, scratch: Scratch, settings: dict[str, str], deadline: float
) -> BuildEvidence | Unavailable:
    """Run the build's commands until one fails."""
    runs = await running.run_all(
        client.parameters.repository.build,
        folder=scratch.app,
        environment={**settings, **scratch.environment},
        deadline=deadline,
        redact=lambda output: scratch.redacted(output, client, settings),
    )
    return await asyncio.to_thread(_after, repo, scratch, runs, tuple(sorted(settings)))


def _after(
    repo: Repository, scratch: Scratch, runs: tuple[Run, ...], lent: tuple[str, ...]
) -> BuildEvidence | Unavailable:
    try:
        changes = scratch.changes()
    except GitError as error:
        return Unavailable(f"the tree could not be compared after the build: {error}", "a second try")
    words = runs[-1].output if runs and not runs[-1].ok else ""
    missing = [f"the submodule {file.path}" for file in repo.files if file.kind == "submodule"][:5]
    if "filter=lfs" in (repo.text(".gitattributes") or ""):
        missing.append("files that Git LFS keeps elsewhere")
    return BuildEvidence(repo.commit, runs, changes, tuple(missing), _unset(repo, words), lent, scratch)


def _unset(repo: Repository, words: str) -> tuple[str, ...]:
    """Needed variables that the last words of a failed command name."""
    if not words:
        return ()
    names = set(re.findall(r"\b[A-Z][A-Z0-9_]{2,80}\b", words[-20_000:]))
    code = [file for file in repo.files if variables.is_code(file.path)]
    reads = [
        read
        for file, content in repo.read(code)
        if any(name.encode() in content for name in names)
        for read in variables.reads_in(file.path, content.decode("utf-8", "replace"))
    ]
    return tuple(sorted(names & variables.required(reads).keys()))


@check("build.clean")
def clean(build: BuildEvidence) -> Verdict:
    """A fresh clone builds with the declared commands alone, exit 0, the tree unchanged afterwards."""
    failure = build.failure
    if failure is not None:
        return _not_built(build, failure)
    rows: list[Row] = [{"commit": build.commit[:12], **run.row()} for run in build.runs]
    if build.changes:
        names = [str(row["file"]) for row in build.changes]
        return failed(
            f"The build succeeds and leaves the tree changed: {enumerated(names, most=5)}",
            evidence=[*build.changes[:_MOST_ROWS], *rows],
            fix="Let git ignore what the build creates, and commit what it changes (a lock file, generated code), so "
            "that a build never alters what is released.",
            effort_hours=1,
            about=names,
        )
    seconds = f"{build.seconds:.0f} s" if build.seconds >= 10 else f"{build.seconds:.1f} s"
    commands = counted(len(build.runs), "declared command")
    lent = f", given settings of development ({counted(len(build.lent), 'variable')})" if build.lent else ""
    summary = f"A fresh clone of {build.commit[:12]} builds in {seconds} with {commands}{lent}; the tree is unchanged"
    return passed(summary, evidence=rows)


def _not_built(build: BuildEvidence, run: Run) -> Verdict:
    row = {"commit": build.commit[:12], **run.row(last=1200)}
    if run.ended == "time":
        needs = "limits.stage_minutes, large enough for the build (it may take half of it)"
        return unknown(f"`{run.command}` {run.ending}", needs=needs, evidence=[row])
    if run.ended in ("memory", "disk", "processes") or (run.exit is not None and run.exit < 0):
        return unknown(f"`{run.command}` {run.ending}", needs="a machine with more room for the build", evidence=[row])
    if run.ended == "not started" and not run.command.startswith((".", "/")):
        program = run.command.split()[0]
        return unknown(f"{program} is not installed here", needs=f"{program} on this machine", evidence=[row])
    if build.incomplete:
        reason = f"`{run.command}` {run.ending}, but the clone lacks {' and '.join(build.incomplete)}"
        return unknown(reason, needs="a repository that builds by itself, or a build by hand", evidence=[row])
    if build.unset:
        names = ", ".join(build.unset)
        reason = f"`{run.command}` {run.ending}: it asks for {names}, which a fresh clone does not have"
        needs = "repository.env_files.development with values for them, or a build that does without"
        return unknown(reason, needs=needs, evidence=[row])
    last = next((line.strip() for line in reversed(run.output.splitlines()) if line.strip()), "")
    why = f"`{run.command}` {run.ending}" + (f": {last[:160]}" if last else "")
    return failed(f"The build of a fresh clone stops: {why}", evidence=[row], about=[run.command])


@probe
async def pinned(client: Client) -> LockEvidence | Unavailable:
    """Read every dependency manifest and the lock file that belongs to it."""
    return await repository.read_through(client, read_locks)


def read_locks(repo: Repository) -> LockEvidence:
    """Compare manifests and lock files of one commit.

    Raises:
        GitError: git stopped answering.
    """
    by_path = {file.path: file for file in repo.files if file.kind == "file"}
    manifests = [file for path, file in by_path.items() if locks.is_manifest(path)]
    texts = {file.path: content.decode("utf-8-sig", "replace") for file, content in repo.read(manifests)}

    def text(path: str) -> str | None:
        if path in texts or path not in by_path:
            return texts.get(path)
        return next((c.decode("utf-8-sig", "replace") for _, c in repo.read([by_path[path]], most=_MOST_LOCK)), None)

    return LockEvidence(repo.commit, len(repo.files), locks.look(locks.Tree(frozenset(by_path), text)))


@check("build.locked")
def locked(evidence: LockEvidence) -> Verdict:
    """Every dependency manifest has a tracked lock file that is up to date, as far as the files alone tell."""
    judged = [pinning for pinning in evidence.pinnings if pinning.state not in (State.ASIDE, State.NOTHING)]
    aside = _pinned_rows([pinning for pinning in evidence.pinnings if pinning not in judged])
    if not judged:
        needs = f"a manifest ({locks.MANIFESTS}) that names the app's libraries, if it has any"
        return unknown(f"none of {evidence.files} tracked files names a library", needs=needs, evidence=aside)
    clauses = []
    if wrong := [pinning for pinning in judged if pinning.state in (State.MISSING, State.STALE, State.UNPINNED)]:
        shown = [f"{each.manifest}: {each.state}" + (f" ({each.detail})" if each.detail else "") for each in wrong[:5]]
        shown += [f"and {len(wrong) - 5} more"] if len(wrong) > 5 else []
        about = [f"{each.manifest}: {each.state}" for each in wrong]
        clauses.append(failed("; ".join(shown), evidence=_pinned_rows(wrong), about=about))
    if unclear := [pinning for pinning in judged if pinning.state is State.UNTOLD]:
        reasons = "; ".join(f"{pinning.manifest}: {pinning.detail or pinning.state}" for pinning in unclear[:3])
        reason = f"the files alone do not tell whether every version is pinned ({reasons})"
        needs = "the package manager's own check, or a lock file that shows it"
        clauses.append(unknown(reason, needs=needs, evidence=_pinned_rows(unclear)))
    if good := [pinning for pinning in judged if pinning.state is State.LOCKED]:
        number = sum(pinning.libraries for pinning in good)
        libraries = "1 library" if number == 1 else f"{number} libraries"
        summary = f"{counted(len(good), 'manifest')} with {libraries}: each has a tracked, up-to-date lock file"
        clauses.append(passed(summary, evidence=[*_pinned_rows(good), *aside]))
    return combine(*clauses)


def _pinned_rows(pinnings: list[Pinning]) -> list[Row]:
    return [pinning.row() for pinning in pinnings[:_MOST_ROWS]]
