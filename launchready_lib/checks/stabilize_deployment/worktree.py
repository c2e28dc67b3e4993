"""What lies in the work tree and not in the commit: ignored and untracked files, and tracked ones that were changed.

git lists names only, since whatever compares contents may run a filter of the repository's own. Nothing outside the
tree is opened, no link is followed, and files are read as they lie there.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from launchready_lib.evidence import Row
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import places
from launchready_lib.sources.repository import MAX_TEXT_BYTES, GitError, Repository, TrackedFile

MAX_FILES = 5_000
MAX_BYTES = 300 * 1024 * 1024
SECONDS = 20
_MOST_TOLD = 20


@dataclass(frozen=True)
class OnDisk:
    """A file that lies there otherwise than it is committed; `how`: ignored, not tracked, or changed."""

    path: str
    content: bytes
    how: str


def on_disk(repo: Repository, left: list[Row]) -> Iterator[OnDisk]:
    """Every such file of text, within limits of number, bytes and time; what was left out is told in `left`."""
    until, budget = time.monotonic() + SECONDS, MAX_BYTES
    for path, how, tracked in _candidates(repo, left):
        if time.monotonic() > until or budget <= 0:
            left.append({"file": "more files of the work tree", "not_read": "the limit of time or bytes was reached"})
            return
        content = _read(repo, path)
        if content is None:
            continue
        budget -= len(content)
        if len(content) > MAX_TEXT_BYTES:
            if tracked is None and len(left) < _MOST_TOLD:
                left.append({"file": path, "not_read": f"{how}, over {MAX_TEXT_BYTES // 1024} KiB"})
            continue
        if tracked is None or not _is_committed(tracked, content):
            yield OnDisk(path, content, how)


def _candidates(repo: Repository, left: list[Row]) -> Iterator[tuple[str, str, TrackedFile | None]]:
    for how, options in (("ignored", ("--ignored", "--directory")), ("not tracked", ())):
        try:
            listed = repository.git(repo.path, "ls-files", "--others", *options, "--exclude-standard", "-z")
        except GitError as error:  # a bare repository has no work tree
            left.append({"file": f"files that are {how}", "not_read": str(error)})
            continue
        names = (os.fsdecode(name) for name in listed.split(b"\0") if name and not name.endswith(b"/"))
        wanted = (name for name in names if not (places.is_media(name) or places.is_foreign(name)))
        for number, name in enumerate(islice(wanted, MAX_FILES + 1)):
            if number == MAX_FILES:
                left.append({"file": f"more files that are {how}", "not_read": f"over {MAX_FILES} of them"})
                break
            yield name, how, None
    for file in repo.files:
        if file.kind == "file" and not (places.is_media(file.path) or places.is_foreign(file.path)):
            yield file.path, "changed", file


def _read(repo: Repository, path: str) -> bytes | None:
    """The first megabyte, and a byte, of a regular file inside the tree; no folder on the way to it is a link."""
    place = repo.path.resolve()
    try:
        for part in path.split("/"):
            place = place / part
            kind = place.lstat().st_mode
            if part in ("", ".", "..") or stat.S_ISLNK(kind):
                return None
        if not stat.S_ISREG(kind):
            return None
        with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            return stream.read(MAX_TEXT_BYTES + 1)
    except (OSError, ValueError):
        return None


def _is_committed(file: TrackedFile, content: bytes) -> bool:
    """Tell whether a file's content is the object that the commit names."""
    if len(content) != file.size:
        return False
    kind = hashlib.sha256 if len(file.object_id) == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == file.object_id
