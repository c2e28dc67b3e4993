"""What a probe gives: evidence that a notebook can show as a table, or the reason why there is none."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
Seen = TypeVar("Seen")
First = TypeVar("First")

Row = dict[str, Any]
"""One line of an evidence table: column -> scalar."""


class Evidence:
    """The base of what probes return: frozen dataclasses that a notebook's last line shows as a table."""

    def rows(self) -> Iterable[Row]:
        """The evidence as observed, one row a thing seen."""
        raise NotImplementedError

    def frame(self) -> pd.DataFrame:
        """The rows as a data frame."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it, and it takes long to import

        return pd.DataFrame(list(self.rows()))


@dataclass(frozen=True)
class Unavailable(Evidence):
    """What a probe returns where there is no evidence to judge; `defect`: the reason is an error of ours.

    `needs` names the parameter, permission or program that would make it known.
    """

    reason: str
    needs: str
    defect: bool = False

    def rows(self) -> Iterable[Row]:
        """Show in evidence's stead why there is none, so that a notebook's last line holds either way."""
        return [{"nothing_to_show": self.reason, "needs": self.needs}]


def probe(
    function: Callable[Concatenate[First, P], Coroutine[Any, Any, Seen | Unavailable]],
) -> Callable[Concatenate[First, P], Coroutine[Any, Any, Seen | Unavailable]]:
    """Mark an async survey: what it did not expect becomes `Unavailable`, marked as a defect of ours."""

    @functools.wraps(function)
    async def guarded(client: First, /, *args: P.args, **kwargs: P.kwargs) -> Seen | Unavailable:
        try:
            return await function(client, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a probe never raises for what the target does; the rest is our defect
            return broken(error, f"the probe {function.__module__.rsplit('.', 1)[-1]}.{function.__name__}")

    return guarded


def broken(error: Exception, what: str) -> Unavailable:
    """Say what broke by the exception's type and place; its message is left out, since it may quote what was read."""
    reason = f"{what} broke ({type(error).__name__} at {place_of(error)}); this is a defect of Launch Ready"
    return Unavailable(reason, "a corrected version of Launch Ready: please report it with this line", defect=True)


def place_of(error: Exception) -> str:
    """The file and line of ours in which an exception arose."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "launchready_lib" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
