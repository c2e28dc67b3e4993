"""Rules that one field alone cannot check: ids of the roadmap, and words in braces of flows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from launchready_lib.parameters.flows import WORDS, AdminFlows, BulkFlows, Flow, Flows
from launchready_lib.parameters.model import Parameters, covers
from launchready_lib.parameters.problems import Path, nearest

_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

Complaint = tuple[Path, str, str | None]
"""Where, what was expected, and the nearest valid word."""


def complaints(parameters: Parameters) -> Iterator[Complaint]:
    """Say what is wrong across fields."""
    if parameters.not_applicable or parameters.attestations:
        yield from _roadmap_ids(parameters)
    yield from _flow_words(parameters.flows)


def _roadmap_ids(parameters: Parameters) -> Iterator[Complaint]:
    from launchready_lib import roadmap  # noqa: PLC0415 - a file without these sections is read without the catalogue

    checks = roadmap.load().checks
    groups = {check.split(".", 1)[0] for check in checks}
    for name in parameters.not_applicable:
        path = ("client", "not_applicable", name)
        meant = [entry for check, entry in checks.items() if covers(name, check)]
        if not meant:
            yield path, "no such check, nor a group of checks", nearest(name, [*checks, *groups])
        fixed = [entry.id for entry in meant if entry.fixed]
        if fixed:
            yield path, f"the roadmap does not let {', '.join(fixed)} be declared not applicable", None
    for name in parameters.attestations:
        path = ("client", "attestations", name)
        if name not in checks:
            yield path, "no such check", nearest(name, checks)
        elif not checks[name].attest:
            yield path, "nobody can vouch for this check; it is measured or unknown", None


def _flow_words(flows: Flows) -> Iterator[Complaint]:
    named = list(_named_flows(flows, ("client", "flows")))
    saved = {name for _, flow in named for step in flow for name in step.save or {}}
    known = WORDS | saved
    for path, flow in named:
        for index, step in enumerate(flow):
            for word in sorted(set(_words(step.model_dump(exclude_none=True))) - known):
                yield (*path, index), f"nothing is known as {{{word[:40]}}}", nearest(word, known)


def _named_flows(flows: Flows | AdminFlows | BulkFlows, path: Path) -> Iterator[tuple[Path, Flow]]:
    for key in type(flows).known():
        value = getattr(flows, key)
        if isinstance(value, list):
            yield (*path, key), value
        else:
            yield from _named_flows(value, (*path, key))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _BRACES.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
