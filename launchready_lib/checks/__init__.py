"""The checks: a folder a stage, a module a subject, with its evidence, its probes (all I/O) and its checks (pure).

Imports site, sources, record, names and what lies below them.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import replace

from launchready_lib.evidence import Unavailable, broken
from launchready_lib.record.findings import Verdict, unknown

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
                return _unknown(check_id, missing)
            try:
                return replace(function(*evidence), check=check_id)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must be loud and never a pass
                return _unknown(check_id, broken(error, f"the check {check_id}"))

        REGISTRY[check_id] = judged
        return judged

    return register


def not_built(check_id: str) -> Verdict:
    """Answer for a check that the roadmap asks and this version does not measure yet."""
    return _unknown(check_id, Unavailable("not built yet", "a later version of Launch Ready, or a look by hand"))


def unjudged(check_id: str) -> Verdict:
    """Answer for a check of the stage that its notebook left out: it is not built yet, or its cell was not run."""
    if check_id not in registered():
        return not_built(check_id)
    missing = Unavailable("the notebook did not judge it", "run every cell of the stage's notebook")
    return _unknown(check_id, missing)


def _unknown(check_id: str, missing: Unavailable) -> Verdict:
    return replace(unknown(missing.reason, needs=missing.needs), check=check_id, defect=missing.defect)


def module_of(check_id: str) -> str:
    """The name of the module in which a registered check lives."""
    return str(inspect.unwrap(REGISTRY[check_id]).__module__)
