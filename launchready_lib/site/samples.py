"""Samples of core reads: what became of each request of a schedule, and the figures that follow from it.

Nothing here says why a schedule was chosen: checks of concurrency and of a launch spike judge the same evidence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import pandas as pd

from launchready_lib.evidence import Row
from launchready_lib.network import Timing

Kind = Literal["service", "response"]


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds between which it lies at 95 % confidence, in ms; infinite where requests failed."""

    low: float
    value: float
    high: float


def quantile(values: Sequence[float], share: float, confidence: float = 0.95) -> Interval:
    """The smallest value that this share of values does not exceed, and its distribution-free interval.

    The bounds are order statistics: how many of n values lie below the true quantile is binomial (David and Nagaraja,
    Order Statistics, section 7.1). With few values the upper bound is their largest, and covers less.

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    n, tail = len(ordered), (1 - confidence) / 2
    below, low, high = 0.0, 0, n - 1
    for k in range(n + 1):
        log_mass = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        below += math.exp(log_mass + k * math.log(share) + (n - k) * math.log1p(-share))
        if below <= tail:
            low = k
        if below >= 1 - tail:
            high = min(k, n - 1)
            break
    return Interval(ordered[low], ordered[math.ceil(share * n - 1e-9) - 1], ordered[high])


@dataclass(frozen=True)
class Sample:
    """One core read, asked again and again.

    Attributes:
        name, url: which.
        users: how many could wait for an answer at once.
        rate: requests due a second.
        wanted: how many requests were planned.
        timings: what was measured, in the order of due times, without the warm-up.
        stopped: why it ended early; None where it did not.
    """

    name: str
    url: str
    users: int
    rate: float
    wanted: int
    timings: tuple[Timing, ...]
    stopped: str | None = None

    @property
    def answered(self) -> tuple[Timing, ...]:
        """The requests that got what a member gets."""
        return tuple(t for t in self.timings if t.error is None and 200 <= t.status < 300)

    @property
    def turned_away(self) -> Counter[int]:
        """How often each status came that a stranger, or one who asks too often, gets: not a matter of speed."""
        heard = (t.status for t in self.timings if t.error is None)
        return Counter(status for status in heard if 300 <= status < 500 or status == 503)

    @property
    def errors(self) -> Counter[str]:
        """What went wrong on the site's side, in words, and how often."""
        known = self.turned_away
        failures = (t for t in self.timings if t not in self.answered and t.status not in known)
        return Counter(t.error or f"status {t.status}" for t in failures)

    def times(self, kind: Kind) -> list[float]:
        """Milliseconds of every request; one that failed took longer than any."""
        good = [t.service_ms if kind == "service" else t.response_ms for t in self.answered]
        return good + [math.inf] * self.errors.total()

    def p95(self, kind: Kind = "response") -> Interval:
        """The 95th percentile with its interval, in ms."""
        return quantile(self.times(kind), 0.95)

    def row(self) -> Row:
        """The sample in figures."""
        row: Row = {"read": self.name, "requests": len(self.timings), "rate_per_s": self.rate, "users": self.users}
        kinds: tuple[Kind, ...] = ("response", "service")
        for kind in kinds:
            values = self.times(kind)
            row[f"{kind}_p50_ms"] = shown(median(values)) if values else None
            row[f"{kind}_p95_ms"] = shown(quantile(values, 0.95).value) if values else None
        bounds = self.p95() if self.times("response") else None
        statuses = Counter(t.status for t in self.timings if t.error is None)
        row |= {
            "p95_at_least_ms": shown(bounds.low) if bounds else None,
            "p95_at_most_ms": shown(bounds.high) if bounds else None,
            "statuses": ", ".join(f"{count} x {status}" for status, count in statuses.items()),
            "errors": ", ".join(f"{count} x {words}" for words, count in self.errors.items()),
            "connections": sum(t.connect_ms > 0 for t in self.timings),
            "stopped": self.stopped or "",
        }
        return row


@dataclass(frozen=True)
class Reads:
    """Samples of core reads, and what lies between us and the site.

    Attributes:
        samples: in the order of being taken: one a core read, two where the first was a little too slow.
        floor: what the probe itself adds to a request, in ms, against a local stub of known delay, just before.
        round_trip_ms: the median TCP handshake; None where no connection was made.
        login_s: what signing in took.
        our_network: whether a control look-up worked after requests went unanswered; None where none did.
    """

    samples: tuple[Sample, ...]
    floor: tuple[float, ...]
    round_trip_ms: float | None
    login_s: float
    our_network: bool | None = None

    def best(self) -> list[Sample]:
        """The quicker sample of each core read: a busy machine of ours slows one down, nothing speeds one up."""
        found: dict[str, Sample] = {}
        for each in self.samples:
            if each.name not in found or _rank(each) < _rank(found[each.name]):
                found[each.name] = each
        return list(found.values())

    def rows(self) -> list[Row]:
        """One row a sample, with the round trip and the probe's own part beside it."""
        beside = {
            "round_trip_ms": shown(self.round_trip_ms),
            "probe_adds_p50_ms": shown(median(self.floor)) if self.floor else None,
            "probe_adds_p95_ms": shown(quantile(self.floor, 0.95).value) if self.floor else None,
        }
        return [sample.row() | beside for sample in self.samples]

    def frame(self) -> pd.DataFrame:
        """One row a request: read, due_s, response_ms, service_ms, status; for a chart of times as they came."""
        columns = ("due_s", "response_ms", "service_ms", "status")
        rows = [(s.name, *(getattr(t, column) for column in columns)) for s in self.samples for t in s.timings]
        return pd.DataFrame(rows, columns=["read", *columns])


def _rank(sample: Sample) -> tuple[bool, float]:
    whole = sample.stopped is None and bool(sample.times("response"))
    return not whole, sample.p95().value if whole else math.inf


def shown(value: float | None) -> float | None:
    """A figure with three digits or so; nothing for what never ended."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 1) if value < 100 else round(value)
