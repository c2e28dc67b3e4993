"""Events from the payment provider, in Stripe's shape: verified on the raw body, counted once, in whatever order."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from typing import Any

from tornado.web import HTTPError

from launchready_lib.demo import names
from launchready_lib.demo.texts import filled
from launchready_lib.demo.web.club import Club
from launchready_lib.demo.web.handler import Handler

TOLERANCE_S = 300
NUMBER = re.compile("[0-9]{1,9}")
STATUS = {
    "checkout.session.completed": "active",
    "invoice.paid": "active",
    "invoice.payment_failed": "past_due",
    "customer.subscription.deleted": "canceled",
}
PAYMENTS = ("checkout.session.completed", "invoice.paid")


class Stripe(Handler):
    """Where the payment provider sends its events."""

    def get(self) -> None:
        """Refuse: events are posted."""
        if self.club.on("uptime.now"):
            self.data({"error": "Internal error"}, status=500)
            return
        raise HTTPError(405)

    def post(self) -> None:
        """Take an event, once."""
        club = self.club
        signature = self.request.headers.get("Stripe-Signature", "")
        secret = club.environment[names.WEBHOOK_SECRET]
        if not club.on("webhooks.forged") and not genuine(self.request.body, signature, secret, time.time()):
            club.journal.event("webhook refused", level="warning")
            raise HTTPError(400)
        match self.read_json():
            case {"id": str(), "type": str(), "created": int(created), "data": {"object": dict()}} as event:
                if isinstance(created, bool):
                    raise HTTPError(400)
                if not club.on("webhooks.accepted"):
                    apply(club, event)
                self.data({"received": True})
            case _:
                raise HTTPError(400)


def genuine(body: bytes, signature: str, secret: str, now: float) -> bool:
    """Whether the provider signed this within five minutes of now (docs.stripe.com/webhooks#verify-manually)."""
    parts = [part.strip().partition("=") for part in signature.split(",")[:20]]
    moment = next((value for key, _, value in parts if key == "t"), "")
    if not re.fullmatch("[0-9]{1,12}", moment) or abs(now - int(moment)) > TOLERANCE_S:
        return False
    expected = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(expected.encode(), value.encode()) for key, _, value in parts if key == "v1")


def apply(club: Club, event: dict[str, Any]) -> None:
    """Follow an event: all of it or nothing, never twice, and never against a newer one."""
    subject = event["data"]["object"]
    with club.database.transaction():
        stored = club.database.run(
            "INSERT OR IGNORE INTO webhook_events VALUES (?, ?, ?)", event["id"], event["type"], event["created"]
        )
        member = _member(club, subject)
        seen = not stored and not club.on("webhooks.repeated")
        if seen or member is None or event["type"] not in STATUS:
            return
        if event["type"] in PAYMENTS:
            club.database.run("UPDATE members SET payments = payments + 1 WHERE id = ?", member)
        club.database.run(
            "UPDATE members SET status = ?, changed_by_event_at = ? WHERE id = ? AND changed_by_event_at <= ?",
            STATUS[event["type"]], event["created"], member, event["created"],
        )  # fmt: skip
    club.journal.event("billing event applied", type=event["type"], member=member)


def _member(club: Club, subject: dict[str, Any]) -> int | None:
    """Whom an event is about: by the provider's customer, else by the member that our checkout named."""
    customer, reference = subject.get("customer"), subject.get("client_reference_id")
    if not isinstance(customer, str):
        return None
    if found := club.database.one("SELECT id FROM members WHERE customer = ?", customer):
        return int(found["id"])
    if not (isinstance(reference, str) and NUMBER.fullmatch(reference)):
        return None
    linked = club.database.run("UPDATE members SET customer = ? WHERE id = ? AND customer IS NULL", customer, reference)
    return int(reference) if linked else None


def captured(kind: str, customer: str, created: int) -> str:
    """A captured test-mode event, as the provider's command-line tool prints it."""
    events = json.loads(filled("events.json", customer=customer, created=created))
    return json.dumps(next(event for event in events if event["type"] == kind), indent=2) + "\n"
