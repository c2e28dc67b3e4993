"""The texts of mail's rules, read by their grammars: lists of tags, MTA-STS, TLS reporting."""

from __future__ import annotations

import re
from dataclasses import dataclass

from launchready_lib.evidence import Row
from launchready_lib.network import Answer, normal
from launchready_lib.record.findings import Verdict, unknown

LOST = ("SERVFAIL", "TIMEOUT")  # states of a look-up that say nothing of the name
STS_START = re.compile(r"v=STSv1[ \t]*;")
TLSRPT_START = re.compile(r"v=TLSRPTv1[ \t]*;")
_LONGEST_AGE_S = 31_557_600
_MOST_LINES = 1000
_MOST_TAGS = 100
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"
_FIELD = re.compile(rf"({_NAME})=([\x21-\x3a\x3c\x3e-\x7e]+)")
_RUA_FIELD = re.compile(rf"({_NAME})=([^\s;=][^;]*)")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
# RFC 3986 addresses in which "," ";" and "!" are escaped (RFC 8460 section 3).
_REPORTS_TO = re.compile(
    rf"(?i:mailto):[A-Za-z0-9._~$&'()*+=%-]+@{_LABEL}(?:\.{_LABEL})*"
    rf"|(?i:https)://(?:\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::[0-9]{{1,5}})?(?:[/?#][^\s,;!]*)?"
)


class RecordError(ValueError):
    """Not what the grammar says; the message is a clause that says where."""


def unanswered(reason: str, rows: list[Row]) -> Verdict:
    """The clause for what DNS did not answer this time."""
    return unknown(reason, needs="a second run once its DNS answers", evidence=rows)


def published(answer: Answer, start: re.Pattern[str]) -> list[str]:
    """The texts of a look-up that count; others are ignored (RFC 8461 section 3.1, RFC 8460 section 3)."""
    return [text for text in answer.records if start.match(text)]


def tags(text: str) -> tuple[tuple[str, str], ...]:
    """The tag=value pairs of a DKIM key or DMARC record in order (RFC 6376 section 3.2, RFC 9989 section 4.7).

    Bare of white space, names in lower case; raises `RecordError` for a part without "=", a bad or a repeated name.
    """
    pairs: dict[str, str] = {}
    parts = [part for part in text.split(";") if part.strip()]
    if len(parts) > _MOST_TAGS:
        raise RecordError(f"more than {_MOST_TAGS} tags")
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not _TAG.match(name):
            raise RecordError(f"{part.strip()[:40]!r} is not tag=value")
        if name in pairs:
            raise RecordError(f"{name}= stands there twice")
        pairs[name] = value.strip()
    return tuple(pairs.items())


def _fields(text: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """The fields after the version; of repeated ones the first counts."""
    parts = re.split(r"[ \t]*;[ \t]*", text.rstrip(" \t"))[1:]
    if parts and not parts[-1]:
        parts.pop()
    found: dict[str, str] = {}
    for part in parts:
        match = pattern.fullmatch(part)
        if match is None:
            raise RecordError(f"{part[:40]!r} is not name=value")
        found.setdefault(match[1], match[2])
    return found


def sts_id(text: str) -> str:
    """The id of a v=STSv1 record (RFC 8461 section 3.1), unknown fields ignored; raises `RecordError`."""
    found = _fields(text, _FIELD).get("id")
    if found is None:
        raise RecordError("it has no id=")
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", found):
        raise RecordError("its id= is not 1 to 32 letters or digits")
    return found


def tls_reports(text: str) -> tuple[str, ...]:
    """The places that a v=TLSRPTv1 record asks reports for (RFC 8460 section 3); raises `RecordError`."""
    rua = _fields(text, _RUA_FIELD).get("rua")
    if rua is None:
        raise RecordError("it has no rua=")
    places = re.split(r"[ \t]*,[ \t]*", rua.strip(" \t"))
    for place in places:
        if not _REPORTS_TO.fullmatch(place):
            raise RecordError(f"{place[:60]!r} is no mailto: or https: address")
    return tuple(places)


@dataclass(frozen=True)
class Policy:
    """An MTA-STS policy file."""

    mode: str  # enforce, testing or none: what senders do where encryption fails
    max_age: int  # seconds for which senders keep it
    mx: tuple[str, ...]  # the patterns that mail hosts must match

    def covers(self, host: str) -> bool:
        """Whether a mail host matches: a wildcard stands for exactly the first label (RFC 8461 section 4.1)."""
        host = normal(host)
        wild = f"*.{host.partition('.')[2]}"
        return any(normal(pattern) in (host, wild) for pattern in self.mx)


def sts_policy(text: str) -> Policy:
    """A policy file (RFC 8461 section 3.2), unknown and repeated fields (but mx) ignored; raises `RecordError`."""
    given: dict[str, str] = {}
    patterns: list[str] = []
    lines = text.split("\n")[: _MOST_LINES + 1]
    if len(lines) > _MOST_LINES:
        raise RecordError(f"it has more than {_MOST_LINES} lines")
    for number, line in enumerate(lines, 1):
        if not (content := line.removesuffix("\r")):
            continue
        name, colon, value = content.partition(":")
        value = value.strip(" \t")
        if not colon or not re.fullmatch(_NAME, name) or not value or re.search(r"[\x00-\x1f\x7f]", value):
            raise RecordError(f"line {number} is not name: value")
        if name != "mx":
            given.setdefault(name, value)
        elif _PATTERN.fullmatch(value):
            patterns.append(value)
        else:
            raise RecordError(f"line {number}: {value[:60]!r} is no host name or *.name")
    return _policy(given, patterns)


def _policy(given: dict[str, str], patterns: list[str]) -> Policy:
    if missing := [name for name in ("version", "mode", "max_age") if name not in given]:
        raise RecordError(f"it has no {missing[0]}")
    if given["version"] != "STSv1":
        raise RecordError("its version is not STSv1")
    if given["mode"] not in ("enforce", "testing", "none"):
        raise RecordError("its mode is not enforce, testing or none")
    if not re.fullmatch(r"[0-9]{1,10}", given["max_age"]) or int(given["max_age"]) > _LONGEST_AGE_S:
        raise RecordError(f"its max_age is not a number of seconds up to {_LONGEST_AGE_S}")
    if given["mode"] != "none" and not patterns:
        raise RecordError("it names no mx")
    return Policy(given["mode"], int(given["max_age"]), tuple(patterns))
