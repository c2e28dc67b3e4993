"""headers.isolation: other windows stay out (HTML §7.1.3, COOP); what frames and embedders may do is said rightly."""

from __future__ import annotations

import re

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.headers import bypage
from launchready_lib.checks.secure_edge.headers.bypage import Word
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.checks.secure_edge.headers.permissions import ADVISED, permissions
from launchready_lib.record.findings import Status, Verdict, combine

_OPENER = frozenset({"same-origin", "same-origin-allow-popups", "noopener-allow-popups"})
_EMBEDDER = frozenset({"require-corp", "credentialless", "unsafe-none"})
_RESOURCE = frozenset({"same-origin", "same-site", "cross-origin"})
_WORD = r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"
_TEXT = r"\"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\"\\])*\""
_VALUE = rf"(?:{_TEXT}|{_WORD}|-?\d+(?:\.\d+)?|\?[01])"
_TOKEN_ITEM = re.compile(rf"\s*({_WORD})(?:\s*;\s*[a-z*][a-z0-9_.*-]*(?:={_VALUE})?)*\s*\Z")
_LONGEST = 1_000


def token(lines: tuple[str, ...]) -> str | None:
    """The token of a structured header item, its parameters dropped (RFC 9651 §3.3); None where it is not one."""
    match = _TOKEN_ITEM.match(", ".join(lines)[:_LONGEST])
    return match[1] if match else None


def opener(view: View) -> Word:
    """Whether windows of other sites lose hold of the page's."""
    lines = view.response.all("cross-origin-opener-policy")
    value = token(lines) if lines else None
    good = value in _OPENER
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
    good = not lines or token(lines) in _EMBEDDER
    return Word(good, ", ".join(lines), "valid, or not set" if good else "browsers do not know this value")


def resource(view: View) -> Word:
    """Whether Cross-Origin-Resource-Policy is valid, where it is set (Fetch §3.8)."""
    lines = view.response.all("cross-origin-resource-policy")
    good = not lines or ", ".join(lines).strip() in _RESOURCE
    return Word(good, ", ".join(lines), "valid, or not set" if good else "browsers do not know this value")


@check("headers.isolation")
def isolation(headers: HeadersEvidence) -> Verdict:
    """The opener policy keeps other windows out; the other three, where set, are valid and open nothing to all."""
    first = bypage.verdict(
        headers,
        opener,
        header="Cross-Origin-Opener-Policy",
        good="windows of other sites stay out",
        bad="windows of other sites keep hold of the page",
        fix="Send Cross-Origin-Opener-Policy: same-origin (same-origin-allow-popups where a sign-in or payment pop-up "
        "needs it)",
    )
    rest = [
        bypage.verdict(
            headers,
            judge,
            header=name,
            good=f"{name} is valid where it is set",
            bad=f"{name} is not valid",
            fix=f"Send {name}: {advised}, or remove it",
        )
        for judge, name, advised in (
            (embedder, "Cross-Origin-Embedder-Policy", "require-corp"),
            (resource, "Cross-Origin-Resource-Policy", "same-origin"),
        )
    ]
    rest.append(
        bypage.verdict(
            headers,
            permissions,
            header="Permissions-Policy",
            good="frames of other sites get no camera, microphone or the like",
            bad="Permissions-Policy does not do what it is there for",
            fix=f"Send Permissions-Policy: {ADVISED}, or remove it",
        )
    )
    return combine(first, *(verdict for verdict in rest if verdict.status is not Status.UNKNOWN))
