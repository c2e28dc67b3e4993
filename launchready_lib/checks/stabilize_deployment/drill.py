"""The rollback drill: the client's own command puts the release before back, timed, and then the release goes forward.

It touches production, so it runs only where `authorization.allow` has drills, and not at all where it could not be
undone: without a command that deploys forward again, where production does not serve the release that is meant, or
where a migration between the two releases cannot be undone. Whatever happens, the finding says in what state it left
the site.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib import roadmap
from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment import running
from launchready_lib.checks.stabilize_deployment.deploy import RollbackEvidence
from launchready_lib.checks.stabilize_deployment.releasing import is_same, named_in
from launchready_lib.checks.stabilize_deployment.running import Run
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, failed, passed, unknown
from launchready_lib.redact import Redactor, personal
from launchready_lib.site import web
from launchready_lib.sources import repository
from launchready_lib.sources.deploys import migrations
from launchready_lib.sources.repository import GitError, Repository, too_large

if TYPE_CHECKING:
    from launchready_lib.client import Client

PART_OF_STAGE = 0.3
"""How much of the stage's time each direction may take: a stage stopped meanwhile would leave production back."""
POLL_S = 1.0
STEADY = 2  # healthy answers in a row that count as arrived
_MOST_ROWS = 60


@dataclass(frozen=True)
class Look:
    """One look at production, `at` seconds after the drill began: its health, and the release that it names."""

    at: float
    health: str
    serves: str
    healthy: bool

    def row(self) -> Row:
        """The look as evidence."""
        return _moment(self.at, health=self.health or None, serves=self.serves or None)

    @property
    def words(self) -> str:
        """What production serves and how it is."""
        health = "healthy" if self.healthy else f"not healthy ({self.health or 'no answer'})"
        return f"{self.serves or 'a release that it does not name'}, {health}"


def _moment(at: float, *, health: str | None = None, serves: str | None = None, event: str | None = None) -> Row:
    return {"second": round(at, 1), "health": health, "serves": serves, "event": event}


@dataclass(frozen=True)
class Leg:
    """One direction; `seconds`: from the first command to the first of the healthy answers, None if none came."""

    to: str
    runs: tuple[Run, ...]
    looks: tuple[Look, ...]
    began: float
    seconds: float | None = None

    @property
    def failed_run(self) -> Run | None:
        """The command that did not end well."""
        return next((run for run in self.runs if not run.ok), None)

    def rows(self) -> Iterator[Row]:
        """The commands, then the looks that say something new."""
        at = self.began
        for run in self.runs:
            at += run.seconds
            yield _moment(at, event=f"`{run.command}` {run.ending}")
        for _, alike in itertools.groupby(self.looks, key=lambda look: (look.health, look.serves)):
            yield next(alike).row()


@dataclass(frozen=True)
class DrillEvidence(Evidence):
    """What the drill did, and what production did.

    Attributes:
        back: the way back; forward: the way forward again, None where it was not needed.
        last: the last look at production.
        release, earlier: the release that production should serve, and the one before.
        commit: where the release's tag points; empty where there is none.
        looks: every look during the drill.
    """

    release: str
    earlier: str
    back: Leg
    last: Look
    forward: Leg | None = None
    commit: str = ""
    looks: tuple[Look, ...] = field(default=(), repr=False)

    @property
    def minutes(self) -> float | None:
        """How long the way back took; None where it did not arrive."""
        return None if self.back.seconds is None else self.back.seconds / 60

    @property
    def restored(self) -> bool:
        """Production serves the meant release again, healthy."""
        return self.last.healthy and is_same(self.last.serves, self.release, self.commit)

    @property
    def state(self) -> str:
        """In what state the drill left production, in words."""
        return f"Production was left serving {self.last.words}"

    def rows(self) -> list[Row]:
        """The drill as a timeline."""
        legs = [self.back, *([self.forward] if self.forward else [])]
        timeline = [row for leg in legs for row in sorted(leg.rows(), key=lambda row: float(row["second"]))]
        return [*timeline, {**self.last.row(), "event": self.state}]


@probe
async def drilled(client: Client, ways: RollbackEvidence | Unavailable) -> DrillEvidence | Unavailable:
    """Roll production back with the client's own command, time it, and roll it forward again."""
    if refused := client.forbidden("drills"):
        return refused
    plan = await _planned(client, ways)
    if isinstance(plan, Unavailable):
        return plan
    before = await plan.look()
    if not before.healthy or not is_same(before.serves, plan.release, plan.commit):
        reason = f"production serves {before.words}, and a drill starts from {plan.release}, healthy"
        return Unavailable(reason, "deploy.release served by production, and healthy, before the drill")
    return await plan.run()


async def _planned(client: Client, ways: RollbackEvidence | Unavailable) -> _Drill | Unavailable:
    p = client.parameters
    needed = {
        "deploy.rollback_command": bool(p.deploy.rollback_command),
        "deploy.deploy_command, which brings the release back after the drill": bool(p.deploy.deploy_command),
        "site.release_url, which tells the releases apart": p.site.release_url is not None,
    }
    if missing := "; ".join(name for name, given in needed.items() if not given):
        return Unavailable("a drill needs to know how to go back, how to go forward, and where it is", missing)
    tagged = ways.earlier[0][0] if isinstance(ways, RollbackEvidence) and ways.earlier else ""
    earlier = p.deploy.previous_release or tagged
    if not earlier:
        needs = "deploy.previous_release, or a tag for each release"
        return Unavailable("no earlier release is known to go back to", needs)
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    release = p.deploy.release or client.release
    try:
        between = await asyncio.to_thread(_between, opened, earlier, release)
    except GitError as error:
        return Unavailable(f"the migrations could not be read: {error}", "a complete clone at repository.path")
    if isinstance(between, Unavailable):
        return between
    if between:
        reason = f"between {earlier} and {release} a migration cannot be undone: {between[0]}"
        return Unavailable(reason, "a drill by hand on a copy with its own database, timed, and attested")
    tags = dict(opened.tags)
    return _Drill(client, opened, release, earlier, tags.get(release, ""), tags.get(earlier, ""))


def _between(repo: Repository, earlier: str, release: str) -> list[str] | Unavailable:
    """Migrations that came in after the earlier release and cannot be undone; what cannot be told stops the drill."""
    tags = dict(repo.tags)
    old, new = (repository.open_at(repo.path, f"refs/tags/{n}") if n in tags else None for n in (earlier, release))
    new = new or repo
    if isinstance(new, Unavailable):
        return new
    known = {file.path for file in old.files} if isinstance(old, Repository) else set()
    added = [file for file in new.files if migrations.is_migration(file.path) and file.path not in known]
    if large := too_large(added):
        return Unavailable(f"nobody can tell whether going back is safe: {large.reason}", "a drill by hand on a copy")
    found = [
        f"{each.path} {each.why}"
        for file, content in new.read(added)
        for each in migrations.irreversible(file.path, content.decode("utf-8", "replace"))
    ]
    if found and not isinstance(old, Repository):
        reason = f"{earlier} is no tag of the repository, so that nobody can tell which migrations came after it"
        return Unavailable(f"{reason}; some cannot be undone: {found[0]}", f"the tag {earlier} in the clone")
    return found


@dataclass
class _Drill:
    """One drill on its way."""

    client: Client
    repo: Repository
    release: str
    earlier: str
    commit: str
    earlier_commit: str

    def __post_init__(self) -> None:
        p = self.client.parameters
        self._began = time.monotonic()
        self._seen: list[Look] = []
        self._release_url = web.address(self.client, p.site.release_url or "")
        self._health_url = web.address(self.client, p.site.health) if p.site.health else ""
        self._limit = p.limits.stage_minutes * 60 * PART_OF_STAGE
        hidden = {*p.variables(), *(name for name in os.environ if name.startswith("LAUNCHREADY_"))}
        path = os.pathsep.join(running.foreign_path())
        self._environment = {**{k: v for k, v in os.environ.items() if k not in hidden | {"VIRTUAL_ENV"}}, "PATH": path}

    async def look(self) -> Look:
        """Ask production how it is and which release it serves."""
        ask = self.client.network.request
        urls = [self._release_url, *([self._health_url] if self._health_url else [])]
        replies = await asyncio.gather(*(ask("GET", url) for url in urls))
        asked = replies[-1]
        health = str(asked.status) if asked.ok else asked.state
        healthy = asked.ok and 200 <= (asked.status or 0) < 300
        found = Look(time.monotonic() - self._began, health, named_in(replies[0]), healthy)
        self._seen.append(found)
        return found

    async def run(self) -> DrillEvidence:
        """Go back, then forward, also where the way back was cut off."""
        deploy = self.client.parameters.deploy
        self._seen.clear()
        forward = None
        try:
            back = await self._leg(deploy.rollback_command, self.earlier, self.earlier_commit)
        except BaseException:  # cancelled or broken: production must not stay back
            await asyncio.shield(self._leg(deploy.deploy_command, self.release, self.commit))
            raise
        last = await self.look()
        if not is_same(last.serves, self.release, self.commit) or not last.healthy or back.failed_run is None:
            forward = await asyncio.shield(self._leg(deploy.deploy_command, self.release, self.commit))
            last = await self.look()
        return DrillEvidence(self.release, self.earlier, back, last, forward, self.commit, tuple(self._seen))

    async def _leg(self, commands: list[str], to: str, commit: str) -> Leg:
        """Run the commands while watching production, and go on watching until it serves what it should."""
        began = time.monotonic()
        deadline = began + self._limit
        redactor = Redactor.from_parameters(self.client.parameters, self.client.environment)
        running_them = running.run_all(
            commands,
            folder=self.repo.path,
            environment=self._environment,
            deadline=deadline,
            redact=lambda output: personal(redactor.text(output)),
            keep=True,
        )
        working = asyncio.create_task(running_them)
        looks: list[Look] = []
        arrived: list[Look] = []
        try:
            while time.monotonic() < deadline:
                looks.append(await self.look())
                arrived = [*arrived, looks[-1]] if looks[-1].healthy and is_same(looks[-1].serves, to, commit) else []
                if working.done() and (len(arrived) >= STEADY or not all(run.ok for run in working.result())):
                    break
                await (asyncio.sleep(POLL_S) if working.done() else asyncio.wait([working], timeout=POLL_S))
            runs = await working
        finally:
            working.cancel()
        seconds = arrived[0].at - (began - self._began) if len(arrived) >= STEADY else None
        return Leg(to, runs, tuple(looks), began - self._began, seconds)


@check("rollback.drill")
def drill(evidence: DrillEvidence) -> Verdict:
    """A timed rollback restores the earlier release, healthy, within the target, and the release comes back."""
    limit = roadmap.load().targets["rollback_minutes"].limit
    rows = evidence.rows()[:_MOST_ROWS]
    state = f"{evidence.state}."
    about = [evidence.earlier]
    if not evidence.restored:
        lost = f"After the drill production does not serve {evidence.release} again."
        return failed(
            f"{lost} {state} Deploy {evidence.release} now",
            evidence=rows,
            measured=evidence.minutes,
            impact="Members are on the release before, or on nothing, until somebody deploys forward.",
            about=about,
        )
    run = evidence.back.failed_run
    if run is not None and run.ended != "time":
        words = run.output.strip().splitlines()
        why = run.ending + (f": {words[-1][:160]}" if words else "")
        return failed(f"The rollback command fails: `{run.command}` {why}. {state}", evidence=rows, about=about)
    if evidence.minutes is None:
        waited = evidence.back.looks[-1].at - evidence.back.began if evidence.back.looks else 0.0
        if waited / 60 < limit:
            reason = f"within {waited / 60:.1f} minutes production did not serve {evidence.earlier}, healthy. {state}"
            wait = f"limits.stage_minutes, large enough to wait {limit:g} minutes"
            return unknown(reason, needs=f"{wait} (a way back may take {PART_OF_STAGE:.0%} of it)", evidence=rows)
        return failed(f"Production did not serve {evidence.earlier}, healthy. {state}", evidence=rows, about=about)
    return _timed(evidence, evidence.minutes, limit, rows)


def _timed(evidence: DrillEvidence, minutes: float, limit: float, rows: list[Row]) -> Verdict:
    forward = evidence.forward.seconds if evidence.forward else None
    timed = f"Production served {evidence.earlier}, healthy, {_spoken(minutes * 60)} after the command"
    if forward is not None:
        timed += f", and {evidence.release} again after {_spoken(forward)}"
    if errors := sum(not look.healthy for look in evidence.looks):
        timed += f"; {errors} of {len(evidence.looks)} looks meanwhile found it not healthy"
    if minutes > limit:
        late = f"{timed}; the target is {limit:g} minutes"
        return failed(late, evidence=rows, measured=minutes, about=[evidence.earlier])
    return passed(f"{timed}. {evidence.state}", evidence=rows, measured=minutes)


def _spoken(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} minutes"
