"""Which faults are on in a running world, and who wants to know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

Subscriber = Callable[[], Awaitable[None]]


class Switchboard:
    """The faults of one world, read by its servers at every request.

    Servers that look at `on` while they answer need nothing more; those that prepare something (a signed zone, a file
    in a repository) subscribe, and are awaited in the order of their subscription before the change counts as made.
    """

    def __init__(self, faults: Iterable[str] = ()) -> None:
        self._faults = frozenset(faults)
        self._subscribers: list[Subscriber] = []

    @property
    def faults(self) -> frozenset[str]:
        """The ids of the checks whose fault is on."""
        return self._faults

    def on(self, check_id: str) -> bool:
        """Whether the fault of this check is on."""
        return check_id in self._faults

    def subscribe(self, callback: Subscriber) -> None:
        """Have `callback` awaited after every change."""
        self._subscribers.append(callback)

    async def set(self, faults: Iterable[str]) -> None:
        """Make exactly these faults the ones that are on; returns when every subscriber has followed."""
        wanted = frozenset(faults)
        if wanted == self._faults:
            return
        self._faults = wanted
        for callback in self._subscribers:
            await callback()
