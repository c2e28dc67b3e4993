"""The way to production and back: what is written, what is automated, and which earlier releases there are."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.record.findings import Source, Verdict, combine, failed, passed, unknown
from launchready_lib.sources import repository
from launchready_lib.sources.repository import MAX_TEXT_BYTES, GitError, Repository, TrackedFile, is_text, too_large

if TYPE_CHECKING:
    import pandas as pd

    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

MOST_FILES = 2_000

_GUIDE = re.compile(
    r"(?i)(?:^|/)(?:readme|runbook|deploy\w*|release\w*|operations|contributing|development)[^/]*\.(?:mdx?|rst|txt|adoc)$|"
    r"^[^/]+\.md$|(?:^|/)(?:docs?|runbooks?|ops|wiki)/.*\.(?:mdx?|rst|txt|adoc)$"
)
_AUTOMATION = re.compile(
    r"(?i)^\.github/workflows/.*\.ya?ml$|^(?:\.gitlab-ci|bitbucket-pipelines|azure-pipelines)\.yml$|^\.circleci/|"
    r"(?:^|/)(?:makefile|justfile|rakefile|fabfile\.py|taskfile\.ya?ml|package\.json)$|"
    r"^(?:scripts?|bin|ops|deploy\w*|\.?ci)/[^/]*$|^(?:deploy|release|rollback)[\w.-]*$"
)
_STORY = re.compile(
    r"(?i)(?:^|/)(?:change(?:s|log)|history|news|releases?[-_ ]notes)[^/]*$|(?:^|/)(?:node_modules|vendor)/"
)
_BACK = re.compile(
    r"(?i)\broll(?:ing|ed|s)?[ _-]?back\b|\brollout undo\b|"
    r"\brevert(?:ing|s)?\s+(?:to|the|a|an|your)\s+(?:\w+\s+){0,2}(?:release|version|deploy\w*|image|build|tag)|"
    r"\b(?:re)?deploy(?:ing|s)?\s+(?:\w+\s+){0,2}(?:previous|earlier|last)\s+(?:\w+\s+)?(?:release|version|image|tag|build)|"
    r"\bgo(?:ing)? back to (?:the |an? )?(?:previous|earlier|last|old)|zur(?:ü|ue)ckroll|r[ée]tablir la version"
)
_DATABASE_BACK = re.compile(
    r"(?i)transaction|\b(?:db|migrate):rollback|\.rollback\(|rollback\(\)|savepoint|on[-_ ]?rollback"
)
_NOT_BACK = re.compile(
    r"(?i)\b(?:no|not|never|cannot|can.t|don.t|without|lacks?|missing|todo|tbd|fixme|planned|someday)\b"
    r"[^.\n]{0,60}roll[ _-]?back|"
    r"roll(?:ed|ing)?[ _-]?back[^.\n]{0,40}"
    r"\b(?:is not|isn.t|not (?:yet|possible|supported|available|documented)|impossible|todo|tbd|missing)"
)


@dataclass(frozen=True)
class Platform:
    """A host that keeps its releases and puts an earlier one back by itself."""

    name: str
    files: re.Pattern[str]
    provider: str
    how: str


PLATFORMS = (
    Platform("Vercel", re.compile(r"^(?:.*/)?(?:vercel\.json|\.vercel/project\.json)$"), "vercel", "vercel rollback"),
    Platform("Netlify", re.compile(r"^(?:.*/)?netlify\.toml$"), "netlify", "publish an earlier deploy"),
    Platform("Heroku", re.compile(r"^(?:app\.json|heroku\.yml|Procfile)$"), "heroku", "heroku rollback"),
    Platform("Render", re.compile(r"^render\.ya?ml$"), "render", "Rollback on the service's Events page"),
    Platform("Railway", re.compile(r"^railway\.(?:json|toml)$"), "railway", "Rollback on an earlier deployment"),
    Platform(
        "Cloudflare", re.compile(r"^(?:.*/)?wrangler\.(?:toml|jsonc?)$"), "cloudflare workers", "wrangler rollback"
    ),
    Platform("Kamal", re.compile(r"^config/deploy\.yml$"), "kamal", "kamal rollback VERSION"),
)


@dataclass(frozen=True)
class Way:
    """One way back: a command, a written step, an automated one, or a platform's own.

    Attributes:
        declared: it rests on the parameters alone.
    """

    kind: str
    what: str
    where: str
    declared: bool = False

    def row(self) -> Row:
        """The row that evidence shows."""
        return {"way_back": self.kind, "what": self.what, "where": self.where}


@dataclass(frozen=True)
class RollbackEvidence:
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

    def frame(self) -> pd.DataFrame:
        """Ways back, then earlier releases."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        releases = [{"way_back": "earlier release", "what": name, "where": where} for name, where in self.earlier]
        return pd.DataFrame([*(way.row() for way in self.ways), *releases])


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
        missing = None if isinstance(repo, Unavailable) else _missing_program(repo, command)
        if missing:
            broken.append({"way_back": "command", "what": command, "where": f"{missing} is not in the repository"})
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
            unread = Unavailable(
                f"the repository could not be read whole: {error}", "a complete clone at repository.path"
            )
    platforms = list(_platforms(repo, parameters))
    return RollbackEvidence(
        ways=(*dict.fromkeys(ways), *platforms),
        broken=tuple(broken),
        earlier=tuple(_earlier(repo, parameters)),
        keeps_releases=platforms[0].what if platforms else "",
        searched=searched,
        repository=unread,
    )


def _missing_program(repo: Repository, command: str) -> str | None:
    """The script that a command names, where it is one of the repository and is not tracked there."""
    program = next((word for word in shlex.split(command) if "=" not in word), "")
    if "/" not in program or program.startswith(("/", "~", "../")):
        return None
    path = program.removeprefix("./")
    return None if repo.named(path) else path


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
    if _STORY.search(file.path):
        return ""
    return "written" if _GUIDE.search(file.path) else "automated" if _AUTOMATION.search(file.path) else ""


def _lines(text: str, where: str, kind: str) -> Iterator[Way]:
    """The first three lines of a file that speak of going back to a release."""
    shown = 0
    for number, line in enumerate(text.splitlines(), 1):
        part = line[:500]
        if _BACK.search(part) and not _NOT_BACK.search(part) and not _DATABASE_BACK.search(part):
            yield Way(kind, part.strip()[:160], f"{where}:{number}")
            shown += 1
            if shown == 3:
                return


def _platforms(repo: Repository | Unavailable, parameters: Parameters) -> Iterator[Way]:
    named = (parameters.hosting.provider or "").lower()
    for platform in PLATFORMS:
        files = [] if isinstance(repo, Unavailable) else [f.path for f in repo.files if platform.files.search(f.path)]
        if files:
            yield Way("platform", f"{platform.name}: {platform.how}", files[0])
        elif platform.provider in named:
            yield Way("platform", f"{platform.name}: {platform.how}", "hosting.provider", declared=True)


def _earlier(repo: Repository | Unavailable, parameters: Parameters) -> Iterator[tuple[str, str]]:
    now = {parameters.release, parameters.deploy.release}
    told = parameters.deploy.previous_release
    tags = () if isinstance(repo, Unavailable) else repo.tags
    if told and told not in now:
        yield told, "deploy.previous_release" + (", a tag" if told in dict(tags) else "")
    commit = "" if isinstance(repo, Unavailable) else repo.commit
    for name, tagged in tags[:50]:
        if name not in {*now, told} and tagged != commit and re.search(r"\d", name):
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
        return unknown(
            f"no way back was named, and {evidence.repository.reason}", needs=needs, evidence=evidence.broken
        )
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
        source: Source = "attested" if all(w == "deploy.previous_release" for _, w in evidence.earlier) else "measured"
        return passed(f"an earlier release is {evidence.earlier[0][0]}", evidence=rows, source=source)
    if evidence.ways or evidence.repository is not None:
        keeper = evidence.keeps_releases.partition(":")[0]
        reason = (
            f"{keeper} keeps releases, and none was named"
            if keeper
            else "no tag and no parameter names an earlier release"
        )
        return unknown(reason, needs="deploy.previous_release, or a tag for each release")
    return failed(
        "no tag but the current one, and no other release is named",
        evidence=[{"earlier_release": "none", "tags": 0}],
        about=["no earlier release"],
    )
