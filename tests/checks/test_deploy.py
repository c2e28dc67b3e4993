"""rollback.path: a way back that exists, and an earlier release to return to."""

import pytest

from launchready_lib.checks.stabilize_deployment import deploy
from launchready_lib.checks.stabilize_deployment.deploy import RollbackEvidence, Way
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import repository
from tests.checkouts import new_checkout

WRITTEN = Way("written", "Roll back: ./deploy --rollback", "docs/runbook.md:12")
DECLARED = Way("command", "./deploy --rollback", "deploy.rollback_command", declared=True)
NO_REPOSITORY = Unavailable("no repository was given", "repository.path")
TAG = ("2026.10.4", "tag at 0123456789ab")


@pytest.mark.parametrize(
    ("evidence", "status", "says"),
    [
        (RollbackEvidence((WRITTEN,), earlier=(TAG,)), Status.PASS, "docs/runbook.md:12"),
        (RollbackEvidence(searched=7), Status.FAIL, "nothing in 7 guides"),
        (RollbackEvidence(searched=7, earlier=(TAG,)), Status.FAIL, "No way back"),
        (
            RollbackEvidence(broken=({"way_back": "command", "what": "./x", "where": "x is not in the repository"},)),
            Status.FAIL,
            "./x: x is not in the repository",
        ),
        (RollbackEvidence((WRITTEN,)), Status.UNKNOWN, "names an earlier release"),
        (
            RollbackEvidence((WRITTEN,), keeps_releases="Vercel: vercel rollback"),
            Status.UNKNOWN,
            "Vercel keeps releases",
        ),
        (RollbackEvidence(repository=NO_REPOSITORY), Status.UNKNOWN, "no repository was given"),
        (RollbackEvidence((DECLARED,), repository=NO_REPOSITORY), Status.UNKNOWN, "earlier release"),
    ],
)
def test_the_way_and_the_release_are_judged_apart(evidence, status, says):
    verdict = deploy.rollback_path(evidence)
    assert verdict.status is status
    assert says in verdict.summary


def test_what_rests_on_parameters_alone_is_attested():
    told = (("1.0", "deploy.previous_release"),)
    assert (
        deploy.rollback_path(RollbackEvidence((DECLARED,), earlier=told, repository=NO_REPOSITORY)).source == "attested"
    )
    for ways in ((WRITTEN,), (DECLARED, WRITTEN)):
        assert deploy.rollback_path(RollbackEvidence(ways, earlier=told)).source == "measured"


def test_the_newest_release_is_named_and_at_most_ten_ways_and_releases_are_shown():
    releases = tuple((f"1.{n}", f"tag at {n}") for n in range(12, 0, -1))
    verdict = deploy.rollback_path(RollbackEvidence((WRITTEN,) * 12, earlier=releases))
    assert "an earlier release is 1.12" in verdict.summary
    assert len(verdict.evidence) == 20


def test_no_earlier_release_is_shown_as_such():
    row = deploy.rollback_path(RollbackEvidence(searched=7)).evidence[-1]
    assert row == {"earlier_release": "none", "tags": 0}


def test_no_evidence_is_unknown():
    assert deploy.rollback_path(NO_REPOSITORY).status is Status.UNKNOWN


@pytest.fixture
def read(tmp_path):
    """Read what a repository and parameters tell."""
    commit = new_checkout(tmp_path / "app")

    def reading(files, *, tags=(), runbook=None, **sections):
        for tag in tags:
            commit(tag=tag)
        folder = commit({"README.md": "An app.\n", **files})
        content = {"name": "Acme", "domain": "acme.example", "release": "2026.11.1", **sections}
        return deploy.read_rollback(repository.open_at(folder), load(content), runbook)

    return reading


@pytest.mark.parametrize(
    ("path", "line", "counts"),
    [
        ("docs/runbook.md", "Roll back: `./deploy --rollback`.", True),
        ("README.md", "## Rollback\n\nRun `fly deploy --image` with the last good image.", True),
        ("DEPLOY.md", "If it fails, revert to the previous release with ./release 1.2", True),
        ("docs/ops.md", "Redeploy the previous image.", True),
        (".github/workflows/deploy.yml", "      - run: ./check || ./deploy --rollback", True),
        ("Makefile", "rollback:\n\tkamal rollback", True),
        ("scripts/rollback.sh", "# rollback to $1", True),
        ("docs/runbook.md", "There is no rollback yet.", False),
        ("docs/runbook.md", "TODO: describe rollback", False),
        ("docs/runbook.md", "A release cannot be rolled back or reverted, so rollback is not possible.", False),
        ("docs/database.md", "Errors roll back the transaction.", False),
        ("README.md", "Run rails db:rollback STEP=1", False),
        ("CHANGELOG.md", "- Rollback of the new header", False),
        ("src/db.py", "session.rollback()  # roll back", False),
        ("docs/runbook.md", "Find the mistake and deploy again.", False),
    ],
)
def test_words_of_going_back_count_where_they_guide_somebody(read, path, line, counts):
    found = read({path: line + "\n"}, tags=["2026.10.4"])
    assert bool(found.ways) is counts
    assert deploy.rollback_path(found).status is (Status.PASS if counts else Status.FAIL)


@pytest.mark.parametrize(
    "file",
    ["vercel.json", "netlify.toml", "Procfile", "render.yaml", "railway.toml", "wrangler.toml", "config/deploy.yml"],
)
def test_platforms_that_put_an_earlier_release_back_are_a_way(read, file):
    found = read({file: "x: 1\n"}, deploy={"previous_release": "2026.10.4"})
    assert [way.kind for way in found.ways] == ["platform"]
    assert deploy.rollback_path(found).status is Status.PASS


def test_a_command_counts_only_where_its_script_is_there(read):
    asked = {"rollback_command": ["./deploy --rollback"]}
    assert deploy.rollback_path(read({}, deploy=asked, tags=["1.0"])).status is Status.FAIL
    assert deploy.rollback_path(read({"deploy": "#!/bin/sh\n"}, deploy=asked)).status is Status.PASS
    assert read({}, deploy={"rollback_command": ["fly deploy --image last"]}).ways[0].kind == "command"


def test_the_current_release_is_no_earlier_one(read):
    assert read({}, deploy={"previous_release": "2026.11.1"}, tags=["2026.11.1", "nightly"]).earlier == ()
    assert {name for name, _ in read({}, tags=["v1", "v2"]).earlier} == {"v1", "v2"}


def test_a_runbook_outside_the_repository_is_read(read, tmp_path):
    book = tmp_path / "runbook.md"
    book.write_text("To go back to the previous release run ./back\n")
    found = read({}, runbook=book, tags=["1.0"])
    assert found.ways[0].where.endswith("runbook.md:1")
    gone = read({}, runbook=tmp_path / "none.md")
    assert "the file cannot be read" in deploy.rollback_path(gone).summary
