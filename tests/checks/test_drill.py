"""rollback.drill: the client's own commands, timed against a production that answers on loopback, and put back."""

import asyncio
import shlex
import sys

import pytest

from launchready_lib.checks.stabilize_deployment import deploy, drill
from launchready_lib.checks.stabilize_deployment.drill import DrillEvidence, Leg, Look
from launchready_lib.checks.stabilize_deployment.running import Run
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from tests.checkouts import new_checkout
from tests.web_servers import Reply, client, serving

pytestmark = pytest.mark.anyio
FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN
NEW, OLD = "2.0", "1.0"


class Production:
    """A site that serves the release which a file names, as the client's deploy script writes it."""

    def __init__(self, folder):
        self.file = folder / "serving"
        self.file.write_text(NEW)
        self.unhealthy = frozenset()
        self.seen = []
        self.is_back = asyncio.Event()

    def answer(self, asked):
        served = self.file.read_text().strip()
        self.seen.append(served)
        if served == OLD:
            self.is_back.set()
        if asked.path == "/healthz":
            return Reply("x", 503 if served in self.unhealthy else 200)
        return Reply(served, kind="text/plain")


def writes(production, release, *, code=0):
    program = f"open({str(production.file)!r}, 'w').write({release!r}); raise SystemExit({code})"
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"


@pytest.fixture
def production(tmp_path, monkeypatch):
    monkeypatch.setattr(drill, "POLL_S", 0.05)
    return Production(tmp_path)


@pytest.fixture
def try_drill(tmp_path, production):
    """Drill, as the notebook does; `deploys` and `site` replace single parameters."""
    commit = new_checkout(tmp_path / "app")

    async def judge(*, allow=("drills",), files=None, site=None, minutes=0.2, **deploys):
        commit({"a": "1"}, tag=OLD)
        folder = commit(files or {"a": "2"}, tag=NEW)
        settings = {
            "deploy_command": [writes(production, NEW)],
            "rollback_command": [writes(production, OLD)],
            "release": NEW,
            "previous_release": OLD,
            **deploys,
        }
        who = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": list(allow)}
        async with serving(production.answer) as served:
            audited = client(
                served.port,
                root=tmp_path,
                authorization=who,
                limits={"stage_minutes": minutes},
                site={"canonical": "http://acme.example", "health": "/healthz", "release_url": "/version"}
                | (site or {}),
                repository={"path": str(folder)},
                deploy={key: value for key, value in settings.items() if value},
            )
            async with audited:
                ways = await deploy.survey_rollback(audited)
                return drill.drill(await drill.drilled(audited, ways))

    return judge


async def test_a_rollback_that_arrives_is_timed_and_the_release_comes_back(try_drill, production):
    verdict = await try_drill()
    assert verdict.status is PASS
    assert 0 <= verdict.measured < 0.2
    assert f"Production was left serving {NEW}, healthy" in verdict.summary
    assert OLD in production.seen
    assert production.file.read_text() == NEW
    assert verdict.evidence[-1]["event"] == f"Production was left serving {NEW}, healthy"


async def test_without_permission_nothing_is_touched(try_drill, production):
    verdict = await try_drill(allow=("build",))
    assert (verdict.status, verdict.needs) == (UNKNOWN, "authorization.allow: [drills]")
    assert production.seen == []


@pytest.mark.parametrize(
    ("change", "needs"),
    [
        ({"deploy_command": None}, "deploy.deploy_command"),
        ({"rollback_command": None}, "deploy.rollback_command"),
        ({"site": {"release_url": None}}, "site.release_url"),
        ({"release": "3.0"}, "deploy.release"),
        ({"files": {"db/migrations/2.sql": "DROP TABLE members;"}}, "on a copy"),
        ({"files": {"db/migrations/2.sql": "-- " + "x" * 2_000_000}}, "on a copy"),
        ({"files": {"db/migrations/2.sql": "DROP TABLE members;"}, "previous_release": "0.9"}, "the tag 0.9"),
    ],
    ids=[
        "no way forward",
        "no way back",
        "no release address",
        "another release",
        "a migration that destroys",
        "a migration too large to read",
        "an earlier release without a tag",
    ],
)
async def test_what_could_not_be_undone_is_not_tried(try_drill, production, change, needs):
    verdict = await try_drill(**change)
    assert verdict.status is UNKNOWN
    assert needs in verdict.needs
    assert set(production.seen) <= {NEW}


async def test_an_earlier_release_without_a_tag_is_drilled_where_no_migration_destroys(try_drill, production):
    files = {"db/migrations/2.sql": "CREATE TABLE plans (id int);"}
    verdict = await try_drill(files=files, previous_release="0.9", rollback_command=[writes(production, "0.9")])
    assert verdict.status is PASS


async def test_an_unhealthy_production_is_left_alone(try_drill, production):
    production.unhealthy = {NEW}
    verdict = await try_drill()
    assert verdict.status is UNKNOWN
    assert "not healthy (503)" in verdict.reason
    assert set(production.seen) == {NEW}


async def test_a_command_that_fails_and_changes_nothing_fails_and_leaves_production_as_it_was(try_drill, production):
    verdict = await try_drill(rollback_command=[writes(production, NEW, code=3)])
    assert verdict.status is FAIL
    assert "exited with 3" in verdict.summary
    assert f"left serving {NEW}, healthy" in verdict.summary


async def test_a_command_that_fails_half_way_is_followed_by_the_way_forward(try_drill, production):
    verdict = await try_drill(rollback_command=[writes(production, OLD, code=3)])
    assert verdict.status is FAIL
    assert production.file.read_text() == NEW


async def test_an_earlier_release_that_is_not_healthy_is_no_way_back(try_drill, production):
    production.unhealthy = {OLD}
    verdict = await try_drill(minutes=0.1)
    assert verdict.status is UNKNOWN
    assert "limits.stage_minutes" in verdict.needs
    assert production.file.read_text() == NEW


async def test_a_release_that_does_not_come_back_fails_loudly(try_drill, production):
    verdict = await try_drill(deploy_command=[writes(production, OLD, code=1)])
    assert verdict.status is FAIL
    assert f"does not serve {NEW} again" in verdict.summary
    assert f"left serving {OLD}" in verdict.summary


async def test_a_drill_that_is_cut_off_goes_forward_again(try_drill, production):
    slow = "import time; time.sleep(60)"
    commands = [writes(production, OLD), f"{shlex.quote(sys.executable)} -c {shlex.quote(slow)}"]
    task = asyncio.create_task(try_drill(rollback_command=commands, minutes=5))
    await production.is_back.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert production.file.read_text() == NEW


async def test_the_commands_see_none_of_the_audits_secrets(try_drill, production, monkeypatch, tmp_path):
    monkeypatch.setenv("HOST_LOGIN", "theirs")
    monkeypatch.setenv("LAUNCHREADY_DEMO_STATE", "ours")
    program = f"import os; open({str(tmp_path / 'env')!r}, 'w').write(repr(dict(os.environ)))"
    show = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"
    assert (await try_drill(rollback_command=[show, writes(production, OLD)])).status is PASS
    seen = (tmp_path / "env").read_text()
    assert "theirs" in seen
    assert "ours" not in seen


def leg(to, *runs, seconds=None, until=1.0):
    looks = (Look(0.0, "200", NEW, True), Look(until, "200", to, True))
    return Leg(to, runs or (Run("./deploy", "exited", 0, 0.5),), looks, 0.0, seconds)


def judged(back, *, last=NEW):
    return drill.drill(
        DrillEvidence(NEW, OLD, back, Look(9.0, "200", last, True), leg(NEW, seconds=2.0), "", back.looks)
    )


@pytest.mark.parametrize(
    ("output", "says"),
    [("first\nno image\n", ": no image"), ("x" * 200, f": {'x' * 160}"), ("", "")],
    ids=["the last line", "long", "silent"],
)
def test_a_command_that_fails_says_its_last_words(output, says):
    verdict = judged(leg(OLD, Run("./back", "exited", 3, 0.5, output), seconds=2.0))
    assert verdict.status is FAIL
    assert verdict.summary.startswith(f"The rollback command fails: `./back` exited with 3{says}. Production was left")


@pytest.mark.parametrize(
    ("seconds", "status", "says"),
    [
        (30.0, PASS, ", 30.0 s after the command, and 2.0 again after 2.0 s. Production was left serving 2.0, healthy"),
        (60.0, PASS, ", 1.0 minutes after the command, and"),
        (600.0, PASS, ", 10.0 minutes after the command, and"),
        (601.0, FAIL, "; the target is 10 minutes"),
    ],
)
def test_a_way_back_within_the_target_is_told_in_seconds_or_minutes(seconds, status, says):
    verdict = judged(leg(OLD, seconds=seconds))
    assert verdict.status is status
    assert says in verdict.summary


def test_a_drill_that_needed_no_way_forward_tells_of_none():
    back = leg(OLD, seconds=30.0)
    verdict = drill.drill(DrillEvidence(NEW, OLD, back, Look(9.0, "200", NEW, True), None, "", back.looks))
    assert verdict.summary.startswith("Production served 1.0, healthy, 30.0 s after the command. Production was left")


@pytest.mark.parametrize(
    ("began", "until", "status", "says"),
    [
        (100.0, 650.0, UNKNOWN, "within 9.2 minutes production did not serve 1.0"),
        (5.0, 605.0, FAIL, "Production did not serve 1.0, healthy"),
    ],
    ids=["too short", "as long as the target"],
)
def test_the_time_waited_counts_from_the_command(began, until, status, says):
    looks = (Look(began, "200", NEW, True), Look(until, "200", NEW, True))
    verdict = judged(Leg(OLD, (Run("./back", "exited", 0, 0.5),), looks, began))
    assert verdict.status is status
    assert says in verdict.summary


def test_a_way_back_that_was_never_looked_at_is_unknown():
    verdict = judged(Leg(OLD, (Run("./back", "exited", 0, 0.5),), (), 100.0))
    assert verdict.status is UNKNOWN
    assert "within 0.0 minutes" in verdict.reason


def test_a_way_back_longer_than_the_target_fails_with_its_minutes():
    verdict = judged(leg(OLD, seconds=900.0))
    assert (verdict.status, verdict.measured) == (FAIL, 15.0)
    assert judged(leg(OLD, seconds=60.0)).status is PASS


def test_waiting_longer_than_the_target_in_vain_is_a_failure_and_shorter_is_unknown():
    assert judged(leg(NEW, until=700.0)).status is FAIL
    assert judged(leg(NEW, until=100.0)).status is UNKNOWN


def test_a_command_that_we_cut_off_is_no_failure_of_its_own():
    cut_off = Run("./deploy --rollback", "time", None, 100.0)
    assert judged(leg(NEW, cut_off, until=100.0)).status is UNKNOWN


def test_errors_on_the_way_are_told():
    looks = (Look(0.0, "200", NEW, True), Look(1.0, "502", "", False), Look(2.0, "200", OLD, True))
    back = Leg(OLD, (Run("./deploy", "exited", 0, 0.5),), looks, 0.0, 2.0)
    verdict = judged(back)
    assert verdict.status is PASS
    assert "1 of 3 looks meanwhile found it not healthy" in verdict.summary


def test_no_repository_is_unknown_and_names_the_parameter():
    assert drill.drill(Unavailable("no repository was given", "repository.path")).needs == "repository.path"
