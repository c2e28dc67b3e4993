"""The way to production and back: what is written, what is automated, and which earlier releases there are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment.releasing import script_of
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Source, Verdict, combine, failed, passed, unknown
from launchready_lib.sources import repository, table
from launchready_lib.sources.repository import MAX_TEXT_BYTES, GitError, Repository, TrackedFile, is_text, too_large

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

MOST_FILES = 2_000

_TABLE = table("rollbacks")
_FILES, _WORDS = (
    {name: re.compile(pattern, re.IGNORECASE | re.VERBOSE) for name, pattern in _TABLE[part].items()}
    for part in ("files", "words")
)


@dataclass(frozen=True)
class Way:
    """One way back: a command, a step, or a platform's own; `declared`: it rests on the parameters alone."""

    kind: str
    what: str
    where: str
    declared: bool = False

    def row(self) -> Row:
        """The row that evidence shows."""
        return {"way_back": self.kind, "what": self.what, "where": self.where}


@dataclass(frozen=True)
class RollbackEvidence(Evidence):
    """What is known of going back.

    Attributes:
        ways: every way found.
        broken: declared ways that are not there, with what is missing.
        earlier: earlier releases, name and where it is named.
        keeps_releases: the platform that keeps them itself; empty where none is known to.
        searched: how many files were searched for words of going back.
        repository: why the repository, or part of it, could not be read; None where all was.
    """

    ways: tuple[Way, ...] = ()
    broken: tuple[Row, ...] = ()
    earlier: tuple[tuple[str, str], ...] = ()
    keeps_releases: str = ""
    searched: int = 0
    repository: Unavailable | None = None

    def rows(self) -> Iterator[Row]:
        """Ways back, then earlier releases."""
        yield from (way.row() for way in self.ways)
        yield from ({"way_back": "earlier release", "what": name, "where": where} for name, where in self.earlier)


@probe
async def survey_rollback(client: Client) -> RollbackEvidence | Unavailable:
    """Look for ways back in the parameters, the runbook and the repository."""
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable) and client.parameters.authorization is None:
        return opened
    runbook = client.parameters.runbook
    return await asyncio.to_thread(read_rollback, opened, client.parameters, client.path(runbook) if runbook else None)


def read_rollback(
    repo: Repository | Unavailable, parameters: Parameters, runbook: Path | None = None
) -> RollbackEvidence:
    """Everything that leads back, from the parameters, the runbook and one commit."""
    ways: list[Way] = []
    broken: list[Row] = []
    unread = repo if isinstance(repo, Unavailable) else None
    for command in parameters.deploy.rollback_command:
        script = script_of(command)
        if script and not isinstance(repo, Unavailable) and not repo.named(script):
            broken.append({"way_back": "command", "what": command, "where": f"{script} is not in the repository"})
        else:
            ways.append(Way("command", command, "deploy.rollback_command", declared=isinstance(repo, Unavailable)))
    if runbook is not None:
        text = _text(runbook)
        shown = parameters.runbook or runbook.name
        if text is None:
            broken.append({"way_back": "runbook", "what": shown, "where": "the file cannot be read"})
        ways += _lines(text or "", shown, "written")
    searched = 0
    if not isinstance(repo, Unavailable):
        try:
            searched, found, unread = _in_repository(repo)
            ways += found
        except GitError as error:
            unread = repository.not_whole(error)
    platforms = list(_platforms(repo, parameters))
    return RollbackEvidence(
        ways=(*dict.fromkeys(ways), *platforms),
        broken=tuple(broken),
        earlier=tuple(_earlier(repo, parameters)),
        keeps_releases=platforms[0].what if platforms else "",
        searched=searched,
        repository=unread,
    )


def _text(path: Path) -> str | None:
    try:
        if path.is_file():
            with path.open("rb") as stream:
                return stream.read(MAX_TEXT_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None
    return None


def _in_repository(repo: Repository) -> tuple[int, list[Way], Unavailable | None]:
    """How many files were searched, what they tell, and why some were not."""
    wanted = [file for file in repo.files if _kind(file)]
    unread = too_large(wanted)
    if len(wanted) > MOST_FILES:
        reason = f"{len(wanted) - MOST_FILES} of {len(wanted)} guides, scripts and pipelines were not read"
        unread = Unavailable(reason, "deploy.rollback_command or a runbook")
        wanted = wanted[:MOST_FILES]
    ways: list[Way] = []
    for file, content in repo.read(wanted):
        if is_text(content):
            ways += _lines(content.decode("utf-8", "replace"), file.path, _kind(file))
    return len(wanted), ways, unread


def _kind(file: TrackedFile) -> str:
    fitting = [name for name in ("story", "guides", "automation") if _FILES[name].search(file.path)]
    return {"guides": "written", "automation": "automated"}.get(fitting[0], "") if fitting else ""


def _lines(text: str, where: str, kind: str) -> Iterator[Way]:
    """The first three lines of a file that speak of going back to a release."""
    back, denied, of_a_database = (_WORDS[name] for name in ("back", "denied", "of_a_database"))
    numbered = enumerate((line[:500] for line in text.splitlines()), 1)
    found = (each for each in numbered if back.search(each[1]))
    meant = (each for each in found if not denied.search(each[1]) and not of_a_database.search(each[1]))
    return (Way(kind, line.strip()[:160], f"{where}:{number}") for number, line in islice(meant, 3))


def _platforms(repo: Repository | Unavailable, parameters: Parameters) -> Iterator[Way]:
    named = (parameters.hosting.provider or "").lower()
    paths = [] if isinstance(repo, Unavailable) else [file.path for file in repo.files]
    for platform in _TABLE["platforms"]:
        what = f"{platform['name']}: {platform['how']}"
        if where := next(filter(re.compile(platform["files"]).search, paths), None):
            yield Way("platform", what, where)
        elif platform["provider"] in named:
            yield Way("platform", what, "hosting.provider", declared=True)


def _earlier(repo: Repository | Unavailable, parameters: Parameters) -> Iterator[tuple[str, str]]:
    now = {parameters.release, parameters.deploy.release}
    declared = parameters.deploy.previous_release
    tags = () if isinstance(repo, Unavailable) else repo.tags
    if declared and declared not in now:
        yield declared, "deploy.previous_release" + (", a tag" if declared in dict(tags) else "")
    commit = "" if isinstance(repo, Unavailable) else repo.commit
    for name, tagged in tags[:50]:
        if name not in {*now, declared} and tagged != commit and re.search(r"\d", name):
            yield name, f"tag at {tagged[:12]}"


@check("rollback.path")
def rollback_path(evidence: RollbackEvidence) -> Verdict:
    """A written or automated way back exists, and an earlier release to return to."""
    return combine(_way(evidence), _release(evidence))


def _way(evidence: RollbackEvidence) -> Verdict:
    if evidence.ways:
        best = evidence.ways[0]
        rows = [*(way.row() for way in evidence.ways[:10]), *evidence.broken]
        source: Source = "attested" if all(way.declared for way in evidence.ways) else "measured"
        return passed(f"A way back exists ({best.kind}, {best.where}): {best.what}", evidence=rows, source=source)
    if evidence.repository is not None:
        needs = "deploy.rollback_command, a runbook, or repository.path"
        reason = f"no way back was named, and {evidence.repository.reason}"
        return unknown(reason, needs=needs, evidence=evidence.broken)
    looked = f"nothing in {evidence.searched} guides, scripts and pipelines tells one"
    named = "; ".join(f"{row['what']}: {row['where']}" for row in evidence.broken)
    return failed(
        f"No way back: {named or 'no rollback command is declared'}, and {looked}",
        evidence=evidence.broken or [{"way_back": "none", "files_searched": evidence.searched}],
        about=["no way back"],
    )


def _release(evidence: RollbackEvidence) -> Verdict:
    if evidence.earlier:
        rows = [{"earlier_release": name, "named_by": where} for name, where in evidence.earlier[:10]]
        return passed(f"an earlier release is {evidence.earlier[0][0]}", evidence=rows)
    if evidence.ways or evidence.repository is not None:
        keeper = evidence.keeps_releases.partition(":")[0]
        none = "no tag and no parameter names an earlier release"
        reason = f"{keeper} keeps releases, and none was named" if keeper else none
        return unknown(reason, needs="deploy.previous_release, or a tag for each release")
    return failed(
        "no tag but the current one, and no other release is named",
        evidence=[{"earlier_release": "none", "tags": 0}],
        about=["no earlier release"],
    )
