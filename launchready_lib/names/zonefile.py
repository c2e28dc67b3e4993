"""A zone file as a DNS host exports it: BIND's format, with Cloudflare's notes on what is proxied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype

from launchready_lib.network import normal

MOST_CHARACTERS = 5_000_000
_MOST_RECORDS = 20_000
_MOST_JOINED = 200
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_TTL_OR_CLASS = re.compile(r"(?i)\d+(?:[smhdw]\d+)*[smhdw]?|IN|CH|HS")
_PROXIED = re.compile(r"cf-proxied:(true|false)")


@dataclass(frozen=True)
class ZoneRecord:
    """One record: owner (lower case, no final dot), type, content (TXT joined), Cloudflare's note if there is one."""

    name: str
    rdtype: str
    text: str
    proxied: bool | None = None


@dataclass(frozen=True)
class ZoneFile:
    """What a zone file holds, in its order, and what could not be read, one sentence each."""

    records: tuple[ZoneRecord, ...]
    problems: tuple[str, ...] = ()

    def names(self, *rdtypes: str) -> tuple[str, ...]:
        """The owners of records of these types (of any type, where none is given), each once."""
        return tuple(dict.fromkeys(r.name for r in self.records if not rdtypes or r.rdtype in rdtypes))


def read(text: str, domain: str) -> ZoneFile:
    """Read a zone file record by record, so that one bad record hides no others; never raises for what is in it."""
    problems: list[str] = []
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS].rpartition("\n")[0]
        problems.append(f"only the first {MOST_CHARACTERS // 1_000_000} MB were read")
    origin = owner = dns.name.from_text(normal(domain))
    records: list[ZoneRecord] = []
    unread: list[str] = []
    for number, line in _logical_lines(text):
        if not line.partition(";")[0].strip():
            continue
        try:
            # A line that starts with a space leaves the owner out: it is that of the record before.
            first, content = ("", line) if line[0].isspace() else _split(line)
            if first.startswith("$"):
                origin = _origin(first, content, origin)
                continue
            owner = dns.name.from_text(first, origin) if first else owner
            records.append(_record(owner, content, origin))
        except (dns.exception.DNSException, ValueError, UnicodeError, OverflowError):
            unread.append(str(number))
        if len(records) == _MOST_RECORDS:
            problems.append(f"only the first {_MOST_RECORDS} records were read")
            break
    if unread:
        problems.append(f"what starts in line {', '.join(unread[:8])} could not be read")
    return ZoneFile(tuple(records), tuple(problems))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with what stands in parentheses joined (RFC 1035 section 5.1), each with the number of its first line."""
    parts: list[str] = []
    depth, first = 0, 1
    for number, line in enumerate(text.split("\n"), 1):
        if not parts:
            first = number
        parts.append(line)
        bare = _QUOTED.sub("", line).partition(";")[0]
        depth += bare.count("(") - bare.count(")")
        if depth <= 0 or len(parts) > _MOST_JOINED:
            yield first, "\n".join(parts)
            parts, depth = [], 0
    if parts:
        yield first, "\n".join(parts)


def _split(text: str) -> tuple[str, str]:
    word, *rest = text.split(None, 1) or [""]
    return word, rest[0] if rest else ""


def _origin(directive: str, line: str, origin: dns.name.Name) -> dns.name.Name:
    if directive.upper() == "$ORIGIN":
        return dns.name.from_text(_split(line)[0], origin)
    if directive.upper() != "$TTL":
        # $GENERATE makes a billion records of one line, $INCLUDE reads other files; no export needs them.
        raise ValueError(directive)
    return origin


def _record(owner: dns.name.Name, line: str, origin: dns.name.Name) -> ZoneRecord:
    word, rest = _split(line)
    while _TTL_OR_CLASS.fullmatch(word):
        word, rest = _split(rest)
    rdata = dns.rdata.from_text("IN", word, rest, origin=origin, relativize=False)
    note = _PROXIED.search(rdata.rdcomment or "")
    strings = getattr(rdata, "strings", None)
    text = b"".join(strings).decode("utf-8", "backslashreplace") if strings is not None else rdata.to_text()
    kind = dns.rdatatype.to_text(rdata.rdtype)
    return ZoneRecord(normal(owner.to_text()), kind, text, note[1] == "true" if note else None)
