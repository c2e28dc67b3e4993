"""latency.quick: unhurried core reads, and one login, answer within their targets."""

from __future__ import annotations

from statistics import median

from launchready_lib import roadmap
from launchready_lib.checks import check
from launchready_lib.record.findings import Verdict
from launchready_lib.site.reads import Reads, Sample, against, limit_ms, rows_of, shown, unfit, unhurried, worst

__all__ = ["quick", "unhurried"]


@check("latency.quick")
def quick(reads: Reads) -> Verdict:
    """Of 20 unhurried requests the median core read, and one login, stay under their targets."""
    heavy = roadmap.load().targets["heavy_action_p95_ms"].limit
    clauses = [unfit(reads, each) or _quick(reads, each, limit_ms()) for each in reads.best()]
    took = reads.login_s * 1000
    row = {"read": "login", "requests": 1, "service_p50_ms": shown(took)}
    text = f"signing in took {shown(took)} ms (target {heavy:g} ms)"
    return worst(clauses, against(took, heavy, text, [row], about="login"))


def _quick(reads: Reads, sample: Sample, limit: float) -> Verdict:
    middle = median(sample.times("service"))
    text = f"{sample.name} answered in {shown(middle)} ms (median of {len(sample.timings)}, target {limit:g} ms)"
    return against(middle, limit, text, rows_of(reads, sample), about=sample.name)
