"""A client's commands run bounded, and nothing of them outlives the run."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from launchready_lib.checks.stabilize_deployment import build
from launchready_lib.checks.stabilize_deployment.running import Limits, Running, clean_environment, fresh_clone, run
from launchready_lib.sources import repository
from tests.checkouts import git, new_checkout
from tests.web_servers import client

pytestmark = pytest.mark.anyio
MIB = 1024**2
linux = pytest.mark.skipif(sys.platform != "linux", reason="what a process started is followed on Linux only")


@pytest.fixture
def do(tmp_path):
    """Run a Python program in a folder of its own."""
    environment = clean_environment(tmp_path / "home")

    async def done(program, **limits):
        limits = Limits(**{"seconds": 30.0, **limits})
        return await run([sys.executable, "-c", program], folder=tmp_path, environment=environment, limits=limits)

    return done


async def test_a_command_is_told_with_its_code_and_what_it_printed(do):
    ran = await do("import sys; print('out'); sys.stderr.write('err'); sys.exit(3)")
    assert (ran.ended, ran.exit, ran.ok, ran.left) == ("exited", 3, False, 0)
    assert "out" in ran.output
    assert "err" in ran.output
    assert ran.ending == "exited with 3"


async def test_a_command_that_is_not_there_is_told_so(tmp_path):
    ran = await run("no-such-program --x", folder=tmp_path, environment={"PATH": "/usr/bin"}, limits=Limits(5.0))
    assert (ran.ended, ran.ok) == ("not started", False)
    assert "No such file" in ran.ending


@pytest.mark.parametrize(
    ("program", "limits", "ended"),
    [
        pytest.param("import time; time.sleep(60)", {"seconds": 0.5}, "time", id="time"),
        pytest.param("while True: print('x' * 10000)", {"output": MIB}, "output", id="output"),
        pytest.param(
            "import os\nfor _ in range(30): os.fork() or __import__('time').sleep(60)\n__import__('time').sleep(60)",
            {"processes": 10},
            "processes",
            id="processes",
            marks=linux,
        ),
        pytest.param(
            "import os, time\nfor _ in 'abcd':\n    if os.fork() == 0: break\nx = b'1' * 60_000_000\ntime.sleep(60)",
            {"memory": 150 * MIB},
            "memory",
            id="memory of all together",
            marks=linux,
        ),
    ],
)
async def test_what_goes_beyond_a_limit_is_ended(do, program, limits, ended):
    ran = await do(program, **limits)
    assert ran.ended == ended
    assert ran.exit is None
    assert not ran.ok


@linux
async def test_one_process_cannot_take_more_memory_or_a_larger_file_than_allowed(do, tmp_path):
    assert not (await do("x = b'1' * 500 * 1024**2", memory=200 * MIB)).ok
    await do("open('large', 'wb').write(b'1' * 3_000_000)", file=MIB)
    assert (tmp_path / "large").stat().st_size <= MIB


async def test_of_much_output_the_beginning_and_the_end_are_kept(do):
    ran = await do("print('first'); print('x' * 1_000_000); print('last')")
    assert ran.output.startswith("first\n")
    assert ran.output.endswith("last\n")
    assert "bytes left out" in ran.output
    assert len(ran.output) < 200_000


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('pid', 'w').write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
while not os.path.exists('pid') or not open('pid').read():
    time.sleep(0.01)
"""


@linux
async def test_a_process_that_left_its_session_is_found_and_ended(do, tmp_path):
    ran = await do(DAEMON)
    assert (ran.ended, ran.exit, ran.left) == ("exited", 0, 1)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


async def test_whoever_leaves_early_leaves_nothing_running(tmp_path):
    program = "import os, time; open('pid', 'w').write(str(os.getpid())); print('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", program]

    async def leave():
        async with Running(command, folder=tmp_path, environment={}, limits=Limits(60.0)) as running:
            while "up" not in running.output:
                await running.wait(0.01)
            raise KeyError

    with pytest.raises(KeyError):
        await leave()
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


async def test_a_server_is_seen_to_listen(tmp_path):
    program = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(60)"
    command = [sys.executable, "-c", program]
    async with Running(command, folder=tmp_path, environment={}, limits=Limits(60.0)) as running:
        while not running.listens():
            assert await running.wait(0.05) is None
        assert (await running.stop()).ended == "stopped"


def test_client_code_sees_nothing_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    found = clean_environment(tmp_path / "home")
    assert "secret" not in str(found)
    assert found["PIP_INDEX_URL"] == "https://packages.example/simple"
    assert Path(found["HOME"]) == tmp_path / "home"
    if sys.prefix != sys.base_prefix:
        assert str(Path(sys.prefix) / "bin") not in found["PATH"].split(os.pathsep)


@pytest.fixture
def commit(tmp_path):
    return new_checkout(tmp_path / "app")


async def test_a_fresh_clone_has_what_is_committed_and_nothing_else(commit):
    folder = commit({"a": "1\n", "sub/b": "2\n", ".gitignore": "dist/\n*.log\n"}, tag="v1")
    (folder / "a").write_text("edited")
    (folder / "untracked").write_text("x")
    scratch = await fresh_clone(repository.open_at(folder, "main"))
    assert sorted(p.name for p in scratch.app.iterdir()) == [".git", ".gitignore", "a", "sub"]
    assert (scratch.app / "a").read_text() == "1\n"
    assert git(scratch.app, "describe", "--tags").stdout.strip() == b"v1"
    assert git(scratch.app, "branch", "--show-current").stdout.strip() == b"main"
    assert scratch.changes() == ()


async def test_what_a_build_changed_is_named(commit):
    folder = commit({"a": "1\n", "b": "2\n", ".gitignore": "dist/\n"})
    scratch = await fresh_clone(repository.open_at(folder))
    (scratch.app / "dist").mkdir()
    (scratch.app / "dist/out").write_text("x")
    (scratch.app / "a").write_text("other")
    (scratch.app / "b").unlink()
    (scratch.app / "new").write_text("x")
    assert {row["file"]: row["after_the_build"] for row in scratch.changes()} == {
        "a": "changed",
        "b": "deleted",
        "new": "new and not ignored",
    }


async def test_a_build_that_sets_up_its_clone_does_not_speak_in_the_comparison(commit, tmp_path):
    mark = tmp_path / "mark"
    folder = commit({"a": "1\n", ".gitattributes": "* filter=evil\n"})
    scratch = await fresh_clone(repository.open_at(folder))
    for setting in ("core.fsmonitor", "filter.evil.clean"):
        git(scratch.app, "config", setting, f"touch {mark}")
    (scratch.app / "a").write_text("other\n")
    mark.unlink(missing_ok=True)
    assert [row["file"] for row in scratch.changes()] == ["a"]
    assert not mark.exists()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("core.fsmonitor", "touch {mark}"),
        ("core.sshCommand", "touch {mark}"),
        ("filter.evil.smudge", "touch {mark}"),
        ("uploadpack.packObjectsHook", "touch {mark}; git pack-objects"),
        ("alias.bundle", "!touch {mark}"),
        ("init.templateDir", "{template}"),
    ],
)
async def test_cloning_runs_nothing_of_the_repository(commit, tmp_path, setting, value):
    mark, template = tmp_path / "mark", tmp_path / "template"
    hook = template / "hooks/post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    folder = commit({"a": "1\n", ".gitattributes": "* filter=evil\n"}, tag="v1")
    for name in ("post-checkout", "pre-auto-gc", "reference-transaction"):
        (folder / ".git/hooks" / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (folder / ".git/hooks" / name).chmod(0o755)
    git(folder, "config", setting, value.format(mark=mark, template=template))
    mark.unlink(missing_ok=True)
    scratch = await fresh_clone(repository.open_at(folder))
    assert (scratch.app / "a").read_text() == "1\n"
    assert not mark.exists()


async def test_a_partial_clone_fetches_nothing_and_is_told(commit, tmp_path):
    mark = tmp_path / "mark"
    folder = commit({"a": "x", "b": "y"})
    repo = repository.open_at(folder)
    wanted = next(file for file in repo.files if file.path == "a")
    (folder / ".git/objects" / wanted.object_id[:2] / wanted.object_id[2:]).unlink()
    for key, value in (
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", str(folder)),
        ("remote.origin.uploadpack", f"touch {mark}; git-upload-pack"),
        ("protocol.file.allow", "always"),
    ):
        git(folder, "config", key, value)
    assert "fresh clone" in (await fresh_clone(repo)).reason
    assert not mark.exists()


async def test_a_shallow_clone_and_a_detached_one_are_cloned_as_they_are(commit, tmp_path):
    commit({"a": "1"})
    folder = commit({"a": "2"})
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{folder}", str(shallow))
    git(shallow, "checkout", "-q", "--detach")
    scratch = await fresh_clone(repository.open_at(shallow))
    assert (scratch.app / "a").read_text() == "2"
    assert git(scratch.app, "rev-list", "--count", "HEAD").stdout.strip() == b"1"
    assert scratch.changes() == ()


async def test_the_scratch_folder_goes_with_its_last_holder(commit):
    scratch = await fresh_clone(repository.open_at(commit({"a": "1"})))
    folder = scratch.folder
    (scratch.app / "locked").mkdir()
    (scratch.app / "locked/file").write_text("x")
    (scratch.app / "locked").chmod(0o500)
    del scratch
    for _ in range(500):  # the thread that made it lets go of it a moment later
        if not folder.exists():
            break
        await asyncio.sleep(0.01)
    assert not folder.exists()


async def test_what_killed_audits_left_behind_is_removed_by_the_next(commit, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    left, alive = (tmp_path / f"launchready-clone-{pid}-x" for pid in (gone.pid, os.getpid()))
    for folder in (left, alive):
        (folder / "app").mkdir(parents=True)
    scratch = await fresh_clone(repository.open_at(commit({"a": "1"})))
    assert (left.exists(), alive.exists(), scratch.app.exists()) == (False, True, True)


async def test_a_closed_client_leaves_no_scratch_folder(commit):
    folder = commit({"a": "1"})
    audited = client(
        authorization={"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": ["build"]},
        repository={"path": str(folder), "build": ["true"]},
    )
    made = await build.tried(audited)
    assert made.scratch.app.is_dir()
    await audited.close()
    assert not made.scratch.folder.exists()
