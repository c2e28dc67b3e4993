"""A run: stages in order, a manifest that is true at every moment, a lock, and what may be done with an earlier run."""

import contextlib
import errno
import io
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from drive import project

from launchready_lib.record import files
from launchready_lib.record.files import DiskFullError, InUseError, locked, write_private
from launchready_lib.record.findings import Decision
from launchready_lib.run import manifest as manifests
from launchready_lib.run import runner

CANARY = "canary/Pässword+9"
DRIVE = str(Path(__file__).parent / "drive.py")


@pytest.fixture(autouse=True)
def _in_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_MEMBER_PASSWORD", CANARY)


def run(root, **options):
    return runner.run(root / "parameters" / "acme.yaml", notebooks=root / "behaving", **options)


def statuses(manifest):
    return [stage.status for stage in manifest.stages]


class Told:
    """A progress that remembers."""

    def __init__(self):
        self.said = []

    def begin(self, stage):
        self.said.append(f"begin {stage.number}")

    def cell(self, done, total):
        self.said.append(f"cell {done} of {total}")

    def end(self, stage, entry):
        self.said.append(f"end {stage.number} {entry.status}")


def test_a_stage_that_fails_does_not_stop_the_later_ones(tmp_path):
    root = project(tmp_path, "passes", "fails", "dies", "passes")
    told = Told()
    result = run(root, stages={1, 2, 3, 4}, progress=told)
    assert statuses(result.manifest) == ["complete", "failed", "failed", "complete", *["skipped"] * 3]
    assert [stage.error for stage in result.manifest.stages[:3]] == [
        None,
        "ValueError: what went wrong",
        "its process ended while a cell ran",
    ]
    assert result.exit_code == 4
    assert result.report == tmp_path / "output" / "acme" / "r1" / "report.html"
    assert told.said[:2] == ["begin 1", "cell 1 of 5"]
    ends = [line for line in told.said if line.startswith("end")]
    assert ends == ["end 1 complete", "end 2 failed", "end 3 failed", "end 4 complete"]


def test_the_manifest_tells_the_run_and_names_no_path_of_this_machine(tmp_path):
    root = project(tmp_path, "passes", "fails")
    run(root, stages={2})
    body = json.loads((root / "output" / "acme" / "r1" / "manifest.json").read_text())
    assert {key: body[key] for key in ("schema", "client", "release", "parameters", "complete")} == {
        "schema": 1,
        "client": "acme",
        "release": "r1",
        "parameters": "parameters/acme.yaml",
        "complete": False,
    }
    assert body["finished"] >= body["started"]
    assert body["stages"][1]["cells"] == {"total": 5, "ran": 3, "failed": 1, "not_run": 1}
    assert body["stages"][0] == {
        "id": "quick_audit",
        "notebook": "01_quick_audit.ipynb",
        "status": "skipped",
        "started": None,
        "finished": None,
        "seconds": None,
        "error": "left out by --stages",
        "cells": None,
    }
    assert str(tmp_path) not in json.dumps(body)


def test_no_secret_is_left_anywhere_by_a_stage_that_shows_it_and_fails(tmp_path):
    root = project(tmp_path, "leaks")
    result = run(root, stages={1})
    assert result.exit_code == 4
    written = [path for path in (root / "output").rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"01_quick_audit.ipynb", "manifest.json", "report.html", "findings.json"}
    for path in written:
        text = path.read_text()
        for spelling in (CANARY, json.dumps(CANARY)[1:-1], "Y2FuYXJ5L1", "canary%2FP"):
            assert spelling not in text, path.name


def test_results_are_for_their_owner_alone(tmp_path):
    root = project(tmp_path, "passes")
    run(root, stages={1})
    for path in (root / "output").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path.name
    assert not list((root / "output").rglob(".*")), "no lock, no part of a file"


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A complete run, to be copied."""
    root = project(tmp_path_factory.mktemp("complete"), "passes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("ACME_MEMBER_PASSWORD", CANARY)
        assert run(root).manifest.complete
    return root


@pytest.fixture
def finished(complete, tmp_path, monkeypatch):
    """A project with a complete run of its own."""
    subprocess.run(["cp", "-a", f"{complete}/.", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_complete_run_without_findings_is_conditional(finished):
    result = run(finished, resume=True)
    assert (result.exit_code, result.audit.decision) == (3, Decision.CONDITIONAL)


def test_a_complete_release_is_refused(finished):
    with pytest.raises(runner.RunError, match="--again runs it once more and keeps the old one as r1~1"):
        run(finished)
    with pytest.raises(runner.RunError, match="is complete"):
        run(finished, stages={2})


def test_resume_keeps_what_is_complete(finished):
    before = {path: path.read_bytes() for path in (finished / "output/acme/r1").glob("0*.ipynb")}
    (finished / "output/acme/r1/03_secure_edge.ipynb").unlink()
    told = Told()
    result = run(finished, resume=True, progress=told)
    assert result.manifest.complete
    assert [line for line in told.said if line.startswith("begin")] == ["begin 3"]
    for path, content in before.items():
        assert (path.read_bytes() == content) is (path.name != "03_secure_edge.ipynb")


def test_again_moves_the_old_run_aside_as_often_as_asked(finished):
    folder = finished / "output" / "acme"
    old = (folder / "r1" / "manifest.json").read_text()
    run(finished, again=True, stages={1})
    run(finished, again=True, stages={1})
    assert sorted(path.name for path in folder.iterdir()) == ["r1", "r1~1", "r1~2"]
    assert (folder / "r1~1" / "manifest.json").read_text() == old


def test_an_incomplete_run_is_gone_on_with_or_begun_anew_only_when_asked(tmp_path):
    root = project(tmp_path, "passes", "fails", "passes")
    run(root, stages={1, 2})
    with pytest.raises(runner.RunError, match="--resume goes on with it, --again starts anew"):
        run(root)
    result = run(root, stages={3})
    assert statuses(result.manifest) == ["complete", "failed", "complete", *["skipped"] * 4]


def test_resume_runs_failed_stages_again(tmp_path):
    root = project(tmp_path, "fails")
    run(root, stages={1})
    (root / "behaving" / "01_quick_audit.ipynb").write_bytes(
        (root / "behaving" / "02_stabilize_deployment.ipynb").read_bytes().replace(b"raise ValueError", b"print")
    )
    assert statuses(run(root, stages={1}, resume=True).manifest)[0] == "complete"


def test_options_that_contradict_each_other_are_refused(tmp_path):
    with pytest.raises(runner.RunError, match="give one of them"):
        run(project(tmp_path, "passes"), resume=True, again=True)


@pytest.mark.parametrize("name", ["../up", "R1", "r1~1", ".", "a" * 65])
def test_a_releases_name_is_a_folders_name(tmp_path, name):
    root = project(tmp_path, "passes")
    with pytest.raises(runner.RunError, match="a release's name"):
        run(root, release=name)
    assert not (root / "output" / "acme").exists()


def test_one_release_is_run_by_one_process_at_a_time(tmp_path):
    root = project(tmp_path, "passes")
    (root / "output" / "acme").mkdir(parents=True)
    program = f"""
        from pathlib import Path
        from launchready_lib.record.files import locked
        with locked(Path({str(root / "output/acme/.r1.lock")!r})):
            print("held", flush=True)
            input()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(runner.RunError, match="being run by another process"):
            run(root, stages={1})
        other.kill()
    assert run(root, stages={1}).exit_code == 3


def test_a_lock_is_held_once(tmp_path):
    with locked(tmp_path / "lock"), pytest.raises(InUseError), locked(tmp_path / "lock"):
        pass


def test_a_lock_is_for_its_owner_alone(tmp_path):
    (tmp_path / "left").touch(mode=0o644)
    for name in ("lock", "left"):
        with locked(tmp_path / name):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["disk", "quota"])
def test_what_does_not_fit_leaves_what_was_there(tmp_path, monkeypatch, number):
    """The disk is full when the text is written out, which is at the end."""

    class Full(io.StringIO):
        def close(self):
            super().close()
            raise OSError(number, os.strerror(number))

    write_private(tmp_path / "kept", "before")
    monkeypatch.setattr(files.os, "fdopen", lambda fd, *_, **__: os.close(fd) or Full())
    with pytest.raises(DiskFullError, match="kept"):
        write_private(tmp_path / "kept", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_text() == "before"


@pytest.fixture
def small_disk(tmp_path):
    """A disk with room for a few files, mounted where results go; its function gives it more."""
    place = tmp_path / "output"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield lambda: subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount on this machine")
def test_a_full_disk_ends_the_run_in_one_line_and_it_is_gone_on_with(tmp_path, small_disk):
    root = project(tmp_path, "leaks", "passes")
    run_file = root / "behaving" / "01_quick_audit.ipynb"
    body = json.loads(run_file.read_text())
    body["cells"][2]["source"] = "import random\nprint(random.Random(1).randbytes(60_000).hex())"
    body["cells"] = body["cells"][:3]
    run_file.write_text(json.dumps(body))
    with start(root, "--stages=1-2") as first:
        said, _ = first.communicate(timeout=240)
    assert first.returncode == 74
    assert said.splitlines()[-1].startswith("The disk is full: ")
    assert "Traceback" not in said
    folder = root / "output" / "acme" / "r1"
    assert [path.name for path in folder.rglob("*") if path.name.startswith(".")] == []
    manifest = manifests.read(folder)
    assert manifest.stages[0].error == "the disk is full"
    assert not manifest.complete
    small_disk()
    with start(root, "--stages=1-2", "--resume") as second:
        said, _ = second.communicate(timeout=240)
    assert second.returncode == 3, said
    assert statuses(manifests.read(folder))[:2] == ["complete", "complete"]


def start(root, *arguments):
    command = [sys.executable, DRIVE, str(root / "behaving"), "run", "parameters/acme.yaml", *arguments]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(condition, process):
    while not condition():
        assert process.poll() is None, process.stdout.read()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def spawned(folder):
    with contextlib.suppress(OSError):
        return (folder / "spawned").read_text().split()
    return []


def all_gone(pids):
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return psutil.wait_procs(alive, timeout=60)[1] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_leaves_finished_stages_whole_and_no_process(tmp_path, number):
    root = project(tmp_path, "passes", "spawns")
    folder = root / "output" / "acme" / "r1"
    with start(root) as process:
        until(lambda: spawned(folder), process)
        children = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(number)
        words = process.stdout.read()
        assert process.wait(30) == 130
    assert "Interrupted; 1 of 7 stages are complete" in words
    assert "Traceback" not in words
    manifest = manifests.read(folder)
    assert statuses(manifest) == ["complete", "failed", *["skipped"] * 5]
    assert manifest.stages[1].error == "interrupted"
    assert manifest.finished
    assert not manifest.complete
    assert all_gone([*children, *map(int, spawned(folder)[:2])])


def test_a_killed_run_left_the_truth_behind_and_can_be_resumed(tmp_path):
    root = project(tmp_path, "passes", "spawns")
    folder = root / "output" / "acme" / "r1"
    with start(root) as process:
        until(lambda: spawned(folder), process)
        process.kill()
        process.wait(30)
    manifest = manifests.read(folder)
    assert statuses(manifest) == ["complete", "failed", *["skipped"] * 5]
    assert manifest.stages[1].error.startswith("cut off")
    assert manifest.finished is None
    assert not (folder / "02_stabilize_deployment.ipynb").exists()
    assert all_gone(map(int, spawned(folder)[:2]))
    passing = (root / "behaving" / "01_quick_audit.ipynb").read_bytes()
    for path in (root / "behaving").iterdir():
        path.write_bytes(passing)
    result = run(root, stages={1, 2}, resume=True)
    assert statuses(result.manifest)[:2] == ["complete", "complete"]


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(12))
def test_a_run_killed_at_any_moment_can_be_resumed(tmp_path, seed):
    """Whatever was whole before stays, nothing half-written is taken for a result, and no process is left."""
    root = project(tmp_path, "passes")
    folder = root / "output" / "acme" / "r1"
    with start(root) as process:
        until((folder / "manifest.json").exists, process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(random.Random(seed).uniform(0.0, 3.0))
        children = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.kill()
        process.wait(30)
    assert all_gone(children)
    whole = {path.name: path.read_bytes() for path in folder.glob("0*.ipynb")}
    result = run(root, resume=True)
    assert statuses(result.manifest) == ["complete"] * 7
    assert all((folder / name).read_bytes() == content for name, content in whole.items())
    assert (folder / "report.html").stat().st_size > 10_000
    assert not list(folder.glob("*.part"))


def test_a_manifest_that_cannot_be_read_is_none(tmp_path):
    for text in ("", "[]", "{}", '{"stages": [1]}', '{"stages": [{"id": 1}]}', "[" * 100_000):
        (tmp_path / "manifest.json").write_text(text)
        assert manifests.read(tmp_path) is None


def test_the_environment_of_a_run_ends_with_it(tmp_path):
    root = project(tmp_path, "tells")
    run(root, stages={1}, environment={"TOLD": "for the run"})
    assert "for the run" in (root / "output/acme/r1/01_quick_audit.ipynb").read_text()
    assert "TOLD" not in os.environ
    assert "LAUNCHREADY_ROOT" not in os.environ
