"""Reading a hostile repository for builds, deploys and overbuilding runs nothing of it and stays within bounds."""

import json
import time

import pytest

from launchready_lib.checks import build, overbuild, releasing, repository
from launchready_lib.parameters import load
from launchready_lib.running import fresh_clone
from tests.checkouts import git, new_checkout

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
    (folder / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% {mark}\n')
    git(folder, "add", "Makefile", ".gitmodules")
    git(folder, "update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,s")
    git(folder, "commit", "-q", "-m", "odd")
    for hook in ("post-checkout", "post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman"):
        (folder / ".git/hooks" / hook).write_text(TOUCH.format(mark=mark))
        (folder / ".git/hooks" / hook).chmod(0o755)
    settings = ("core.fsmonitor", "core.sshCommand", "diff.external", "filter.evil.smudge", "filter.evil.clean")
    for setting in (*settings, "diff.evil.textconv", "uploadpack.packObjectsHook", "gpg.program"):
        git(folder, "config", setting, f"touch {mark}; cat")
    mark.unlink(missing_ok=True)
    return repository.open_at(folder), mark


def test_reading_runs_nothing_and_every_answer_can_be_told(hostile):
    repo, mark = hostile
    started = time.monotonic()
    locked = build.locked(build.read_locks(repo))
    deploys = releasing.repeatable(releasing.read_deploys(repo, _parameters())[0])
    signs = overbuild.read_signs(repo, 10, {})
    verdicts = [locked, deploys, *(getattr(overbuild, topic)(signs) for topic in ("regions", "services", "schema"))]
    assert not [verdict.summary for verdict in verdicts if verdict.defect]
    assert all(json.dumps([list(verdict.evidence), verdict.summary]).encode() for verdict in verdicts)
    assert time.monotonic() - started < 60
    assert not mark.exists()


@pytest.mark.anyio
async def test_cloning_it_runs_nothing_and_leaves_submodules_out(hostile):
    repo, mark = hostile
    scratch = await fresh_clone(repo)
    assert scratch.changes() == ()
    assert list((scratch.app / "s").iterdir()) == []
    assert not mark.exists()


def _parameters():
    return load({"name": "Acme", "domain": "acme.example", "release": "1.0"})
