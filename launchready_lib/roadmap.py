"""The roadmap as data: stages, questions, checks, targets, read once from roadmap.yaml."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import yaml

from launchready_lib.paths import PACKAGE

Part = TypeVar("Part")


class Severity(StrEnum):
    """How bad a failure is; the order is the order of the report."""

    BLOCKER = "blocker"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class CheckEntry:
    """One check of the catalogue, whose fields the head of roadmap.yaml explains; `question` is the question's text."""

    id: str
    stage: str
    question: str
    severity: Severity
    passes: str
    title: str
    why: str
    fix: str
    effort: float
    references: tuple[str, ...]
    bar: str | None = None
    target: str | None = None
    item: int | None = None
    active: str | None = None
    attest: bool = False
    fixed: bool = False

    @property
    def decisive(self) -> bool:
        """Whether its failure alone makes the verdict a no-go."""
        return self.severity is Severity.BLOCKER or self.bar is not None


@dataclass(frozen=True)
class Question:
    """A question of a stage, with the ids of the checks that answer it."""

    ask: str
    checks: tuple[str, ...]
    matters: str = ""
    blind: str = ""


@dataclass(frozen=True)
class Target:
    """A figure to stay within, in `unit`; `plain` says it for people who do not measure things for a living."""

    id: str
    limit: float
    unit: str
    text: str
    plain: str = ""


@dataclass(frozen=True)
class Signal:
    """A failure signal: what it means, and the checks it comes from."""

    id: str
    stage: str
    text: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """One stage of the roadmap and its notebook."""

    id: str
    notebook: str
    title: str
    goal: str
    questions: tuple[Question, ...]
    deliverables: dict[str, str]
    signals: tuple[Signal, ...]

    @property
    def number(self) -> int:
        """1 to 7, as in the notebook's name."""
        return int(self.notebook.split("_", 1)[0])

    @property
    def checks(self) -> tuple[str, ...]:
        """The ids of all checks, in order."""
        return tuple(check for question in self.questions for check in question.checks)


@dataclass(frozen=True)
class Roadmap:
    """The whole mission; `labels` has a short name for each target, entry of the minimum bar and deliverable."""

    stages: dict[str, Stage]
    checks: dict[str, CheckEntry]
    targets: dict[str, Target]
    minimum_bar: dict[str, str]
    sprint_items: tuple[str, ...]
    automations: dict[str, str]
    digest: str
    labels: dict[str, str]

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Every failure signal, in the order of the stages."""
        return tuple(signal for stage in self.stages.values() for signal in stage.signals)

    def bar_checks(self, bar: str) -> tuple[str, ...]:
        """The ids of the checks that decide one target of the minimum bar."""
        return tuple(entry.id for entry in self.checks.values() if entry.bar == bar)


@cache
def load() -> Roadmap:
    """Read the catalogue that ships with the package."""
    raw = (PACKAGE / "roadmap.yaml").read_bytes()
    data = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    labelled = (data["targets"], data["minimum_bar"], *(stage["deliverables"] for stage in data["stages"]))
    return Roadmap(
        stages={body["id"]: _stage(body) for body in data["stages"]},
        checks={
            check: _made(
                CheckEntry, body, id=check, stage=s["id"], question=q["ask"], severity=Severity(body["severity"])
            )
            for s in data["stages"]
            for q in s["questions"]
            for check, body in q["checks"].items()
        },
        targets={key: _made(Target, body, id=key) for key, body in data["targets"].items()},
        minimum_bar={key: _text(bar) for key, bar in data["minimum_bar"].items()},
        sprint_items=tuple(data["sprint_items"]),
        automations=dict(data["automations"]),
        digest=hashlib.sha256(raw).hexdigest()[:16],
        labels={key: entry["label"] for group in labelled for key, entry in group.items()},
    )


def _stage(body: dict[str, Any]) -> Stage:
    signals = body["failure_signals"].items()
    return _made(
        Stage,
        body,
        questions=tuple(_made(Question, each, checks=tuple(each["checks"])) for each in body["questions"]),
        deliverables={key: _text(text) for key, text in body["deliverables"].items()},
        signals=tuple(Signal(key, body["id"], each["text"], tuple(each["from"])) for key, each in signals),
    )


def _made(kind: type[Part], body: dict[str, Any], **given: Any) -> Part:
    """A part of the catalogue: what is given, the rest from `body`, whose lists become tuples."""
    names = set(kind.__annotations__) & set(body)
    return kind(**{name: tuple(body[name]) if isinstance(body[name], list) else body[name] for name in names} | given)


def _text(entry: str | dict[str, str]) -> str:
    return entry if isinstance(entry, str) else entry["text"]
