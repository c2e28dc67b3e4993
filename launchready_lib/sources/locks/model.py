"""What one dependency manifest and its lock file say of each other, and whether a version is in a range."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from launchready_lib.evidence import Row
from launchready_lib.wording import enumerated

Made = TypeVar("Made")
_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.\d+)*(-[\w.-]+)?(?:\+[\w.-]+)?\Z")
_PART = re.compile(r"(\^|~>|~|>=|<=|==|=|>|<|!=)?\s*(v?\d+(?:\.(?:\d+|[xX*]))*(?:-[\w.-]+)?)\Z")
Triple = tuple[int, int, int]


class State(StrEnum):
    """How well a manifest is pinned."""

    LOCKED = "locked"
    NOTHING = "names no library"
    MISSING = "no lock file"
    STALE = "lock file out of date"
    UNPINNED = "not pinned"
    UNTOLD = "cannot be told from the files alone"
    ASIDE = "not part of the app"


Answer = tuple[State, str]  # a state and its detail


@dataclass(frozen=True)
class Pinning:
    """One manifest and its lock file; `detail`: what differs, or what cannot be told and what would tell it."""

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


def allows(asked: str, version: str) -> bool | None:
    """Whether `asked` (as npm, Composer, Poetry: ^, ~, comparisons, wildcards, "||") lets it in; None: not plain."""
    found = _VERSION.match(version.strip())
    asked = asked.strip()
    if found is None or found[4]:
        return True if asked == version.strip() else None
    if asked in ("", "*", "x", "latest"):
        return True if asked != "latest" else None
    triple = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    answers = [_all(part, triple) for part in re.split(r"\|\|?", asked)]
    if any(answers):
        return True
    return None if None in answers else False


def _all(asked: str, version: Triple) -> bool | None:
    between = re.fullmatch(r"\s*(\S+)\s+-\s+(\S+)\s*", asked)
    tight = re.sub(r"(\^|~>|~|>=|<=|==|=|>|<|!=)\s+", r"\1", asked.strip())
    parts = [f">={between[1]}", f"<={between[2]}"] if between else re.split(r"[,\s]+", tight)
    answers = [_one(part, version) for part in parts if part]
    if False in answers:
        return False
    return None if None in answers or not answers else True


def _one(part: str, version: Triple) -> bool | None:
    found = _PART.match(part)
    if found is None or "-" in found[2]:
        return None
    sign, words = found[1] or "", found[2].lstrip("v").split(".")
    digits = [int(word) for word in words if word.isdigit()]
    if len(digits) < len(words):  # 1.x, 1.2.*
        return version[: len(digits)] == tuple(digits[:3])
    low = _filled(digits)
    if sign in ("^", "~", "~>"):
        return low <= version < _above(sign, digits)
    return {
        "": version == low if len(digits) >= 3 else version[: len(digits)] == tuple(digits),
        "=": version == low,
        "==": version == low,
        "!=": version != low,
        ">=": version >= low,
        "<=": version <= low,
        ">": version > low,
        "<": version < low,
    }[sign]


def _above(sign: str, digits: list[int]) -> Triple:
    major, minor, patch = _filled(digits)
    if sign == "~>":  # Ruby: the last part given may grow
        return (major, minor + 1, 0) if len(digits) > 2 else (major + 1, 0, 0)
    if sign == "~":
        return (major, minor + 1, 0) if len(digits) > 1 else (major + 1, 0, 0)
    if major or len(digits) < 2:
        return (major + 1, 0, 0)
    if minor or len(digits) < 3:
        return (0, minor + 1, 0)
    return (0, 0, patch + 1)


def _filled(digits: list[int]) -> Triple:
    major, minor, patch = (*digits[:3], 0, 0, 0)[:3]
    return major, minor, patch
