"""Permissions-Policy: which frames may use the camera, the microphone and the like (W3C Permissions Policy §5).

Nobody is asked to send one: without it browsers let no frame of another site use any of them. One that browsers cannot
read is dropped as a whole, and one that says "*" hands them to every frame.
"""

from __future__ import annotations

import re

from launchready_lib.checks.secure_edge.headers.bypage import Word
from launchready_lib.checks.secure_edge.headers.evidence import View

HEADER = "permissions-policy"
ADVISED = "camera=(), microphone=(), geolocation=()"
POWERFUL = frozenset(
    {
        "bluetooth", "camera", "clipboard-read", "display-capture", "geolocation", "hid", "idle-detection",
        "local-fonts", "microphone", "midi", "payment", "publickey-credentials-create", "publickey-credentials-get",
        "screen-wake-lock", "serial", "usb", "window-management", "xr-spatial-tracking",
    }
)  # fmt: skip
_LONGEST = 8_000
_TEXT = r"\"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\[\"\\])*+\""
_WORD = r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*+"
_ITEM = rf"(?:{_TEXT}|{_WORD}|-?\d++(?:\.\d++)?|\?[01])"
_KEY = r"[a-z*][a-z0-9_.*-]*+"
_PARAMETERS = rf"(?:;\x20*+{_KEY}(?:={_ITEM})?)*+"
_MEMBER = re.compile(rf"({_KEY})(?:=(\(\x20*+(?:{_ITEM}\x20*+)*+\)|{_ITEM}))?{_PARAMETERS}[ \t]*+(?:,[ \t]*+|\Z)")


def read(lines: tuple[str, ...]) -> dict[str, tuple[str, ...]] | None:
    """Feature -> who may use it, as written; None where the header is no structured dictionary (RFC 9651 §3.2)."""
    text = ", ".join(lines).strip(" ")
    if len(text) > _LONGEST or text.endswith(","):
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
    lines = view.response.all(HEADER)
    sent = ", ".join(lines)
    if not lines:
        return Word(True, sent, "none is sent; browsers then keep the camera and the like from frames of other sites")
    policy = read(lines)
    if policy is None:
        return Word(False, sent, "browsers cannot read it, so they drop it as a whole")
    open_ = [name for name, allowed in policy.items() if "*" in allowed and name in POWERFUL]
    if open_:
        return Word(False, sent, f"every frame may use: {', '.join(open_)[:200]}")
    return Word(True, sent, "browsers keep to it")
