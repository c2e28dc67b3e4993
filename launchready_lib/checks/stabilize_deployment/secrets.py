"""Credentials in the repository: what is tracked now, one row a value, never a value itself."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment import worktree
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import (
    Credential,
    Standing,
    engine,
    engine_hit,
    gathered,
    of_part,
    places,
    scan,
)
from launchready_lib.sources.credentials.engine import Bundles
from launchready_lib.sources.credentials.inside import Left, inside
from launchready_lib.sources.repository import (
    MAX_FILE_BYTES,
    MAX_TEXT_BYTES,
    GitError,
    Repository,
    TrackedFile,
    is_text,
)

if TYPE_CHECKING:
    import pandas as pd

    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters
    from launchready_lib.sources.credentials import Hit

_MOST_ROWS = 40
_KNOWN = {"rotated": Standing.ROTATED, "false_alarm": Standing.FALSE_ALARM}


@dataclass(frozen=True)
class TreeEvidence:
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

    def frame(self) -> pd.DataFrame:
        """One row a value."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        return pd.DataFrame([credential.row() for credential in self.credentials])


@probe
async def survey(client: Client) -> TreeEvidence | Unavailable:
    """Read every tracked file of the client's branch, and the work tree, for credentials, on this machine only."""
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    return await asyncio.to_thread(read_tree, opened, client.parameters)


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


class _Reading:
    """One pass over tracked files."""

    def __init__(self, repo: Repository, wanted: list[TrackedFile]) -> None:
        self.hits: list[Hit] = []
        self.left: list[Row] = []
        self.ignored: list[str] = []
        self.unseen: list[Row] = []
        self._repo, self._wanted = repo, wanted
        self.bundles: Bundles[tuple[str, str]] = Bundles()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """What the engine gets; on the way our own scan reads the texts, and what lies inside them."""
        read = 0
        try:
            for file, content in self._repo.read(self._wanted, most=MAX_FILE_BYTES):
                read += 1
                yield from self._file(file.path, content, "")
        except GitError as error:
            self.left.append({"file": f"all but {read} of {len(self._wanted)} files", "not_read": str(error)})
        for loose in worktree.on_disk(self._repo, self.unseen):
            if loose.how == "ignored":
                self.ignored.append(loose.path)
            yield from self._file(loose.path, loose.content, loose.how)
        yield from self.bundles.rest()

    def _file(self, path: str, content: bytes, how: str) -> Iterator[tuple[str, bytes]]:
        if is_text(content) and len(content) <= MAX_TEXT_BYTES:
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


@check("secrets.tree")
def tree(evidence: TreeEvidence) -> Verdict:
    """No credential stands in a tracked file."""
    return combine(_no_leak(evidence), *_all_read(evidence))


def _no_leak(evidence: TreeEvidence) -> Verdict:
    leaks = [credential for credential in evidence.credentials if credential.is_leak]
    folded = [credential for credential in evidence.credentials if not credential.is_leak]
    shown = [credential.row() for credential in folded if credential.standing is not Standing.ON_DISK]
    aside = [*shown, *_on_disk(evidence), *evidence.aside, *evidence.unseen][:_MOST_ROWS]
    if not leaks:
        row: Row = {"commit": evidence.commit[:12], "files_read": evidence.files, "credentials": 0}
        summary = f"No credential in {evidence.files} tracked files"
        return passed(summary + _also(folded), evidence=[row, *aside])
    providers = ", ".join(dict.fromkeys(leak.provider for leak in leaks))
    values = "1 credential stands" if len(leaks) == 1 else f"{len(leaks)} credentials stand"
    return failed(
        f"{values} in tracked files ({providers}): {', '.join(leak.places[0] for leak in leaks[:5])}",
        evidence=[*(leak.row() for leak in leaks[:_MOST_ROWS]), *aside],
        fix=f"First take it out of force, then out of the code. {rotation(leaks)}",
        effort_hours=min(8.0, 1.0 + 0.5 * len(leaks)),
        about=[leak.fingerprint for leak in leaks],
    )


def _on_disk(evidence: TreeEvidence) -> Iterator[Row]:
    """One row a file: what it holds is at home there, and of interest only to whoever uses this machine."""
    found = [c for c in evidence.credentials if c.standing is Standing.ON_DISK]
    counted = Counter(re.sub(r":\d+ (\([a-z ]+\))\Z", r" \1", c.places[0]) for c in found)
    for where, number in counted.items():
        yield {"on_this_disk_only": where, "values": number}
    yield from ({"ignored_file_on_disk": name} for name in evidence.ignored if f"{name} (ignored)" not in counted)


def _also(folded: list[Credential]) -> str:
    """How many values count for nothing, and why."""
    told = Counter(credential.standing for credential in folded)
    disk = told.pop(Standing.ON_DISK, 0)
    vouched = [f"{told.pop(standing)} {standing}" for standing in _KNOWN.values() if told[standing]]
    said = [f"{told.total()} values look like one and are not"] if told.total() else []
    said += [f"{disk} {'lies' if disk == 1 else 'lie'} on this disk only"] if disk else []
    return "".join(f"; {part}" for part in (*said, *vouched)) + (" (listed)" if folded else "")


def _all_read(evidence: TreeEvidence) -> Iterator[Verdict]:
    if evidence.engine is not None:
        yield unknown(evidence.engine.reason, needs=evidence.engine.needs)
    if evidence.unread:
        shown = ", ".join(f"{row['file']} ({row['not_read']})" for row in evidence.unread[:3])
        more = f" and {len(evidence.unread) - 3} more" if len(evidence.unread) > 3 else ""
        yield unknown(
            f"tracked files, or parts of them, were not read: {shown}{more}",
            needs=f"these files under {MAX_FILE_BYTES // 1024**2} MB, or out of the repository",
            evidence=evidence.unread,
        )
