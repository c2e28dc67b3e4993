"""What every handler of Harbor Club reaches: its database, journal, outgoing mail and the faults that are on."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.demo.web import mail

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Coroutine, Mapping
    from email.message import EmailMessage
    from pathlib import Path

    from launchready_lib.demo.faults import Switchboard
    from launchready_lib.demo.web.database import Database
    from launchready_lib.demo.web.logs import Journal


@dataclass
class Club:
    """One running Harbor Club.

    Attributes:
        environment: values of the variables that the parameters file names, such as the webhook secret.
        relay: host and port that take outgoing mail.
        release_file: what production says it serves; the deploy script writes it.
        edge_key: what the edge sends with each request, so that the origin answers the edge alone.
        careless: the part of a payment key that differs, for the fault that shows one.
        reads: how often each core read was asked for, for faults that strike now and then.
    """

    switchboard: Switchboard
    database: Database
    journal: Journal
    environment: Mapping[str, str]
    relay: tuple[str, int]
    release_file: Path
    reads: Counter[str]
    edge_key: str = field(default_factory=secrets.token_urlsafe, repr=False)
    careless: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    _work: set[asyncio.Task[None]] = field(default_factory=set)

    def on(self, check_id: str) -> bool:
        """Whether the fault of this check is on."""
        return self.switchboard.on(check_id)

    def behind(self, work: Coroutine[object, object, None]) -> None:
        """Do this after the answer, while nobody waits for it."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def post(self, message: EmailMessage) -> None:
        """Send a message behind the answer."""
        self.behind(mail.send(message, self.relay))

    async def settle(self) -> None:
        """Wait for all work behind answers to end."""
        while self._work:
            await asyncio.gather(*self._work)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - work behind an answer has nobody else to tell
            self.journal.event("background work failed", level="error", error=type(error).__name__)
