"""Source maps: where a script says that its map is, and the sources in it (ECMA-426)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin

from launchready_lib.network import Response

_COMMENT = "sourceMappingURL="
_LONGEST_NAME = 120
MOST_SOURCES = 20_000


def named(script: Response, text: str) -> str:
    """The address of a script's map, whole or `data:`, as the script or its headers give it; empty where none does."""
    header = script.header("sourcemap") or script.header("x-sourcemap")
    _, has_comment, rest = text.rpartition(_COMMENT)
    line = rest.partition("\n")[0] if has_comment else ""
    reference = header or line.split("*/", 1)[0].strip().strip("\"'")
    if not reference or reference.startswith("data:"):
        return reference
    try:
        return urljoin(script.url, reference[:2_000])
    except ValueError:
        return ""


def inline(reference: str) -> bytes:
    """The content of a `data:` address (RFC 2397); empty where it cannot be read."""
    head, _, data = reference.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data, validate=False)
    except (ValueError, binascii.Error):
        return b""


def sources(content: bytes) -> tuple[tuple[str, str], ...] | None:
    """(name, content) of every source that a map carries; None where it is not a map."""
    text = content.decode("utf-8", "replace")
    if text.startswith(")]}"):  # the guard against script inclusion that the standard allows
        text = text.partition("\n")[2]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or "version" not in body or not ({"sources", "sections"} & set(body)):
        return None
    sections = body.get("sections")
    parts = [s.get("map") for s in sections if isinstance(s, dict)] if isinstance(sections, list) else []
    return tuple(pair for part in (body, *parts[:MOST_SOURCES]) if isinstance(part, dict) for pair in _of(part))


def _of(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    names, contents = body.get("sources"), body.get("sourcesContent")
    if not isinstance(contents, list):
        return
    names = names if isinstance(names, list) else []
    for number, content in enumerate(contents[:MOST_SOURCES]):
        if isinstance(content, str):
            name = names[number] if number < len(names) else f"source {number + 1}"
            yield " ".join(str(name).split())[-_LONGEST_NAME:], content
