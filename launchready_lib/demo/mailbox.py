"""The mail of Harbor Club: an SMTP relay (RFC 5321) that signs each message (RFC 6376) and fills a Maildir."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mailbox
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from launchready_lib.demo import names
from launchready_lib.demo.certificates import CertificateAuthority, private_pem
from launchready_lib.demo.faults import Switchboard
from launchready_lib.record.files import private_folder, write_private

_LARGEST = 5 * 1024 * 1024
_SIGNED = ("from", "to", "subject", "date", "message-id")


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
        host, address = (names.APP, names.ORIGIN_ADDRESS) if alone else (names.SENDER_HOST, names.SENDER_ADDRESS)
        signed = raw if alone else sign(raw, self._keys, names.DKIM_SELECTORS[0])
        head = f"Return-Path: <{envelope.mail_from}>\r\n"
        head += "".join(f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos)
        # The trace that a receiver leaves (RFC 5321 section 4.4).
        head += f"Received: from {host} ({host} [{address}])\r\n\tby {names.MAIL_HOST} with ESMTP; "
        head += f"{format_datetime(datetime.now(UTC))}\r\n"
        self._maildir.add(head.encode("utf-8", "replace") + signed)
        return "250 2.0.0 kept"


async def start(maildir: Path, keys: Path, switchboard: Switchboard, tls: CertificateAuthority) -> asyncio.Server:
    """Open a loopback port for mail to anybody (STARTTLS where the sender likes); `keys` is the signing folder."""
    keeper = _Keeper(mailbox.Maildir(maildir), keys, switchboard)
    loop, context = asyncio.get_running_loop(), tls.context([names.MAIL_HOST])
    says = {"hostname": names.MAIL_HOST, "ident": "Harbor Club"}
    return await loop.create_server(
        lambda: SMTP(keeper, data_size_limit=_LARGEST, loop=loop, tls_context=context, **says), "127.0.0.1", 0
    )


def make_keys(folder: Path) -> dict[str, str]:
    """Make a key for each selector, stored as `<selector>.pem` in the folder; returns selector -> DNS record text."""
    records = {}
    for selector in names.DKIM_SELECTORS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(private_folder(folder) / f"{selector}.pem", private_pem(key))
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_key().public_bytes(serialization.Encoding.DER, form)
        records[selector] = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return records


def sign(message: bytes, folder: Path, selector: str) -> bytes:
    """The message with a signature before it, made with the selector's key in the folder (rsa-sha256, relaxed)."""
    key = serialization.load_pem_private_key((folder / f"{selector}.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - `make_keys` makes no others
    head, _, body = re.sub(rb"\r?\n", b"\r\n", message).partition(b"\r\n\r\n")
    fields = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields[name.strip().lower().decode()] = re.sub(rb"[ \t]+", b" ", value).strip()
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip() for line in body.rstrip(b"\r\n").split(b"\r\n")]
    body_hash = base64.b64encode(hashlib.sha256(b"\r\n".join(lines) + b"\r\n").digest()).decode()
    signed = [field for field in _SIGNED if field in fields]
    place = f"d={names.DOMAIN}; s={selector}; h={':'.join(signed)}"
    bare = f"v=1; a=rsa-sha256; c=relaxed/relaxed; {place}; bh={body_hash}; b="
    covered = b"".join(field.encode() + b":" + fields[field] + b"\r\n" for field in signed)
    signature = key.sign(covered + b"dkim-signature:" + bare.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {bare}{base64.b64encode(signature).decode()}\r\n".encode() + message
