"""One TLS handshake with a host, or how it ended; with a mail server after STARTTLS."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.checks.secure_edge.tls import stapling
from launchready_lib.network import ConnectFailure

if TYPE_CHECKING:
    from pathlib import Path

    from launchready_lib.client import Client

PORT, MAIL_PORT = 443, 25
VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
_OURS = frozenset({"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"})
_RECEIVE = 16_384
_GREETING = b"EHLO launch-audit.invalid\r\n"
"""No name of the auditing machine is told; a server that minds a made-up one says so when mail comes, not here."""
_LONGEST_ANSWER = 16_384  # bytes of one answer of a mail server: far beyond what any lists
_LINE = re.compile(rb"(\d{3})([ -])?(.*)")


class NotOfferedError(Exception):
    """A mail server that speaks, but offers no encryption."""


class TurnedAwayError(Exception):
    """A mail server that does not talk to us, or not in SMTP; its code is 0 where there was none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"it answered {code}" if code else "it does not speak SMTP")


@dataclass(frozen=True)
class Handshake:
    """One handshake, or how it ended."""

    # "ok"; "tls" where the two did not agree; "ours" where our own library cannot try; of a mail server, "plain" where
    # it offers no encryption and "shut" where it does not talk to us; else the connection's
    state: str
    error: str = ""  # what went wrong in words
    code: int | None = None  # OpenSSL's verify code
    cipher: str = ""  # the suite agreed on
    h2: bool = False  # HTTP/2 was agreed on
    chain: tuple[bytes, ...] = ()  # the certificates as sent
    version: str = ""


@dataclass(frozen=True)
class Contexts:
    """For reading anything, for trusting what a browser does, and for each version alone."""

    reading: ssl.SSLContext
    trusting: ssl.SSLContext
    versions: dict[str, ssl.SSLContext]


def contexts(ca_file: Path | None) -> Contexts:
    """The contexts of one survey; `ca_file` is trusted beside the system's."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False  # names are compared here, so that one fault does not hide another
    if ca_file is not None:
        trusting.load_verify_locations(ca_file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are offered to see whether they are refused
        reading = _open(ssl.TLSVersion.TLSv1, ssl.TLSVersion.MAXIMUM_SUPPORTED)
        versions = {name: _open(version, version) for name, version in VERSIONS.items()}
    reading.set_alpn_protocols(["h2", "http/1.1"])
    return Contexts(reading, trusting, versions)


def _open(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # Debian's default hides old versions and weak keys
    context.minimum_version = lowest
    context.maximum_version = highest
    return context


async def shake(client: Client, host: str, context: ssl.SSLContext, port: int = PORT) -> Handshake:
    """Connect and shake hands within the network's time limit; on the mail port, after STARTTLS."""
    seconds = client.network.timeout_s
    connected = await client.network.connect(host, port)
    if isinstance(connected, ConnectFailure):
        return Handshake(connected.state, connected.error)
    with connected:
        connected.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                if port == MAIL_PORT:
                    await _start_tls(connected)
                return await _shaken(connected, host, context)
        except NotOfferedError:
            return Handshake("plain", "it offers no encryption (STARTTLS)")
        except TurnedAwayError as error:
            return Handshake("shut", str(error))
        except TimeoutError:
            return Handshake("timeout", f"no handshake within {seconds:g} s")
        except ssl.SSLCertVerificationError as error:
            return Handshake("tls", error.verify_message, error.verify_code)
        except ssl.SSLError as error:
            reason = (error.reason or "handshake failed").upper()
            state = "ours" if reason in _OURS else "tls"
            return Handshake(state, reason.lower().replace("_", " "))
        except OSError as error:
            return Handshake("reset", (error.strerror or type(error).__name__).lower())
        except ValueError:
            return Handshake("tls", "not a name that TLS can ask for")


async def _start_tls(sock: socket.socket) -> None:
    """Greet a mail server, and have it begin TLS (SMTP, RFC 5321; STARTTLS, RFC 3207)."""
    code, _ = await _answer(sock)
    if code != 220:
        raise TurnedAwayError(code)
    code, offers = await _answer(sock, _GREETING)
    if code in (500, 502):
        raise NotOfferedError  # it knows HELO alone, which has no extensions
    if code != 250:
        raise TurnedAwayError(code)
    if b"STARTTLS" not in (offer.strip().upper() for offer in offers[1:]):
        raise NotOfferedError
    code, _ = await _answer(sock, b"STARTTLS\r\n")
    if code != 220:
        raise NotOfferedError


async def _answer(sock: socket.socket, line: bytes = b"") -> tuple[int, list[bytes]]:
    """Say a line, if any, and read one answer of one or more lines: its code, and what each line says.

    What came beyond its end is thrown away, as nothing said before encryption may count after it (RFC 3207 section 6).
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, line)
    received = b""
    lines: list[bytes] = []
    while True:
        *whole, received = received.split(b"\n")
        for each in whole:
            match = _LINE.fullmatch(each.rstrip(b"\r"))
            if match is None:
                raise TurnedAwayError(0)
            lines.append(match[3])
            if match[2] != b"-":
                return int(match[1]), lines
        if len(received) + sum(map(len, lines)) > _LONGEST_ANSWER:
            raise TurnedAwayError(0)
        data = await loop.sock_recv(sock, _RECEIVE)
        if not data:
            raise ConnectionResetError("the connection was closed")
        received += data


async def _shaken(sock: socket.socket, host: str, context: ssl.SSLContext) -> Handshake:
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            await loop.sock_sendall(sock, outgoing.read())
            if data := await loop.sock_recv(sock, _RECEIVE):
                incoming.write(data)
            else:
                incoming.write_eof()
    if pending := outgoing.read():
        await loop.sock_sendall(sock, pending)
    suite = tls.cipher()
    version = (tls.version() or "").replace("TLSv1", "TLS 1") or "none"
    h2 = tls.selected_alpn_protocol() == "h2"
    if hasattr(tls, "get_unverified_chain"):  # public from Python 3.13 on
        sent = list(tls.get_unverified_chain())
    else:
        raw = tls._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]  # noqa: SLF001
        sent = [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in raw]
    version = "TLS 1.0" if version == "TLS 1" else version
    return Handshake("ok", "", 0, suite[0] if suite else "", h2, tuple(sent), version)


async def first_flight(client: Client, host: str) -> stapling.Answer:
    """What a web host sends first in one more handshake, which is broken off: its certificates and OCSP answer."""
    answer = stapling.Answer()
    connected = await client.network.connect(host, PORT)
    if isinstance(connected, ConnectFailure):
        return answer
    loop = asyncio.get_running_loop()
    with connected:
        connected.setblocking(False)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(client.network.timeout_s):
                await loop.sock_sendall(connected, stapling.hello(host))
                while not answer.done:
                    answer.feed(await loop.sock_recv(connected, _RECEIVE))
    return answer
