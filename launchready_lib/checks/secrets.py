"""Credentials in the repository: what is tracked now, one row a value, never a value itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.checks import check, probe, repository
from launchready_lib.checks.repository import MAX_FILE_BYTES, MAX_TEXT_BYTES, GitError, Repository, TrackedFile, is_text
from launchready_lib.credentials import Credential, Standing, engine, engine_hit, gathered, of_part, places, scan
from launchready_lib.credentials.inside import Left, inside
from launchready_lib.findings import Row, Unavailable, Verdict, combine, failed, passed, unknown

if TYPE_CHECKING:
    import pandas as pd

    from launchready_lib.client import Client
    from launchready_lib.credentials import Hit
    from launchready_lib.parameters import Parameters

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
        ignored: files on disk that git ignores and that usually hold secrets; named only.
        engine: why the engine did not run; None where it did.
    """

    commit: str
    files: int
    credentials: tuple[Credential, ...] = ()
    unread: tuple[Row, ...] = ()
    aside: tuple[Row, ...] = ()
    ignored: tuple[str, ...] = ()
    engine: Unavailable | None = None

    def frame(self) -> pd.DataFrame:
        """One row a value."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        return pd.DataFrame([credential.row() for credential in self.credentials])


@probe
async def survey(client: Client) -> TreeEvidence | Unavailable:
    """Read every tracked file of the client's branch and look for credentials, on this machine only."""
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    return await asyncio.to_thread(read_tree, opened, client.parameters)


def read_tree(repo: Repository, parameters: Parameters) -> TreeEvidence | Unavailable:
    """Scan a repository's tracked files at its commit."""
    hits: list[Hit] = []
    wanted = [file for file in repo.files if not places.is_media(file.path)]
    try:
        left: list[Row] = []
        found = engine.run(_contents(repo, wanted, hits, left))
    except GitError as error:
        return Unavailable(f"the repository could not be read whole: {error}", "a complete clone at repository.path")
    engine_failed = found if isinstance(found, Unavailable) else None
    if not isinstance(found, Unavailable):
        hits += [engine_hit(f.value, f.path, f.line, f.rule, sure=f.sure) for f in found]
    unread = [file for file in wanted if file.kind == "file" and file.size > MAX_FILE_BYTES]
    return TreeEvidence(
        commit=repo.commit,
        files=len(repo.files),
        credentials=gathered(hits, known_secrets(parameters)),
        unread=(*({"file": file.path, "not_read": f"{file.size // 1024**2} MB"} for file in unread), *left),
        aside=tuple(row for row in repo.skipped() if row["file"] not in {file.path for file in unread}),
        ignored=_ignored(repo),
        engine=engine_failed,
    )


def known_secrets(parameters: Parameters) -> dict[str, Standing]:
    """What the parameters vouch for, by fingerprint."""
    return {entry.fingerprint: _KNOWN[entry.verdict] for entry in parameters.repository.known_secrets}


def rotation(leaks: Iterable[Credential]) -> str:
    """How to take the worst leaks out of force, in the providers' terms."""
    steps = dict.fromkeys(f"{leak.provider}: {leak.revoke}." for leak in leaks)
    first = "Make a new value at the provider, set it in the host's settings, deploy, then revoke the old one."
    return " ".join((first, *list(steps)[:8]))


def _contents(
    repo: Repository, files: list[TrackedFile], hits: list[Hit], left: list[Row]
) -> Iterator[tuple[str, bytes]]:
    """What the engine gets; on the way our own scan reads the texts, and what lies inside them."""
    for file, content in repo.read(files, most=MAX_FILE_BYTES):
        if len(content) <= MAX_TEXT_BYTES and is_text(content):
            hits.extend(scan(file.path, content.decode("utf-8", "replace")))
        yield file.path, content
        for part in () if places.is_foreign(file.path) else inside(file.path, content):
            if isinstance(part, Left):
                left.append({"file": part.path, "not_read": part.why})
                continue
            hits.extend(of_part(part))
            if not part.line:
                yield part.path, part.text.encode("utf-8", "replace")


def _ignored(repo: Repository) -> tuple[str, ...]:
    try:
        output = repository.git(
            repo.path, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"
        )
    except GitError:
        return ()
    names = (entry.decode("utf-8", "replace") for entry in output.split(b"\0") if entry)
    return tuple(name for name in names if places.holds_secrets_by_name(name))[:50]


@check("secrets.tree")
def tree(evidence: TreeEvidence) -> Verdict:
    """No credential stands in a tracked file."""
    return combine(_no_leak(evidence), *_all_read(evidence))


def _no_leak(evidence: TreeEvidence) -> Verdict:
    leaks = [credential for credential in evidence.credentials if credential.is_leak]
    folded: list[Row] = [credential.row() for credential in evidence.credentials if not credential.is_leak]
    on_disk: list[Row] = [{"ignored_file_on_disk": name} for name in evidence.ignored]
    aside = [*folded, *on_disk, *evidence.aside][:_MOST_ROWS]
    if not leaks:
        row: Row = {"commit": evidence.commit[:12], "files_read": evidence.files, "credentials": 0}
        summary = f"No credential in {evidence.files} tracked files"
        also = f"; {len(folded)} values look like one and are not (listed)" if folded else ""
        return passed(summary + also, evidence=[row, *aside])
    providers = ", ".join(dict.fromkeys(leak.provider for leak in leaks))
    values = "1 credential stands" if len(leaks) == 1 else f"{len(leaks)} credentials stand"
    return failed(
        f"{values} in tracked files ({providers}): {', '.join(leak.places[0] for leak in leaks[:5])}",
        evidence=[*(leak.row() for leak in leaks[:_MOST_ROWS]), *aside],
        fix=f"First take it out of force, then out of the code. {rotation(leaks)}",
        effort_hours=min(8.0, 1.0 + 0.5 * len(leaks)),
        about=[leak.fingerprint for leak in leaks],
    )


def _all_read(evidence: TreeEvidence) -> Iterator[Verdict]:
    if evidence.engine is not None:
        yield unknown(evidence.engine.reason, needs=evidence.engine.needs)
    if evidence.unread:
        yield unknown(
            f"{len(evidence.unread)} tracked files are too large to be read, or hold what cannot be",
            needs=f"these files under {MAX_FILE_BYTES // 1024**2} MB, or out of the repository",
            evidence=evidence.unread,
        )
