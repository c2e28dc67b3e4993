"""Whether anything secret is sent to browsers."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.bundles.evidence import BundlesEvidence
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.sources.credentials import Credential, Standing
from launchready_lib.wording import brief

_MOST_ROWS = 40


@check("exposure.bundles")
def no_secrets(evidence: BundlesEvidence) -> Verdict:
    """No secret stands in any page, script or source map sent to a browser; publishable keys are told apart.

    A test-mode secret key fails as well: where it stands, the live one will be sent after launch.
    """
    leaks = [c for c in evidence.credentials if c.standing in (Standing.SECRET, Standing.TEST)]
    clauses = [_leaked(leaks, evidence)] if leaks else []
    if evidence.missing:
        clauses.append(web.unseen(evidence.missing))
    if not leaks and evidence.received:
        clauses.append(_clean(evidence))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _leaked(leaks: list[Credential], evidence: BundlesEvidence) -> Verdict:
    values = "1 secret is" if len(leaks) == 1 else f"{len(leaks)} secrets are"
    what = brief(f"{leak.provider} {leak.what} in {leak.places[0]}" for leak in leaks)
    return failed(
        f"{values} sent to every browser: {what}",
        evidence=[*(leak.row() for leak in leaks[:_MOST_ROWS]), *_public_rows(evidence)],
        fix="Rotate first: it must be taken for read. "
        + " ".join(dict.fromkeys(f"{leak.provider}: {leak.revoke}." for leak in leaks[:8]))
        + " Then move the call that needs it into a server route, and stop publishing source maps.",
        effort_hours=min(8.0, 2.0 + len(leaks)),
        about=[leak.fingerprint for leak in leaks],
    )


def _public_rows(evidence: BundlesEvidence) -> list[Row]:
    """Keys that are no leak, each with what limits it."""
    rest = [c for c in evidence.credentials if c.standing not in (Standing.SECRET, Standing.TEST)]
    return [
        {
            "where": ", ".join(c.places),
            "provider": c.provider,
            "what": c.what,
            "value": c.masked,
            "standing": str(c.standing),
            "advice": c.revoke,
        }
        for c in rest[:_MOST_ROWS]
    ]


def _clean(evidence: BundlesEvidence) -> Verdict:
    rows = _public_rows(evidence)
    counts = {kind: sum(r.kind == kind and r.size > 0 for r in evidence.received) for kind in ("page", "script")}
    maps = sum(r.kind == "source map" for r in evidence.received)
    read = f"{counts['page']} pages, {counts['script']} scripts and {maps} source maps"
    if not counts["page"]:
        return unknown("no page was read", needs=web.AGAIN)
    public = f"; {len(rows)} keys in them are no secret (listed, each with what limits it)" if rows else ""
    return passed(
        f"no secret in {read} sent to browsers{public}",
        evidence=[*rows, *(each.row() for each in evidence.received[:_MOST_ROWS])],
    )
