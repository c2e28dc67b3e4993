"""Where the mail of Harbor Club arrives: an SMTP server (RFC 5321) that keeps every message in a Maildir."""

from __future__ import annotations

import asyncio
import mailbox
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from launchready_lib.demo import names

_LARGEST = 5 * 1024 * 1024


class _Keeper:
    def __init__(self, maildir: mailbox.Maildir) -> None:
        self._maildir = maildir

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content or b""
        head = f"Return-Path: <{envelope.mail_from}>\r\n" + "".join(
            f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos
        )
        self._maildir.add(
            head.encode("utf-8", "replace") + (content if isinstance(content, bytes) else content.encode())
        )
        return "250 2.0.0 kept"


async def start(maildir: Path) -> asyncio.Server:
    """Open a loopback port that takes mail for anybody."""
    keeper = _Keeper(mailbox.Maildir(maildir))
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(keeper, data_size_limit=_LARGEST, hostname=names.MAIL_HOST, ident="Harbor Club", loop=loop),
        "127.0.0.1",
        0,
    )
