"""secrets.tree: a credential in a tracked file fails, and nothing else does."""

import dataclasses
import io
import os
import zipfile

import pytest

from launchready_lib.checks.stabilize_deployment import secrets
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import Credential, Standing, engine, fingerprint
from tests.checkouts import git, new_checkout, noise

LIVE = "sk_live_" + noise(99)
CONTENT = {"name": "Acme", "domain": "acme.example", "release": "1.0"}


def credential(standing=Standing.SECRET, place="src/pay.py:3"):
    return Credential("3f9a1c77", "sk_live_… (107 characters)", "Stripe", "live key", "roll it", standing, (place,), 1)


def evidence(*credentials, **more):
    return secrets.TreeEvidence("0123456789abcdef", 12, credentials, **more)


def test_a_live_key_fails_and_says_where_and_how_to_revoke_it():
    verdict = secrets.tree(evidence(credential(), credential(Standing.FIXTURE, "tests/a.py:1")))
    assert verdict.status is Status.FAIL
    assert "src/pay.py:3" in verdict.summary
    assert "roll it" in verdict.fix
    assert verdict.about == ("3f9a1c77",)
    assert [row.get("standing") for row in verdict.evidence] == ["secret", "in a test"]


@pytest.mark.parametrize("standing", [each for each in Standing if each is not Standing.SECRET])
def test_nothing_but_a_secret_fails(standing):
    verdict = secrets.tree(evidence(credential(standing), ignored=(".env",)))
    assert verdict.status is Status.PASS
    assert verdict.evidence[0]["credentials"] == 0
    assert {"ignored_file_on_disk": ".env"} in verdict.evidence


DISK, TEST, ROTATED = Standing.ON_DISK, Standing.TEST, Standing.ROTATED


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        ((), "No credential in 12 tracked files"),
        ((credential(TEST), credential(Standing.EXAMPLE)), "; 2 values look like one and are not (listed)"),
        ((credential(DISK),), "; 1 lies on this disk only (listed)"),
        (
            (credential(DISK), credential(DISK), credential(ROTATED)),
            "; 2 lie on this disk only; 1 recorded as rotated (listed)",
        ),
        ((credential(ROTATED),), "; 1 recorded as rotated (listed)"),
        ((credential(),), "1 credential stands in tracked files (Stripe): src/pay.py:3"),
        (
            (credential(), credential(TEST), credential(place="b:2")),
            "2 credentials stand in tracked files (Stripe): src/pay.py:3, b:2",
        ),
        ([credential(place=p) for p in "abcdef"], "6 credentials stand in tracked files (Stripe): a, b, c, d, e"),
    ],
    ids=["none", "alike", "on disk", "on disk and rotated", "rotated", "one", "two", "six"],
)
def test_values_are_counted_by_what_they_are(credentials, says):
    verdict = secrets.tree(evidence(*credentials))
    first = "" if verdict.status is Status.FAIL or not credentials else "No credential in 12 tracked files"
    assert verdict.summary == first + says
    shown = [row["standing"] for row in verdict.evidence if "standing" in row]
    assert sorted(shown) == sorted(str(each.standing) for each in credentials if each.standing is not DISK)
    assert verdict.status is Status.FAIL or verdict.evidence[0]["commit"] == "0123456789ab"


def test_what_lies_on_this_disk_only_is_one_row_a_file_and_named_once():
    found = [credential(DISK, place) for place in (".env:1 (ignored)", ".env:2 (ignored)", "a.py:3 (changed)")]
    rows = secrets.tree(evidence(*found, credential(TEST), ignored=(".env", ".env.old"))).evidence
    assert [row for row in rows if "on_this_disk_only" in row or "ignored_file_on_disk" in row] == [
        {"on_this_disk_only": ".env (ignored)", "values": 2},
        {"on_this_disk_only": "a.py (changed)", "values": 1},
        {"ignored_file_on_disk": ".env.old"},
    ]


@pytest.mark.parametrize(("number", "hours"), [(1, 1.5), (2, 2.0), (40, 8.0)])
def test_the_hours_grow_with_the_credentials_up_to_a_day(number, hours):
    assert secrets.tree(evidence(*[credential()] * number)).effort_hours == hours


def test_the_ways_to_revoke_are_told_for_eight_providers_at_most():
    leaks = [dataclasses.replace(credential(), provider=f"P{n}") for n in range(10)]
    assert secrets.tree(evidence(*leaks)).fix.endswith(" P6: roll it. P7: roll it.")


def test_of_files_that_were_not_read_three_are_named_with_the_limit():
    files = tuple({"file": f"{n}.sql", "not_read": "90 MB"} for n in range(5))
    verdict = secrets.tree(evidence(unread=files))
    assert verdict.reason.endswith("0.sql (90 MB), 1.sql (90 MB), 2.sql (90 MB) and 2 more")
    assert "these files under 25 MB" in verdict.needs


def test_what_was_not_scanned_is_unknown_unless_a_leak_was_seen():
    silent = Unavailable("the secret engine (kingfisher) is not installed", "kingfisher-bin in this environment")
    verdict = secrets.tree(evidence(engine=silent))
    assert (verdict.status, verdict.needs) == (Status.UNKNOWN, "kingfisher-bin in this environment")
    assert secrets.tree(evidence(unread=({"file": "dump.sql", "not_read": "90 MB"},))).status is Status.UNKNOWN
    assert secrets.tree(evidence(credential(), engine=silent)).status is Status.FAIL


def test_no_repository_is_unknown_and_names_the_parameter():
    verdict = secrets.tree(Unavailable("no repository was given", "repository.path"))
    assert (verdict.status, verdict.needs) == (Status.UNKNOWN, "repository.path")


@pytest.fixture
def judged(tmp_path):
    """Scan a repository made of files; the engine's rule cache is kept between tests."""
    commit = new_checkout(tmp_path / "app")

    def judge(files, *, after=None, **known):
        folder = commit({"README.md": "An app.\n", **files})
        if after:
            after(folder)
        content = CONTENT | {"repository": {"path": "app", **known}}
        found = secrets.read_tree(repository.open_at(folder), load(content))
        return secrets.tree(found), found

    return judge


def test_plants_are_found_by_engine_and_by_our_own_layer(judged):
    """One value for each way of hiding; none of them, nor a part of one, gets into the evidence."""
    plants = {
        "src/pay.py": f'stripe.api_key = "{LIVE}"\n',
        "deploy/.netrc": f"machine a login b password {(netrc := 'Zq7-' + noise(12))}\n",
        "config/master.key": (master := noise(32, "0123456789abcdef")),
        "app/settings.py": f"SECRET_KEY = '{(django := noise(50))}'\n",
        "docker-compose.yml": f"services:\n  db:\n    environment:\n      - DB_PASSWORD={(pg := 'pW9_' + noise(14))}\n",
        "src/ci.yml": f"token: ghp_{(github := noise(36))}\n",
    }
    verdict, found = judged(plants)
    assert verdict.status is Status.FAIL
    assert {place.split(":")[0] for leak in found.credentials for place in leak.places} == set(plants)
    shown = repr(verdict) + repr(found)
    for value in (LIVE, netrc, master, django, pg, github):
        assert value[8:] not in shown


def test_an_engines_find_that_we_do_not_know_counts(judged):
    verdict, found = judged(
        {"src/a.py": f'key = "PMAK-{noise(24, "0123456789abcdef")}-{noise(34, "0123456789abcdef")}"\n'}
    )
    assert verdict.status is Status.FAIL
    assert "postman" in found.credentials[0].what


def test_an_archive_is_looked_into_and_named(judged):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner/pay.py", f'key = "{LIVE}"\n')
    verdict, found = judged({"backup.zip": packed.getvalue()})
    assert verdict.status is Status.FAIL
    assert found.credentials[0].places[0].startswith("backup.zip!/inner/pay.py:1")


def test_a_healthy_repository_passes(judged):
    harmless = {
        ".env.example": "STRIPE_SECRET_KEY=sk_live_xxxxxxxxxxxxxxxxxxxxxxxx\n"
        "DATABASE_URL=postgres://app:password@localhost/app\n",
        "tests/test_pay.py": f'KEY = "{LIVE}"\n',
        "src/web.js": 'const key = "pk_live_' + noise(99) + '";\n',
        "docs/setup.md": "Set AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n",
        "package-lock.json": '{"integrity": "sha512-' + noise(86) + '=="}\n',
        ".gitignore": ".env\n",
    }
    verdict, found = judged(harmless, after=lambda folder: (folder / ".env").write_text(f"KEY={LIVE}\n"))
    assert verdict.status is Status.PASS, verdict.summary
    assert found.ignored == (".env",)


ON_DISK = {
    "ignored": (".env", f"KEY={LIVE}\n"),
    "not tracked": ("src/new.py", f'key = "{LIVE}"\n'),
    "changed": ("src/old.py", f'key = "{LIVE}"\n'),
    "ignored, in a notebook": ("try.ipynb", '{"cells": [{"cell_type": "code", "source": "key = \'' + LIVE + "'\"}]}"),
    "by the engine alone": (
        "src/new.py",
        f'key = "PMAK-{noise(24, "0123456789abcdef")}-{noise(34, "0123456789abcdef")}"\n',
    ),
}


@pytest.mark.parametrize("how", ON_DISK)
def test_what_lies_on_this_disk_only_is_shown_and_never_fails(judged, how):
    path, text = ON_DISK[how]
    tracked = {"src/old.py": "key = 1\n", ".gitignore": ".env\n*.ipynb\n"}
    verdict, found = judged(tracked, after=lambda folder: (folder / path).write_text(text))
    assert verdict.status is Status.PASS
    assert verdict.summary.endswith("; 1 lies on this disk only (listed)")
    assert [c.standing for c in found.credentials] == [Standing.ON_DISK]
    kind = "not tracked" if "engine" in how else how.partition(",")[0]
    assert found.credentials[0].places[0].startswith(path)
    assert found.credentials[0].places[0].endswith(f"({kind})")
    assert [row["values"] for row in verdict.evidence if str(row.get("on_this_disk_only")).endswith(f"({kind})")] == [1]


def test_what_is_tracked_and_on_disk_fails(judged):
    tracked = {"src/pay.py": f'key = "{LIVE}"\n', ".gitignore": ".env\n"}
    verdict, found = judged(tracked, after=lambda folder: (folder / ".env").write_text(f"KEY={LIVE}\n"))
    assert verdict.status is Status.FAIL
    assert len(found.credentials) == 1
    assert {place.split(":")[0] for place in found.credentials[0].places} == {"src/pay.py", ".env"}


def test_the_work_tree_leads_nowhere_and_holds_nobody_up(judged, tmp_path):
    """Links, folders that are links, pipes, large files, others' repositories and dependencies are left alone."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/.env").write_text(f"KEY={LIVE}\n")

    def litter(folder):
        (folder / ".env").symlink_to(tmp_path / "outside/.env")
        (folder / "up").symlink_to(tmp_path / "outside", target_is_directory=True)
        (folder / "src/old.py").unlink()
        (folder / "src/old.py").symlink_to(tmp_path / "outside/.env")
        os.mkfifo(folder / "pipe.env")
        (folder / "large.env").write_text(f"KEY={LIVE}\n" + "#" * 2_000_000)
        (folder / "node_modules/a").mkdir(parents=True)
        (folder / "node_modules/a/.env").write_text(f"KEY={LIVE}\n")
        git(folder, "init", "-q", str(folder / "other"))
        (folder / "other/.env").write_text(f"KEY={LIVE}\n")

    verdict, found = judged({"src/old.py": "x = 1\n"}, after=litter)
    assert (verdict.status, found.credentials) == (Status.PASS, ())
    assert found.unseen == ({"file": "large.env", "not_read": "not tracked, over 1024 KiB"},)


def test_a_limit_of_the_work_tree_is_said_and_decides_nothing(judged, monkeypatch):
    monkeypatch.setattr(secrets, "MAX_TREE_FILES", 2)
    names = [f"{n}.py" for n in range(4)]
    verdict, found = judged({"a.py": "x = 1\n"}, after=lambda folder: [(folder / n).write_text("y") for n in names])
    assert verdict.status is Status.PASS
    assert found.unseen == ({"file": "more files that are not tracked", "not_read": "over 2 of them"},)
    assert found.unseen[0] in verdict.evidence


def test_what_the_parameters_vouch_for_is_listed_and_does_not_fail(judged):
    entry = {"fingerprint": fingerprint(LIVE), "verdict": "rotated", "reason": "revoked"}
    verdict, found = judged({"src/pay.py": f'key = "{LIVE}"\n'}, known_secrets=[entry])
    assert verdict.status is Status.PASS
    assert found.credentials[0].standing is Standing.ROTATED


def test_hostile_names_and_files_are_scanned(judged):
    def plant(folder):
        (folder / "odd\nname -rf;$(x).py").write_text(f'key = "{LIVE}"\n')
        (folder / "link").symlink_to("/etc/passwd")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "odd")

    verdict, found = judged({"blob.bin": b"\0\1\2" * 1000}, after=plant)
    assert verdict.status is Status.FAIL
    assert found.aside == ({"file": "link", "not_read": "a symlink is not followed"},)


def test_without_the_engine_our_own_layer_still_reads(judged, monkeypatch):
    monkeypatch.setattr(engine, "program", lambda: None)
    verdict, found = judged({"src/pay.py": f'key = "{LIVE}"\n'})
    assert verdict.status is Status.FAIL
    assert found.engine is not None


def test_the_engine_gets_none_of_our_variables(judged, monkeypatch, tmp_path):
    """What it is given is a path and a home, no secret of the process."""
    spy = tmp_path / "kingfisher"
    spy.write_text(f'#!/bin/sh\nenv > "{tmp_path}/seen"\necho "$@" >> "{tmp_path}/seen"\nexit 0\n')
    spy.chmod(0o755)
    monkeypatch.setattr(engine, "program", lambda: str(spy))
    monkeypatch.setenv("CANARY", LIVE)
    judged({"src/a.py": "x = 1\n"})
    seen = (tmp_path / "seen").read_text()
    assert LIVE not in seen
    assert "--no-validate --no-update-check" in seen
