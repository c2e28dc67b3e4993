"""Every object of a repository with the commit that brought it in, told apart by what still leads to it.

Plumbing commands only, whose answers a repository's own configuration cannot bend. A walk that breaks off leaves a gap
that is named; the objects that it did not reach are read all the same.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from launchready_lib.evidence import Row
from launchready_lib.sources.credentials import places, structured
from launchready_lib.sources.repository import GitError, TrackedFile, fed, git

MAX_OBJECTS = 1_000_000
MAX_COMMITS = 300_000
MAX_BLOB_BYTES = 25 * 1024 * 1024
MAX_BYTES = 3 * 1024**3
WALK_SECONDS = 120
MESSAGE, TAG, NAMELESS = "commit message", "tag message", "a file in no commit"
_SUBMODULE, _SYMLINK = b"160000", b"120000"
_BLOCK = 1 << 20

Kind = tuple[bool, bool, bool, object]
"""What a path says about its content: a test, an example, others' code, and the reader of its settings."""
Commits = list[tuple[int, str]]  # times in seconds since 1970, and ids
Wanted = dict[str, dict[Kind, str]]  # object id -> a path of each kind that holds it


class Reach(StrEnum):
    """What still leads to an object."""

    REACHABLE = "yes"
    STASH = "no, in a stash"
    LOOSE = "no, in no branch or tag"


@dataclass(frozen=True)
class Origin:
    """The first commit that holds an object (empty where none does), its time in seconds since 1970, its reach."""

    commit: str
    seconds: int
    reach: Reach


@dataclass
class Index:
    """What there is to read, the oldest first; `gaps` leave the answer open, what is `aside` need not be read."""

    files: list[TrackedFile] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    commits: int = 0
    gaps: list[Row] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)


@functools.lru_cache(maxsize=200_000)
def kind_of(path: str) -> Kind:
    """What decides about a value at this path; two paths of one kind give the same answer."""
    return places.is_test(path), places.is_example(path), places.is_foreign(path), structured.reader_for(path)


def index(path: Path) -> Index:
    """List every object, with its first commit, in the order of the history.

    Raises:
        GitError: the objects cannot be listed at all.
    """
    found = Index()
    place = git(path, "rev-parse", "--git-path", "objects/info/alternates", most=4096).decode("utf-8", "replace")
    borrowing = (path / place.rstrip("\n")).exists()  # objects of a neighbour count as ours (gitrepository-layout)
    if borrowing:
        found.gaps.append({"not_read": "objects in no branch or tag", "why": "the clone borrows objects of another"})
    sizes, messages = _present(path, found)
    wanted: Wanted = {}
    tags = dict(_tags(path, found))
    for reach, commits in _walks(path, {} if borrowing else messages, found):
        if reach is Reach.REACHABLE:
            found.commits = len(commits)
        for seconds, commit in commits:
            if commit in messages and commit not in tags:
                found.origins.setdefault(commit, Origin(commit, seconds, reach))
                wanted.setdefault(commit, {kind_of(MESSAGE): MESSAGE})
        _collect(path, commits, reach, wanted, found)
    found.origins |= tags
    wanted |= {object_id: {kind_of(TAG): TAG} for object_id in tags}
    for object_id in () if borrowing else sizes:  # dropped before any commit, and what the walks did not reach
        if object_id not in wanted:
            found.origins[object_id] = Origin("", 0, Reach.LOOSE)
            wanted[object_id] = {kind_of(NAMELESS): NAMELESS}
    _choose(wanted, sizes | messages, found)
    return found


def _present(path: Path, found: Index) -> tuple[dict[str, int], dict[str, int]]:
    """Sizes of the blobs, and of the commits and tags, that are in this repository itself."""
    blobs: dict[str, int] = {}
    messages: dict[str, int] = {}
    if git(path, "rev-parse", "--is-shallow-repository", most=1024).strip() == b"true":
        found.gaps.append({"not_read": "commits before the clone's depth", "why": "the clone is shallow"})
    listing = ("cat-file", "--batch-all-objects", "--batch-check", "--unordered")
    with fed(path, *listing, lines=(), seconds=WALK_SECONDS) as stream:
        for number, line in enumerate(stream):
            parts = line.split()
            if number >= MAX_OBJECTS:
                found.gaps.append({"not_read": f"objects beyond {MAX_OBJECTS}", "why": "too many objects"})
                break
            if len(parts) == 3 and parts[1] == b"blob":
                blobs[parts[0].decode()] = int(parts[2])
            elif len(parts) == 3 and parts[1] in (b"commit", b"tag"):
                messages[parts[0].decode()] = int(parts[2])
    return blobs, messages


_MOST_TAGS_OF_TAGS = 5
_TAG = "--format=%(objecttype) %(objectname) %(*objectname) %(taggerdate:unix)"


def _tags(path: Path, found: Index) -> Iterator[tuple[str, Origin]]:
    """The tags with a message of their own, each with the commit that it names and its time."""
    try:
        listed = git(path, "for-each-ref", _TAG, most=_BLOCK * 64)
    except GitError as error:
        found.gaps.append({"not_read": "messages of tags", "why": f"the tags could not be listed: {error}"})
        return
    split = (line.decode("ascii", "replace").split(" ") for line in listed.splitlines())
    rows = [parts for parts in split if len(parts) == 4 and parts[0] == "tag"]
    named = {row[1]: row[2] for row in rows}
    for _ in range(_MOST_TAGS_OF_TAGS):  # older gits name what a tag of a tag is on, not its commit
        named = {tag: named.get(target, target) for tag, target in named.items()}
    for row in rows:
        seconds = int(row[3]) if row[3].isdigit() else 0
        yield row[1], Origin(named[row[1]], seconds, Reach.REACHABLE)


def _walks(path: Path, messages: dict[str, int], found: Index) -> Iterator[tuple[Reach, Commits]]:
    """The commits from branches and tags, those of stashes only, and the rest, the oldest first."""
    options = ("--reverse", "--topo-order", "--timestamp", f"--max-count={MAX_COMMITS}")
    seen: set[str] = set()
    selections = [(Reach.REACHABLE, ["--exclude=refs/stash", "--all", "HEAD"])]
    with contextlib.suppress(GitError):  # there is no stash
        stashes = git(path, "log", "-g", "--format=%H", "--no-show-signature", "refs/stash", "--").split()
        selections.append((Reach.STASH, [stash.decode() for stash in stashes]))
    for reach, selection in selections:
        try:
            walked = _stamped(git(path, "rev-list", *options, *selection, "--", most=_BLOCK * 64))
            commits = [each for each in walked if each[1] not in seen]
        except GitError as error:
            found.gaps.append({"not_read": f"commits ({reach})", "why": f"the history could not be walked: {error}"})
            continue
        seen |= {commit for _, commit in commits}
        yield reach, commits
    yield Reach.LOOSE, _dated(path, [object_id for object_id in messages if object_id not in seen])


def _dated(path: Path, objects: list[str]) -> Commits:
    """Objects that nothing leads to, with their time where they are commits."""
    if not objects:
        return []
    with fed(path, "rev-list", "--no-walk=sorted", "--reverse", "--timestamp", "--stdin", lines=objects) as stream:
        dated = _stamped(stream.read(_BLOCK * 64))
    with_time = {commit for _, commit in dated}
    return [*dated, *((0, each) for each in objects if each not in with_time)]


def _stamped(output: bytes) -> Commits:
    pairs = (line.split() for line in output.splitlines())
    return [(int(pair[0]), pair[1].decode()) for pair in pairs if len(pair) == 2 and pair[0].isdigit()]


def _collect(path: Path, commits: Commits, reach: Reach, wanted: Wanted, found: Index) -> None:
    """Take in what each commit brought: its blobs, with their path; what a merge alone brought included."""
    dates = {commit: seconds for seconds, commit in commits}
    for commit, mode, object_id, name in _introduced(path, list(dates)):
        if mode in (_SUBMODULE, _SYMLINK):
            word = "submodules" if mode == _SUBMODULE else "symlinks"
            found.aside[word] = found.aside.get(word, 0) + 1
            continue
        found.origins.setdefault(object_id, Origin(commit, dates.get(commit, 0), reach))
        kinds = wanted.setdefault(object_id, {})
        if found.origins[object_id].reach is reach:
            kinds.setdefault(kind_of(name), name)


_DIFF = ("diff-tree", "--stdin", "-r", "-c", "-z", "--root", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff")


def _introduced(path: Path, commits: list[str]) -> Iterator[tuple[str, bytes, str, str]]:
    """(commit, mode, object id, path) of every file that a commit made or changed."""
    if not commits:
        return
    commit = ""
    with fed(path, *_DIFF, lines=commits, seconds=WALK_SECONDS) as stream:
        parts = _parts(stream)
        for part in parts:
            if not part.startswith(b":"):
                commit = part.decode("ascii", "replace")
                continue
            parents = len(part) - len(part.lstrip(b":"))
            fields = part[parents:].split()
            name = next(parts, b"")
            if len(fields) > 2 * parents + 1 and fields[parents] != b"000000":
                yield commit, fields[parents], fields[2 * parents + 1].decode(), name.decode("utf-8", "replace")


def _parts(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + block).split(b"\0")
        if len(rest) > _BLOCK:
            raise GitError("git diff-tree printed a name that has no end")
        yield from whole


def _choose(wanted: Wanted, sizes: dict[str, int], found: Index) -> None:
    """Keep what is here and can hold text; say what is not."""
    left, missing, large, late = MAX_BYTES, 0, [], 0
    for object_id, kinds in wanted.items():
        size = sizes.get(object_id)
        if size is None:
            missing += 1
            continue
        for name in kinds.values():
            if places.is_media(name):
                found.aside["media"] = found.aside.get("media", 0) + 1
            elif size > MAX_BLOB_BYTES:
                large.append((name, size))
            elif left < size:
                late += 1
            else:
                left -= size
                found.files.append(TrackedFile(name, object_id, size))
    found.gaps += [{"not_read": name, "why": f"{size // 1024**2} MB in one version"} for name, size in large[:20]]
    for number, why in (
        (len(large) - 20, "more versions of files are too large"),
        (missing, "objects are not in this clone (a partial clone)"),
        (late, f"versions lie beyond {MAX_BYTES // 1024**3} GB"),
    ):
        if number > 0:
            found.gaps.append({"not_read": f"{number} objects", "why": why})
