"""The faults of Harbor Club, one a check that measures, as `faults.yaml` lists them, and which of them are on."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from launchready_lib import roadmap
from launchready_lib.record.findings import Status

Subscriber = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """Something wrong with Harbor Club that can be switched on and off while it runs.

    Attributes:
        part: where it shows: infrastructure, web or checkout.
        check: the check that must turn red, which is the fault's name as well.
        also: other checks that this fault cannot help touching, and their answer; anything more is a defect.
        commit: the message of the commit that brings its files into the repository, where it changes any.
        parameters: what it changes in the world's parameters, section by section; null takes a key away.
        prototype: whether it was wrong before the launch.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    part: str
    check: str
    text: str
    also: Mapping[str, Status] = field(default_factory=dict)
    commit: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    prototype: bool = False


def read(text: str, checks: Collection[str]) -> dict[str, Fault]:
    """Read a list of faults, by check; raises `ValueError` where an entry is wrong, or names no check of `checks`."""
    faults: dict[str, Fault] = {}
    adapter = TypeAdapter(Fault)
    entries = [(part, each) for part, listed in yaml.safe_load(text).items() for each in listed]
    for part, entry in entries:
        place = f"faults.yaml, {part}, {entry.get('check', 'an entry without a check')}"
        try:
            fault = adapter.validate_python({**entry, "part": part})
        except ValidationError as error:
            wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ValueError(f"{place}: {'; '.join(wrong)}") from error
        for check in (fault.check, *fault.also):
            if check not in checks:
                raise ValueError(f"{place}: the roadmap has no check {unknown(check, checks)}")
        if fault.check in faults:
            raise ValueError(f"{place}: this check has a fault already")
        faults[fault.check] = fault
    return faults


def unknown(check: str, known: Collection[str]) -> str:
    """An id that nobody knows, with the nearest that is known."""
    near = difflib.get_close_matches(check, known, n=1)
    return f"{check!r}" + (f"; did you mean {near[0]!r}?" if near else "")


FAULTS = read(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"), roadmap.load().checks)
PROTOTYPE = frozenset(fault.check for fault in FAULTS.values() if fault.prototype)
"""What was wrong before the launch; no fault here hides another."""
LAUNCH: frozenset[str] = frozenset()
RELEASES: Mapping[str, frozenset[str]] = {"prototype": PROTOTYPE, "launch": LAUNCH}


class Switchboard:
    """The faults of one world that are on, read by its servers at every request.

    Servers that prepare something (a signed zone, a file in a repository) subscribe, and are awaited in the order of
    their subscription before the change counts as made.
    """

    def __init__(self, faults: Iterable[str] = ()) -> None:
        self.faults = frozenset(faults)
        self._subscribers: list[Subscriber] = []

    def on(self, check_id: str) -> bool:
        """Whether the fault of this check is on."""
        return check_id in self.faults

    def subscribe(self, callback: Subscriber) -> None:
        """Have `callback` awaited after every change."""
        self._subscribers.append(callback)

    async def set(self, faults: Iterable[str]) -> None:
        """Make exactly these faults the ones that are on; returns when every subscriber has followed."""
        wanted = frozenset(faults)
        if wanted == self.faults:
            return
        self.faults = wanted
        for callback in self._subscribers:
            await callback()
