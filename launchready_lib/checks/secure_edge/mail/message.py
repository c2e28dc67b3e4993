"""What a receiver sees of one message, without anything personal or secret in it (RFC 5322, RFC 2045, RFC 8601)."""

from __future__ import annotations

import datetime as dt
import email
import email.message
import email.utils
import ipaddress
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from launchready_lib.network import address_of, normal
from launchready_lib.site import forms, markup

LARGEST = 5_000_000
_MOST_PARTS, _MOST_LINKS, _LONGEST_HEADER = 50, 200, 10_000
_LINK = re.compile(r"(?i)\bhttps?://[^\s<>\"'\[\]{}|\\^`]+")
_FROM_CLAUSE = re.compile(r"(?is)\s*from\s+(\S+)(.{0,500}?)(?:\sby\s|\Z)")
_CLAUSE_ADDRESS = re.compile(r"(?i)\[(?:ipv6:)?([0-9a-f:.]{3,45})\]|\(([0-9.]{7,15})\)")
_CLIENT = re.compile(r"(?i)\bclient-ip=\"?([0-9a-f:.]{3,45})")
_VERDICT = re.compile(r"(?i)(?:^|;)\s*(spf|dkim|dmarc|arc)\s*=\s*([a-z]+)")
_COMMENT = re.compile(r"\([^()]*\)")
_CODE = re.compile(r"(?<![\w./-])\d{4,8}(?![\w./-])")
_WORDS = re.compile(r"(?i)reset|passw|recover|kennwort|contrase|mot de passe|forgot")
_INTERNAL = [
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                 "::1/128", "fc00::/7", "fe80::/10")
]  # fmt: skip


@dataclass(frozen=True)
class Link:
    """Where a link leads: never its path, which holds the token."""

    scheme: str
    host: str


@dataclass(frozen=True)
class Message:
    """One message as a receiver sees it."""

    from_fields: int = 0  # how many From headers it has
    from_domains: tuple[str, ...] = ()  # the domain of each author
    id_domains: tuple[str, ...] = ()  # the right-hand side of each Message-ID
    date_fields: int = 0  # how many Date headers it has
    dates: tuple[dt.datetime, ...] = ()  # those that can be read
    plain: bool = False  # it has a text part of that kind with something in it
    html: bool = False  # as `plain`
    links: tuple[Link, ...] = ()  # where its links lead, each place once
    code: bool = False  # it shows a number of four to eight digits, as one-time codes are
    about_password: bool = False  # its subject, text or links speak of a password or a reset
    sender: str | None = field(default=None, repr=False)  # Return-Path; "" for none at all, None where not recorded
    client: str | None = None  # the address that handed it over to the receiver; None where not recorded
    helo: str = ""  # that address's greeting
    inside: bool = False  # every recorded hop lies within one machine or private network
    results: tuple[tuple[str, str], ...] = ()  # (method, result) of the receiver's own Authentication-Results


def recipients(raw: bytes) -> frozenset[str]:
    """The addresses that a message says it is for, lower case."""
    head = email.message_from_bytes(raw.partition(b"\n\n")[0].partition(b"\r\n\r\n")[0] + b"\n\n")
    names = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
    return frozenset(address.lower() for address in _addresses([v for name in names for v in _all(head, name)]))


def read(raw: bytes) -> Message:
    """Read a message, whatever it is; what cannot be read is left out."""
    parsed = email.message_from_bytes(raw[:LARGEST])
    kinds, texts, addresses = _content(parsed)
    visible = "\n".join([*_all(parsed, "subject")[:1], *texts])
    client, helo, inside = _hop(parsed)
    dates, senders = _all(parsed, "date"), _all(parsed, "return-path")
    return Message(
        from_fields=len(_all(parsed, "from")),
        from_domains=tuple(normal(author.rpartition("@")[2]) for author in _addresses(_all(parsed, "from"))),
        id_domains=tuple(normal(each.strip().strip("<>").rpartition("@")[2]) for each in _all(parsed, "message-id")),
        date_fields=len(dates),
        dates=tuple(moment for text in dates if (moment := _moment(text))),
        plain="plain" in kinds,
        html="html" in kinds,
        links=tuple(dict.fromkeys(_places(addresses))),
        code=bool(_CODE.search(visible)),
        about_password=bool(_WORDS.search(visible) or any(_WORDS.search(a) for a in addresses)),
        sender=senders[0].strip().strip("<>")[:320] if senders else None,
        client=client,
        helo=helo,
        inside=inside,
        results=tuple(_results(parsed)),
    )


def _all(message: email.message.Message, name: str) -> list[str]:
    return [str(value)[:_LONGEST_HEADER] for value in message.get_all(name, [])]


def _addresses(values: Sequence[str]) -> list[str]:
    try:
        found = email.utils.getaddresses(list(values))
    except (ValueError, TypeError, IndexError):
        return []
    return [address for _, address in found if "@" in address]


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(text[:200])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _content(message: email.message.Message) -> tuple[set[str], list[str], list[str]]:
    """The kinds of text that are not empty, the text itself, and the addresses that links lead to."""
    kinds: set[str] = set()
    texts: list[str] = []
    addresses: list[str] = []
    for part in itertools.islice(message.walk(), _MOST_PARTS):
        if len(addresses) >= _MOST_LINKS:
            break
        if part.get_content_maintype() != "text" or part.get_filename():
            continue
        text = _text(part)
        if not text.strip():
            continue
        kinds.add(part.get_content_subtype())
        if part.get_content_subtype() == "html":
            page = markup.read(text, "")
            texts += [page.text, page.quoted]
            addresses += [address.strip() for address, _ in forms.read(text, "").links]
        else:
            texts.append(text)
            addresses += [found.rstrip(".,;:!?)") for found in _LINK.findall(text)]
    return kinds, texts, addresses[:_MOST_LINKS]


def _text(part: email.message.Message) -> str:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        return ""
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return payload.decode("utf-8", "replace")


def _places(addresses: Sequence[str]) -> Iterator[Link]:
    for address in addresses:
        try:
            parts = urlsplit(address)
            host = parts.hostname
        except ValueError:
            continue
        if host and parts.scheme.lower() in ("http", "https"):
            yield Link(parts.scheme.lower(), normal(host))


def internal(address: str) -> bool:
    """Whether an address means nothing outside its own machine or network (RFC 1918, 4193, 6598)."""
    parsed = address_of(address)
    return parsed is None or any(parsed in each for each in _INTERNAL if each.version == parsed.version)


def _hop(message: email.message.Message) -> tuple[str | None, str, bool]:
    """The hop from outside nearest to the receiver: its address and greeting; and whether all hops were inside."""
    for value in _all(message, "received-spf"):
        if (named := _CLIENT.search(value[:2000])) and not internal(named[1]):
            return named[1], "", False
    seen = False
    for value in _all(message, "received")[:50]:
        clause = _FROM_CLAUSE.match(value[:2000])
        if clause is None:
            continue
        for bracketed, bare in _CLAUSE_ADDRESS.findall(f"{clause[1]} {clause[2]}"):
            address = bracketed or bare
            if address_of(address) is None:
                continue
            seen = True
            if not internal(address):
                return str(address_of(address)), clause[1].strip("[]()")[:255], False
    return None, "", seen


def _results(message: email.message.Message) -> Iterator[tuple[str, str]]:
    """What the receiver's own servers say: headers that stand above the last hop's (RFC 8601 section 5)."""
    names = [name.lower() for name, _ in message.items()]
    last = max((place for place, name in enumerate(names) if name == "received"), default=len(names))
    for name, value in message.items()[:last]:
        if name.lower() == "authentication-results":
            text = " ".join(str(value)[:5000].split())
            for method, result in _VERDICT.findall(_COMMENT.sub("", text)):
                yield method.lower(), result.lower()
            return
