"""headers.cors: no foreign site reads members' data with their cookies (Fetch, CORS protocol)."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, Shared
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed
from launchready_lib.site import web
from launchready_lib.wording import brief


def is_open(shared: Shared) -> bool:
    """Whether a page of that origin reads the answer as the member; browsers refuse "*" with credentials."""
    return shared.allowed is not None and shared.allowed.strip() == shared.origin and shared.credentials == "true"


def _row(shared: Shared) -> Row:
    return {
        "address": shared.url,
        "asked_as": shared.origin,
        "access_control_allow_origin": shared.allowed or "(absent)",
        "access_control_allow_credentials": shared.credentials or "(absent)",
    }


@check("headers.cors")
def cors(headers: HeadersEvidence) -> Verdict:
    """No foreign origin is reflected with credentials, look-alikes and null included."""
    clauses = [web.unseen(headers.missing)] if headers.missing else []
    reflected = [shared for shared in headers.shared if is_open(shared)]
    if reflected:
        urls = list(dict.fromkeys(shared.url for shared in reflected))
        clauses.append(
            failed(
                f"{brief(urls)}: any site that a member visits can read it as that member "
                f"(answers {brief(s.origin for s in reflected)} with credentials)",
                evidence=[_row(shared) for shared in reflected],
                fix="Compare the Origin header with a fixed list, exactly, and only then send "
                f"Access-Control-Allow-Origin: {headers.canonical or 'your own origin'} with "
                "Access-Control-Allow-Credentials: true and Vary: Origin",
                about=urls,
            )
        )
    elif headers.shared:
        urls = list(dict.fromkeys(shared.url for shared in headers.shared))
        summary = f"{brief(urls)}: no foreign site reads it with a member's cookies"
        clauses.append(passed(summary, evidence=[_row(shared) for shared in headers.shared]))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])
