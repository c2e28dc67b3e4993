"""Joining the clauses of a check that judges many hosts, so that a pass is one sentence."""

from __future__ import annotations

from dataclasses import replace

from launchready_lib.findings import Status, Verdict, combine


def together(passing: str, *clauses: Verdict) -> Verdict:
    """Combine clauses; where all pass, `passing` stands for their sentences."""
    verdict = combine(*clauses)
    return replace(verdict, summary=passing) if verdict.status is Status.PASS else verdict
