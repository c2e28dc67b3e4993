"""What is wrong with a parameters file: every problem at once, each with its place, and never a secret's value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""A key path: keys as text, positions in lists as numbers from 0."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_LONGEST_KEY = 80
_LONGEST_FILE = 4096


@dataclass(frozen=True)
class Problem:
    """One thing to correct.

    `message` says what was expected and the type of what was found, never the value of a secret. `path` is empty where
    the file as a whole is meant, `file` is None for a mapping, `suggestion` the nearest valid key or value.
    """

    message: str
    path: str = ""
    file: str | None = None
    line: int | None = None
    suggestion: str | None = None

    def __str__(self) -> str:
        file = None if self.file is None else printable(self.file, _LONGEST_FILE)
        place = ":".join(str(part) for part in (file, self.line) if part is not None)
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return ": ".join(part for part in (place, self.path, self.message + hint) if part)


class ParametersError(Exception):
    """The parameters cannot be used; `problems` holds all that is wrong, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def key_path(path: Path) -> str:
    """Write a key path for people: `client.flows.login[0].goto`, `client.attestations["alerts.read"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.match(part):
            text += f".{part}" if text else part
        else:
            text += f'["{printable(part)}"]'
    return text


def printable(text: str, longest: int = _LONGEST_KEY) -> str:
    """Make foreign text safe to print in one line: control characters escaped, the rest cut."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that was probably meant."""
    candidates = list(known)
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    wanted = word[:_LONGEST_KEY].lower().replace("-", "_")
    close = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.6)
    if close:
        return folded[close[0]]
    starts = [candidate for candidate in candidates if len(wanted) > 2 and candidate.lower().startswith(wanted)]
    return starts[0] if len(starts) == 1 else None
