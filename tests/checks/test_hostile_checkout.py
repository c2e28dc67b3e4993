"""Reading a hostile repository runs nothing of it, stays within bounds, and says what was left out: every probe."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launchready_lib.checks.quick_audit import environment
from launchready_lib.checks.stabilize_deployment.running import clone, fresh_clone
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import environments, repository
from tests import giant
from tests.checkouts import git, new_checkout, noise

ROOT = Path(giant.__file__).resolve().parents[1]

ODD = ["line\nbreak", "a\tb", "-n", 'quote"', "ünï", b"caf\xe9".decode("utf-8", "surrogateescape")]
FILES = {
    "package.json": "[" * 200_000,
    "package-lock.json": '{"packages": {"": {"dependencies": ' + "[" * 100_000,
    "pnpm-lock.yaml": "importers:\n  .: " + "[" * 200_000,
    "yarn.lock": '"' + "a@b, " * 100_000 + '":\n',
    "pyproject.toml": "project = 5\n" + "a = [" * 50_000,
    "requirements.txt": "x" * 500_000 + "==1\n" + "--hash=" * 50_000 + "\n",
    "Gemfile": "gem 'a', '~> " * 50_000,
    "go.mod": "require (\n" + "a v1\n" * 50_000 + ")\n",
    "compose.yaml": "services: " + "{a: " * 100_000,
    "vercel.json": json.dumps({"regions": [[["x"]] * 100] * 100}),
    ".github/workflows/deploy.yml": "on: &a {workflow_dispatch: {inputs: *a}}\nrun: fly deploy\n" + "- " * 100_000,
    "deploy.sh": "read " * 100_000 + "\necho 'now " * 50_000,
    "DEPLOY.md": "# Deploy\n" + "copy " * 100_000 + "\n" + "#" * 100_000 + "\n",
    "db/migrations/1.sql": "/*" * 200_000,
    "app/page.py": "select " * 50_000 + "join t " * 50_000,
}
TOUCH = "#!/bin/sh\ntouch {mark}\n"


@pytest.fixture
def hostile(tmp_path):
    """A repository with odd names, links and submodules, whose every program leaves a mark."""
    mark = tmp_path / "mark"
    commit = new_checkout(tmp_path / "app")
    folder = commit({**FILES, ".gitattributes": "* filter=evil diff=evil\n"}, tag="v1")
    for name in ODD:
        (folder / name).mkdir()
        (folder / name / "package.json").write_text('{"dependencies": {"a": "1"}}')
        git(folder, "add", "--", f"./{name}")
    (folder / "Makefile").symlink_to("/etc/passwd")
    (folder / ".env").symlink_to("/proc/self/environ")
    (folder / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% {mark}\n')
    git(folder, "add", "-f", "Makefile", ".env", ".gitmodules")
    git(folder, "update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,s")
    git(folder, "commit", "-q", "-m", "odd")
    for hook in ("post-checkout", "post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman"):
        (folder / ".git/hooks" / hook).write_text(TOUCH.format(mark=mark))
        (folder / ".git/hooks" / hook).chmod(0o755)
    settings = ("core.fsmonitor", "core.sshCommand", "diff.external", "filter.evil.smudge", "filter.evil.clean")
    for setting in (*settings, "diff.evil.textconv", "uploadpack.packObjectsHook", "gpg.program"):
        git(folder, "config", setting, f"touch {mark}; cat")
    (folder / "compose.yaml").write_text("changed")
    (folder / "new.env").write_text("A=1\n")
    os.mkfifo(folder / "pipe.env")
    mark.unlink(missing_ok=True)
    return repository.open_at(folder), mark


def told(folder):
    """What every probe says of a repository, from a process of its own; within four minutes."""
    command = [sys.executable, "-m", "tests.giant", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_reading_runs_nothing_and_every_answer_can_be_told(hostile):
    repo, mark = hostile
    answers = told(repo.path)["answers"]
    assert not [check for check, (_, _, _, defect) in answers.items() if defect]
    assert len(answers) == 13
    assert not mark.exists()


def test_a_symlink_out_of_the_tree_is_never_followed(tmp_path):
    """Neither from the tree, nor from the disk where the parameters name it."""
    outside = tmp_path / "outside"
    outside.write_text(f"API_TOKEN={noise(40)}\n")
    folder = new_checkout(tmp_path / "app")({"a.py": "import os\nos.environ['API_TOKEN']\n"})
    for name in (".env.production", "settings.py", "package.json", "deploy.sh"):
        (folder / name).symlink_to(outside)
        git(folder, "add", "-f", name)
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    git(folder, "commit", "-q", "-am", "links")
    answers = told(folder)["answers"]
    assert answers["secrets.tree"][0] == answers["secrets.history"][0] == "pass"
    assert "a symlink is not followed" in answers["secrets.tree"][2]
    for path in (".env.production", "up/outside", "../outside"):
        given = {"env_files": {"production": path}, "path": "app"} if ".." not in path else None
        if given:
            content = {"name": "Acme", "domain": "acme.example", "release": "1.0", "repository": given}
            found = environments.read_environments(repository.open_at(folder), load(content))
            assert environment.missing(found).status is Status.UNKNOWN
            assert "leads out of the repository" in found.unread[0].reason
        else:
            assert isinstance(repository.open_at(folder).disk(path), Unavailable)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = giant.grow(tmp_path_factory.mktemp("giant") / "app")
    return folder, told(folder)


@pytest.mark.heavy
def test_a_hundred_thousand_files_and_a_blob_of_a_gigabyte_are_bounded(large):
    """Time is bounded by `told`; memory by what one process held at most, engines and git included."""
    _, found = large
    assert found["megabytes"] < 500
    assert not [check for check, (_, _, _, defect) in found["answers"].items() if defect]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("check", "file"),
    [
        ("secrets.tree", "dump.sql"),
        ("secrets.history", "1024 MB"),
        ("environment.missing", "src/huge.py"),
        ("build.locked", "package.json"),
        ("deploy.repeatable", "deploy.yml"),
        ("rollback.path", "DEPLOY.md"),
        ("overbuild.services", "Dockerfile"),
    ],
)
def test_what_was_too_large_is_named_and_leaves_the_answer_open(large, check, file):
    status, reason, evidence, _ = large[1]["answers"][check]
    assert status == "unknown"
    assert file in reason + evidence


@pytest.mark.heavy
@pytest.mark.anyio
async def test_a_commit_of_great_size_is_not_cloned(large):
    """Fourteen names of one gigabyte would fill the disk of whoever builds."""
    found = await fresh_clone(repository.open_at(large[0]))
    assert isinstance(found, Unavailable)
    assert "14.0 GB" in found.reason


@pytest.mark.anyio
async def test_a_commit_is_cloned_where_there_is_room(tmp_path, monkeypatch):
    folder = new_checkout(tmp_path / "app")({"a.bin": b"x" * 5000})
    assert not isinstance(await fresh_clone(repository.open_at(folder)), Unavailable)
    monkeypatch.setattr(clone, "MAX_TREE_BYTES", 4999)
    assert isinstance(await fresh_clone(repository.open_at(folder)), Unavailable)


@pytest.mark.anyio
async def test_cloning_it_runs_nothing_and_leaves_submodules_out(hostile):
    repo, mark = hostile
    scratch = await fresh_clone(repo)
    assert scratch.changes() == ()
    assert list((scratch.app / "s").iterdir()) == []
    assert not mark.exists()
