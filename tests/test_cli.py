"""The command line: every command, and a sentence instead of a traceback for every mistake."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from drive import project

from launchready_lib import checks, demo
from launchready_lib import roadmap as roadmaps
from launchready_lib.command import cli, doctor
from launchready_lib.command import embedded as showing
from launchready_lib.record.files import DiskFullError
from launchready_lib.record.findings import Decision, Status

DRIVE = str(Path(__file__).parent / "drive.py")


@pytest.fixture(autouse=True)
def _in_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACME_MEMBER_PASSWORD", raising=False)


def launchready(root, *arguments, **environment):
    return subprocess.run(
        [sys.executable, DRIVE, str(root / "behaving"), *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=120,
        check=False,
    )


def test_a_run_says_how_each_stage_went_the_verdict_and_where_the_report_is(tmp_path):
    root = project(tmp_path, "passes", "fails")
    done = launchready(root, "run", "parameters/acme.yaml", "--stages", "1-2", "--release", "r2", "--output", "results")
    assert done.returncode == 4
    assert "1/7 Quick audit: complete in" in done.stderr
    assert "2/7 Stabilize deployment: failed: ValueError: what went wrong" in done.stderr
    assert "Conditional go: 0 checks failed, 0 passed, 103 could not be answered." in done.stdout
    assert f"Report: {root}/results/acme/r2/report.html" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("value", "why"),
    [("abc1", "is shorter than 8 characters"), ("Membership", "is a common password or an ordinary word")],
    ids=["short", "a word"],
)
@pytest.mark.parametrize("command", ["run", "check-parameters"])
def test_a_test_accounts_weak_password_is_refused_by_its_variable(tmp_path, monkeypatch, capsys, command, value, why):
    project(tmp_path, "passes")
    monkeypatch.setenv("ACME_MEMBER_PASSWORD", value)
    assert cli.main([command, "parameters/acme.yaml"]) == 2
    said = capsys.readouterr()
    assert said.err == (
        "parameters/acme.yaml: client.accounts.member.password: "
        f"the value of ACME_MEMBER_PASSWORD {why}: give the test account another password\n"
    )
    assert not said.out
    assert not (tmp_path / "output").exists()


def test_another_weak_secret_is_announced(tmp_path):
    root = project(tmp_path, "passes")
    with (root / "parameters" / "acme.yaml").open("a") as stream:
        stream.write('  network: {headers: {X-Audit: "${ACME_TOKEN}"}}\n')
    done = launchready(root, "run", "parameters/acme.yaml", "--stages", "1", ACME_TOKEN="launch")
    assert "The value of ACME_TOKEN is shorter than 8 characters: it is masked only where it stands" in done.stderr


def test_checking_parameters_warns_of_a_weak_secret(tmp_path, monkeypatch, capsys):
    root = project(tmp_path, "passes")
    with (root / "parameters" / "acme.yaml").open("a") as stream:
        stream.write('  database: {url: "${ACME_URL}"}\n')
    monkeypatch.setenv("ACME_URL", "postgresql://audit:unknown@db.acme.example/app")
    assert cli.main(["check-parameters", "parameters/acme.yaml"]) == 0
    said = capsys.readouterr().out
    assert "The value of ACME_URL is shorter than 8 characters" in said
    assert "unknown@" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "none.yaml"], "none.yaml"),
        (["run", "parameters/wrong.yaml"], "wrong.yaml:3"),
        (["check-parameters", "parameters/wrong.yaml"], "did you mean"),
        (["report", "nowhere"], "nowhere"),
        (["report", "parameters"], "holds no executed notebook"),
        (["new", "not a domain"], "domain"),
        (["run", "parameters/acme.yaml", "--release", "../up"], "a release's name"),
    ],
    ids=["no such file", "a wrong key", "only checked", "no such folder", "no run", "no domain", "release"],
)
def test_a_mistake_gets_a_sentence_and_exit_2(tmp_path, capsys, arguments, words):
    root = project(tmp_path, "passes")
    (root / "parameters" / "wrong.yaml").write_text("client:\n  name: A\n  domian: a.example\n  release: r1\n")
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", [["run"], ["run", "f", "--stages", "0"], ["fly"], []], ids=" ".join)
def test_a_wrong_option_gets_the_usage_and_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert "usage: launchready" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", {2}),
        ("1,4", {1, 4}),
        ("1,3-5", {1, 3, 4, 5}),
        (" 1 , 2 - 3", None),
        ("1-7", set(range(1, 8))),
        ("7-7", {7}),
    ],
)
def test_stages_are_numbers_and_spans(text, expected):
    if expected is None:
        with pytest.raises(cli.argparse.ArgumentTypeError):
            cli.stage_numbers(text)
    else:
        assert cli.stage_numbers(text) == expected


@pytest.mark.parametrize("text", ["", "0", "8", "1-8", "5-3", "a", "1-", "-1", "1,,2", "1-999999999", "²"])
def test_what_is_no_stage_is_refused(text):
    with pytest.raises(cli.argparse.ArgumentTypeError):
        cli.stage_numbers(text)


def test_an_error_of_ours_shows_its_type_and_place_but_not_its_words(monkeypatch, capsys):
    """An exception's text may quote what was being read."""

    def break_down(_):
        raise RuntimeError("with a secret")

    monkeypatch.setattr(doctor, "lines", lambda: break_down(None))
    assert cli.main(["doctor"]) == 70
    said = capsys.readouterr().err
    assert "RuntimeError at" in said
    assert "with a secret" not in said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "full"), "The disk is full."),
        (
            DiskFullError(errno.ENOSPC, "full", "output/acme/r1/report.html"),
            "The disk is full: output/acme/r1/report.html",
        ),
        (OSError(errno.EDQUOT, "quota", "x"), "The disk is full: x could not be written."),
        (OSError(errno.EMFILE, "too many open files"), "The machine gave out: too many open files."),
        (MemoryError(), "The machine gave out: no memory is left."),
    ],
    ids=["full", "ours", "quota", "handles", "memory"],
)
def test_a_machine_that_gives_out_is_no_defect_of_ours(monkeypatch, capsys, error, words):
    def broken():
        raise error

    monkeypatch.setattr(doctor, "lines", broken)
    assert cli.main(["doctor"]) == 74
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_new_writes_a_valid_file_and_overwrites_none(tmp_path, capsys):
    (tmp_path / "parameters").mkdir()
    assert cli.main(["new", "acme.example"]) == 0
    assert cli.main(["check-parameters", "parameters/acme.yaml"]) == 0
    assert "is valid" in capsys.readouterr().out
    assert cli.main(["new", "acme.example"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert cli.main(["new", "acme.example", "-o", "elsewhere/a.yaml"]) == 0
    assert (tmp_path / "elsewhere" / "a.yaml").exists()


def test_checking_parameters_names_variables_that_are_not_set_and_runs_nothing(tmp_path, capsys):
    root = project(tmp_path, "passes")
    assert cli.main(["check-parameters", "parameters/acme.yaml"]) == 0
    assert "ACME_MEMBER_PASSWORD is not set" in capsys.readouterr().out
    assert not (root / "output").exists()


def test_doctor_says_what_is_lost_without_a_program(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "find_chromium", lambda: None)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "- Chromium" in said
    assert "pages.interactive" in said


def test_every_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    for command in ("run", "report", "new", "check-parameters", "demo", "lab", "update-data", "doctor"):
        assert f"\n    {command} " in said or f"\n    {command}\n" in said


def finding(check, status, reason=None):
    return SimpleNamespace(check=check, status=status, reason=reason, summary="what was seen")


def audit(*findings, decision=Decision.CONDITIONAL):
    return SimpleNamespace(findings=findings, decision=decision)


BLOCKER = next(c for c in roadmaps.load().checks.values() if c.severity == "blocker").id
MEDIUM = next(c for c in roadmaps.load().checks.values() if c.severity == "medium" and c.bar is None).id


def test_the_prototype_must_be_a_no_go():
    assert showing.unexpected(audit(decision=Decision.NO_GO), "prototype") == []
    assert showing.unexpected(audit(), "prototype") == ["the verdict on prototype is conditional, not no_go"]


@pytest.mark.parametrize(
    ("found", "surprising"),
    [
        (finding(BLOCKER, Status.PASS), False),
        (finding(BLOCKER, Status.UNKNOWN, checks.not_built(BLOCKER).reason), False),
        (finding(BLOCKER, Status.UNKNOWN, "the server is down"), True),
        (finding(BLOCKER, Status.FAIL), True),
        (finding(MEDIUM, Status.UNKNOWN, "the server is down"), False),
        (finding(MEDIUM, Status.FAIL), False),
    ],
    ids=["pass", "not built", "unknown", "fail", "unknown but not decisive", "fail but not decisive"],
)
def test_the_launch_may_be_conditional_only_for_what_is_not_built(found, surprising):
    assert bool(showing.unexpected(audit(found), "launch")) is surprising


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "launchready_lib", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Launch Ready ")


def asked(address, process):
    """The names in a folder, as JupyterLab says them; it prints its address a moment before it listens."""
    try:
        while True:
            with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=60) as answer:
                return [entry["name"] for entry in json.load(answer)["content"]]
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                pytest.fail("JupyterLab ended")
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@pytest.mark.world
@pytest.mark.timeout(120)
def test_lab_opens_the_notebooks_on_a_running_harbor_club_and_leaves_nothing_behind(tmp_path):
    root = project(tmp_path, "passes")
    command = [sys.executable, DRIVE, str(root / "behaving"), "lab", "--", "--no-browser", "--ServerApp.port=0"]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        address = next(line for line in process.stderr if "http://127.0.0.1" in line).split()[-1]
        server = next(p for p in psutil.Process(process.pid).children() if "jupyterlab" in p.cmdline())
        state = Path(server.environ()["LAUNCHREADY_DEMO_STATE"])
        world = demo.attach(state)
        assert world.faults == frozenset()
        names = asked(address.replace("/lab/tree/behaving?", "/api/contents/behaving?"), process)
        assert len(names) == 7
        everything = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(30)
    assert psutil.wait_procs(everything, timeout=10)[1] == []
    assert not state.exists()
