"""A client's repository is read from git's objects, whatever it holds, and nothing of it runs."""

import pytest

from launchready_lib.evidence import Unavailable
from launchready_lib.sources import repository
from tests.checkouts import git, new_checkout


@pytest.fixture
def checkout(tmp_path):
    return new_checkout(tmp_path / "app")


def opened(folder, branch=None):
    found = repository.open_at(folder, branch)
    assert isinstance(found, repository.Repository), found
    return found


def test_files_tags_and_commits_of_a_branch_are_listed(checkout):
    checkout({"a.py": "a = 1\n"}, tag="v1")
    folder = checkout({"sub/b.py": "b = 2\n"})
    repo = opened(folder, "main")
    assert [file.path for file in repo.files] == ["a.py", "sub/b.py"]
    assert [name for name, _ in repo.tags] == ["v1"]
    assert repo.text("sub/b.py") == "b = 2\n"
    assert repo.text("none") is None
    assert {file.path: content for file, content in repo.read(repo.files)} == {
        "a.py": b"a = 1\n",
        "sub/b.py": b"b = 2\n",
    }


def test_only_what_is_committed_on_that_branch_counts(checkout):
    folder = checkout({"a.py": "old"})
    git(folder, "branch", "release")
    checkout({"a.py": "new"})
    (folder / "a.py").write_text("edited")
    assert opened(folder, "release").text("a.py") == "old"
    assert opened(folder).text("a.py") == "new"


@pytest.mark.parametrize(
    "name", ["-n", "line\nbreak", "a\tb", 'quote"', "ünï", b"caf\xe9".decode("utf-8", "surrogateescape")]
)
def test_any_file_name_is_read(checkout, name):
    folder = checkout({"first": "x"})
    (folder / name).write_text("odd")
    git(folder, "add", "--", name)
    git(folder, "commit", "-q", "-m", "odd")
    repo = opened(folder)
    assert b"odd" in [content for _, content in repo.read(repo.files)]
    assert all(file.path.encode() for file in repo.files)


def test_symlinks_and_submodules_are_named_not_followed(checkout, tmp_path):
    (tmp_path / "outside").write_text("secret")
    folder = checkout({"a": "x"})
    (folder / "link").symlink_to("../outside")
    git(folder, "add", "link")
    git(folder, "update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,lib")
    checkout()
    repo = opened(folder)
    assert {row["file"]: row["not_read"] for row in repo.skipped()} == {
        "lib": "a submodule is not entered",
        "link": "a symlink is not followed",
    }
    assert [content for _, content in repo.read(repo.files)] == [b"x"]
    assert isinstance(repo.disk("link"), Unavailable)
    assert isinstance(repo.disk("../outside"), Unavailable)
    assert isinstance(repo.disk("a\0b"), Unavailable)
    assert repo.disk("a") == folder / "a"


def test_large_files_are_left_out_and_named(checkout):
    repo = opened(checkout({"small": "x", "large": "y" * 5000}))
    assert [file.path for file, _ in repo.read(repo.files, most=1000)] == ["small"]
    assert repo.skipped(most=1000) == ({"file": "large", "not_read": "larger than 0 KiB"},)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("core.fsmonitor", "touch {mark}"),
        ("core.sshCommand", "touch {mark}"),
        ("core.pager", "touch {mark}"),
        ("diff.external", "touch {mark}"),
        ("gpg.program", "touch {mark}"),
        ("filter.evil.smudge", "touch {mark}"),
        ("diff.evil.textconv", "touch {mark}"),
        ("credential.helper", "!touch {mark}"),
        ("alias.ls-tree", "!touch {mark}"),
    ],
)
def test_nothing_that_the_repository_configures_runs(checkout, tmp_path, setting, value):
    mark = tmp_path / "mark"
    folder = checkout({"a": "x", ".gitattributes": "* filter=evil diff=evil\n"}, tag="v1")
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", setting, value.format(mark=mark))
    hook = folder / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    repo = opened(folder)
    assert repo.text("a") == "x"
    repository.git(folder, "ls-files", "--others", "--ignored", "--exclude-standard", "-z")
    assert not mark.exists()


def test_a_partial_clone_fetches_nothing(checkout, tmp_path):
    """Missing objects would be fetched over a transport of the repository's choosing; here they stay missing."""
    mark = tmp_path / "mark"
    folder = checkout({"a": "x", "b": "y"})
    repo = opened(folder)
    wanted = next(file for file in repo.files if file.path == "a")
    (folder / ".git/objects" / wanted.object_id[:2] / wanted.object_id[2:]).unlink()
    for key, value in (
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::sh -c touch% {mark}"),
        ("protocol.ext.allow", "always"),
    ):
        git(folder, "config", key, value)
    found = repository.open_at(folder)
    if isinstance(found, repository.Repository):
        assert "a" not in [file.path for file, _ in _readable(found)]
    assert not mark.exists()


def _readable(repo):
    try:
        yield from repo.read(repo.files)
    except repository.GitError:
        return


def test_what_is_no_repository_or_has_no_such_branch_is_unavailable(checkout, tmp_path):
    assert "no folder" in repository.open_at(tmp_path / "none").reason
    plain = tmp_path / "plain"
    plain.mkdir()
    assert "no git repository" in repository.open_at(plain).reason
    folder = checkout({"a": "x"})
    missing = repository.open_at(folder, "none")
    assert (missing.reason, missing.needs) == (
        "the repository has no branch none",
        "repository.branch: a branch with commits",
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert "no commit yet" in repository.open_at(empty).reason
    assert "no branch" in repository.open_at(folder, "--output=/tmp/x").reason


def test_a_git_that_prints_without_end_is_stopped(checkout):
    folder = checkout({"a": "x" * 10_000})
    with pytest.raises(repository.GitError, match="more than"):
        repository.git(folder, "cat-file", "-p", "HEAD:a", most=1000)
