"""Credentials in the repository's history: every branch, tag and merge, with stashes and loose objects marked so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.checks.stabilize_deployment.secrets import known_secrets, rotation
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources import history as past
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import Standing
from launchready_lib.sources.repository import GitError, Repository

if TYPE_CHECKING:
    import pandas as pd

    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

_MOST_ROWS = 40
_MOST_GAPS = 20
_CLEARED = (Standing.ROTATED, Standing.FALSE_ALARM)


@dataclass(frozen=True)
class HistoryEvidence:
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

    def frame(self) -> pd.DataFrame:
        """One row a value."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        return pd.DataFrame([trace.row() for trace in self.traces])


@probe
async def survey(client: Client) -> HistoryEvidence | Unavailable:
    """Read every object of the client's repository once and look for credentials, on this machine only."""
    opened = await repository.survey(client)
    if isinstance(opened, Unavailable):
        return opened
    return await asyncio.to_thread(read_history, opened, client.parameters)


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
    return combine(_no_leak(evidence), *_whole(evidence))


def _no_leak(evidence: HistoryEvidence) -> Verdict:
    leaks = [trace for trace in evidence.traces if trace.is_leak]
    aside = [trace.row() for trace in evidence.traces if not trace.is_leak][:_MOST_ROWS]
    counted: Row = {
        "commits": evidence.commits,
        "versions_read": evidence.objects,
        "credentials": len(leaks),
        **_counts(evidence),
    }
    if not leaks:
        summary = f"No live credential in {evidence.commits} commits"
        return passed(f"{summary}{_cleared(evidence)}{_unreached(evidence)}", evidence=[counted, *aside])
    providers = ", ".join(dict.fromkeys(leak.credential.provider for leak in leaks))
    gone = sum(not leak.at_head for leak in leaks)
    values = "1 credential stands" if len(leaks) == 1 else f"{len(leaks)} credentials stand"
    return failed(
        f"{values} in the history ({providers}), {gone} of them no longer in the current code"
        f"{_cleared(evidence)}{_unreached(evidence)}",
        evidence=[*(leak.row() for leak in leaks[:_MOST_ROWS]), counted, *aside],
        fix=rotation(leak.credential for leak in leaks)
        + " Then record each fingerprint under repository.known_secrets as rotated. Rewriting history is optional"
        " after that, and useless before it.",
        effort_hours=min(16.0, 1.0 + 0.5 * len(leaks)),
        about=[leak.credential.fingerprint for leak in leaks],
    )


def _counts(evidence: HistoryEvidence) -> Row:
    standings = Counter(str(t.credential.standing) for t in evidence.traces if not t.is_leak)
    standings.update(evidence.folded)
    folded = ", ".join(f"{number} {standing}" for standing, number in standings.most_common())
    aside = ", ".join(f"{number} {what}" for what, number in evidence.aside.items())
    return {"not_counted": folded or "none", "not_read": aside or "nothing"}


def _cleared(evidence: HistoryEvidence) -> str:
    told = Counter(t.credential.standing for t in evidence.traces)
    words = [f"{told[standing]} {standing}" for standing in _CLEARED if told[standing]]
    return f"; {' and '.join(words)}" if words else ""


def _unreached(evidence: HistoryEvidence) -> str:
    number = sum(t.credential.is_leak and not t.is_leak for t in evidence.traces)
    return f"; {number} more in a stash or in no branch (listed, not failed)" if number else ""


def _whole(evidence: HistoryEvidence) -> Iterator[Verdict]:
    if evidence.engine is not None:
        yield unknown(evidence.engine.reason, needs=evidence.engine.needs)
    if evidence.gaps:
        whys = ", ".join(dict.fromkeys(str(gap["why"]) for gap in evidence.gaps[:_MOST_GAPS]))
        yield unknown(
            f"part of the history was not scanned: {whys}",
            needs="a complete clone at repository.path (git fetch --unshallow), and a look by hand at what is listed",
            evidence=evidence.gaps[:_MOST_GAPS],
        )
