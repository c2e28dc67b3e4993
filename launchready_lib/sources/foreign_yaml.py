"""YAML written by others: read within bounds of size, depth and aliases, since deep nesting crashes or stalls parsers.

The events are looked at first, which needs no recursion; only what stays within the bounds is made into objects. On
deeply nested text PyYAML's own loader takes minutes, and LibYAML's overflows the stack and ends the process.
"""

from __future__ import annotations

from typing import Any

import yaml

MOST_TEXT = 512 * 1024
DEPTH = 60
ALIASES = 50

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str, *, most: int = MOST_TEXT) -> Any:
    """What the first document of a text says; None for what is empty, broken, or beyond the bounds."""
    if len(text) > most:
        return None
    try:
        return yaml.load(text, Loader=_Loader) if _is_bounded(text) else None  # noqa: S506 - the safe loader, in C
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        return None


def mapping(text: str, *, most: int = MOST_TEXT) -> dict[Any, Any]:
    """The mapping that a text holds; empty where it holds none that can be read."""
    body = load(text, most=most)
    return body if isinstance(body, dict) else {}


def _is_bounded(text: str) -> bool:
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > DEPTH or aliases > ALIASES:
            return False
    return True
