"""headers.framing, headers.isolation: what frames and windows of other sites may do (HTML §7.1.3, §7.6; CSP level 3).

A Permissions-Policy is asked of nobody: without it browsers let no frame of another site use the camera and the like.
One that browsers cannot read is dropped as a whole, and one that says "*" hands them to every frame.
"""

from __future__ import annotations

import re

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers import policy as csp
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View, table
from launchready_lib.checks.secure_edge.headers.plain import Word, on_pages, values
from launchready_lib.record.findings import Verdict, combine

ADVISED = "camera=(), microphone=(), geolocation=()"
_ANYBODY = frozenset({"*", "http:", "https:", "http://*", "https://*", "//*"})
_WORD = r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*+"
_TEXT = r"\"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\"\\])*+\""
_VALUE = rf"(?:{_TEXT}|{_WORD}|-?\d++(?:\.\d++)?|\?[01])"
_KEY = r"[a-z*][a-z0-9_.*-]*+"
_TOKEN_ITEM = re.compile(rf"\s*({_WORD})(?:\s*;\s*{_KEY}(?:={_VALUE})?)*\s*\Z")
_MEMBER = re.compile(
    rf"({_KEY})(?:=(\(\x20*+(?:{_VALUE}\x20*+)*+\)|{_VALUE}))?(?:;\x20*+{_KEY}(?:={_VALUE})?)*+[ \t]*+(?:,[ \t]*+|\Z)"
)
_LONGEST, _LONGEST_PERMISSIONS = 1_000, 8_000


def framers_of(view: View) -> Word:
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
    options = values(view, "x-frame-options")
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
    return on_pages(headers, "framing", framers_of)


def token(lines: tuple[str, ...]) -> str | None:
    """The token of a structured header item, its parameters dropped (RFC 9651 §3.3); None where it is not one."""
    match = _TOKEN_ITEM.match(", ".join(lines)[:_LONGEST])
    return match[1] if match else None


def opener(view: View) -> Word:
    """Whether windows of other sites lose hold of the page's."""
    lines = view.response.all("cross-origin-opener-policy")
    value = token(lines) if lines else None
    good = value in ("same-origin", "same-origin-allow-popups", "noopener-allow-popups")
    if good:
        means = "windows of other sites cannot reach the page's"
    elif value == "unsafe-none" or not lines:
        means = "a window that opened the page keeps hold of it"
    else:
        means = "browsers do not know this value"
    return Word(good, ", ".join(lines), means)


def embedder(view: View) -> Word:
    """Whether Cross-Origin-Embedder-Policy is valid, where it is set."""
    lines = view.response.all("cross-origin-embedder-policy")
    good = not lines or token(lines) in ("require-corp", "credentialless", "unsafe-none")
    return Word(good, ", ".join(lines), "valid, or not set" if good else "browsers do not know this value")


def resource(view: View) -> Word:
    """Whether Cross-Origin-Resource-Policy is valid, where it is set (Fetch §3.8)."""
    lines = view.response.all("cross-origin-resource-policy")
    good = not lines or ", ".join(lines).strip() in ("same-origin", "same-site", "cross-origin")
    return Word(good, ", ".join(lines), "valid, or not set" if good else "browsers do not know this value")


def read(lines: tuple[str, ...]) -> dict[str, tuple[str, ...]] | None:
    """Feature -> who may use it, as written; None where the header is no structured dictionary (RFC 9651 §3.2)."""
    text = ", ".join(lines).strip(" ")
    if len(text) > _LONGEST_PERMISSIONS or text.endswith(","):
        return None
    found: dict[str, tuple[str, ...]] = {}
    place = 0
    while place < len(text):
        match = _MEMBER.match(text, place)
        if match is None:
            return None
        value = match[2] or "?1"
        found[match[1]] = tuple(value.strip("()").split()) if value.startswith("(") else (value,)
        place = match.end()
    return found


def permissions(view: View) -> Word:
    """Whether a Permissions-Policy is read by browsers and keeps powerful features from frames, where it is set."""
    lines = view.response.all("permissions-policy")
    sent = ", ".join(lines)
    if not lines:
        return Word(True, sent, "none is sent; browsers then keep the camera and the like from frames of other sites")
    policy = read(lines)
    if policy is None:
        return Word(False, sent, "browsers cannot read it, so they drop it as a whole")
    open_ = [name for name, allowed in policy.items() if "*" in allowed and name in table()["powerful"]]
    if open_:
        return Word(False, sent, f"every frame may use: {', '.join(open_)[:200]}")
    return Word(True, sent, "browsers keep to it")


@check("headers.isolation")
def isolation(headers: HeadersEvidence) -> Verdict:
    """The opener policy keeps other windows out; the other three, where set, are valid and open nothing to all."""
    judges = {"opener": opener, "embedder": embedder, "resource": resource, "permissions": permissions}
    return combine(*(on_pages(headers, name, judge) for name, judge in judges.items()))
