"""What changed since an earlier release of the same client, and which release that is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from launchready_lib.record.findings import Finding, Status

_KNOWN = (Status.PASS, Status.FAIL)
_SET_ASIDE = re.compile(r"~\d+$")


@dataclass(frozen=True)
class Changes:
    """Check ids by what became of them since release `since`, and that release's baseline.

    Attributes:
        fixed: fail to pass.
        broken: pass to fail.
        still_open: fail to fail.
        newly_known: unknown to pass or fail.
        no_longer_known: pass or fail to unknown.
        declared_away: fail to not applicable; no fix, and easily overlooked.
    """

    since: str
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    still_open: tuple[str, ...]
    newly_known: tuple[str, ...]
    no_longer_known: tuple[str, ...]
    declared_away: tuple[str, ...]
    baseline: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As findings.json holds it."""
        lists = ("fixed", "broken", "still_open", "newly_known", "no_longer_known", "declared_away")
        return {"from": self.since} | {name: list(getattr(self, name)) for name in lists}


def compare(
    now: Mapping[str, Finding], before: Mapping[str, Finding], *, since: str, baseline: Mapping[str, Any]
) -> Changes:
    """Compare the findings of a release with those of the earlier release `since`, check by check."""
    then = {check: finding.status for check, finding in before.items()}

    def moved(test: Callable[[Status, Status], bool]) -> tuple[str, ...]:
        return tuple(check for check, f in now.items() if check in then and test(then[check], f.status))

    return Changes(
        since=since,
        fixed=moved(lambda a, b: a is Status.FAIL and b is Status.PASS),
        broken=moved(lambda a, b: a is Status.PASS and b is Status.FAIL),
        still_open=moved(lambda a, b: a is Status.FAIL and b is Status.FAIL),
        newly_known=moved(lambda a, b: a is Status.UNKNOWN and b in _KNOWN),
        no_longer_known=moved(lambda a, b: a in _KNOWN and b is Status.UNKNOWN),
        declared_away=moved(lambda a, b: a is Status.FAIL and b is Status.NOT_APPLICABLE),
        baseline=baseline,
    )


def earlier(folder: Path, started: datetime | None, when: Callable[[Path], datetime | None]) -> Path | None:
    """The neighbour of `folder` whose run started last before `started`; releases set aside as `<release>~N` never.

    Args:
        folder: output/<slug>/<release>.
        started: when this run started.
        when: tells when the run in a folder started, None where it holds none of this client's.
    """
    if started is None:
        return None
    runs = [
        (at, other.name, other)
        for other in sorted(folder.resolve().parent.iterdir())
        if other.is_dir() and other.name != folder.resolve().name and not _SET_ASIDE.search(other.name)
        if (at := when(other)) and at < started
    ]
    return max(runs)[2] if runs else None
