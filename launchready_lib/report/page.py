"""What the templates show, made from one audit: no markup here, no arithmetic there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from launchready_lib import __version__
from launchready_lib.record.answers import StageRun
from launchready_lib.record.audit import Audit, Note
from launchready_lib.record.exhibits import Exhibit, Table, table_of
from launchready_lib.record.findings import Decision, Finding, Status
from launchready_lib.record.tally import Deliverable, SignalState
from launchready_lib.report import drawing, words
from launchready_lib.report import plan as planning
from launchready_lib.roadmap import Question, Stage
from launchready_lib.wording import listed

SHOWN_ROWS = 60
HANDOVER = ("handover_checklist", "deploy_checklist", "access_list", "runbook", "test_plan")
_VOUCHING = re.compile(r"; or (a new )?attestations\.\S+$")
_PARAMETER = re.compile(r"[a-z_]+(\.[a-z_]+)+(: .+)?|[a-z]+_[a-z_]+")


@dataclass(frozen=True)
class BarView:
    """A target of the minimum bar in a founder's words."""

    id: str
    label: str
    words: str
    status: str
    against: tuple[Finding, ...]


@dataclass(frozen=True)
class QuestionView:
    """A question of the roadmap, its answer in a few words, and what the answer rests on."""

    question: Question
    answer: str
    state: str
    findings: tuple[Finding, ...]
    exhibits: tuple[Exhibit, ...]


@dataclass(frozen=True)
class StageView:
    """A stage as the report shows it."""

    stage: Stage
    run: StageRun
    questions: tuple[QuestionView, ...]
    signals: tuple[SignalState, ...]
    exhibits: tuple[Exhibit, ...]
    notes: tuple[Note, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Figure:
    """One target of the baseline: limit, this release, the last."""

    label: str
    plain: str
    limit: str
    now: str
    before: str | None
    state: str


class Page:
    """One report, or `only` one stage of it; `words` explains terms in the order in which they are read."""

    def __init__(self, audit: Audit, *, only: str | None = None, logo: str | None = None) -> None:
        self.audit = audit
        self.only = only
        self.logo = logo
        self.words = words.Words()
        self.version = __version__

    @cached_property
    def findings(self) -> dict[str, Finding]:
        """Check id -> finding, in the order of the report."""
        return self.audit.by_check

    def of(self, status: str) -> tuple[Finding, ...]:
        """The findings of one status, ranked."""
        return tuple(f for f in self.audit.findings if f.status == status)

    @cached_property
    def failures(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.of("fail")

    @cached_property
    def deciding(self) -> tuple[Finding, ...]:
        """Failures that alone make it a no-go."""
        return tuple(f for f in self.failures if self._decides(f))

    @cached_property
    def serious(self) -> tuple[Finding, ...]:
        """Failures to read in full: those that decide, then the other serious ones."""
        rest = tuple(f for f in self.failures if f not in self.deciding and f.severity in ("blocker", "high"))
        return self.deciding + rest

    @cached_property
    def minor(self) -> tuple[Finding, ...]:
        """The other failures."""
        return tuple(f for f in self.failures if f not in self.serious)

    @cached_property
    def open_questions(self) -> tuple[Finding, ...]:
        """Unknown, and the verdict depends on it."""
        return tuple(f for f in self.of("unknown") if self._decides(f))

    def _decides(self, finding: Finding) -> bool:
        return self.audit.roadmap.checks[finding.check].decisive

    @cached_property
    def bars(self) -> tuple[BarView, ...]:
        """The minimum bar."""
        labels, wanted = self.audit.roadmap.labels, {"missed": Status.FAIL, "unknown": Status.UNKNOWN}
        plain = words.TABLES["minimum_bar"]
        return tuple(
            BarView(b.id, labels[b.id], plain.get(b.id, self.audit.roadmap.minimum_bar[b.id]), b.status,
                    tuple(f for f in self.audit.findings if f.check in b.checks and f.status is wanted.get(b.status)))
            for b in self.audit.bars
        )  # fmt: skip

    @property
    def verdict(self) -> tuple[str, str]:
        """The verdict in one sentence, in two halves: what to do, and why."""
        missed = sum(bar.status == "missed" for bar in self.bars)
        of_bar = f"of the {len(self.bars)} minimum targets"
        if self.audit.decision is Decision.NO_GO:
            stops = words.count(len(self.deciding), "fault")
            stop = "stops" if len(self.deciding) == 1 else "stop"
            none = "no minimum target is missed"
            bar = f"{missed} {of_bar} {'are' if missed > 1 else 'is'} missed" if missed else none
            return "Do not launch yet", f"{stops} {stop} it, and {bar}."
        if self.audit.decision is Decision.GO:
            return "Ready to launch", f"all {len(self.bars)} minimum targets are met, and nothing serious was found."
        reasons = []
        if self.open_questions:
            reasons.append(f"{words.count(len(self.open_questions), 'deciding question')} without an answer")
        if self.serious:
            reasons.append(words.count(len(self.serious), "serious fault"))
        met = sum(bar.status == "met" for bar in self.bars)
        settled = f"{met or 'none'} {of_bar} {'are' if met > 1 else 'is'} met, none is missed."
        return "Launch only once this is settled", f"{listed(reasons)}; {settled}"

    @cached_property
    def plan(self) -> planning.Plan:
        """The next 48 hours."""
        return planning.forty_eight_hours(self.audit.findings)

    @cached_property
    def business(self) -> planning.Business | None:
        """What the client said of members and price."""
        return planning.business(self.audit.client.business)

    @property
    def launch(self) -> str | None:
        """When the launch is planned, and how many days after the audit that is."""
        on = planning.launch_date(self.audit.client.business)
        if on is None:
            return None
        days = (on - self.audit.finished.date()).days
        return f"{words.day(on)}, {words.count(days, 'day')} after this audit" if days > 0 else words.day(on)

    @staticmethod
    def effort(findings: Iterable[Finding]) -> str:
        """The hours that some failures take together."""
        return words.hours(sum(f.effort_hours or 0.0 for f in findings))

    @cached_property
    def route(self) -> drawing.RouteMap:
        """The deployment map."""
        return drawing.route_map(self.audit)

    @property
    def drawings(self) -> dict[str, drawing.Drawing]:
        """The map for wide and for narrow screens."""
        return {"wide": drawing.wide(self.route), "narrow": drawing.narrow(self.route)}

    @cached_property
    def changed(self) -> list[tuple[str, str, list[Finding]]]:
        """What became of checks since the earlier release: sign, words, findings; empty groups left out."""
        if self.audit.changes is None:
            return []
        since = self.audit.changes
        groups = ((key, label, getattr(since, name)) for name, (key, label) in words.TABLES["changes"].items())
        return [(key, label, [self.findings[c] for c in ids]) for key, label, ids in groups if ids]

    @cached_property
    def baseline(self) -> list[Figure]:
        """The seven targets, with this release's figures and the last one's."""
        before = self.audit.changes.baseline if self.audit.changes else None
        rows = []
        for target in self.audit.roadmap.targets.values():
            value = self.audit.baseline.get(target.id)
            at_least = target.unit == "ratio"
            state = "unknown"
            if value is not None:
                state = "pass" if (value >= target.limit) is at_least or value == target.limit else "fail"
            limit = f"at {'least' if at_least else 'most'} {words.figure(target.limit, target.unit)}"
            now = words.figure(value, target.unit)
            earlier = None if before is None else words.figure(before.get(target.id), target.unit)
            label = self.audit.roadmap.labels[target.id]
            rows.append(Figure(label, target.plain or target.text, limit, now, earlier, state))
        return rows

    @property
    def series(self) -> Table | None:
        """What was recorded beside the targets."""
        extra = {k: v for k, v in self.audit.baseline.items() if k not in self.audit.roadmap.targets}
        rows = [{"series": key, "value": value} for key, value in extra.items()]
        return table_of(rows, caption="Further figures of this release")

    @cached_property
    def stages(self) -> tuple[StageView, ...]:
        """The stages to show, each question answered."""
        return tuple(self._stage(run) for run in self.audit.stages if self.only in (None, run.id))

    @property
    def has_charts(self) -> bool:
        """Whether anything needs drawing."""
        return any(e.figure for s in self.stages for e in (*s.exhibits, *(e for q in s.questions for e in q.exhibits)))

    def _stage(self, run: StageRun) -> StageView:
        stage = self.audit.roadmap.stages[run.id]
        exhibits = list(run.sheet.exhibits) if run.sheet else []
        questions = tuple(self._question(question, exhibits) for question in stage.questions)
        found = [self.findings[check] for check in stage.checks]
        signals = tuple(each for each in self.audit.signals if each.stage == stage.id)
        notes = tuple(each for each in self.audit.notes if each.stage == stage.id)
        counts: dict[str, int] = {status: sum(f.status == status for f in found) for status in Status}
        return StageView(stage, run, questions, signals, tuple(exhibits), notes, counts)

    def _question(self, question: Question, exhibits: list[Exhibit]) -> QuestionView:
        """Answer one question; takes the exhibits that stand under it out of `exhibits`."""
        mine = tuple(e for e in exhibits if question.ask in e.heading or set(e.checks) & set(question.checks))
        exhibits[:] = [e for e in exhibits if e not in mine]
        found = tuple(self.findings[check] for check in question.checks)
        states = {f.status for f in found}
        if Status.FAIL in states:
            answer, state = "Needs work", "fail"
        elif Status.UNKNOWN in states:
            answer, state = ("Partly known" if Status.PASS in states else "Not known"), "unknown"
        elif Status.PASS in states:
            answer, state = "In order", "pass"
        else:
            answer, state = "Does not apply", "not_applicable"
        return QuestionView(question, answer, state, found, mine)

    @property
    def overbuilding(self) -> tuple[Finding, ...]:
        """What not to build yet."""
        return tuple(f for f in self.findings.values() if f.check.startswith("overbuild."))

    def handover(self) -> list[tuple[str, str, Deliverable, list[words.Part]]]:
        """The handover documents: label, what it is, its state, its content."""
        by_id = {d.id: d for d in self.audit.deliverables}
        return [self._document(by_id[name]) for name in HANDOVER if name in by_id]

    def _document(self, made: Deliverable) -> tuple[str, str, Deliverable, list[words.Part]]:
        stage = self.audit.roadmap.stages[made.stage]
        text = self.audit.kit.get(made.file or "")
        content = made.data or text
        shown = list(words.parts(content)) if made.status != "unknown" else []
        return self.audit.roadmap.labels[made.id], stage.deliverables[made.id], made, shown

    def other_deliverables(self) -> list[tuple[str, str, Deliverable, list[words.Part]]]:
        """What else the stages were to leave behind."""
        shown = (*HANDOVER, "deployment_map")
        return [self._document(d) for d in self.audit.deliverables if d.id not in shown]

    @cached_property
    def unmeasured(self) -> list[tuple[str, list[Finding]]]:
        """What is not known, by what would make it known (attestations apart); what answers most questions first."""
        groups: dict[str, list[Finding]] = {}
        for finding in self.of("unknown"):
            groups.setdefault(_VOUCHING.sub("", finding.needs or ""), []).append(finding)
        return sorted(groups.items(), key=lambda group: (-sum(map(self._decides, group[1])), -len(group[1])))

    @staticmethod
    def vouching(finding: Finding) -> str:
        """The attestation that would do instead; empty where the roadmap takes none."""
        found = _VOUCHING.search(finding.needs or "")
        return found[0].removeprefix("; or ") if found else ""

    @staticmethod
    def is_parameter(needs: str | None) -> bool:
        """Whether what would make something known is a line of the parameters file."""
        return bool(needs and _PARAMETER.fullmatch(needs))

    @staticmethod
    def evidence(finding: Finding) -> Table | None:
        """The rows behind a finding."""
        table = table_of(finding.evidence[:SHOWN_ROWS])
        return table and replace(table, left_off=max(0, len(finding.evidence) - SHOWN_ROWS))

    @staticmethod
    def cut(table: Table) -> Table:
        """A table of a notebook, as long as a reader bears."""
        left = table.left_off + max(0, len(table.rows) - SHOWN_ROWS)
        return replace(table, rows=table.rows[:SHOWN_ROWS], left_off=left)

    def place(self, check: str) -> tuple[str, float]:
        """The title and effort of a check, for lists of ids."""
        entry = self.audit.roadmap.checks[check]
        return entry.title, entry.effort

    def facts(self, key: str) -> Any:
        """One of the client's facts that are mappings (consultant, authorization); empty where not given."""
        return getattr(self.audit.client, key) or {}
