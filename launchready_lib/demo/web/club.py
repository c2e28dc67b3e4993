"""What every handler of Harbor Club reaches: its database, journal, outgoing mail and the faults that are on."""

from __future__ import annotations

import asyncio
import secrets
import smtplib
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from launchready_lib.demo import names
from launchready_lib.demo.faults import Switchboard
from launchready_lib.demo.texts import filled
from launchready_lib.demo.web.database import Database
from launchready_lib.demo.web.logs import Journal


@dataclass
class Club:
    """One running Harbor Club.

    The deploy script writes `release_file`; the origin answers only who sends `edge_key`; `careless` is the part of a
    payment key that differs, for the fault that shows one; `reads` counts core reads, for faults that strike now and
    then.
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

    async def send(self, kind: str, to: str, link: str) -> None:
        """Send mail, a reset link or an invitation; raises `OSError`, such as `smtplib.SMTPException`, when refused."""
        subject, _, text = filled(f"{kind}.mail", link=link).partition("\n\n")
        message = EmailMessage()
        message["From"] = f"Harbor Club <hello@{names.DOMAIN}>"
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain=names.DOMAIN)
        message.set_content(text)

        def hand_over() -> None:
            with smtplib.SMTP(*self.relay, local_hostname=names.MAIL_HOST, timeout=10) as smtp:
                smtp.send_message(message, from_addr=f"bounces@{names.DOMAIN}")

        await asyncio.to_thread(hand_over)

    async def settle(self) -> None:
        """Wait for all work behind answers to end."""
        while self._work:
            await asyncio.gather(*self._work)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - work behind an answer has nobody else to tell
            self.journal.event("background work failed", level="error", error=type(error).__name__)
