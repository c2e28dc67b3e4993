"""The client's repository, read and never trusted: git's own objects, no work tree, nothing of theirs executed.

Only files as committed are read, so a symlink is a piece of text and leads nowhere. Submodules are named, not entered.
Hooks, fsmonitor, filters, textconv, signature programs, and fetching of missing objects (a program of the remote's
choosing) are off.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.sources import table
from launchready_lib.wording import enumerated

if TYPE_CHECKING:
    from launchready_lib.client import Client

P = ParamSpec("P")
Seen = TypeVar("Seen")

MAX_FILES = 200_000
MAX_LISTING = 64 * 1024 * 1024
MAX_FILE_BYTES = 25 * 1024 * 1024
MAX_TEXT_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 600 * 1024 * 1024
GIT_SECONDS = 60

_SAFE = table("safe_git")
_KINDS = {b"120000": "symlink", b"160000": "submodule"}


class GitError(Exception):
    """git did not answer; the message says why, without what the repository holds."""


@dataclass(frozen=True)
class TrackedFile:
    """One entry of the tree: a file, symlink or submodule (of size 0); what of a path is not UTF-8 is replaced."""

    path: str
    object_id: str
    size: int
    kind: str = "file"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Repository:
    """A client's repository at one commit (`shallow`: its history is cut off), with its tags and their commits."""

    path: Path
    branch: str
    commit: str
    shallow: bool = False
    files: tuple[TrackedFile, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def named(self, *names: str) -> tuple[TrackedFile, ...]:
        """Tracked files at any of these paths."""
        wanted = frozenset(names)
        return tuple(file for file in self.files if file.path in wanted)

    def read(self, files: Iterable[TrackedFile], *, most: int = MAX_TEXT_BYTES) -> Iterator[tuple[TrackedFile, bytes]]:
        """The content of regular files of at most `most` bytes, until 600 MB have been read.

        Raises:
            GitError: git stopped answering.
        """
        return blobs(self.path, [file for file in files if file.kind == "file" and file.size <= most])

    def text(self, path: str) -> str | None:
        """A tracked file's text; None where there is none of this path, or it is too large."""
        for _, content in self.read(self.named(path)):
            return content.decode("utf-8", "replace")
        return None

    def disk(self, path: str) -> Path | Unavailable:
        """A file of the work tree, tracked or not, that really lies inside it."""
        inside = self.path.resolve()
        with contextlib.suppress(OSError, ValueError):
            found = (self.path / path).resolve()
            if not found.is_relative_to(inside):
                return Unavailable(f"{path} leads out of the repository", f"{path} inside repository.path")
            if found.is_file():
                return found
        return Unavailable(f"the file {path} is not there", f"{path}, from repository.path")

    def skipped(self, most: int = MAX_FILE_BYTES) -> tuple[Row, ...]:
        """What was not read, and why."""
        reasons = {"symlink": "a symlink is not followed", "submodule": "a submodule is not entered"}
        rows = [{"file": file.path, "not_read": reasons[file.kind]} for file in self.files if file.kind != "file"]
        large = [file for file in self.files if file.kind == "file" and file.size > most]
        return (*rows, *({"file": file.path, "not_read": f"larger than {most // 1024} KiB"} for file in large))


def too_large(files: Iterable[TrackedFile], most: int = MAX_TEXT_BYTES) -> Unavailable | None:
    """Why `read` leaves some of these files out; None where it leaves out none."""
    large = [f"{f.path[:120]} ({max(1, f.size // 1024**2)} MB)" for f in files if f.kind == "file" and f.size > most]
    if not large:
        return None
    verb = "file is" if len(large) == 1 else "files are"
    return Unavailable(
        f"{len(large)} {verb} too large to be read: {enumerated(large, most=3)}",
        f"a look at them by hand, or these files under {most // 1024} KiB",
    )


@dataclass
class _Running:
    """A git process, and whether its time was up."""

    process: subprocess.Popen[bytes]
    late: bool = False

    def stop(self) -> None:
        self.late = True
        self.process.kill()


@contextlib.contextmanager
def _git(path: Path, *arguments: str, feed: bool = False, seconds: float = GIT_SECONDS) -> Iterator[_Running]:
    options = [part for setting in _SAFE["settings"] for part in ("-c", setting)]
    command = ["git", "--no-pager", *options, "-C", str(path), *arguments]
    environment = {**_SAFE["environment"], "PATH": os.environ.get("PATH", os.defpath)}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        raise GitError("git is not installed") from None
    running = _Running(process)
    timer = threading.Timer(seconds, running.stop)
    timer.daemon = True
    timer.start()
    try:
        yield running
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def git(path: Path, *arguments: str, most: int = MAX_LISTING) -> bytes:
    """Run a reading git command and return what it prints.

    Raises:
        GitError: it failed, took longer than a minute, or printed more than `most` bytes.
    """
    with _git(path, *arguments) as running:
        stream = _stream(running.process.stdout)
        output = stream.read(most + 1)
        if len(output) > most:
            raise GitError(f"git {arguments[0]} printed more than {most // 1024} KiB")
        if running.process.wait() != 0:
            raise GitError(f"git {arguments[0]} " + (f"took over {GIT_SECONDS} s" if running.late else "failed"))
        return output


@contextlib.contextmanager
def fed(path: Path, *arguments: str, lines: Iterable[str], seconds: float = GIT_SECONDS) -> Iterator[IO[bytes]]:
    """Run a reading git command that asks its questions on standard input; gives what it prints.

    Raises:
        GitError: git is not installed.
    """
    with _git(path, *arguments, feed=True, seconds=seconds) as running:
        threading.Thread(target=_ask, args=(running.process.stdin, lines), daemon=True).start()
        yield _stream(running.process.stdout)


def blobs(
    path: Path, files: list[TrackedFile], *, total: int = MAX_TOTAL_BYTES, seconds: float = GIT_SECONDS
) -> Iterator[tuple[TrackedFile, bytes]]:
    """The content of each object, in this order; what is missing is left out.

    Raises:
        GitError: git stopped answering, or more than `total` bytes came.
    """
    if not files:
        return
    left = total
    with fed(path, "cat-file", "--batch", "--buffer", lines=(f.object_id for f in files), seconds=seconds) as stream:
        for file in files:
            header = stream.readline().split()
            if len(header) == 2 and header[1] == b"missing":
                continue
            if len(header) != 3 or not header[2].isdigit():
                raise GitError("git cat-file stopped answering")
            size = int(header[2])
            left -= size
            if left < 0:
                raise GitError(f"the repository holds more than {total // 1024**2} MB at this commit")
            content = stream.read(size)
            stream.read(1)
            if len(content) < size:
                raise GitError("git cat-file stopped answering")
            yield file, content


def _ask(stream: IO[bytes] | None, lines: Iterable[str]) -> None:
    with contextlib.suppress(OSError, ValueError):  # the reader may be done before us
        asked = _stream(stream)
        for line in lines:
            asked.write(line.encode() + b"\n")
        asked.close()


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise GitError("git has no pipe")
    return stream


def open_at(path: Path, branch: str | None = None) -> Repository | Unavailable:
    """Open a checkout at a branch, or at what it has checked out."""
    if not path.is_dir():
        return Unavailable(f"there is no folder {path.name} at repository.path", "repository.path")
    named = branch or "HEAD"
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}")
    tags = ("for-each-ref", "--sort=-creatordate", "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)")
    try:
        commit = git(path, *asked, most=1024).decode().split()[-1]
    except GitError as error:
        if "not installed" in str(error):
            return Unavailable("git is not installed", "git on this machine")
        return _no_commit(path, named)
    try:
        return Repository(
            path=path,
            branch=named,
            commit=commit,
            shallow=git(path, "rev-parse", "--is-shallow-repository").strip() == b"true",
            files=tuple(_listing(git(path, "ls-tree", "-r", "-z", "-l", "--full-tree", commit))),
            tags=tuple(_tags(git(path, *tags, "refs/tags"))),
        )
    except GitError as error:
        return Unavailable(f"the repository is not whole: {error}", "a complete clone at repository.path")


def _no_commit(path: Path, named: str) -> Unavailable:
    try:
        git(path, "rev-parse", "--git-dir", most=64 * 1024)
    except GitError:
        return Unavailable(f"the folder {path.name} is no git repository", "repository.path: a git checkout")
    what = "no commit yet" if named == "HEAD" else f"no branch {named}"
    return Unavailable(f"the repository has {what}", "repository.branch: a branch with commits")


def _listing(output: bytes) -> Iterator[TrackedFile]:
    for number, entry in enumerate(output.split(b"\0")):
        meta, tab, name = entry.partition(b"\t")
        parts = meta.split()
        if not tab or len(parts) != 4:
            continue
        if number >= MAX_FILES:
            raise GitError(f"more than {MAX_FILES} files are tracked")
        size = int(parts[3]) if parts[3].isdigit() else 0
        kind = _KINDS.get(parts[0], "file")
        yield TrackedFile(name.decode("utf-8", "replace"), parts[2].decode(), size, kind)


def _tags(output: bytes) -> Iterator[tuple[str, str]]:
    for line in output.splitlines():
        name, _, rest = line.partition(b"\0")
        own, _, target = rest.partition(b"\0")
        yield name.decode("utf-8", "replace"), (target or own).decode()


@probe
async def survey(client: Client) -> Repository | Unavailable:
    """Open the client's repository as the parameters name it."""
    if client.parameters.authorization is None:
        return client.forbidden("build") or Unavailable("not authorized", "authorization")
    path = client.repository_path()
    if path is None:
        return Unavailable("no repository was given", "repository.path")
    return await asyncio.to_thread(open_at, path, client.parameters.repository.branch)


async def read_through(
    client: Client, read: Callable[Concatenate[Repository, P], Seen | Unavailable], *more: P.args, **named: P.kwargs
) -> Seen | Unavailable:
    """What a function makes of the client's repository, in a thread; or why there is none, or not all of it."""
    opened = await survey(client)
    if isinstance(opened, Unavailable):
        return opened
    try:
        return await asyncio.to_thread(read, opened, *more, **named)
    except GitError as error:
        return not_whole(error)


def not_whole(error: GitError) -> Unavailable:
    """What git's silence means for whoever reads a repository."""
    return Unavailable(f"the repository could not be read whole: {error}", "a complete clone at repository.path")


def is_text(content: bytes) -> bool:
    """Tell text from binary as git does: no NUL in the first 8000 bytes."""
    return b"\0" not in content[:8000]
