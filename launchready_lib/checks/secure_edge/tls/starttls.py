"""Asking a mail server for encryption before the handshake (SMTP, RFC 5321; STARTTLS, RFC 3207)."""

from __future__ import annotations

import asyncio
import re
import socket

PORT = 25
_GREETING = b"EHLO launch-audit.invalid\r\n"
"""No name of the auditing machine is told; a server that minds a made-up one says so when mail comes, not here."""
_LONGEST = 16_384
"""Bytes of one answer: far beyond what any server lists."""
_RECEIVE = 4_096
_LINE = re.compile(rb"(\d{3})([ -])?(.*)")


class NotOfferedError(Exception):
    """A mail server that speaks, but offers no encryption."""


class TurnedAwayError(Exception):
    """A mail server that does not talk to us, or not in SMTP; carries its code, 0 where there was none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"it answered {code}" if code else "it does not speak SMTP")
        self.code = code


async def ask(sock: socket.socket) -> None:
    """Greet, and have the server begin TLS; the socket is then ready for the handshake.

    Args:
        sock: connected and non-blocking; the caller bounds the time.

    Raises:
        NotOfferedError: it offers none, or takes the offer back.
        TurnedAwayError: it refuses to talk, or talks something else.
        ConnectionResetError: it hung up.
    """
    code, _ = await _answer(sock)
    if code != 220:
        raise TurnedAwayError(code)
    code, offers = await _told(sock, _GREETING)
    if code in (500, 502):
        raise NotOfferedError  # it knows HELO alone, which has no extensions
    if code != 250:
        raise TurnedAwayError(code)
    if b"STARTTLS" not in (offer.strip().upper() for offer in offers[1:]):
        raise NotOfferedError
    code, _ = await _told(sock, b"STARTTLS\r\n")
    if code != 220:
        raise NotOfferedError


async def _told(sock: socket.socket, line: bytes) -> tuple[int, list[bytes]]:
    await asyncio.get_running_loop().sock_sendall(sock, line)
    return await _answer(sock)


async def _answer(sock: socket.socket) -> tuple[int, list[bytes]]:
    """One answer of one or more lines: its code, and what each line says.

    What came beyond its end is thrown away, as nothing said before encryption may count after it (RFC 3207 section 6).
    """
    received = b""
    lines: list[bytes] = []
    while True:
        *whole, received = received.split(b"\n")
        for line in whole:
            match = _LINE.fullmatch(line.rstrip(b"\r"))
            if match is None:
                raise TurnedAwayError(0)
            lines.append(match[3])
            if match[2] != b"-":
                return int(match[1]), lines
        if len(received) + sum(map(len, lines)) > _LONGEST:
            raise TurnedAwayError(0)
        data = await asyncio.get_running_loop().sock_recv(sock, _RECEIVE)
        if not data:
            raise ConnectionResetError("the connection was closed")
        received += data
