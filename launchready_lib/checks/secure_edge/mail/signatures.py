"""DKIM signatures of a message, verified as a receiver does (RFC 6376 section 6, RFC 8301, RFC 8463)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from launchready_lib.checks.secure_edge.mail import dkim_keys, records
from launchready_lib.checks.secure_edge.mail.dkim_keys import dense
from launchready_lib.names.hosts import under
from launchready_lib.network import Network, normal

_MOST_SIGNATURES = 5
_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_SIGNATURE_VALUE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_CLOCK_S = 300

Result = Literal["pass", "fail", "permerror", "temperror"]
Field = tuple[bytes, bytes]


@dataclass(frozen=True)
class Signature:
    """What became of one DKIM-Signature."""

    domain: str  # d=; empty where it says none, as the next two
    selector: str  # s=
    algorithm: str  # a=
    # fail: the message or the signature was altered; permerror: it cannot be verified; temperror: its key was not found
    result: Result
    detail: str = ""  # for all but pass, why; for pass, what weakens it


def split(raw: bytes) -> tuple[tuple[Field, ...], bytes]:
    """The header fields of a message as (name in lower case, whole field), and the body; lines end in CRLF."""
    wire = re.sub(rb"\r?\n", b"\r\n", raw)
    head, _, body = wire.partition(b"\r\n\r\n") if not wire.startswith(b"\r\n") else (b"", b"", wire[2:])
    fields = re.split(rb"\r\n(?![ \t])", head) if head else []
    named = tuple((name.strip().lower(), field) for field in fields if (name := field.partition(b":")[0]) != field)
    return named, body


async def verify(network: Network, raw: bytes, *, now: float | None = None) -> tuple[Signature, ...]:
    """Verify the first few signatures of a message, its keys looked up through the one door."""
    fields, body = split(raw)
    signing = [field for name, field in fields if name == b"dkim-signature"][:_MOST_SIGNATURES]
    now = time.time() if now is None else now
    return tuple(await asyncio.gather(*(_verify(network, each, fields, body, now) for each in signing)))


async def _verify(network: Network, field: bytes, fields: Sequence[Field], body: bytes, now: float) -> Signature:
    try:
        given = dict(records.tags(field.partition(b":")[2].decode("utf-8", "replace")))
    except records.RecordError as wrong:
        return Signature("", "", "", "permerror", f"it cannot be read: {wrong}")
    named = (normal(given.get("d", "")), given.get("s", ""), given.get("a", "").lower())
    if problem := _unusable(given, now):
        return Signature(*named, "permerror", problem)
    answer = await network.ask(f"{given['s']}._domainkey.{named[0]}", "TXT")
    key = dkim_keys.read(named[0], given["s"], answer, declared=True)
    if (answer.error or "").startswith("not a DNS name"):
        return Signature(*named, "permerror", "its selector is no DNS name")
    if key.state == "lost":
        return Signature(*named, "temperror", f"its key {key.detail}")
    if key.state != "valid":
        return Signature(*named, "permerror", f"its selector {key.detail}")
    published = dict(records.tags(dkim_keys.candidates(answer)[0]))
    if problem := _unfit(given, published, named):
        return Signature(*named, "permerror", problem)
    result, detail = _checked(given, published, field, fields, body)
    return Signature(*named, result, detail or ("its key says that it is a test (t=y)" if key.testing else ""))


def _unusable(given: Mapping[str, str], now: float) -> str | None:
    """Why a signature cannot be verified whatever its key is (RFC 6376 section 6.1.1)."""
    if missing := [name for name in _REQUIRED if not given.get(name)]:
        return f"it has no {missing[0]}="
    if given["v"] != "1":
        return "its version is not 1"
    if given["a"].lower() not in _ALGORITHMS:
        return f"receivers no longer accept, or do not know, the algorithm {given['a'][:20]!r}"
    if "from" not in _signed(given):
        return "it does not cover From"
    if not under(dense(given.get("i", given["d"])).rpartition("@")[2], given["d"]):
        return "it is made in the name of another domain than it says (i=)"
    if "dns/txt" not in [dense(way) for way in given.get("q", "dns/txt").split(":")]:
        return "its key is not in DNS (q=)"
    expiry = given.get("x", "")
    if expiry.isascii() and expiry.isdigit() and int(expiry[:12]) + _CLOCK_S < now:
        return "it has expired (x=)"
    return None


def _unfit(given: Mapping[str, str], key: Mapping[str, str], named: tuple[str, str, str]) -> str | None:
    """Why a valid key does not fit this signature (RFC 6376 section 3.6.1)."""
    if key.get("k", "rsa").lower() != _ALGORITHMS[named[2]]:
        return "its key is of another kind than it says"
    strict = "s" in [flag.strip() for flag in key.get("t", "").split(":")]
    if strict and normal(dense(given.get("i", f"@{named[0]}")).rpartition("@")[2]) != named[0]:
        return "its key does not allow subdomains (t=s)"
    return None


def _signed(given: Mapping[str, str]) -> list[str]:
    return [dense(name).lower() for name in given.get("h", "").split(":")]


def _checked(
    given: Mapping[str, str], key: Mapping[str, str], field: bytes, fields: Sequence[Field], body: bytes
) -> tuple[Result, str]:
    header_way, _, body_way = dense(given.get("c", "simple/simple")).lower().partition("/")
    if not {header_way, body_way or "simple"} <= {"simple", "relaxed"}:
        return "permerror", "its canonicalization is unknown (c=)"
    canonical = body_relaxed(body) if body_way == "relaxed" else body_simple(body)
    whole = len(canonical)
    if length := given.get("l", ""):
        if not (length.isascii() and length.isdigit()) or int(length[:12]) > whole:
            return "permerror", "the length that it covers is none (l=)"
        canonical = canonical[: int(length[:12])]
    try:
        body_hash, value = (base64.b64decode(dense(given[name]), validate=True) for name in ("bh", "b"))
    except (binascii.Error, ValueError):
        return "permerror", "it is not base64"
    if hashlib.sha256(canonical).digest() != body_hash:
        return "fail", "the text was altered on the way (bh=)"
    text = _covered(given, field, fields, relaxed=header_way == "relaxed")
    public = dkim_keys.public_key(_ALGORITHMS[given["a"].lower()], dense(key["p"]))
    if isinstance(public, str):
        return "permerror", f"its selector {public}"
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
        else:
            public.verify(value, hashlib.sha256(text).digest())
    except InvalidSignature:
        return "fail", "the signature does not fit the message and the key"
    return "pass", "it covers only the beginning of the text (l=)" if len(canonical) < whole else ""


def _covered(given: Mapping[str, str], field: bytes, fields: Sequence[Field], *, relaxed: bool) -> bytes:
    """What is signed: the named header fields, the last of each name first, and the signature without its value."""
    way = header_relaxed if relaxed else bytes  # simple: as it is (RFC 6376 section 3.4.1)
    left: dict[bytes, list[bytes]] = {}
    for name, each in fields:
        left.setdefault(name, []).append(each)
    chosen = [found.pop() for name in _signed(given) if (found := left.get(name.encode("utf-8", "replace")))]
    start, colon, value = field.partition(b":")
    bare = start + colon + _SIGNATURE_VALUE.sub(rb"\1", value, count=1)
    return b"".join(way(each) + b"\r\n" for each in chosen) + way(bare)


def header_relaxed(field: bytes) -> bytes:
    """A header field unfolded, its white space reduced (RFC 6376 section 3.4.2)."""
    name, _, value = field.partition(b":")
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b""))
    return name.strip().lower() + b":" + value.strip(b" \t")


def body_simple(body: bytes) -> bytes:
    """A body that ends in exactly one line end (RFC 6376 section 3.4.3)."""
    end = len(body)
    while body[end - 2 : end] == b"\r\n":
        end -= 2
    return body[:end] + b"\r\n"


def body_relaxed(body: bytes) -> bytes:
    """A body with its white space reduced and no empty lines at its end (RFC 6376 section 3.4.4)."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)
