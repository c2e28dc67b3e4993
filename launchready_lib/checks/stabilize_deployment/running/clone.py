"""A fresh clone of a client's repository in a scratch folder, made without letting its configuration say anything.

Its objects travel as a bundle, so that no git of ours serves from the client's folder; what is cloned, and what the
tree is compared with afterwards, is a store of our own. Its code gets settings of development, never production's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from launchready_lib.checks.stabilize_deployment.running.commands import clean_environment
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.redact import Redactor, personal
from launchready_lib.sources import repository
from launchready_lib.sources.credentials.values import is_placeholder
from launchready_lib.sources.repository import GitError, Repository
from launchready_lib.sources.variables import parse_values

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

MAX_TREE_BYTES = 4 * 1024**3
_PREFIX = "launchready-clone-"
_ENVIRONMENTS = ("development", "dev", "local", "test")
_TRACKED = (".env.example", ".env.sample", ".env.template", ".env.development", ".env.dist")
_KINDS = {"??": "new and not ignored", " D": "deleted", " M": "changed", " T": "another kind of file"}


@dataclass(frozen=True)
class Scratch:
    """A folder with a fresh clone in it (`store`: our copy of its history), gone with the last who holds this."""

    folder: Path
    app: Path
    store: Path
    commit: str
    environment: dict[str, str] = field(default_factory=dict)

    def remove(self) -> None:
        """Remove the folder, also where a build took rights away; harmless where it is gone."""
        _remove(self.folder)

    def redacted(self, output: str, client: Client, lent: Mapping[str, str]) -> str:
        """What a command printed here, fit to be shown: without our folders, known secrets and lent values."""
        secret = {n: v for n, v in lent.items() if len(v) >= 8 and not is_placeholder(v)}
        shown = Redactor(secret).known(output.replace(f"{self.app}/", "").replace(str(self.folder), "(scratch)"))
        return personal(Redactor.from_parameters(client.parameters, client.environment).text(shown))

    def changes(self) -> tuple[Row, ...]:
        """What is not as committed: changed or deleted tracked files, and new ones that git does not ignore.

        Raises:
            GitError: the comparison failed.
        """
        seen = repository.git(
            self.app, f"--git-dir={self.store}", f"--work-tree={self.app}", "status", "--porcelain=v1", "-z",
            "--untracked-files=normal", "--no-renames", "--ignore-submodules=all",
        )  # fmt: skip
        entries = [entry.decode("utf-8", "replace") for entry in seen.split(b"\0") if len(entry) > 3]
        rows = [{"file": entry[3:], "after_the_build": _KINDS.get(entry[:2], "changed")} for entry in entries]
        return tuple(rows[:200])


async def fresh_clone(repo: Repository) -> Scratch | Unavailable:
    """Clone a repository, at the commit that was read, into a scratch folder; not where its files are of great size."""
    size = sum(file.size for file in repo.files)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if size > min(MAX_TREE_BYTES, free // 2):
        room = f"the files of the commit take {size / 1024**3:.1f} GB, of at most {MAX_TREE_BYTES / 1024**3:.0f} GB"
        return Unavailable(
            f"no fresh clone was made: {room} and half of the {free / 1024**3:.0f} GB that are free",
            "a build by hand, on a machine with room for it",
        )
    return await asyncio.to_thread(_clone, repo)


def _clone(repo: Repository) -> Scratch | Unavailable:
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        scratch = _filled(repo, folder)
    except (GitError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        return Unavailable(f"a fresh clone could not be made: {error}", "a complete clone at repository.path")
    weakref.finalize(scratch, _remove, folder)
    return scratch


def _filled(repo: Repository, folder: Path) -> Scratch:
    bundle, store, app = folder / "bundle", folder / "store.git", folder / "app"
    branch = _branch(repo)
    repository.git(repo.path, "bundle", "create", "--quiet", str(bundle), "HEAD", "--branches", "--tags")
    repository.git(folder, "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(store))
    listed = repository.git(store, "bundle", "unbundle", str(bundle))
    bundle.unlink()
    refs = [line for line in listed.splitlines() if b" refs/" in line]
    own = f"{repo.commit} refs/heads/{branch}".encode("utf-8", "surrogateescape")
    refs = [own, *(line for line in refs if line.split(b" ", 1)[1] != own.split(b" ", 1)[1])]
    (store / "packed-refs").write_bytes(b"\n".join(refs) + b"\n")
    if repo.shallow:
        found = repository.git(repo.path, "rev-parse", "--path-format=absolute", "--git-path", "shallow", most=4096)
        with Path(os.fsdecode(found.rstrip(b"\n"))).open("rb") as stream:  # where the history ends
            (store / "shallow").write_bytes(stream.read(1 << 20))
    repository.git(folder, "init", "--quiet", "--template=", f"--initial-branch={branch}", str(app))
    shutil.copytree(store / "objects", app / ".git" / "objects", dirs_exist_ok=True)
    for part in ("packed-refs", "shallow"):
        if (store / part).exists():
            shutil.copyfile(store / part, app / ".git" / part)
    repository.git(app, "reset", "--quiet", "--hard", repo.commit)
    repository.git(store, "config", "core.bare", "false")
    repository.git(store, f"--work-tree={app}", "read-tree", repo.commit)
    return Scratch(folder, app, store, repo.commit, clean_environment(folder / "home"))


def _branch(repo: Repository) -> str:
    """The branch's name where what was read is one, so that tools which ask see it."""
    with contextlib.suppress(GitError):
        name = "HEAD" if repo.branch == "HEAD" else f"refs/heads/{repo.branch}"
        found = repository.git(repo.path, "rev-parse", "--symbolic-full-name", "--end-of-options", name, most=4096)
        full = found.decode("utf-8", "surrogateescape").strip()
        if full.startswith("refs/heads/"):
            return full.removeprefix("refs/heads/")
    return "main"


def _sweep(place: Path) -> None:
    """Remove what processes left behind that were killed before they could tidy."""
    for folder in place.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if owner.isdigit() and folder.stat().st_uid == os.getuid() and not psutil.pid_exists(int(owner)):
                _remove(folder)


def _remove(folder: Path) -> None:
    for parent, names, _ in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                if not (Path(parent) / name).is_symlink():
                    (Path(parent) / name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def harmless(repo: Repository, parameters: Parameters) -> dict[str, str]:
    """Settings for a client's code: `repository.env_files` for development, over a tracked example."""
    texts = [repo.text(name) or "" for name in reversed(_TRACKED)]
    for environment in reversed(_ENVIRONMENTS):
        path = parameters.repository.env_files.get(environment)
        place = repo.disk(path) if path else None
        if isinstance(place, Path):
            with place.open("rb") as stream:
                texts.append(stream.read(512 * 1024).decode("utf-8-sig", "replace"))
    return {name: value for text in texts for name, value in parse_values(text).items() if value is not None}
