"""What one dependency manifest and its lock file say of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import yaml

from launchready_lib.evidence import Row
from launchready_lib.paths import PACKAGE
from launchready_lib.wording import enumerated

Made = TypeVar("Made")


class State(StrEnum):
    """How well a manifest is pinned."""

    LOCKED = "locked"
    NOTHING = "names no library"
    MISSING = "no lock file"
    STALE = "lock file out of date"
    UNPINNED = "not pinned"
    UNTOLD = "cannot be told from the files alone"
    ASIDE = "not part of the app"


Answer = tuple[State, str]
"""A state and its detail."""


@dataclass(frozen=True)
class Pinning:
    """One manifest.

    Attributes:
        manifest: its path.
        kind: the package manager.
        lock: the lock file's path; empty where there is none.
        detail: what differs, or what cannot be told and what would tell it.
        libraries: how many it names.
    """

    manifest: str
    kind: str
    state: State
    lock: str = ""
    detail: str = ""
    libraries: int = 0

    def row(self) -> Row:
        """The manifest as evidence."""
        return {
            "manifest": self.manifest,
            "package_manager": self.kind,
            "libraries": self.libraries,
            "lock_file": self.lock or None,
            "state": str(self.state),
            "detail": self.detail or None,
        }


@dataclass(frozen=True)
class Tree:
    """Tracked files: which there are, and their text (None where it was not read); what was made of one is kept."""

    paths: frozenset[str]
    text: Callable[[str], str | None]
    _made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, path: str, make: Callable[[str], Made]) -> Made | None:
        """What `make` makes of a file's text, made once however many manifests ask; None where it was not read."""
        if path not in self._made:
            text = self.text(path)
            self._made[path] = None if text is None else make(text)
        made: Made | None = self._made[path]
        return made

    def beside(self, manifest: str, *names: str) -> str:
        """The first of these names in the manifest's folder; empty where none is tracked."""
        return next((path for name in names if (path := joined(folder_of(manifest), name)) in self.paths), "")

    def above(self, manifest: str, *names: str) -> list[str]:
        """Files of these names in the manifest's folder and those around it, the nearest first."""
        folder, found = folder_of(manifest), []
        while True:
            found += [path for name in names if (path := joined(folder, name)) in self.paths]
            if not folder:
                return found
            folder = folder_of(folder)


@cache
def data() -> Mapping[str, Any]:
    """What data/locks.yaml knows of manifests."""
    body: Mapping[str, Any] = yaml.safe_load((PACKAGE / "data" / "locks.yaml").read_text(encoding="utf-8"))
    return body


def folder_of(path: str) -> str:
    """The folder of a path; empty for the root."""
    return path.rpartition("/")[0]


def joined(folder: str, name: str) -> str:
    """A path of a folder and a name."""
    return f"{folder}/{name}" if folder else name


def relative(folder: str, base: str) -> str:
    """A folder as seen from one around it; "" where they are the same."""
    return folder.removeprefix(base).removeprefix("/") if base else folder


def compared(wanted: Mapping[str, str], locked: Mapping[str, str], *, all_names: bool = True) -> str:
    """What a manifest asks for and its lock does not know, in words; empty where they agree.

    `all_names`: the lock's mapping holds exactly what the manifest asked for, so that a name too many counts.
    """
    added = sorted(wanted.keys() - locked.keys())
    removed = sorted(locked.keys() - wanted.keys()) if all_names else []
    changed = [f"{name} ({wanted[name]}, locked for {locked[name]})" for name in sorted(wanted.keys() & locked.keys())
               if wanted[name] != locked[name]]  # fmt: skip
    parts = [("not in the lock file", added), ("no longer asked for", removed), ("asked for otherwise", changed)]
    return "; ".join(f"{what}: {shortened(names)}" for what, names in parts if names)


def stale(missing: Iterable[str], otherwise: Iterable[str] = ()) -> Answer | None:
    """That a lock file is out of date, and why; None where nothing differs. `otherwise` is asked for if none misses."""
    for what, names in (("not in the lock file", missing), ("asked for otherwise", otherwise)):
        if found := list(names):
            return State.STALE, f"{what}: {shortened(found)}"
    return None


def shortened(names: Iterable[str]) -> str:
    """The first few names, each cut to a readable length."""
    return enumerated((name[:120] for name in names), most=5)
