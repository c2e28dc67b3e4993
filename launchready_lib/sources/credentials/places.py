"""Where a file stands in a repository: production code, a test, an example, or something nobody runs."""

from __future__ import annotations

import re

from launchready_lib.sources import table

FILES = table("source_files")
_PLACES = {name: re.compile(pattern) for name, pattern in FILES["places"].items()}


def is_test(path: str) -> bool:
    """A file that only tests use."""
    return _PLACES["test"].search(path) is not None


def is_example(path: str) -> bool:
    """An example, a template or documentation."""
    return _PLACES["example"].search(path) is not None


def is_foreign(path: str) -> bool:
    """Written by others or by a tool: dependencies, lock files, bundles."""
    return _PLACES["foreign"].search(path) is not None


def is_built(path: str) -> bool:
    """In a folder that tools fill: what stands there was made of code that stands elsewhere."""
    return _PLACES["built"].search(path) is not None


def is_media(path: str) -> bool:
    """Pictures, sounds, fonts, programs: what holds no settings."""
    return _PLACES["media"].search(path) is not None


def is_language(lowered: str) -> bool:
    """Texts for people, by the path in small letters."""
    return _PLACES["language"].search(lowered) is not None


def holds_secrets_by_name(path: str) -> bool:
    """A file whose name says that it usually holds secrets."""
    return _PLACES["secret"].search(path) is not None and not is_example(path)
