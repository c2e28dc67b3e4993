"""headers.cors, headers.integrity: what other sites read with members' cookies (Fetch), and what they put in (SRI)."""

from __future__ import annotations

import re
from typing import NamedTuple

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, Outside, Shared, strongest
from launchready_lib.evidence import Row
from launchready_lib.network import normal
from launchready_lib.record.findings import Status, Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.wording import brief

_PINNED = re.compile(r"(?<![\d.])v?\d+\.\d+\.\d+(?![\d.]*\d\.\d)")


class Held(NamedTuple):
    """How one outside file is held to what it was: pass, fail, or unknown where it could not be read; and why."""

    status: Status
    means: str


def is_open(shared: Shared) -> bool:
    """Whether a page of that origin reads the answer as the member; browsers refuse "*" with credentials."""
    return shared.allowed is not None and shared.allowed.strip() == shared.origin and shared.credentials == "true"


@check("headers.cors")
def cors(headers: HeadersEvidence) -> Verdict:
    """No foreign origin is reflected with credentials, look-alikes and null included."""
    clauses = [web.unseen(headers.missing)] if headers.missing else []
    reflected = [shared for shared in headers.shared if is_open(shared)]
    rows: list[Row] = [
        {
            "address": shared.url,
            "asked_as": shared.origin,
            "access_control_allow_origin": shared.allowed or "(absent)",
            "access_control_allow_credentials": shared.credentials or "(absent)",
        }
        for shared in reflected or headers.shared
    ]
    urls = list(dict.fromkeys(str(row["address"]) for row in rows))
    if reflected:
        clauses.append(
            failed(
                f"{brief(urls)}: any site that a member visits can read it as that member "
                f"(answers {brief(s.origin for s in reflected)} with credentials)",
                evidence=rows,
                fix="Compare the Origin header with a fixed list, exactly, and only then send "
                f"Access-Control-Allow-Origin: {headers.canonical or 'your own origin'} with "
                "Access-Control-Allow-Credentials: true and Vary: Origin",
                about=urls,
            )
        )
    elif rows:
        clauses.append(passed(f"{brief(urls)}: no foreign site reads it with a member's cookies", evidence=rows))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def held_by(outside: Outside, third_parties: tuple[str, ...]) -> Held:
    """Whether one script or style is held by a hash, or needs none."""
    resource = outside.resource
    if resource.url.startswith("http:"):
        return Held(Status.FAIL, "loaded over plain HTTP, so anybody on the way can change it")
    if strongest(resource.integrity or ""):
        if resource.crossorigin is None:
            return Held(Status.FAIL, "it has a hash but no crossorigin attribute, so browsers refuse it")
        if outside.matches is None:
            return Held(Status.UNKNOWN, f"its content could not be compared with its hash: {outside.note}")
        if not outside.matches:
            return Held(Status.FAIL, "its content no longer has the hash, so browsers refuse it")
        return Held(Status.PASS, "held by its hash")
    if resource.integrity:
        return Held(Status.FAIL, "its integrity attribute holds no hash that browsers know")
    host, named = web.host_of(resource.url), [normal(pattern) for pattern in third_parties]
    if not any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in named):
        return Held(Status.FAIL, "no integrity hash: whoever runs that server runs your page")
    if _PINNED.search(resource.url):
        return Held(Status.FAIL, "a fixed version without an integrity hash, though it could have one")
    return Held(Status.PASS, "without a fixed version, and named in site.third_parties")


@check("headers.integrity")
def integrity(headers: HeadersEvidence) -> Verdict:
    """Scripts and styles from other sites carry a matching hash, or have no version and are named as needed."""
    clauses = [web.unseen(headers.unseen())] if headers.unseen() else []
    judged = [(outside, held_by(outside, headers.third_parties)) for outside in headers.outside]
    bad = [(outside, held) for outside, held in judged if held.status is Status.FAIL]
    if bad:
        names = [outside.resource.url for outside, _ in bad]
        where = brief(name for outside, _ in bad for name in outside.pages)
        clauses.append(
            failed(
                f"{where}: {brief(names)}: {'; '.join(dict.fromkeys(held.means for _, held in bad))}",
                evidence=[_row(outside, held) for outside, held in bad],
                fix=_fix(bad[0][0]),
                about=sorted(names),
            )
        )
    unread = [(outside, held) for outside, held in judged if held.status is Status.UNKNOWN]
    if unread:
        reason = f"{brief(o.resource.url for o, _ in unread)}: {unread[0][1].means}"
        needs = "the other site answering: run this stage again when it does"
        clauses.append(unknown(reason, needs=needs, evidence=[_row(o, h) for o, h in unread]))
    good = [_row(outside, held) for outside, held in judged if held.status is Status.PASS]
    if good:
        clauses.append(passed("every script and style from another site is held to what it was", evidence=good))
    elif not judged and headers.seen():
        rows = [{"page": v.title, "address": v.response.url, "from_other_sites": 0} for v in headers.seen()]
        where = brief(v.title for v in headers.seen())
        clauses.append(passed(f"{where}: no script or style comes from another site", evidence=rows))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])


def _row(outside: Outside, held: Held) -> Row:
    return {
        "pages": brief(outside.pages),
        "file": outside.resource.url,
        "kind": outside.resource.kind,
        "integrity": outside.resource.integrity or "(absent)",
        "means": held.means,
    }


def _fix(outside: Outside) -> str:
    url = outside.resource.url
    tag = (
        f'<script src="{url}" integrity="sha384-…" crossorigin="anonymous"></script>'
        if outside.resource.kind == "script"
        else f'<link rel="stylesheet" href="{url}" integrity="sha384-…" crossorigin="anonymous">'
    )
    return (
        f"Serve the file from your own host, or load a fixed version as {tag}; "
        f"make the hash with: curl -s {url} | openssl dgst -sha384 -binary | openssl base64 -A"
    )
