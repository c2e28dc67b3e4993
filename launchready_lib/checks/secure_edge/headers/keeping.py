"""Whether what a member sees may be kept by caches that others share, such as the edge's (RFC 9111 §3)."""

from __future__ import annotations

import re

from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.evidence import Row
from launchready_lib.record.findings import Verdict, failed, passed

_AGE = re.compile(r"(?:^|[,\s])(s-maxage|max-age)\s*=\s*\"?(\d{1,12})", re.IGNORECASE)
_NAMES = re.compile(r"(?:^|,)\s*([a-z-]+)", re.IGNORECASE)
_HITS = ("cf-cache-status", "x-cache", "x-vercel-cache", "cdn-cache", "x-nf-cache-status", "x-cache-status")
_LONGEST = 1_000
_FIX = "Send Cache-Control: private, no-store with every answer that a member's session gets"


def shared_by(view: View) -> str:
    """Why a cache on the way may give an answer to somebody else; empty where none may.

    Without Cache-Control edges leave pages alone, and with Vary: Cookie a cache keeps one for each session.
    """
    response = view.response
    for name in _HITS:
        if re.search(r"\bhit\b", (response.header(name) or "")[:_LONGEST], re.IGNORECASE):
            return f"it came out of a cache ({name}: {(response.header(name) or '')[:60]})"
    control = ", ".join(response.all("cache-control"))[:_LONGEST]
    names = {name.lower() for name in _NAMES.findall(control)}
    if names & {"private", "no-store", "no-cache"}:
        return ""
    vary = ", ".join(response.all("vary"))[:_LONGEST].lower()
    if re.search(r"(?:^|,)\s*(?:cookie|authorization|\*)\s*(?:,|$)", vary):
        return ""
    ages = {name.lower(): int(seconds) for name, seconds in _AGE.findall(control)}
    for_shared = ages.get("s-maxage", ages.get("max-age"))
    if for_shared:
        return f"caches on the way may keep it for {for_shared} s (Cache-Control: {control[:120]})"
    return f"caches on the way may keep it (Cache-Control: {control[:120]})" if "public" in names else ""


def private(headers: HeadersEvidence) -> Verdict | None:
    """No page or core read seen with a member's session may be given to others; None where none was seen so."""
    views = [v for v in (*headers.seen(), *headers.reads) if v.signed_in and v.response.status == 200]
    rows: list[Row] = [
        {
            "page": view.title,
            "address": view.response.url,
            "cache_control": ", ".join(view.response.all("cache-control"))[:200] or "(absent)",
            "means": shared_by(view) or "kept for nobody else",
        }
        for view in views
    ]
    bad = [(view, why) for view in views if (why := shared_by(view))]
    if bad:
        what = "; ".join(f"{view.title}: {why}" for view, why in bad[:4])
        about = [f"{view.name} shared" for view, _ in bad]
        return failed(f"what a member sees may reach others: {what}", evidence=rows, fix=_FIX, about=about)
    return passed("what members see is kept for nobody else", evidence=rows) if rows else None
