"""The mail of Harbor Club: an SMTP relay (RFC 5321) that signs each message and delivers it into a Maildir."""

from __future__ import annotations

import asyncio
import mailbox
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from launchready_lib.demo import dkim, names
from launchready_lib.demo.certificates import CertificateAuthority
from launchready_lib.demo.faults import Switchboard

_LARGEST = 5 * 1024 * 1024


class _Keeper:
    """The mail provider's way out and the receiver's way in, both in one: nothing leaves this machine."""

    def __init__(self, maildir: mailbox.Maildir, keys: Path, switchboard: Switchboard) -> None:
        self._maildir = maildir
        self._keys = keys
        self._switchboard = switchboard

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        # With the fault the app sends by itself: unsigned, and from an address that no record lists.
        alone = self._switchboard.on("mail.delivered")
        sender = (names.APP, names.ORIGIN_ADDRESS) if alone else (names.SENDER_HOST, names.SENDER_ADDRESS)
        signed = raw if alone else dkim.sign(raw, self._keys, names.DKIM_SELECTORS[0])
        head = f"Return-Path: <{envelope.mail_from}>\r\n" + "".join(
            f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos
        )
        self._maildir.add((head + _received(*sender)).encode("utf-8", "replace") + signed)
        return "250 2.0.0 kept"


def _received(greeting: str, address: str) -> str:
    """The trace that a receiver leaves (RFC 5321 section 4.4)."""
    moment = format_datetime(datetime.now(UTC))
    return f"Received: from {greeting} ({greeting} [{address}])\r\n\tby {names.MAIL_HOST} with ESMTP; {moment}\r\n"


async def start(maildir: Path, keys: Path, switchboard: Switchboard, tls: CertificateAuthority) -> asyncio.Server:
    """Open a loopback port that takes mail for anybody, encrypted where the sender likes (STARTTLS, RFC 3207).

    `keys` is the folder of the signing keys.
    """
    keeper = _Keeper(mailbox.Maildir(maildir), keys, switchboard)
    loop, context = asyncio.get_running_loop(), tls.context([names.MAIL_HOST])
    return await loop.create_server(
        lambda: SMTP(
            keeper,
            data_size_limit=_LARGEST,
            hostname=names.MAIL_HOST,
            ident="Harbor Club",
            loop=loop,
            tls_context=context,
        ),
        "127.0.0.1",
        0,
    )
