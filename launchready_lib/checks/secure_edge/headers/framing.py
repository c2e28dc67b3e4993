"""headers.framing: no other site may put the pages in a frame (HTML, CSP level 3 §6.4.2)."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers import bypage
from launchready_lib.checks.secure_edge.headers import policy as csp
from launchready_lib.checks.secure_edge.headers.bypage import Word
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.record.findings import Verdict

_ANYBODY = frozenset({"*", "http:", "https:", "http://*", "https://*", "//*"})
_FIX = "Send Content-Security-Policy: frame-ancestors 'self' and X-Frame-Options: SAMEORIGIN on every page"


def judge(view: View) -> Word:
    """Who may frame a page; frame-ancestors rules where it stands, X-Frame-Options else (HTML §7.6)."""
    lists = [
        p.directives["frame-ancestors"]
        for p in csp.parse_all(view.response.all("content-security-policy"))
        if "frame-ancestors" in p.directives
    ]
    if lists:
        sent = "; ".join(f"frame-ancestors {' '.join(sources)}" for sources in lists)
        closed = any(not any(source.lower() in _ANYBODY for source in sources) for sources in lists)
        return Word(closed, sent, "only those named may" if closed else "any site may")
    options = bypage.values(view, "x-frame-options")
    sent = f"X-Frame-Options: {', '.join(options)}" if options else ""
    wanted = {option.lower() for option in options}
    if not options:
        return Word(False, sent, "any site may")
    if wanted <= {"deny", "sameorigin"}:
        return Word(True, sent, "no other site may")  # of two different values browsers make "deny"
    if any(option.startswith("allow-from") for option in wanted):
        return Word(False, sent, "no browser reads ALLOW-FROM any more, so any site may")
    return Word(False, sent, "browsers do not know this value, so any site may")


@check("headers.framing")
def framing(headers: HeadersEvidence) -> Verdict:
    """Framing is denied by frame-ancestors or X-Frame-Options on every page."""
    return bypage.verdict(
        headers,
        judge,
        header="frame-ancestors or X-Frame-Options",
        good="other sites cannot put the page in a frame",
        bad="other sites can put the page in a frame",
        fix=_FIX,
    )
