"""What sending billing events showed: each delivery, and the member's state around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from launchready_lib.evidence import Row, Unavailable
from launchready_lib.network import Response

Kind = Literal["activate", "cancel"]


@dataclass(frozen=True)
class State:
    """What the app says of the member: the state field as text, and the counter of payments."""

    value: str
    counter: int | None = None


@dataclass(frozen=True)
class Delivery:
    """One event sent, and what came of it.

    Attributes:
        event: which captured event it was made of.
        sent_as: "genuine", "repeated", or how it was forged.
        response: what the endpoint answered.
        before, after: the member's state before, and after it had time to follow.
        wanted: the value that the state should take; None for events that should change nothing.
    """

    event: Kind
    sent_as: str
    response: Response
    before: State | Unavailable | None = None
    after: State | Unavailable | None = None
    wanted: str | None = None

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
        return row | {"state_before": _told(self.before), "state_after": _told(self.after), "payments": payments}


def _told(state: State | Unavailable) -> str:
    return state.reason if isinstance(state, Unavailable) else state.value


@dataclass(frozen=True)
class BillingTrial:
    """Genuine and forged events sent to one endpoint.

    Attributes:
        genuine: one of each kind that there is a captured event for.
        forged: one of each forgery, all sent before any genuine one.
        missing: kind -> why there is no such event.
        before, after_forged, after: the member's state at first, after the forged ones, and at the end.
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

    def frame(self) -> pd.DataFrame:
        """One row a delivery, for the notebook."""
        return pd.DataFrame(self.rows())


@dataclass(frozen=True)
class RepeatTrial:
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

    def frame(self) -> pd.DataFrame:
        """One row a delivery, for the notebook."""
        return pd.DataFrame(self.rows())
