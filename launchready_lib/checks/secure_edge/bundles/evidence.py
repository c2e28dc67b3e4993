"""exposure.bundles: what browsers are sent, and whether anything secret stands in it; no value is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.sources.credentials import Credential, Standing
from launchready_lib.wording import brief

_MOST_ROWS = 40


@dataclass(frozen=True)
class Received:
    """One page, script or source map."""

    kind: Literal["page", "script", "source map"]
    url: str
    size: int  # characters read
    signed_in: bool = False  # it came to a member
    note: str = ""  # what is to say of it, such as that it did not come

    def row(self) -> Row:
        """The row that evidence shows."""
        return {
            "kind": self.kind,
            "address": self.url,
            "kilobytes": round(self.size / 1000, 1),
            "sent_to": "member" if self.signed_in else "anybody",
            "note": self.note,
        }


@dataclass(frozen=True)
class BundlesEvidence(Evidence):
    """Everything read, and what stands in it.

    Attributes:
        credentials: one a value, the worst first.
        missing: what could not be read, and why.
    """

    received: tuple[Received, ...]
    credentials: tuple[Credential, ...] = ()
    missing: tuple[Unavailable, ...] = ()

    def rows(self) -> Iterable[Row]:
        """One row for each page, script and source map."""
        return [each.row() for each in self.received]


@check("exposure.bundles")
def no_secrets(evidence: BundlesEvidence) -> Verdict:
    """No secret stands in any page, script or source map sent to a browser; publishable keys are told apart.

    A test-mode secret key fails as well: where it stands, the live one will be sent after launch.
    """
    leaks = [c for c in evidence.credentials if c.standing in (Standing.SECRET, Standing.TEST)]
    public: list[Row] = [
        {
            "where": ", ".join(c.places),
            "provider": c.provider,
            "what": c.what,
            "value": c.masked,
            "standing": str(c.standing),
            "advice": c.revoke,
        }
        for c in [c for c in evidence.credentials if c not in leaks][:_MOST_ROWS]
    ]
    clauses = [_leaked(leaks, public)] if leaks else []
    if evidence.missing:
        clauses.append(web.unseen(evidence.missing))
    if not leaks and evidence.received:
        clauses.append(_clean(evidence, public))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _leaked(leaks: list[Credential], public: list[Row]) -> Verdict:
    values = "1 secret is" if len(leaks) == 1 else f"{len(leaks)} secrets are"
    what = brief(f"{leak.provider} {leak.what} in {leak.places[0]}" for leak in leaks)
    return failed(
        f"{values} sent to every browser: {what}",
        evidence=[*(leak.row() for leak in leaks[:_MOST_ROWS]), *public],
        fix="Rotate first: it must be taken for read. "
        + " ".join(dict.fromkeys(f"{leak.provider}: {leak.revoke}." for leak in leaks[:8]))
        + " Then move the call that needs it into a server route, and stop publishing source maps.",
        effort_hours=min(8.0, 2.0 + len(leaks)),
        about=[leak.fingerprint for leak in leaks],
    )


def _clean(evidence: BundlesEvidence, public: list[Row]) -> Verdict:
    pages, scripts = (sum(r.kind == kind and r.size > 0 for r in evidence.received) for kind in ("page", "script"))
    if not pages:
        return unknown("no page was read", needs=web.AGAIN)
    maps = sum(r.kind == "source map" for r in evidence.received)
    keys = f"; {len(public)} keys in them are no secret (listed, each with what limits it)" if public else ""
    return passed(
        f"no secret in {pages} pages, {scripts} scripts and {maps} source maps sent to browsers{keys}",
        evidence=[*public, *(each.row() for each in evidence.received[:_MOST_ROWS])],
    )
