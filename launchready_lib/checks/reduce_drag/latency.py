"""latency.p95: at a steady rate 95 of 100 core reads answer within their target."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.site import reads as core
from launchready_lib.site.reads import Reads, Sample, quantiles, steady

__all__ = ["p95", "quantiles", "steady"]


@check("latency.p95")
def p95(reads: Reads) -> Verdict:
    """The 95th percentile of each core read is under its target, of at least 100 requests on schedule."""
    return core.worst([core.unfit(reads, each) or _p95(reads, each, core.limit_ms()) for each in reads.best()])


def _p95(reads: Reads, sample: Sample, limit: float) -> Verdict:
    found = sample.p95()
    rows = core.rows_of(reads, sample)
    if len(sample.timings) < core.LEAST:
        reason = f"only {len(sample.timings)} requests to {sample.name} were answered"
        needs = f"load.samples: {core.LEAST} or more, and load.rate so high that they fit"
        return unknown(reason, needs=needs, evidence=rows)
    text = (
        f"{sample.name} answered 95 of 100 requests within {core.shown(found.value)} ms "
        f"({core.shown(found.low)} to {core.shown(found.high)} at 95 % confidence, {len(sample.timings)} requests, "
        f"target {limit:g} ms)"
    )
    if found.low <= limit < found.high or found.low < limit <= found.high:
        text += "; the interval reaches over the target, so a larger load.samples may say otherwise"
    if len(rows) > 1:
        text += "; it was sampled twice, and the quicker sample counts"
    return core.against(found.value, limit, text, rows, about=sample.name)
