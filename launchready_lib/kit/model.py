"""What a kit is: files, what they fix, and the deliverables that go with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

import yaml

from launchready_lib.client import Client
from launchready_lib.evidence import broken
from launchready_lib.paths import PACKAGE
from launchready_lib.record.findings import Finding

P = ParamSpec("P")
Evidence = TypeVar("Evidence")
TABLES: dict[str, Any] = yaml.safe_load((PACKAGE / "data" / "kit.yaml").read_text("utf-8"))
"""What the kit's files are made from, by what it is for."""


class Judged(Protocol):
    """What a kit needs to know of a stage: whose it is, its answers so far, and those that failed."""

    client: Client

    @property
    def judged(self) -> Mapping[str, Finding]:
        """The answers so far, by check."""

    @property
    def failures(self) -> Mapping[str, Finding]:
        """What failed, by check."""


@dataclass(frozen=True)
class Delivery:
    """One of the stage's deliverables, as `stage.deliver` takes it."""

    id: str
    status: Literal["made", "partial", "unknown"]
    data: dict[str, Any]
    reason: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class KitFile:
    """One file: its path in kit/, its text, and ids of the checks whose fix it is."""

    name: str
    text: str
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kit:
    """What a stage leaves for the founder; `problem`: why it could not be made, empty where it was."""

    files: tuple[KitFile, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    problem: str = ""


def never_raising(make: Callable[P, Kit]) -> Callable[P, Kit]:
    """A kit that breaks is said to be broken, with type and place, and stops no notebook."""

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> Kit:
        try:
            return make(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the findings of the stage matter more than its files
            return Kit(problem=broken(error, "the kit").reason)

    return made


def one(kind: type[Evidence], evidence: Iterable[object]) -> Evidence | None:
    """The evidence of one kind; None where a probe had none."""
    return next((each for each in evidence if isinstance(each, kind)), None)
