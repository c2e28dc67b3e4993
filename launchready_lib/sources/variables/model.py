"""One read of one environment variable, and how much depends on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from launchready_lib.sources import table


class Need(IntEnum):
    """How much a read depends on the variable; the larger, the more."""

    DECLARED_OPTIONAL = 0
    """A schema says that it may be missing; other reads of it do not count against that."""
    OPTIONAL = 1
    """There is a default, or it is only compared with something."""
    TESTED = 2
    """The code asks whether it is set; other plain reads of it in that file are then behind that question."""
    ASKED = 3
    """It is read without a default."""
    DEMANDED = 4
    """The code fails without it."""


@dataclass(frozen=True)
class Read:
    """One read of one variable; `line` counts from 1."""

    name: str
    path: str
    line: int
    need: Need


def one_of(kind: str) -> str:
    """A pattern of the words that the data lists under a kind."""
    return f"(?:{'|'.join(' '.join(table('variables')[kind]).split())})"


def is_given_by_platform(name: str) -> bool:
    """Set by the host, the framework or the shell, not by the founder."""
    return re.fullmatch(one_of("given"), name) is not None


def is_for_browsers(name: str) -> bool:
    """Its prefix makes the build write its value into what every visitor's browser gets."""
    return re.match(one_of("browsers") + "_", name) is not None
