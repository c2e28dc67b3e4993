"""Send billing events, genuine, forged and repeated, and watch what the app makes of them.

All of it is about the test member that the captured events name, who is left in the state found.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from launchready_lib.checks.validate_usage.webhooks import events
from launchready_lib.checks.validate_usage.webhooks.events import AHEAD, Message, Signer
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.network import Response
from launchready_lib.parameters.sections import BillingWebhook, WebhookState
from launchready_lib.site import steps, web
from launchready_lib.site.signin import SignedIn, sign_in

Kind = Literal["activate", "cancel"]
Trial = TypeVar("Trial")

FOLLOW_S = 5.0
SETTLE_S = 0.5
AT_ONCE = 8
_POLL_S = 0.2
_KINDS: tuple[Kind, Kind] = ("activate", "cancel")
_NO_STATE = Unavailable(
    "where the member's state shows is not given", "webhooks.billing.state (url, field, active, inactive)"
)


@dataclass(frozen=True)
class State:
    """What the app says of the member: the state field as text, and the counter of payments."""

    value: str
    counter: int | None = None


@dataclass(frozen=True)
class Delivery:
    """One event sent, and what came of it."""

    event: Kind  # which captured event it was made of
    sent_as: str  # "genuine", "repeated", or how it was forged
    response: Response
    before: State | Unavailable | None = None
    after: State | Unavailable | None = None  # the member's state after it had time to follow
    wanted: str | None = None  # the value that the state should take; None for events that should change nothing

    @property
    def accepted(self) -> bool:
        """Answered 2xx, which tells the provider not to send it again."""
        return 200 <= (self.response.status or 0) < 300

    def row(self) -> Row:
        """The delivery as evidence; a member's state only where it was to follow."""
        row: Row = {
            "event": self.event,
            "sent_as": self.sent_as,
            "status": self.response.status,
            "seconds": round(self.response.seconds, 2),
            "note": self.response.error or "",
        }
        if self.before is None or self.after is None:
            return row
        payments = self.after.counter if isinstance(self.after, State) else None
        before, after = (s.value if isinstance(s, State) else s.reason for s in (self.before, self.after))
        return row | {"state_before": before, "state_after": after, "payments": payments}


@dataclass(frozen=True)
class BillingTrial(Evidence):
    """Genuine and forged events sent to one endpoint.

    Attributes:
        genuine: one of each kind that there is a captured event for.
        forged: one of each forgery, all sent before any genuine one.
        missing: kind -> why there is no such event.
        before, after_forged, after: the member's state at first, after the forged ones but for that dated ahead, and at
            the end.
        provider: who signs.
    """

    genuine: tuple[Delivery, ...]
    forged: tuple[Delivery, ...]
    missing: Mapping[str, Unavailable]
    before: State | Unavailable
    after_forged: State | Unavailable
    after: State | Unavailable
    provider: str

    def rows(self) -> list[Row]:
        """One row a delivery."""
        return [delivery.row() for delivery in (*self.forged, *self.genuine)]


@dataclass(frozen=True)
class RepeatTrial(Evidence):
    """One event sent twice, another eight times at once.

    Attributes:
        repeated, at_once: the deliveries.
        before, between, after: the member's state before, after the first event, and after the second.
    """

    repeated: tuple[Delivery, ...]
    at_once: tuple[Delivery, ...]
    before: State
    between: State | Unavailable
    after: State | Unavailable

    def rows(self) -> list[Row]:
        """One row a delivery."""
        return [delivery.row() for delivery in (*self.repeated, *self.at_once)]


@dataclass(frozen=True)
class Endpoint:
    """Where events go, how they are signed, and where their effect shows."""

    client: Client
    billing: BillingWebhook
    signer: Signer
    captured: Mapping[Kind, Mapping[str, Any]]
    missing: Mapping[str, Unavailable]
    watcher: SignedIn | Unavailable

    async def send(self, message: Message) -> Response:
        """Post an event as its provider does."""
        url = web.address(self.client, self.billing.url)
        headers = {"Content-Type": "application/json", **message.headers}
        return await self.client.network.request("POST", url, content=message.body, headers=headers, verify=True)

    async def state(self) -> State | Unavailable:
        """Read the member's state now."""
        if (place := self.billing.state) is None:
            return _NO_STATE
        if isinstance(self.watcher, Unavailable):
            return self.watcher
        customer = next((found for e in self.captured.values() if (found := events.customer_of(e))), None)
        if "{customer}" in place.url and customer is None:
            needs = "webhooks.billing.events with a customer in them"
            return Unavailable("the captured events name no customer", needs)
        url = web.address(self.client, place.url.replace("{customer}", quote(customer or "", safe="")))
        reply = await self.watcher.session.request("GET", url, verify=True, headers={"Accept": "application/json"})
        return web.why_unseen(url, reply) or _state(reply, place)

    async def deliver(self, kind: Kind, before: State | Unavailable) -> Delivery:
        """Send a genuine event and wait until the state follows, for some seconds."""
        await _next_second()
        reply = await self.send(events.genuine(self.signer, self.captured[kind]))
        sent = Delivery(kind, "genuine", reply, before, wanted=self.wanted(kind))
        end = time.monotonic() + FOLLOW_S
        while True:
            state = await self.state()
            is_final = isinstance(state, Unavailable) or state.value == sent.wanted or not sent.accepted
            if is_final or time.monotonic() > end:
                return replace(sent, after=state)
            await asyncio.sleep(_POLL_S)

    def wanted(self, kind: Kind) -> str | None:
        """The state that an event of this kind leads to; None where the parameters do not say."""
        if (place := self.billing.state) is None:
            return None
        return place.active if kind == "activate" else place.inactive

    async def restore(self, first: State | Unavailable, now: State | Unavailable) -> State | Unavailable:
        """Bring the member back to the state found, where there is an event for it."""
        if isinstance(first, State) and isinstance(now, State) and first.value != now.value:
            for kind in self.captured:
                if self.wanted(kind) == first.value:
                    return (await self.deliver(kind, now)).after or now
        return now


def _state(reply: Response, place: WebhookState) -> State | Unavailable:
    try:
        body: Any = json.loads(reply.body)
        value = steps.value_at(body, place.field)
        counter = None if place.counter is None else int(steps.value_at(body, place.counter))
    except (ValueError, LookupError, TypeError, RecursionError):
        what = f"{place.field} and {place.counter}" if place.counter else place.field
        reason = f"the answer {reply.status} at {web.path_of(reply.url)} holds no {what}"
        return Unavailable(reason, "webhooks.billing.state with a url that answers JSON, and the fields in it")
    return State(str(value).lower() if isinstance(value, bool) else str(value), counter)


async def _next_second() -> None:
    """Wait for the clock to strike: events carry whole seconds, and two of one second have no order."""
    await asyncio.sleep(1 - time.time() % 1)


@probe
async def billing_trial(client: Client) -> BillingTrial | Unavailable:
    """Send forged events, then genuine ones, and watch the member's state."""
    return await _tried(client, _billing)


@probe
async def repeat_trial(client: Client) -> RepeatTrial | Unavailable:
    """Send one event twice and another eight times at once, and watch the counter of payments."""
    return await _tried(client, _repeat)


async def _tried(client: Client, trial: Callable[[Endpoint], Awaitable[Trial | Unavailable]]) -> Trial | Unavailable:
    if isinstance(endpoint := await _endpoint(client), Unavailable):
        return endpoint
    try:
        return await trial(endpoint)
    finally:
        if isinstance(endpoint.watcher, SignedIn):
            await endpoint.watcher.session.close()


async def _forge(endpoint: Endpoint, kind: Kind, hows: Sequence[events.Forgery]) -> list[Delivery]:
    """Send forged events; where one was taken, the app gets time to act on it."""
    captured = endpoint.captured[kind]
    sent = [Delivery(kind, how, await endpoint.send(events.forged(endpoint.signer, captured, how))) for how in hows]
    if any(delivery.accepted for delivery in sent):
        await asyncio.sleep(SETTLE_S)
    return sent


async def _billing(endpoint: Endpoint) -> BillingTrial:
    first = await endpoint.state()
    kind = _order(endpoint, first)[0]
    hows = events.FORGERIES[endpoint.billing.provider]
    forged = await _forge(endpoint, kind, [how for how in hows if how != AHEAD])
    now = after_forged = await endpoint.state()
    if ahead := await _forge(endpoint, kind, [how for how in hows if how == AHEAD]):
        now = await endpoint.state()
    genuine = []
    for kind in _order(endpoint, now):
        genuine.append(await endpoint.deliver(kind, now))
        now = genuine[-1].after or now
    return BillingTrial(
        genuine=tuple(genuine),
        forged=(*forged, *ahead),
        missing=endpoint.missing,
        before=first,
        after_forged=after_forged,
        after=await endpoint.restore(first, now),
        provider=endpoint.billing.provider,
    )


def _order(endpoint: Endpoint, now: State | Unavailable) -> list[Kind]:
    """The kinds in the order in which each changes something: an active member is cancelled first."""
    is_active = isinstance(now, Unavailable) or now.value == endpoint.wanted("activate")
    return [kind for kind in (reversed(_KINDS) if is_active else _KINDS) if kind in endpoint.captured]


async def _repeat(endpoint: Endpoint) -> RepeatTrial | Unavailable:
    if isinstance(first := await endpoint.state(), Unavailable):
        return first
    if first.counter is None:
        return Unavailable("no counter of payments is given", "webhooks.billing.state.counter")
    if "activate" in endpoint.missing:
        return endpoint.missing["activate"]
    await _next_second()
    twice = events.genuine(endpoint.signer, endpoint.captured["activate"])
    repeated = [Delivery("activate", "repeated", await endpoint.send(twice)) for _ in range(2)]
    await asyncio.sleep(SETTLE_S)
    between = await endpoint.state()
    await _next_second()
    often = events.genuine(endpoint.signer, endpoint.captured["activate"])
    replies = await asyncio.gather(*(endpoint.send(often) for _ in range(AT_ONCE)))
    await asyncio.sleep(SETTLE_S)
    after = await endpoint.state()
    await endpoint.restore(first, after)
    at_once = tuple(Delivery("activate", f"{AT_ONCE} at once", reply) for reply in replies)
    return RepeatTrial(tuple(repeated), at_once, first, between, after)


async def _endpoint(client: Client) -> Endpoint | Unavailable:
    if no := client.forbidden("flows"):
        return no
    if (billing := client.parameters.webhooks.billing) is None:
        return Unavailable("the billing webhook is not given", "webhooks.billing (url, provider, secret, events)")
    if billing.secret is None:
        return Unavailable("the secret of the billing webhook is not given", "webhooks.billing.secret")
    if isinstance(secret := client.secret(billing.secret), Unavailable):
        return secret
    if isinstance(signer := events.signer(billing.provider, secret), Unavailable):
        return signer
    captured: dict[Kind, Mapping[str, Any]] = {}
    missing: dict[str, Unavailable] = {}
    for kind in _KINDS:
        key, file = f"webhooks.billing.events.{kind}", getattr(billing.events, kind)
        found = events.read(client.path(file), key) if file else Unavailable(f"no event to {kind} is given", key)
        if isinstance(found, Unavailable):
            missing[kind] = found
        else:
            captured[kind] = found
    if not captured:
        return Unavailable("; ".join(m.reason for m in missing.values()), "; ".join(m.needs for m in missing.values()))
    watcher = await sign_in(client, billing.state.as_) if billing.state else _NO_STATE
    return Endpoint(client, billing, signer, captured, missing, watcher)
