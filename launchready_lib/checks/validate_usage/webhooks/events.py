"""Billing events: captured test events made fresh, and signed as their provider signs them, or wrongly on purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from launchready_lib.evidence import Unavailable

LARGEST = 1_000_000
OFF_S = 600
_DEEPEST = 6

Provider = Literal["stripe", "standard", "hmac"]
Forgery = Literal["unsigned", "wrong secret", "altered", "other white space", "stale", "from the future"]
_UNTIMED: tuple[Forgery, ...] = ("unsigned", "wrong secret", "altered", "other white space")
AHEAD: Forgery = "from the future"  # the one that the providers' own libraries take
_TIMED: tuple[Forgery, ...] = (*_UNTIMED, "stale", AHEAD)
FORGERIES: dict[Provider, tuple[Forgery, ...]] = {"stripe": _TIMED, "standard": _TIMED, "hmac": _UNTIMED}
"""What can be forged; a bare HMAC holds no time, so that an old message cannot be told from a new one."""


@dataclass(frozen=True)
class Message:
    """An event ready to be sent: the raw body, the headers that sign it, and its id."""

    event_id: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Signer:
    """Signs bodies for one endpoint.

    stripe: docs.stripe.com/webhooks#verify-manually; standard: Standard Webhooks, "Signature scheme"; hmac: the SHA-256
    HMAC of the body in hex, under the header names in common use.
    """

    provider: Provider
    key: bytes

    def headers(self, body: bytes, event_id: str, at: int) -> dict[str, str]:
        """The headers that sign this body at this Unix time."""
        if self.provider == "stripe":
            return {"Stripe-Signature": f"t={at},v1={self._hex(f'{at}.'.encode() + body)}"}
        if self.provider == "standard":
            signed = hmac.new(self.key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
            return {**_standard(event_id, at), "webhook-signature": f"v1,{base64.b64encode(signed).decode()}"}
        signature = self._hex(body)
        return dict.fromkeys(("X-Signature", "X-Webhook-Signature"), signature) | {
            "X-Hub-Signature-256": f"sha256={signature}"
        }

    def _hex(self, content: bytes) -> str:
        return hmac.new(self.key, content, hashlib.sha256).hexdigest()


def _standard(event_id: str, at: int) -> dict[str, str]:
    return {"webhook-id": event_id, "webhook-timestamp": str(at)}


def signer(provider: Provider, secret: str) -> Signer | Unavailable:
    """The signer for a secret as the provider shows it."""
    if provider != "standard":
        return Signer(provider, secret.encode())
    try:
        return Signer(provider, base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        reason = "the secret of the webhook is not base64, as those of Standard Webhooks are"
        return Unavailable(reason, "webhooks.billing.secret as the provider shows it (whsec_ and base64)")


def genuine(signer: Signer, captured: Mapping[str, Any]) -> Message:
    """A captured event with an id and a time of its own, rightly signed."""
    now, event_id = int(time.time()), new_id(captured)
    body = encode(refreshed(captured, event_id, now), compact=signer.provider != "stripe")
    return Message(event_id, body, signer.headers(body, event_id, now))


def forged(signer: Signer, captured: Mapping[str, Any], how: Forgery) -> Message:
    """A captured event, fresh, but not as its provider would send it."""
    now, event_id = int(time.time()), new_id(captured)
    event = refreshed(captured, event_id, now)
    compact = signer.provider != "stripe"
    body = encode(event, compact=compact)
    if how == "unsigned":
        return Message(event_id, body, _standard(event_id, now) if signer.provider == "standard" else {})
    if how == "wrong secret":
        return Message(event_id, body, Signer(signer.provider, secrets.token_bytes(24)).headers(body, event_id, now))
    headers = signer.headers(body, event_id, now + {"stale": -OFF_S, "from the future": OFF_S}.get(how, 0))
    if how == "altered":
        other = new_id(captured)
        return Message(other, encode({**refreshed(captured, other, now), "altered": True}, compact=compact), headers)
    if how == "other white space":
        return Message(event_id, encode(event, compact=not compact), headers)
    return Message(event_id, body, headers)


def encode(event: Mapping[str, Any], *, compact: bool) -> bytes:
    """An event as JSON: without any white space, or on indented lines as Stripe sends it."""
    text = json.dumps(event, separators=(",", ":")) if compact else json.dumps(event, indent=2)
    return text.encode()


def new_id(captured: Mapping[str, Any]) -> str:
    """An id that no other event has, with the prefix of the captured one's."""
    known = captured.get("id")
    prefix, mark, _ = known.partition("_") if isinstance(known, str) else ("msg", "_", "")
    return f"{prefix if mark else 'evt'}_{secrets.token_hex(14)}"


def refreshed(captured: Mapping[str, Any], event_id: str, now: int) -> dict[str, Any]:
    """The event with this id and time, where it holds an id and a time."""
    event = dict(captured)
    if isinstance(event.get("id"), str):
        event["id"] = event_id
    for name in ("created", "created_at", "timestamp"):
        if isinstance(event.get(name), str):
            event[name] = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        elif isinstance(event.get(name), int | float):
            event[name] = now
    return event


def read(file: Path, key: str) -> dict[str, Any] | Unavailable:
    """A captured event from its file; `key` names the parameter."""
    try:
        if file.stat().st_size > LARGEST:
            return Unavailable(f"{file.name} is too large for an event", f"{key} with a captured event in JSON")
        event = json.loads(file.read_bytes())
    except OSError as error:
        return Unavailable(f"{file.name} could not be read ({error.strerror})", f"{key} with a file that can be read")
    except (ValueError, RecursionError):
        return Unavailable(f"{file.name} is not JSON", f"{key} with a captured event in JSON")
    if not isinstance(event, dict):
        return Unavailable(f"{file.name} holds no event", f"{key} with a captured event, a JSON object")
    return event


def customer_of(event: object, depth: int = 0) -> str | None:
    """Whom an event is about: the first `customer` or `customer_id`, outermost first."""
    if isinstance(event, Mapping) and depth < _DEEPEST:
        for name in ("customer", "customer_id"):
            found = event.get(name)
            found = found.get("id") if isinstance(found, Mapping) else found
            if isinstance(found, str) and found:
                return found
        return next((found for value in event.values() if (found := customer_of(value, depth + 1))), None)
    return None
