"""The next 48 hours: which failures to mend first, in two working days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from launchready_lib.record.findings import Finding, Status, ranked
from launchready_lib.roadmap import Severity

HOURS = 16.0
DAY = 8.0
WEIGHTS = {Severity.BLOCKER: 8, Severity.HIGH: 4, Severity.MEDIUM: 2, Severity.LOW: 1}


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
    by_worth = sorted(failures, key=worth, reverse=True)  # stable: ties stay in the order of the report
    tasks: list[Task] = []
    left: list[Finding] = []
    spent = 0.0
    for finding in by_worth:
        effort = finding.effort_hours or 0.0
        if spent + effort > hours:
            left.append(finding)
            continue
        tasks.append(Task(finding, spent, spent + effort))
        spent += effort
    return Plan(
        tuple(tasks),
        tuple(f for f in ranked(left) if f.severity is Severity.BLOCKER),
        tuple(f for f in ranked(left) if f.severity is not Severity.BLOCKER),
    )


def worth(finding: Finding) -> float:
    """The weight of a failure per hour of its effort."""
    return WEIGHTS[finding.severity] / (finding.effort_hours or 1.0)
