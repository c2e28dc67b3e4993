"""Mail from Harbor Club to its members: plain text, over real SMTP, never while a member waits."""

from __future__ import annotations

import asyncio
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from launchready_lib.demo import names

SENDER = f"Harbor Club <hello@{names.DOMAIN}>"
ENVELOPE = f"bounces@{names.DOMAIN}"


def reset(to: str, link: str) -> EmailMessage:
    """The message with a link to choose a new password."""
    return _message(
        to,
        "Choose a new password for Harbor Club",
        "Hello,\n\nsomebody, probably you, asked for a new password for Harbor Club.\n\n"
        f"Choose one here within an hour:\n{link}\n\n"
        "If it was not you, there is nothing to do: your password stays as it is.\n\nHarbor Club\n",
    )


def invitation(to: str) -> EmailMessage:
    """The message that asks somebody to join."""
    return _message(
        to,
        "You are invited to Harbor Club",
        "Hello,\n\na member would like to see you at Harbor Club.\n\n"
        f"Join here:\n{names.CANONICAL}/signup\n\nHarbor Club\n",
    )


async def send(message: EmailMessage, relay: tuple[str, int]) -> None:
    """Hand one message to the relay (RFC 5321); raises `OSError`, such as `smtplib.SMTPException`, if it refuses."""
    await asyncio.to_thread(_send, message, relay)


def _send(message: EmailMessage, relay: tuple[str, int]) -> None:
    with smtplib.SMTP(*relay, local_hostname=names.MAIL_HOST, timeout=10) as smtp:
        smtp.send_message(message, from_addr=ENVELOPE)


def _message(to: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=names.DOMAIN)
    message.set_content(text)
    return message
