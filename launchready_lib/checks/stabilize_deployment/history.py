"""Credentials in the repository's history: every branch, tag and merge, with stashes and loose objects marked so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment.secrets import MOST_ROWS, cleared, exposed, known_secrets, rotation
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, passed, unknown
from launchready_lib.sources import history as past
from launchready_lib.sources import repository
from launchready_lib.sources.repository import GitError, Repository

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

_MOST_GAPS = 20


@dataclass(frozen=True)
class HistoryEvidence(Evidence):
    """What all versions of all files hold.

    Attributes:
        commits: how many lead from branches and tags.
        objects: how many versions of files and messages were read.
        traces: one a value, the worst first.
        folded: standing -> values without a row of their own.
        gaps: what was not read, and why.
        aside: what was not read and need not be, counted.
        engine: why the engine did not run; None where it did.
    """

    commits: int
    objects: int
    traces: tuple[past.Trace, ...] = ()
    folded: dict[str, int] = field(default_factory=dict)
    gaps: tuple[Row, ...] = ()
    aside: dict[str, int] = field(default_factory=dict)
    engine: Unavailable | None = None

    def rows(self) -> Iterator[Row]:
        """One row a value."""
        return (trace.row() for trace in self.traces)


@probe
async def survey(client: Client) -> HistoryEvidence | Unavailable:
    """Read every object of the client's repository once and look for credentials, on this machine only."""
    return await repository.read_through(client, read_history, client.parameters)


def read_history(repo: Repository, parameters: Parameters) -> HistoryEvidence | Unavailable:
    """Scan a repository's whole history."""
    try:
        index = past.index(repo.path)
    except GitError as error:
        return Unavailable(f"the history could not be read: {error}", "a complete clone at repository.path")
    seen = past.look(repo.path, index, frozenset(file.object_id for file in repo.files))
    traces, folded = past.traces(repo, index, seen.sightings, known_secrets(parameters))
    return HistoryEvidence(
        commits=index.commits,
        objects=len(index.files),
        traces=traces,
        folded=folded,
        gaps=(*index.gaps, *seen.gaps),
        aside=index.aside,
        engine=seen.engine,
    )


@check("secrets.history")
def history(evidence: HistoryEvidence) -> Verdict:
    """No credential stands in a commit that a branch or tag leads to, unless it is recorded as rotated or no secret."""
    gaps = [] if evidence.engine is None else [unknown(evidence.engine.reason, needs=evidence.engine.needs)]
    if shown := evidence.gaps[:_MOST_GAPS]:
        reason = f"part of the history was not scanned: {', '.join(dict.fromkeys(str(gap['why']) for gap in shown))}"
        needs = "a complete clone at repository.path (git fetch --unshallow), and a look by hand at what is listed"
        gaps.append(unknown(reason, needs=needs, evidence=shown))
    return combine(_no_leak(evidence), *gaps)


def _no_leak(evidence: HistoryEvidence) -> Verdict:
    leaks = [trace for trace in evidence.traces if trace.is_leak]
    rest = [trace for trace in evidence.traces if not trace.is_leak]
    standings = Counter(str(trace.credential.standing) for trace in rest)
    standings.update(evidence.folded)
    counts: Row = {
        "commits": evidence.commits,
        "versions_read": evidence.objects,
        "credentials": len(leaks),
        "not_counted": ", ".join(f"{number} {standing}" for standing, number in standings.most_common()) or "none",
        "not_read": ", ".join(f"{number} {what}" for what, number in evidence.aside.items()) or "nothing",
    }
    rows = [counts, *(trace.row() for trace in rest[:MOST_ROWS])]
    also = cleared(trace.credential for trace in evidence.traces)
    if unreached := sum(trace.credential.is_leak for trace in rest):
        also += f"; {unreached} more in a stash or in no branch (listed, not failed)"
    if not leaks:
        return passed(f"No live credential in {evidence.commits} commits{also}", evidence=rows)
    found = [leak.credential for leak in leaks]
    gone = f", {sum(not leak.at_head for leak in leaks)} of them no longer in the current code"
    fix = (
        f"{rotation(found)} Then record each fingerprint under repository.known_secrets as rotated. Rewriting history"
        " is optional after that, and useless before it."
    )
    rows = [*(leak.row() for leak in leaks[:MOST_ROWS]), *rows]
    return exposed(found, "the history", gone + also, rows, fix=fix, hours=(1.0, 16.0))
