"""What is wrong beyond syntax: pydantic's errors in a consultant's words, and rules that span several fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from launchready_lib.parameters.fields import UNQUOTED, Section, kind
from launchready_lib.parameters.flows import WORDS, AdminFlows, BulkFlows, Flow, Flows
from launchready_lib.parameters.model import Parameters, covers
from launchready_lib.parameters.problems import Path, key_path, nearest, printable
from launchready_lib.parameters.reader import Tree

_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

Complaint = tuple[Path, str, str | None]
"""Where, what was expected, and the nearest valid word."""
_WORDS = {
    "missing": "is required",
    "list_type": "expected a list, such as [a, b]; got {kind}",
    "dict_type": "expected a section (indented key: value lines); got {kind}",
    "model_type": "expected a section (indented key: value lines); got {kind}",
    "model_attributes_type": "expected a section (indented key: value lines); got {kind}",
    "too_short": "expected at least one entry",
}


def report(error: ValidationError, tree: Tree, model: type[Section]) -> None:
    """Add what pydantic found to the tree's problems."""
    for detail in error.errors(include_url=False):
        if detail["type"] == "default_factory_not_called":
            continue
        path: Path = ("client", *(part for part in detail["loc"] if part != "[key]"))
        message, suggestion = _words(detail, path, tree, model)
        tree.report(message, path, suggestion=suggestion)


def _words(detail: ErrorDetails, path: Path, tree: Tree, model: type[Section]) -> tuple[str, str | None]:
    context: dict[str, Any] = detail.get("ctx", {})
    found = detail["input"]
    if detail["type"] == "wrong":
        return context["message"], context["suggestion"]
    if detail["type"] == UNQUOTED:
        return _unquoted(found, path, tree), None
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    if detail["type"] == "literal_error":
        options = re.findall(r"'([^']*)'", context["expected"])
        close = nearest(found, options) if isinstance(found, str) else None
        return f"expected one of {', '.join(options)}", close
    known = _WORDS.get(detail["type"])
    return (known.format(kind=kind(found)) if known else f"not valid here; got {kind(found)}"), None


def _unquoted(found: object, path: Path, tree: Tree) -> str:
    place = tree.places.get(path)
    if place is None or place.raw is None:
        return f"expected text, got {kind(found)}: YAML has changed what was written, so quote it in the file"
    return f'expected text, got {kind(found)}: quote it ("{printable(place.raw, 40)}")'


def _unknown_key(path: Path, model: type[Section]) -> tuple[str, str | None]:
    wrong = str(path[-1])
    siblings = _keys_at(model, path[1:-1])
    close = nearest(wrong, siblings)
    if close is None:
        homes = [home for home, keys in _all_keys(model, ("client",)) if wrong in keys]
        if len(homes) == 1:
            return f"unknown key here; {wrong} belongs under {key_path(homes[0])}", None
    return "unknown key", close


def _keys_at(model: type[Section], path: Path) -> list[str]:
    """The keys that a section knows, followed down from the root."""
    current: type[Section] | None = model
    for part in path:
        if current is not None and part in current.known():
            current = _section_in(current.model_fields[current.known()[str(part)]].annotation)
    return list(current.known()) if current else []


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)


def _all_keys(model: type[Section], path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    keys = model.known()
    yield path, keys
    for key, name in keys.items():
        inner = _section_in(model.model_fields[name].annotation)
        if inner is not None:
            yield from _all_keys(inner, (*path, key))


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
            for word in sorted(set(_braced(step.model_dump(exclude_none=True))) - known):
                yield (*path, index), f"nothing is known as {{{word[:40]}}}", nearest(word, known)


def _named_flows(flows: Flows | AdminFlows | BulkFlows, path: Path) -> Iterator[tuple[Path, Flow]]:
    for key in type(flows).known():
        value = getattr(flows, key)
        if isinstance(value, list):
            yield (*path, key), value
        else:
            yield from _named_flows(value, (*path, key))


def _braced(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _BRACES.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _braced(item)
    elif isinstance(value, list):
        for item in value:
            yield from _braced(item)
