"""The next 48 hours: which failures to mend first; and what is at stake, where the client gave figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from launchready_lib.record.findings import Finding, Status, ranked
from launchready_lib.report.words import TABLES
from launchready_lib.roadmap import Severity

HOURS = 16.0
DAY = 8.0
WEIGHTS = {Severity.BLOCKER: 8, Severity.HIGH: 4, Severity.MEDIUM: 2, Severity.LOW: 1}
_DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Task:
    """One failure to mend, from `start` to `end` in working hours counted from the beginning."""

    finding: Finding
    start: float
    end: float

    @property
    def day(self) -> int:
        """1 or 2: the working day on which it begins."""
        return 1 if self.start < DAY else 2


@dataclass(frozen=True)
class Plan:
    """What fits into the time, the blockers that do not, and what else waits."""

    tasks: tuple[Task, ...]
    blockers_left: tuple[Finding, ...]
    later: tuple[Finding, ...]

    @property
    def hours(self) -> float:
        """Working hours planned."""
        return self.tasks[-1].end if self.tasks else 0.0

    def of_day(self, day: int) -> tuple[Task, ...]:
        """The tasks that begin on day 1 or 2."""
        return tuple(task for task in self.tasks if task.day == day)


def forty_eight_hours(findings: Iterable[Finding], hours: float = HOURS) -> Plan:
    """Fill the hours greedily by weight per hour of effort; what does not fit any more gives way to what does."""
    failures = [f for f in ranked(findings) if f.status is Status.FAIL]
    tasks: list[Task] = []
    left: list[Finding] = []
    spent = 0.0
    for finding in sorted(failures, key=worth, reverse=True):  # stable: ties stay in the order of the report
        effort = finding.effort_hours or 0.0
        if spent + effort > hours:
            left.append(finding)
            continue
        tasks.append(Task(finding, spent, spent + effort))
        spent += effort
    blockers, others = (
        [f for f in ranked(left) if (f.severity is Severity.BLOCKER) is stops] for stops in (True, False)
    )
    return Plan(tuple(tasks), tuple(blockers), tuple(others))


def worth(finding: Finding) -> float:
    """The weight of a failure per hour of its effort."""
    return WEIGHTS[finding.severity] / (finding.effort_hours or 1.0)


@dataclass(frozen=True)
class Business:
    """Members and price as the client gave them, and when the launch is planned."""

    members: int
    price_month: float
    currency: str
    launch_on: date | None

    @property
    def month(self) -> float:
        """Fees of a month."""
        return self.members * self.price_month

    @property
    def sum_words(self) -> str:
        """How the month's fees come about: `120 members at EUR 19 a month`."""
        return f"{self.members:,} members at {self.money(self.price_month)} a month"

    def money(self, amount: float) -> str:
        """An amount as people write it: `EUR 2,280`."""
        whole = amount >= 100 or amount == int(amount)
        return f"{self.currency} {amount:,.0f}" if whole else f"{self.currency} {amount:,.2f}"

    @property
    def day_words(self) -> str:
        """Fees of a day."""
        return self.money(round(self.month / _DAYS_A_MONTH))

    def stake(self, finding: Finding) -> str | None:
        """What a failure puts at stake; None where the figures given say nothing about it."""
        if finding.check.startswith(tuple(TABLES["keeps_everybody_out"])):
            return f"Each day of this touches {self.day_words} of fees ({self.sum_words})."
        if finding.check.startswith(tuple(TABLES["wears_members_out"])):
            return f"Each member who leaves over it is {self.money(self.price_month * 12)} a year."
        return None


def business(body: Mapping[str, Any] | None) -> Business | None:
    """The client's figures; None unless members and price are both given and make sense."""
    if not body:
        return None
    members, price = body.get("members"), body.get("price_month")
    if not isinstance(members, int) or isinstance(members, bool) or members <= 0:
        return None
    if not isinstance(price, int | float) or isinstance(price, bool) or not math.isfinite(price) or price <= 0:
        return None
    return Business(members, float(price), str(body.get("currency") or "")[:8], launch_date(body))


def launch_date(body: Mapping[str, Any] | None) -> date | None:
    """The planned day of the launch."""
    try:
        return date.fromisoformat(str((body or {}).get("launch_on")))
    except ValueError:
        return None
