"""The texts of MTA-STS and TLS reporting, read by their grammars (RFC 8461 section 3, RFC 8460 section 3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from launchready_lib.network import normal

STS_START = re.compile(r"v=STSv1[ \t]*;")
TLSRPT_START = re.compile(r"v=TLSRPTv1[ \t]*;")
LONGEST_AGE_S = 31_557_600
_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x21-\x3a\x3c\x3e-\x7e]+)")
_RUA_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([^\s;=][^;]*)")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
# RFC 3986 addresses in which "," ";" and "!" are escaped (RFC 8460 section 3).
_MAILTO = re.compile(rf"(?i:mailto):[A-Za-z0-9._~$&'()*+=%-]+@{_LABEL}(?:\.{_LABEL})*")
_HTTPS = re.compile(
    rf"(?i:https)://(?:\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::[0-9]{{1,5}})?(?:[/?#][^\s,;!]*)?"
)
_MOST_LINES = 1000

Mode = Literal["enforce", "testing", "none"]
_MODES: tuple[Mode, ...] = ("enforce", "testing", "none")


class RecordError(ValueError):
    """Not what the grammar says; the message is a clause that says where."""


@dataclass(frozen=True)
class Policy:
    """An MTA-STS policy file.

    Attributes:
        mode: what senders do where encryption fails.
        max_age: seconds for which senders keep it.
        mx: the patterns that mail hosts must match.
    """

    mode: Mode
    max_age: int
    mx: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """Whether a mail host matches: a wildcard stands for exactly the first label (RFC 8461 section 4.1)."""
        host = normal(host)
        wild = f"*.{host.partition('.')[2]}"
        return any(normal(pattern) in (host, wild) for pattern in self.mx)


def _fields(text: str, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    parts = re.split(r"[ \t]*;[ \t]*", text.rstrip(" \t"))[1:]
    if parts and not parts[-1]:
        parts.pop()
    found = []
    for part in parts:
        match = pattern.fullmatch(part)
        if match is None:
            raise RecordError(f"{part[:40]!r} is not name=value")
        found.append((match[1], match[2]))
    return found


def _first(fields: Sequence[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in fields if key == name), None)


def sts_id(text: str) -> str:
    """The id of a record that starts with v=STSv1; unknown fields and repeated ones are ignored.

    Raises:
        RecordError: it breaks the grammar.
    """
    found = _first(_fields(text, _FIELD), "id")
    if found is None:
        raise RecordError("it has no id=")
    if not _ID.fullmatch(found):
        raise RecordError("its id= is not 1 to 32 letters or digits")
    return found


def tls_reports(text: str) -> tuple[str, ...]:
    """The places that a record starting with v=TLSRPTv1 asks reports for.

    Raises:
        RecordError: it breaks the grammar.
    """
    rua = _first(_fields(text, _RUA_FIELD), "rua")
    if rua is None:
        raise RecordError("it has no rua=")
    places = re.split(r"[ \t]*,[ \t]*", rua.strip(" \t"))
    for place in places:
        if not (_MAILTO.fullmatch(place) or _HTTPS.fullmatch(place)):
            raise RecordError(f"{place[:60]!r} is no mailto: or https: address")
    return tuple(places)


def sts_policy(text: str) -> Policy:
    """A policy file; unknown fields are ignored, and of repeated ones all but the first (mx excepted).

    Raises:
        RecordError: it breaks the grammar.
    """
    given: dict[str, str] = {}
    patterns: list[str] = []
    lines = text.split("\n")[: _MOST_LINES + 1]
    if len(lines) > _MOST_LINES:
        raise RecordError(f"it has more than {_MOST_LINES} lines")
    for number, line in enumerate(lines, 1):
        content = line.removesuffix("\r")
        if not content:
            continue
        name, colon, value = content.partition(":")
        value = value.strip(" \t")
        if not colon or not _NAME.fullmatch(name) or not value or re.search(r"[\x00-\x1f\x7f]", value):
            raise RecordError(f"line {number} is not name: value")
        if name == "mx":
            if not _PATTERN.fullmatch(value):
                raise RecordError(f"line {number}: {value[:60]!r} is no host name or *.name")
            patterns.append(value)
        else:
            given.setdefault(name, value)
    return _policy(given, patterns)


def _policy(given: dict[str, str], patterns: list[str]) -> Policy:
    if missing := [name for name in ("version", "mode", "max_age") if name not in given]:
        raise RecordError(f"it has no {missing[0]}")
    if given["version"] != "STSv1":
        raise RecordError("its version is not STSv1")
    mode = next((mode for mode in _MODES if mode == given["mode"]), None)
    if mode is None:
        raise RecordError("its mode is not enforce, testing or none")
    if not re.fullmatch(r"[0-9]{1,10}", given["max_age"]) or int(given["max_age"]) > LONGEST_AGE_S:
        raise RecordError(f"its max_age is not a number of seconds up to {LONGEST_AGE_S}")
    if mode != "none" and not patterns:
        raise RecordError("it names no mx")
    return Policy(mode, int(given["max_age"]), tuple(patterns))
