"""Credentials in the repository: what is tracked now, and lies beside it, one row a value, never a value itself."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import Credential, Standing, engine, places
from launchready_lib.sources.credentials.inside import Left, inside
from launchready_lib.sources.credentials.scan import Hit, engine_hit, gathered, of_part, scan
from launchready_lib.sources.repository import MAX_FILE_BYTES, MAX_TEXT_BYTES, GitError, Repository, TrackedFile
from launchready_lib.wording import enumerated

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

MOST_ROWS = 40
MAX_TREE_FILES = 5_000
MAX_TREE_BYTES = 300 * 1024 * 1024
TREE_SECONDS = 20
_MOST_LISTED = 20
_KNOWN = {"rotated": Standing.ROTATED, "false_alarm": Standing.FALSE_ALARM}


@dataclass(frozen=True)
class TreeEvidence(Evidence):
    """What the tracked files of one commit hold.

    Attributes:
        commit, files: what was read, and how many files.
        credentials: one a value, the worst first.
        unread: text that was too large to read, and where it lies.
        aside: symlinks, submodules, media: what was not read and need not be.
        ignored: files on disk that git ignores and that usually hold secrets, by name.
        unseen: what of the work tree beside the commit was not read; it decides nothing.
        engine: why the engine did not run; None where it did.
    """

    commit: str
    files: int
    credentials: tuple[Credential, ...] = ()
    unread: tuple[Row, ...] = ()
    aside: tuple[Row, ...] = ()
    ignored: tuple[str, ...] = ()
    unseen: tuple[Row, ...] = ()
    engine: Unavailable | None = None

    def rows(self) -> Iterator[Row]:
        """One row a value."""
        return (credential.row() for credential in self.credentials)


@probe
async def survey(client: Client) -> TreeEvidence | Unavailable:
    """Read every tracked file of the client's branch, and the work tree, for credentials, on this machine only."""
    return await repository.read_through(client, read_tree, client.parameters)


def read_tree(repo: Repository, parameters: Parameters) -> TreeEvidence:
    """Scan a repository's tracked files at its commit."""
    wanted = [file for file in repo.files if not places.is_media(file.path)]
    reading = _Reading(repo, wanted)
    hindered = engine.read(reading.files(), reading.bundles, reading.report)
    unread = [file for file in wanted if file.kind == "file" and file.size > MAX_FILE_BYTES]
    return TreeEvidence(
        commit=repo.commit,
        files=len(repo.files),
        credentials=gathered(reading.hits, known_secrets(parameters)),
        unread=(*({"file": file.path, "not_read": f"{file.size // 1024**2} MB"} for file in unread), *reading.left),
        aside=tuple(row for row in repo.skipped() if row["file"] not in {file.path for file in unread}),
        ignored=tuple(name for name in reading.ignored if places.holds_secrets_by_name(name))[:50],
        unseen=tuple(reading.unseen),
        engine=hindered,
    )


def known_secrets(parameters: Parameters) -> dict[str, Standing]:
    """What the parameters vouch for, by fingerprint."""
    return {entry.fingerprint: _KNOWN[entry.verdict] for entry in parameters.repository.known_secrets}


def rotation(leaks: Iterable[Credential]) -> str:
    """How to take the worst leaks out of force, in the providers' terms."""
    steps = dict.fromkeys(f"{leak.provider}: {leak.revoke}." for leak in leaks)
    first = "Make a new value at the provider, set it in the host's settings, deploy, then revoke the old one."
    return " ".join((first, *list(steps)[:8]))


def exposed(
    leaks: Sequence[Credential], place: str, more: str, rows: Iterable[Row], *, fix: str, hours: tuple[float, float]
) -> Verdict:
    """Fail for the credentials in a place; `hours`: what all of them take together beside their own, and at most."""
    values = "1 credential stands" if len(leaks) == 1 else f"{len(leaks)} credentials stand"
    return failed(
        f"{values} in {place} ({', '.join(dict.fromkeys(leak.provider for leak in leaks))}){more}",
        evidence=rows,
        fix=fix,
        effort_hours=min(hours[1], hours[0] + 0.5 * len(leaks)),
        about=[leak.fingerprint for leak in leaks],
    )


def cleared(credentials: Iterable[Credential]) -> str:
    """How many values the parameters vouch for, for a sentence's end."""
    found = Counter(credential.standing for credential in credentials)
    words = [f"{found[standing]} {standing}" for standing in _KNOWN.values() if found[standing]]
    return f"; {' and '.join(words)}" if words else ""


class _Reading:
    """One pass over tracked files."""

    def __init__(self, repo: Repository, wanted: list[TrackedFile]) -> None:
        self.hits: list[Hit] = []
        self.left: list[Row] = []
        self.ignored: list[str] = []
        self.unseen: list[Row] = []
        self._repo, self._wanted = repo, wanted
        self.bundles: engine.Bundles[tuple[str, str]] = engine.Bundles()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """What the engine gets; on the way our own scan reads the texts, and what lies inside them."""
        read = 0
        try:
            for file, content in self._repo.read(self._wanted, most=MAX_FILE_BYTES):
                read += 1
                yield from self._file(file.path, content, "")
        except GitError as error:
            self.left.append({"file": f"all but {read} of {len(self._wanted)} files", "not_read": str(error)})
        for path, content, how in _work_tree(self._repo, self.unseen):
            if how == "ignored":
                self.ignored.append(path)
            yield from self._file(path, content, how)
        yield from self.bundles.rest()

    def _file(self, path: str, content: bytes, how: str) -> Iterator[tuple[str, bytes]]:
        if repository.is_text(content) and len(content) <= MAX_TEXT_BYTES:
            self._keep(scan(path, content.decode("utf-8", "replace")), how)
            yield from self.bundles.add(path, content, (path, how))
        else:
            yield self.bundles.alone(path, content, (path, how))
        for part in () if places.is_foreign(path) else inside(path, content):
            if isinstance(part, Left):
                (self.unseen if how else self.left).append({"file": part.path, "not_read": part.why})
                continue
            self._keep(of_part(part), how)
            if not part.line:
                yield from self.bundles.add(part.path, part.text.encode("utf-8", "replace"), (part.path, how))

    def report(self, found: engine.EngineFind, where: tuple[str, str], line: int) -> None:
        """Take in what the engine found."""
        path, how = where
        self._keep([engine_hit(found.value, path, line, found.rule, sure=found.sure)], how)

    def _keep(self, hits: Iterable[Hit], how: str) -> None:
        """Take finds in; what is in no commit is at home on this disk, and leaks nowhere."""
        for hit in hits:
            real = hit.standing in (Standing.SECRET, Standing.POSSIBLE)
            standing = Standing.ON_DISK if how and real else hit.standing
            self.hits.append(replace(hit, standing=standing, label=f"{hit.place} ({how})" if how else ""))


def _work_tree(repo: Repository, left: list[Row]) -> Iterator[tuple[str, bytes, str]]:
    """Path, content, and how it lies there (ignored, not tracked, changed) of every text that is not in the commit.

    Nothing outside the tree is opened, no link is followed, and files are read as they lie there, within limits of
    number, bytes and time; what was left out stands in `left`.
    """
    until, budget = time.monotonic() + TREE_SECONDS, MAX_TREE_BYTES
    for path, how, tracked in _candidates(repo, left):
        if time.monotonic() > until or budget <= 0:
            left.append({"file": "more files of the work tree", "not_read": "the limit of time or bytes was reached"})
            return
        content = _read(repo, path)
        if content is None:
            continue
        budget -= len(content)
        if len(content) > MAX_TEXT_BYTES:
            if tracked is None and len(left) < _MOST_LISTED:
                left.append({"file": path, "not_read": f"{how}, over {MAX_TEXT_BYTES // 1024} KiB"})
            continue
        if tracked is None or not _is_committed(tracked, content):
            yield path, content, how


def _candidates(repo: Repository, left: list[Row]) -> Iterator[tuple[str, str, TrackedFile | None]]:
    """Names only: whatever compares contents may run a filter of the repository's own."""
    for how, options in (("ignored", ("--ignored", "--directory")), ("not tracked", ())):
        try:
            listed = repository.git(repo.path, "ls-files", "--others", *options, "--exclude-standard", "-z")
        except GitError as error:  # a bare repository has no work tree
            left.append({"file": f"files that are {how}", "not_read": str(error)})
            continue
        names = (os.fsdecode(name) for name in listed.split(b"\0") if name and not name.endswith(b"/"))
        wanted = (name for name in names if not (places.is_media(name) or places.is_foreign(name)))
        for number, name in enumerate(islice(wanted, MAX_TREE_FILES + 1)):
            if number == MAX_TREE_FILES:
                left.append({"file": f"more files that are {how}", "not_read": f"over {MAX_TREE_FILES} of them"})
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


@check("secrets.tree")
def tree(evidence: TreeEvidence) -> Verdict:
    """No credential stands in a tracked file."""
    unread = [] if evidence.engine is None else [unknown(evidence.engine.reason, needs=evidence.engine.needs)]
    if evidence.unread:
        shown = enumerated((f"{row['file']} ({row['not_read']})" for row in evidence.unread), most=3)
        needs = f"these files under {MAX_FILE_BYTES // 1024**2} MB, or out of the repository"
        reason = f"tracked files, or parts of them, were not read: {shown}"
        unread.append(unknown(reason, needs=needs, evidence=evidence.unread))
    return combine(_no_leak(evidence), *unread)


def _no_leak(evidence: TreeEvidence) -> Verdict:
    leaks = [credential for credential in evidence.credentials if credential.is_leak]
    folded = [credential for credential in evidence.credentials if not credential.is_leak]
    shown = [credential.row() for credential in folded if credential.standing is not Standing.ON_DISK]
    aside = [*shown, *_on_disk(evidence), *evidence.aside, *evidence.unseen][:MOST_ROWS]
    if not leaks:
        row: Row = {"commit": evidence.commit[:12], "files_read": evidence.files, "credentials": 0}
        summary = f"No credential in {evidence.files} tracked files"
        return passed(summary + _also(folded), evidence=[row, *aside])
    rows = [*(leak.row() for leak in leaks[:MOST_ROWS]), *aside]
    fix = f"First take it out of force, then out of the code. {rotation(leaks)}"
    first = ", ".join(leak.places[0] for leak in leaks[:5])
    return exposed(leaks, "tracked files", f": {first}", rows, fix=fix, hours=(1.0, 8.0))


def _on_disk(evidence: TreeEvidence) -> Iterator[Row]:
    """One row a file: what it holds is at home there, and of interest only to whoever uses this machine."""
    found = [c for c in evidence.credentials if c.standing is Standing.ON_DISK]
    counted = Counter(re.sub(r":\d+ (\([a-z ]+\))\Z", r" \1", c.places[0]) for c in found)
    for where, number in counted.items():
        yield {"on_this_disk_only": where, "values": number}
    yield from ({"ignored_file_on_disk": name} for name in evidence.ignored if f"{name} (ignored)" not in counted)


def _also(folded: list[Credential]) -> str:
    """How many values count for nothing, and why."""
    number = Counter(credential.standing for credential in folded)
    disk = number.pop(Standing.ON_DISK, 0)
    vouched = [f"{number.pop(standing)} {standing}" for standing in _KNOWN.values() if number[standing]]
    parts = [f"{number.total()} values look like one and are not"] if number.total() else []
    parts += [f"{disk} {'lies' if disk == 1 else 'lie'} on this disk only"] if disk else []
    return "".join(f"; {part}" for part in (*parts, *vouched)) + (" (listed)" if folded else "")
