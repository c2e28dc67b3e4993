"""What a client's site is made with, as far as parameters, repository and answers tell, and so which files it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from launchready_lib.kit.quoting import render
from launchready_lib.network import Response
from launchready_lib.paths import PACKAGE

_SYSTEMS: dict[str, dict[str, Any]] = yaml.safe_load((PACKAGE / "data" / "stacks.yaml").read_text("utf-8"))
ALL = tuple(_SYSTEMS)
"""Every system that the kit has files for."""
_LARGEST = 200_000


def used(
    *, edge: str | None, provider: str | None, repository: Path | None, answers: Iterable[Response]
) -> tuple[str, ...]:
    """The systems in use, in the order of `ALL`; all of them where nothing tells."""
    words, replies = {(edge or "").lower(), (provider or "").lower()}, list(answers)
    found = [
        stack
        for stack, system in _SYSTEMS.items()
        if stack in words
        or (repository is not None and _stands_in(repository, system.get("repository", {})))
        or any(
            re.search(pattern, value[:200], re.IGNORECASE)
            for header, pattern in system.get("headers", {}).items()
            for reply in replies
            for value in reply.all(header)
        )
    ]
    return tuple(found) or ALL


def _stands_in(repository: Path, signs: dict[str, str]) -> bool:
    for name, pattern in signs.items():
        file = repository / name
        try:
            if file.is_file() and not file.is_symlink():
                with file.open("rb") as opened:
                    if re.search(pattern, opened.read(_LARGEST).decode("utf-8", "replace"), re.IGNORECASE):
                        return True
        except OSError:
            continue
    return False


def files(subject: str, stacks: Iterable[str]) -> list[tuple[str, str, str]]:
    """(system, name in kit/, what it is for) of the files that these systems have for one subject."""
    return [(each, *file) for each in stacks for file in _SYSTEMS[each]["kit"].get(subject, {}).items()]


def printed(subject: str, named: Iterable[tuple[str, str, str]], **values: Any) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of one subject's README, and of the files that it lists."""
    values["files"] = [(name, what) for _, name, what in named]
    for name in (f"{subject}/README.md", *(name for name, _ in values["files"])):
        yield name, render(name, **values)
