"""The checks: one module per subject, each with its evidence, its probes (all I/O) and its checks (pure functions)."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from launchready_lib.findings import Unavailable, Verdict, unknown

P = ParamSpec("P")
Evidence = TypeVar("Evidence")
First = TypeVar("First")

CheckFunction = Callable[..., Verdict]
REGISTRY: dict[str, CheckFunction] = {}
"""Roadmap id -> the function that judges it."""


def registered() -> dict[str, CheckFunction]:
    """Every check that measures, by its roadmap id; imports all modules of this package first."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    return REGISTRY


def check(check_id: str) -> Callable[[Callable[..., Verdict]], CheckFunction]:
    """Register a pure function of evidence as the check with this roadmap id.

    Where an argument is `Unavailable` the answer is unknown, for its reason. Where the function raises, the answer is
    unknown too, marked as a defect of ours with the exception's type and place; its message is left out, since it may
    quote what was being read.
    """

    def register(function: Callable[..., Verdict]) -> CheckFunction:
        if check_id in REGISTRY:
            raise ValueError(f"{check_id} is registered twice")

        @functools.wraps(function)
        def judged(*evidence: object) -> Verdict:
            if missing := next((e for e in evidence if isinstance(e, Unavailable)), None):
                return _marked(unknown(missing.reason, needs=missing.needs), check_id, defect=missing.defect)
            try:
                verdict = function(*evidence)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must be loud and never a pass
                return _marked(_broken(error, f"the check {check_id}"), check_id, defect=True)
            return _marked(verdict, check_id, defect=verdict.defect)

        REGISTRY[check_id] = judged
        return judged

    return register


def probe(
    function: Callable[Concatenate[First, P], Coroutine[Any, Any, Evidence | Unavailable]],
) -> Callable[Concatenate[First, P], Coroutine[Any, Any, Evidence | Unavailable]]:
    """Mark an async survey: what it did not expect becomes `Unavailable`, marked as a defect of ours."""

    @functools.wraps(function)
    async def guarded(client: First, /, *args: P.args, **kwargs: P.kwargs) -> Evidence | Unavailable:
        try:
            return await function(client, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a probe never raises for what the target does; the rest is our defect
            verdict = _broken(error, f"the probe {function.__module__.rsplit('.', 1)[-1]}.{function.__name__}")
            return Unavailable(verdict.reason or "", verdict.needs or "", defect=True)

    return guarded


def not_built(check_id: str) -> Verdict:
    """Answer for a check that the roadmap asks and this version does not measure yet."""
    return _marked(
        unknown("not built yet", needs="a later version of Launch Ready, or a look by hand"), check_id, defect=False
    )


def unjudged(check_id: str) -> Verdict:
    """Answer for a check of the stage that its notebook left out: a cell was deleted or never ran."""
    return _marked(
        unknown("the notebook did not judge it", needs="run every cell of the stage's notebook"), check_id, defect=False
    )


def _broken(error: Exception, what: str) -> Verdict:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "launchready_lib" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
    return unknown(
        f"{what} broke ({type(error).__name__} at {place}); this is a defect of Launch Ready",
        needs="a corrected version of Launch Ready: please report it with this line",
    )


def _marked(verdict: Verdict, check_id: str, *, defect: bool) -> Verdict:
    return replace(verdict, check=check_id, defect=defect)


def module_of(check_id: str) -> str:
    """The name of the module in which a registered check lives."""
    return str(inspect.unwrap(REGISTRY[check_id]).__module__)
