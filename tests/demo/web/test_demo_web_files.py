"""Harbor Club's logs, checkout and parameters are those of a careful team, while no fault is on."""

import json
import re
import subprocess

from harbor_club import git


def test_logs_hold_an_id_on_every_line_and_nothing_personal(club):
    lines = club.log()
    assert len(lines) > 90
    assert all(line.get("request_id") for line in lines)
    text = json.dumps(lines + club.log("queries"))
    assert "@" not in text.replace("@&gt;", "")
    assert not any(value in text for value in club.environment.values())


def test_the_checkout_has_history_releases_and_a_clean_tree(club):
    assert git(club, "status", "--porcelain") == ""
    assert int(git(club, "rev-list", "--count", "HEAD")) == 20
    assert git(club, "tag", "--sort=creatordate").split() == ["2026.9.3", "2026.10.4", "launch"]
    assert not re.search(r"sk_live_", git(club, "grep", "-I", "-e", "", "HEAD"))


def test_the_checkout_builds_runs_its_check_and_rolls_back(club):
    checkout = club.folder / "repository"
    values = dict(line.split("=", 1) for line in (checkout / ".env.production").read_text().splitlines())
    bare = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*command, **environment):
        done = subprocess.run(command, cwd=checkout, env=bare | environment, capture_output=True, check=False)
        return done.returncode

    assert run("python3", "scripts/build.py") == 0
    assert git(club, "status", "--porcelain") == ""
    assert run("python3", "-m", "harbor", "--check", **values) == 0
    for name in values:
        assert run("python3", "-m", "harbor", "--check", **{k: v for k, v in values.items() if k != name}) != 0
    assert run("./deploy", "--rollback") == 0
    assert club.browser().get("/version").json() == {"release": "2026.10.4"}
    assert run("./deploy", "launch") == 0
    assert club.browser().get("/version").json() == {"release": "launch"}
