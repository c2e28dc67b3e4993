"""The way forward: does one pipeline or command deploy, and does production say which release it serves."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.network import Response
from launchready_lib.record.findings import Source, Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.site.web import hindered, reply_row, retried
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import places
from launchready_lib.sources.deploys import migrations, ways, workflows
from launchready_lib.sources.deploys.migrations import Irreversible
from launchready_lib.sources.deploys.ways import DeployWay
from launchready_lib.sources.repository import GitError, Repository, TrackedFile

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

_MOST_FILES = 3_000
_MOST_ROWS = 40
_NAMING = ("release", "version", "tag", "build", "commit", "sha", "git_sha", "revision", "gitCommit", "git_commit")


@dataclass(frozen=True)
class DeployEvidence(Evidence):
    """How a repository goes to production.

    Attributes:
        ways: pipelines, platforms, scripts and commands that deploy.
        configurations: platforms whose settings are tracked, without saying who starts a deploy.
        by_hand: steps that somebody does for each deploy, with their lines.
        broken: declared ways that are not there.
        irreversible: migrations that cannot be undone.
        risks: what zizmor says of the workflows; unavailable where it is not installed.
        repository: why it could not be read; None where it was.
        unread: why pipelines, scripts or guides were left out; None where all were read.
    """

    ways: tuple[DeployWay, ...] = ()
    configurations: tuple[DeployWay, ...] = ()
    by_hand: tuple[Row, ...] = ()
    broken: tuple[Row, ...] = ()
    irreversible: tuple[Irreversible, ...] = ()
    risks: tuple[Row, ...] | Unavailable = ()
    repository: Unavailable | None = None
    unread: Unavailable | None = None

    def rows(self) -> list[Row]:
        """Ways, then steps by hand, then migrations that cannot be undone, then risks of the workflows."""
        rows = [*(way.row() for way in (*self.ways, *self.configurations)), *self.broken, *self.by_hand]
        risks = () if isinstance(self.risks, Unavailable) else self.risks
        return [*rows, *(each.row() for each in self.irreversible), *risks]


@probe
async def survey(client: Client) -> DeployEvidence | Unavailable:
    """Read pipelines, platforms, scripts, guides and migrations; zizmor looks at workflows where it is installed."""
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        declared, _ = _declared(None, client.parameters)
        return DeployEvidence(ways=declared, repository=opened) if declared else opened
    try:
        evidence, found = await asyncio.to_thread(read_deploys, opened, client.parameters)
    except GitError as error:
        return repository.not_whole(error)
    risks = await workflows.risks(found) if found else ()
    return replace(evidence, risks=risks)


def read_deploys(repo: Repository, parameters: Parameters) -> tuple[DeployEvidence, dict[str, str]]:
    """What one commit says of deploying, and the texts of its GitHub workflows.

    Raises:
        GitError: git stopped answering.
    """
    wanted = [file for file in repo.files if _is_relevant(file.path) or file.path == parameters.deploy.pipeline]
    wanted.sort(key=lambda file: migrations.is_migration(file.path))  # of too many files the ways are read
    texts = {file.path: content.decode("utf-8", "replace") for file, content in repo.read(wanted[:_MOST_FILES])}
    code = {path: text for path, text in texts.items() if ways.is_relevant(path) or path == parameters.deploy.pipeline}
    named = {path: texts[path] for path in texts if path not in code}
    set_up = list(ways.platforms(code))
    platforms = [way for way in set_up if way.kind == "platform"]
    declared, broken = _declared(repo, parameters)
    by_hand = [row for path, text in named.items() if ways.GUIDES.search(path) for row in ways.in_guide(path, text)]
    by_hand += [row for path, text in _own(code, parameters).items() for row in ways.in_script(path, text)]
    changes = [path for path in named if migrations.is_migration(path)]
    evidence = DeployEvidence(
        ways=(*declared, *ways.pipelines(code), *platforms, *ways.scripts(code)),
        configurations=tuple(way for way in set_up if way not in platforms),
        by_hand=(*by_hand, *ways.asked_by_hand(code)),
        broken=broken,
        unread=_left_out(wanted),
        irreversible=tuple(each for path in changes for each in migrations.irreversible(path, named[path])),
    )
    return evidence, {path: text for path, text in code.items() if ways.is_workflow(path)}


def _left_out(wanted: list[TrackedFile]) -> Unavailable | None:
    """Why not all pipelines, scripts and guides were read; migrations decide nothing."""
    telling = [file for file in wanted if not migrations.is_migration(file.path)]
    if len(telling) > _MOST_FILES:
        reason = f"{len(telling) - _MOST_FILES} of {len(telling)} pipelines, scripts and guides were not read"
        return Unavailable(reason, "deploy.pipeline or deploy.deploy_command, and a look by hand at the guides")
    return repository.too_large(telling)


def _is_relevant(path: str) -> bool:
    if places.is_foreign(path) or places.is_test(path):
        return False
    return ways.is_relevant(path) or ways.GUIDES.search(path) is not None or migrations.is_migration(path)


def _own(code: Mapping[str, str], parameters: Parameters) -> dict[str, str]:
    """Scripts that deploy, where a question to their user would be a value copied by hand."""
    scripts = [path for path in code if ways.SCRIPTS.search(path)]
    named = [path for path in scripts if "." not in path.rpartition("/")[2]]
    shell = [path for path in scripts if path.endswith((".sh", ".py", ".rb"))]
    declared = {script for command in parameters.deploy.deploy_command if (script := script_of(command))}
    return {path: code[path] for path in (*named, *shell, *declared) if path in code}


def script_of(command: str) -> str:
    """The repository's own script that a command runs, as a path; empty where it runs a program of the machine."""
    program = next((word for word in shlex.split(command) if "=" not in word), "")
    return program.removeprefix("./") if "/" in program and not program.startswith(("/", "~", "../")) else ""


def _declared(repo: Repository | None, parameters: Parameters) -> tuple[tuple[DeployWay, ...], tuple[Row, ...]]:
    """The ways that the parameters name; and those of them that are not in the repository."""
    declared: list[DeployWay] = []
    broken: list[Row] = []
    for command in parameters.deploy.deploy_command:
        script = script_of(command)
        if repo is None or not script or repo.named(script):
            declared.append(DeployWay("command", command, "deploy.deploy_command", "whoever runs it"))
        else:
            broken.append({"deploys_by": "command", "what": command, "where": f"{script} is not in the repository"})
    pipeline = parameters.deploy.pipeline
    if pipeline and repo is None:
        declared.append(DeployWay("pipeline", pipeline, "deploy.pipeline"))
    elif pipeline and repo is not None and not repo.named(pipeline.removeprefix("./")):
        broken.append({"deploys_by": "pipeline", "what": pipeline, "where": "it is not in the repository"})
    return tuple(declared), tuple(broken)


@check("deploy.repeatable")
def repeatable(evidence: DeployEvidence) -> Verdict:
    """One pipeline or command deploys, and nothing tells of a value copied by hand."""
    gaps = [unknown(evidence.unread.reason, needs=evidence.unread.needs)] if evidence.unread else []
    return combine(_repeatable(evidence), *gaps)


def _repeatable(evidence: DeployEvidence) -> Verdict:
    more = [*evidence.broken, *(each.row() for each in evidence.irreversible)]
    if isinstance(evidence.risks, Unavailable):
        why = f"not looked for: {evidence.risks.reason}"
        more.append({"workflow_risk": why, "severity": "unknown", "where": ".github/workflows"})
    else:
        more += evidence.risks
    rows = [*(way.row() for way in (*evidence.ways, *evidence.configurations)), *more][:_MOST_ROWS]
    if evidence.by_hand:
        first = evidence.by_hand[0]
        count = "A step" if len(evidence.by_hand) == 1 else f"{len(evidence.by_hand)} steps"
        return failed(
            f"{count} of each deploy {'is' if len(evidence.by_hand) == 1 else 'are'} done by hand: "
            f"“{first['step_by_hand']}” ({first['where']})",
            evidence=[*evidence.by_hand, *rows][:_MOST_ROWS],
            about=[str(row["where"]).partition(":")[0] for row in evidence.by_hand],
        )
    if evidence.ways:
        best = evidence.ways[0]
        others = len(evidence.ways) - 1
        also = "" if not others else f"; {others} more {'way' if others == 1 else 'ways'} found"
        source: Source = "attested" if evidence.repository is not None else "measured"
        summary = f"One {best.kind} deploys: {best.name} ({best.where}){also}; no step by hand is written down"
        return passed(summary, evidence=rows, source=source)
    if evidence.broken:
        named = "; ".join(f"{row['what']}: {row['where']}" for row in evidence.broken)
        summary = f"The declared way to production is not there: {named}"
        return failed(summary, evidence=evidence.broken, about=["no way"])
    needs = "deploy.pipeline or deploy.deploy_command"
    return unknown("no pipeline, platform or script that deploys was found", needs=needs, evidence=rows)


@dataclass(frozen=True)
class ReleaseEvidence(Evidence):
    """What production says of the release it serves.

    Attributes:
        expected: the release that it should serve, and the parameter that says so.
        named: what it names; empty where it names none.
        reply: the answer.
        commit: where the repository's tag of the expected release points; empty where there is none.
    """

    expected: str
    expected_by: str
    named: str
    reply: Response
    commit: str = ""

    def rows(self) -> list[Row]:
        """The answer, in one row."""
        shown = {"production_serves": self.named or None, "should_serve": self.expected}
        return [{**reply_row(self.reply), **shown, "according_to": self.expected_by}]


@probe
async def served(client: Client) -> ReleaseEvidence | Unavailable:
    """Ask production which release it serves."""
    if missing := web.unauthorized(client):
        return missing
    p = client.parameters
    if p.site.release_url is None:
        needs = "site.release_url: an address such as /version that answers the release"
        return Unavailable("no address was given at which production names its release", needs)
    url = web.address(client, p.site.release_url)
    reply = await retried(client.network, url)
    expected = p.deploy.release or client.release
    opened = await repository.survey(client)
    commit = "" if isinstance(opened, Unavailable) else dict(opened.tags).get(expected, "")
    by = "deploy.release" if p.deploy.release else "the run's own release, since deploy.release is not given"
    return ReleaseEvidence(expected, by, named_in(reply), reply, commit)


def named_in(reply: Response) -> str:
    """The release that an answer names: JSON {"release": …} (or version, commit, …), or one word of plain text."""
    if not reply.ok or reply.status != 200:
        return ""
    text = reply.text[:200_000].strip()
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text if re.fullmatch(r"[\w.+/@:-]{1,100}", text) and "html" not in reply.media_type else ""
    if isinstance(body, dict):
        body = next((body[key] for key in _NAMING if isinstance(body.get(key), str | int | float)), "")
    return str(body).strip()[:100] if isinstance(body, str | int | float) and not isinstance(body, bool) else ""


def is_same(named: str, expected: str, commit: str = "") -> bool:
    """Whether two names mean one release: alike but for a leading v, or the commit that the tag is on."""
    if re.fullmatch(r"[0-9a-f]{7,40}", named) and commit.startswith(named):
        return True
    bare, bare_expected = (re.sub(r"\Av(?=\d)", "", name.strip()) for name in (named, expected))
    return bare == bare_expected


@check("deploy.release")
def release(evidence: ReleaseEvidence) -> Verdict:
    """Production says which release it serves, and it is the one that was meant."""
    if stopped := hindered(evidence.reply):
        return stopped
    rows = evidence.rows()
    if not evidence.reply.ok:
        return unknown(f"{evidence.reply.url} did not answer: {evidence.reply.error}", needs=web.AGAIN, evidence=rows)
    if not evidence.named:
        status = f" ({evidence.reply.status})" if evidence.reply.status != 200 else ""
        summary = f"{web.path_of(evidence.reply.url)} does not name a release{status}"
        return failed(summary, evidence=rows, about=["not named"])
    if is_same(evidence.named, evidence.expected, evidence.commit):
        return passed(f"Production serves {evidence.named}, as meant", evidence=rows)
    return failed(
        f"Production serves {evidence.named}, not {evidence.expected} ({evidence.expected_by})",
        evidence=rows,
        fix=f"Deploy {evidence.expected}, or correct deploy.release; compare the two after every deploy.",
        about=["another release"],
    )
