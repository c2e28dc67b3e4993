"""DKIM keys: looked up per selector, read, and judged (RFC 6376 section 3.6, RFC 8301, RFC 8463)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from launchready_lib.checks.secure_edge.mail import records
from launchready_lib.checks.secure_edge.mail.records import LOST
from launchready_lib.evidence import Row
from launchready_lib.network import Answer, Network

_LEAST_BITS, ADVISED_BITS = 1024, 2048
# A key starts with its version or, without one, with any other tag; a wildcard may hold SPF or DMARC instead.
_KEY = re.compile(r"(?i)\s*(v\s*=\s*DKIM|[a-uw-z]\s*=)")

KeyState = Literal["valid", "revoked", "broken", "missing", "lost"]


@dataclass(frozen=True)
class DkimKey:
    """What one selector publishes."""

    domain: str
    selector: str
    declared: bool  # the parameters name it
    state: KeyState  # valid; revoked (empty p); broken; missing; lost (the look-up failed)
    detail: str = ""  # for all but valid, why, a clause that follows "selector s1 of acme.example"
    algorithm: str | None = None  # this and bits: of a valid key
    bits: int | None = None
    testing: bool = False  # t=y stands there
    target: str | None = None  # the name that a CNAME hands it to
    record: str = ""  # as published
    listed: bool = False  # the zone file names it

    @property
    def name(self) -> str:
        """The name that holds the key."""
        return f"{self.selector}._domainkey.{self.domain}"

    def row(self) -> Row:
        """The key as evidence."""
        return {
            "name": self.name,
            "declared": self.declared,
            "in_zone_file": self.listed,
            "state": self.state,
            "key": f"{self.algorithm}, {self.bits} bits" if self.algorithm else None,
            "testing": self.testing,
            "handed_to": self.target,
            "record": self.record or None,
            "detail": self.detail or None,
        }


@dataclass(frozen=True)
class DkimDomain:
    """The keys of one domain."""

    domain: str  # that signs
    keys: tuple[DkimKey, ...]  # declared selectors and the zone file's; of the common ones those that publish something
    tried: int = 0  # how many common selectors were asked
    wildcard: bool = False  # a random selector answers too, so the common ones prove nothing


async def look_up(
    network: Network, domain: str, declared: Sequence[str], common: Sequence[str], in_zone: Sequence[str] = ()
) -> DkimDomain:
    """Ask for the declared selectors, those of the zone file and a random one, then for common ones beside them."""
    random = f"launch-check-{secrets.token_hex(6)}"

    async def ask(selector: str) -> Answer:
        return await network.ask(f"{selector}._domainkey.{domain}", "TXT")

    known = dict.fromkeys([*declared, *in_zone])
    wild, *answers = await asyncio.gather(ask(random), *(ask(selector) for selector in known))
    pairs = zip(known, answers, strict=True)
    keys = [replace(read(domain, s, a, declared=s in declared), listed=s in in_zone) for s, a in pairs]
    others = [] if wild.records else [selector for selector in common if selector not in known]
    found = await asyncio.gather(*(ask(selector) for selector in others))
    guessed = [read(domain, s, a, declared=False) for s, a in zip(others, found, strict=True) if a.records]
    keys += [key for key in guessed if key.state != "missing"]
    return DkimDomain(domain, tuple(keys), len(others), bool(wild.records))


def read(domain: str, selector: str, answer: Answer, *, declared: bool) -> DkimKey:
    """Sort what a selector's name answers."""
    target = answer.chain[-1] if answer.chain else None
    shown = " / ".join(answer.records)[:2000]

    def key(state: KeyState, detail: str) -> DkimKey:
        return DkimKey(domain, selector, declared, state, detail, target=target, record=shown)

    if answer.state in LOST:
        return key("lost", f"could not be looked up ({answer.state})")
    if not answer.records:
        via = f": its CNAME leads to {target}, which holds none" if target else ""
        return key("missing", f"publishes no key{via}")
    keys = candidates(answer)
    if not keys:
        return key("broken" if declared else "missing", "holds a TXT record that is no DKIM key")
    if len(keys) > 1:
        return key("broken", f"holds {len(keys)} keys at once, and receivers may take either or none")
    return _judged(key("valid", ""), keys[0])


def candidates(answer: Answer) -> tuple[str, ...]:
    """The records of a selector's answer that look like keys."""
    return tuple(record for record in answer.records if _KEY.match(record) and "p=" in dense(record))


def dense(text: str) -> str:
    """A value without the white space that folding leaves in it."""
    return "".join(text.split())


def _judged(found: DkimKey, record: str) -> DkimKey:
    """Read the one key that a selector holds."""
    try:
        pairs = records.tags(record)
    except records.RecordError as error:
        return replace(found, state="broken", detail=f"holds a key that cannot be read: {error}")
    if problem := _unusable(pairs):
        return replace(found, state="broken", detail=problem)
    given = dict(pairs)
    data, kind = dense(given["p"]), given.get("k", "rsa").lower()
    if not data:
        return replace(found, state="revoked", detail="publishes an empty key, which means it was withdrawn")
    public = public_key(kind, data)
    if isinstance(public, str):
        return replace(found, state="broken", detail=public)
    bits = public.key_size if isinstance(public, rsa.RSAPublicKey) else 256
    testing = "y" in [flag.strip() for flag in given.get("t", "").split(":")]
    measured = replace(found, algorithm=kind, bits=bits, testing=testing)
    if kind == "rsa" and bits < _LEAST_BITS:
        text = f"publishes a key of {bits} bits; under {_LEAST_BITS}, receivers ignore it"
        return replace(measured, state="broken", detail=text)
    return measured


def _unusable(pairs: tuple[tuple[str, str], ...]) -> str | None:
    """What makes receivers ignore a key whatever its bits are."""
    given = dict(pairs)
    if "p" not in given:
        return "holds no key (no p=)"
    if "v" in given and (given["v"] != "DKIM1" or pairs[0][0] != "v"):
        return "holds a key that does not start with v=DKIM1"
    if given.get("k", "rsa").lower() not in ("rsa", "ed25519"):
        return f"names the key type {given['k'][:20]!r}, which receivers do not know"
    if "sha256" not in [h.strip().lower() for h in given.get("h", "sha256").split(":")]:
        return "allows only hashes that receivers no longer accept (h=)"
    if not {"*", "email"} & {s.strip().lower() for s in given.get("s", "*").split(":")}:
        return "is not meant for e-mail (s=)"
    return None


def public_key(kind: str, data: str) -> rsa.RSAPublicKey | ed25519.Ed25519PublicKey | str:
    """The key in base64 of a record; a clause that says what is wrong where there is none."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return "publishes a key that is not base64: cut off or altered when it was pasted"
    if kind == "ed25519":
        if len(raw) != 32:
            return "publishes an Ed25519 key of the wrong length: cut off when it was pasted"
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    try:
        public = load_der_public_key(raw)  # takes a bare PKCS#1 key as well
    except (ValueError, UnsupportedAlgorithm, TypeError):
        return "publishes a key that cannot be read: cut off or altered when it was pasted"
    return public if isinstance(public, rsa.RSAPublicKey) else "publishes a key that is not RSA"
