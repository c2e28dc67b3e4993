"""headers.sniffing, headers.referrer, headers.disclosure: three headers that say one thing each."""

from __future__ import annotations

import re

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers import bypage
from launchready_lib.checks.secure_edge.headers.bypage import Word
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, combine, failed, passed
from launchready_lib.site import web
from launchready_lib.wording import brief

_PRIVATE = frozenset({"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"})
_LEAKY = frozenset({"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"})
_LEGACY = {"never": "no-referrer", "default": "strict-origin-when-cross-origin", "always": "unsafe-url"}
_DEFAULT = "strict-origin-when-cross-origin"
_TELLING = frozenset(
    {
        "server",
        "x-powered-by",
        "x-aspnet-version",
        "x-aspnetmvc-version",
        "x-generator",
        "x-powered-cms",
        "x-php-version",
        "x-jenkins",
        "x-owa-version",
        "liferay-portal",
        "microsoftsharepointteamservices",
    }
)
_LONGEST = 300
_MAJOR = re.compile(r"[A-Za-z][\w.+-]* v?\d{1,3}\b")
"""A product and its major version, as content systems like to name themselves."""
_VERSION = re.compile(r"(?:\b[A-Za-z][\w.+ ()-]*[/ ]v?\d+(?:\.\d+)+|\A\s*v?\d+(?:\.\d+)+|/\d+(?![\w.]))")


def sniffing_of(view: View) -> Word:
    """Whether a browser keeps to the declared type: the first value counts (Fetch §3.6)."""
    sent = bypage.values(view, "x-content-type-options")
    good = bool(sent) and sent[0].lower() == "nosniff"
    return Word(good, ", ".join(sent), "types are taken as declared" if good else "browsers may guess a file's type")


@check("headers.sniffing")
def sniffing(headers: HeadersEvidence) -> Verdict:
    """X-Content-Type-Options: nosniff on every page."""
    return bypage.verdict(
        headers,
        sniffing_of,
        header="X-Content-Type-Options",
        good="browsers take files as what they are declared to be",
        bad="X-Content-Type-Options: nosniff is missing",
        fix="Send X-Content-Type-Options: nosniff with every answer",
    )


def referrer_of(view: View) -> Word:
    """What other sites learn of a page's address; the page's own meta element comes after the header (HTML §4.2.5)."""
    tokens = [token.lower() for token in bypage.values(view, "referrer-policy") if token]
    known = [token for token in tokens if token in _PRIVATE | _LEAKY]
    metas = [_LEGACY.get(m.strip().lower(), m.strip().lower()) for m in view.markup.referrer]
    valid_metas = [meta for meta in metas if meta in _PRIVATE | _LEAKY]
    sent = ", ".join(view.response.all("referrer-policy"))
    if metas:
        sent += f" (in the page: {', '.join(view.markup.referrer)})"
    if not tokens and not metas:
        return Word(True, sent, f"none is sent; browsers then keep to {_DEFAULT}")
    if not known and not valid_metas:
        return Word(False, sent, "browsers do not know this value")
    policy = valid_metas[-1] if valid_metas else known[-1]
    if policy in _PRIVATE:
        return Word(True, sent, f"{policy}: other sites do not learn the page's address")
    return Word(False, sent, f"{policy} tells other sites more than they need")


@check("headers.referrer")
def referrer(headers: HeadersEvidence) -> Verdict:
    """A Referrer-Policy in force that keeps members' addresses private, the browsers' own default included."""
    return bypage.verdict(
        headers,
        referrer_of,
        header="Referrer-Policy",
        good="other sites do not learn the addresses of your pages",
        bad="the Referrer-Policy does not keep the addresses of your pages private",
        fix="Send Referrer-Policy: strict-origin-when-cross-origin on every page",
    )


def told(view: View) -> list[tuple[str, str]]:
    """Headers of an answer that name software with its version."""
    return [(name, value) for name, value in view.response.headers if name in _TELLING and _tells(name, value)]


def _tells(name: str, value: str) -> bool:
    value = value[:_LONGEST]
    return bool(_VERSION.search(value) or (name != "server" and _MAJOR.match(value)))


@check("headers.disclosure")
def disclosure(headers: HeadersEvidence) -> Verdict:
    """No software version in the headers of any page or host."""
    views = [*headers.seen(), *(h for h in headers.hosts if web.why_unseen(h.url, h.response) is None)]
    clauses = [web.unseen(headers.unseen())] if headers.unseen() else []
    rows: list[Row] = [
        {"of": view.title, "address": view.response.url, "header": name, "sent": value[:200]}
        for view in views
        for name, value in told(view)
    ]
    if rows:
        what = brief(f"{row['header']}: {row['sent']}" for row in rows)
        where = brief(str(row["of"]) for row in rows)
        fix = f"Remove {brief(str(row['header']) for row in rows)}, or send the name without its version"
        about = sorted({str(row["header"]) for row in rows})
        clauses.append(failed(f"{where}: the software's version is told ({what})", evidence=rows, fix=fix, about=about))
    elif views:
        seen: list[Row] = [
            {"of": view.title, "server": view.response.header("server") or "(absent)", "status": view.response.status}
            for view in views
        ]
        clauses.append(passed("no answer names software with its version", evidence=seen))
    return combine(*clauses) if clauses else web.unseen([web.NO_PAGE])
