"""How fast core reads answer: unhurried, and at a steady rate, as a signed-in member.

A sample follows a schedule (open loop), so that a stall counts for everybody who would have come meanwhile; response
times count from when a request was due. Checks of speed, concurrency and a launch spike judge the same evidence.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

import pandas as pd

from launchready_lib import roadmap
from launchready_lib.client import Client
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.network import Shot, Timing
from launchready_lib.network.timing import MAX_ERROR_SHARE, floor_ms
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.site.signin import SignedIn, sign_in

Kind = Literal["service", "response"]

UNHURRIED = 20
LEAST = 100
WARM_UP = 5
CLOSE = 2.0
"""Below so many times the target a busy machine of ours may be what made a read slow: it is sampled once more."""
_PAUSE_S = 0.05
_MOST_USERS = 64
_LOST_S = 60.0


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds between which it lies at 95 % confidence, in ms; infinite where requests failed."""

    low: float
    value: float
    high: float


def quantile(values: Sequence[float], share: float, confidence: float = 0.95) -> Interval:
    """The smallest value that this share of values does not exceed, and its distribution-free interval.

    The bounds are order statistics: how many of n values lie below the true quantile is binomial (David and Nagaraja,
    Order Statistics, section 7.1). With few the upper bound is their largest, and covers less; none: ValueError.
    """
    if not (ordered := sorted(values)):
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
    """One core read, asked again and again."""

    name: str
    url: str
    users: int  # how many could wait for an answer at once
    rate: float  # requests due a second
    wanted: int  # how many requests were planned
    timings: tuple[Timing, ...]  # what was measured, in the order of due times, without the warm-up
    stopped: str | None = None  # why it ended early; None where it did not

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


@probe
async def unhurried(client: Client, member: SignedIn | None = None) -> Reads | Unavailable:
    """Ask every core read 20 times, one request after the other, as the member (signed in here unless given)."""
    if no := client.forbidden("login"):
        return no
    rate = min(1 / _PAUSE_S, client.parameters.network.requests_per_second)
    return await _as_member(client, member, rate=rate, samples=UNHURRIED, users=1)


@probe
async def steady(client: Client, member: SignedIn | None = None) -> Reads | Unavailable:
    """Ask every core read `load.samples` times at `load.rate` a second, whether or not earlier ones are answered."""
    if no := client.forbidden("load"):
        return no
    load = client.parameters.load
    if load.samples < LEAST:
        reason = f"load.samples is {load.samples}, and a 95th percentile takes {LEAST} or more"
        return Unavailable(reason, f"load.samples: {LEAST}")
    users = min(_MOST_USERS, max(2, math.ceil(load.rate) + 1))  # who wait at once while answers take a second
    return await _as_member(client, member, rate=load.rate, samples=load.samples, users=users)


async def _as_member(
    client: Client, member: SignedIn | None, *, rate: float, samples: int, users: int
) -> Reads | Unavailable:
    if not (reads := web.core_reads(client)):
        return Unavailable("no core read is given", "site.core_reads (name: path)")
    if isinstance(mine := member or await sign_in(client), Unavailable):
        return mine
    try:
        floor = await asyncio.to_thread(floor_ms)
        taken = []
        for name, url in reads.items():
            taken.append(await sample(client, mine, name, url, rate=rate, samples=samples, users=users))
            if _a_little_slow(taken[-1][0]):
                taken.append(await sample(client, mine, name, url, rate=rate, samples=samples, users=users))
    finally:
        if member is None:
            await mine.session.close()
    handshakes = [t.connect_ms for _, opened in taken for t in opened]
    silent = any(t.error for s, _ in taken for t in s.timings)
    return Reads(
        samples=tuple(s for s, _ in taken),
        floor=floor,
        round_trip_ms=median(handshakes) if handshakes else None,
        login_s=mine.seconds,
        our_network=await client.network.control() if silent else None,
    )


def _a_little_slow(taken: Sample) -> bool:
    if taken.stopped or taken.wanted < LEAST or not taken.times("response"):
        return False
    return 1 <= taken.p95().value / limit_ms() < CLOSE


def limit_ms() -> float:
    """The target of core reads."""
    return roadmap.load().targets["core_read_p95_ms"].limit


async def sample(
    client: Client, member: SignedIn, name: str, url: str, *, rate: float, samples: int, users: int
) -> tuple[Sample, tuple[Timing, ...]]:
    """Take one sample after a short warm-up; gives also every timing that opened a connection."""
    headers = {"Cookie": member.cookie_header(url), "Accept": "application/json, text/html;q=0.9, */*;q=0.8"}
    shots = [Shot(number / rate, url, headers=headers) for number in range(WARM_UP + samples)]
    salvo = await client.network.fire(shots, users=users, within_s=2 * shots[-1].due_s + _LOST_S)
    first = shots[WARM_UP].due_s
    timings = tuple(t for t in salvo.timings if t.due_s >= first) if salvo.stopped is None else salvo.timings
    taken = Sample(name, url, users, rate, samples, timings, salvo.stopped)
    return taken, tuple(t for t in salvo.timings if t.connect_ms > 0)


def quantiles(reads: Reads | Unavailable) -> dict[str, Row]:
    """Core read -> its figures in ms, for the next release to be set beside; none where nothing was measured."""
    if isinstance(reads, Unavailable):
        return {}
    figures = ("requests", "response_p50_ms", "response_p95_ms", "p95_at_least_ms", "p95_at_most_ms")
    return {row["read"]: {key: row[key] for key in figures} for row in (each.row() for each in reads.best())}


def unfit(reads: Reads, sample: Sample) -> Verdict | None:
    """Why a sample does not tell the speed of what a member gets; None where it does."""
    rows = rows_of(reads, sample)
    if sample.errors and reads.our_network is False:
        reason = f"{sample.name} went unanswered, and so did the control look-up: our own network failed"
        return unknown(reason, needs="a run from a machine whose network works", evidence=rows)
    if sample.turned_away:
        return _turned_away(sample, rows)
    sent = len(sample.timings)
    if sent and sample.errors.total() > MAX_ERROR_SHARE * sent:
        worst = ", ".join(sample.errors)
        return failed(
            f"{sample.errors.total()} of {sent} requests to {sample.name} failed ({worst})",
            evidence=rows,
            impact="members see errors instead of their data at a load that a quiet day brings",
            fix="Find these requests in the application's log by their time, and repair what raises or blocks there.",
            about=[sample.name],
        )
    if sample.stopped or not sample.timings:
        reason = f"the sample of {sample.name} ended early: {sample.stopped or 'nothing was sent'}"
        return unknown(reason, needs="a second try, or authorization.hosts with the read's host", evidence=rows)
    return None


def _turned_away(sample: Sample, rows: list[Row]) -> Verdict:
    status, count = sample.turned_away.most_common(1)[0]
    reason = f"{sample.name} answered {status} to {count} of {len(sample.timings)} requests"
    if any(each in (429, 503) for each in sample.turned_away):
        needs = "network.headers with a token that the site's limits let pass, or a lower load.rate"
        return unknown(f"{reason} (a limit, or too much load)", needs=needs, evidence=rows)
    needs = f"a path of {sample.name} under site.core_reads that answers 200 to a signed-in member's cookies"
    return unknown(f"{reason}, so what was timed is not what a member gets", needs=needs, evidence=rows)


def against(value: float, limit: float, text: str, rows: list[Row], *, about: str) -> Verdict:
    """Pass below the limit, fail otherwise, with the figure."""
    measured = value if math.isfinite(value) else None
    if value < limit:
        return passed(text, evidence=rows, measured=measured)
    return failed(text, evidence=rows, measured=measured, about=[about])


def worst(clauses: Iterable[Verdict], *beside: Verdict) -> Verdict:
    """Join the clauses; the figure is the worst core read's."""
    clauses = list(clauses)
    figures = [clause.measured for clause in clauses if clause.measured is not None]
    return replace(combine(*clauses, *beside), measured=round(max(figures), 1) if figures else None)


def rows_of(reads: Reads, sample: Sample) -> list[Row]:
    """The evidence rows of one core read."""
    return [row for row in reads.rows() if row["read"] == sample.name]
