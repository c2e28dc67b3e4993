"""What every public host says in its TLS handshakes: certificates, trust, protocol versions."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from launchready_lib.checks import probe, web
from launchready_lib.checks.reach import SILENT
from launchready_lib.checks.tls.chain import Certificate, read
from launchready_lib.findings import Row, Unavailable
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts, zone_hosts
from launchready_lib.network import Answer, ConnectFailure, Response

if TYPE_CHECKING:
    from pathlib import Path

    from launchready_lib.client import Client

PORT = 443
VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
_OURS = frozenset({"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE"})
_RECEIVE = 16_384


@dataclass(frozen=True)
class Handshake:
    """One handshake, or how it ended.

    Attributes:
        state: "ok"; "tls" where the two did not agree; "ours" where our own library cannot try; else the connection's.
        code, error: OpenSSL's verify code, and what went wrong in words.
        cipher: the suite agreed on; h2: HTTP/2 was agreed on; chain: the certificates as sent.
    """

    state: str
    error: str = ""
    code: int | None = None
    cipher: str = ""
    h2: bool = False
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class HostTls:
    """One host.

    Attributes:
        read: the handshake that trusts anything; trusted: the one that trusts what a browser does.
        versions: version -> the handshake that offered that one alone.
        chain: the certificates sent, own first; malformed ones left out, `malformed` counts them.
        caa: the CAA answers on the way up from the name (RFC 8659 §3), the last being the one that counts.
    """

    host: str
    read: Handshake
    trusted: Handshake
    versions: dict[str, Handshake] = field(default_factory=dict)
    chain: tuple[Certificate, ...] = ()
    malformed: int = 0
    caa: tuple[Answer, ...] = ()

    @property
    def own(self) -> Certificate | None:
        """The host's own certificate."""
        return self.chain[0] if self.chain else None

    def unseen(self) -> Unavailable | None:
        """Why its certificate could not be seen; None where it was, or where the host does not speak TLS at all."""
        if self.read.state in ("ok", "tls"):
            return None
        url = f"https://{self.host}/"
        return web.why_unseen(url, Response("TLS", url, self.read.state, error=self.read.error))  # type: ignore[arg-type]


@dataclass(frozen=True)
class TlsEvidence:
    """Every public host, and the moment of looking.

    Attributes:
        hosts: declared ones, and those of the zone file that answer.
        zone: the zone file's names beside the declared ones.
    """

    hosts: tuple[HostTls, ...]
    now: dt.datetime
    zone: ZoneHosts = NO_ZONE_HOSTS

    def frame(self) -> pd.DataFrame:
        """One row a host."""
        return pd.DataFrame([row(host, self.now) for host in self.hosts])


def row(host: HostTls, now: dt.datetime) -> Row:
    """A host's certificate in one row."""
    own = host.own
    if own is None:
        return {"host": host.host, "state": host.read.state, "error": host.read.error}
    return {
        "host": host.host,
        "state": host.read.state,
        "names": web.listed(own.names, 6),
        "issuer": own.issuer,
        "from": own.starts.date().isoformat(),
        "until": own.ends.date().isoformat(),
        "days_left": (own.ends - now).days,
        "key": own.key,
        "signature": own.signature,
        "sent": " > ".join(certificate.subject for certificate in host.chain),
        "versions": web.listed(name for name, shake in host.versions.items() if shake.state == "ok"),
        "http_2": host.read.h2,
    }


@probe
async def survey(client: Client) -> TlsEvidence | Unavailable:
    """Shake hands with every public host: once trusting anything, once as a browser, once for each version."""
    if no := web.unauthorized(client):
        return no
    contexts = _contexts(client.network.ca_file)
    zone = zone_hosts(client)
    hosts = await asyncio.gather(
        *(_host(client, host, contexts) for host in web.public_hosts(client)),
        *(_host(client, host, contexts, quiet=SILENT) for host in zone.names),
    )
    return TlsEvidence(tuple(host for host in hosts if host is not None), dt.datetime.now(dt.UTC), zone)


@dataclass(frozen=True)
class _Contexts:
    reading: ssl.SSLContext
    trusting: ssl.SSLContext
    versions: dict[str, ssl.SSLContext]


def _contexts(ca_file: Path | None) -> _Contexts:
    trusting = ssl.create_default_context()
    trusting.check_hostname = False  # names are compared here, so that one fault does not hide another
    if ca_file is not None:
        trusting.load_verify_locations(ca_file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are offered to see whether they are refused
        reading = _open(ssl.TLSVersion.TLSv1, ssl.TLSVersion.MAXIMUM_SUPPORTED)
        versions = {name: _open(version, version) for name, version in VERSIONS.items()}
    reading.set_alpn_protocols(["h2", "http/1.1"])
    return _Contexts(reading, trusting, versions)


def _open(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # Debian's default hides old versions and weak keys
    context.minimum_version = lowest
    context.maximum_version = highest
    return context


async def _host(client: Client, host: str, contexts: _Contexts, *, quiet: tuple[str, ...] = ()) -> HostTls | None:
    """Shake hands with one host; None where it is absent, or ends in one of the states of `quiet`."""
    first = await shake(client, host, contexts.reading)
    if first.state in quiet:
        return None
    if first.state == "dns" and not web.is_declared(client, host) and await web.is_absent(client, host):
        return None
    if first.state != "ok":
        return HostTls(host, first, first)
    trusted, *versions = await asyncio.gather(
        shake(client, host, contexts.trusting), *(shake(client, host, c) for c in contexts.versions.values())
    )
    certificates = [read(der) for der in first.chain]
    return HostTls(
        host,
        first,
        trusted,
        dict(zip(contexts.versions, versions, strict=True)),
        tuple(c for c in certificates if c is not None) if certificates and certificates[0] else (),
        sum(c is None for c in certificates),
        await climb(client, host),
    )


async def shake(client: Client, host: str, context: ssl.SSLContext) -> Handshake:
    """Connect and shake hands within the network's time limit."""
    seconds = client.network.timeout_s
    connected = await client.network.connect(host, PORT)
    if isinstance(connected, ConnectFailure):
        return Handshake(connected.state, connected.error)
    with connected:
        connected.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                return await _shaken(connected, host, context)
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
    return Handshake("ok", "", 0, suite[0] if suite else "", tls.selected_alpn_protocol() == "h2", tuple(_sent(tls)))


def _sent(tls: ssl.SSLObject) -> list[bytes]:
    """The chain as sent, DER (public from Python 3.13 on)."""
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain())
    raw = tls._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in raw]


async def climb(client: Client, host: str) -> tuple[Answer, ...]:
    """Ask for CAA from the name upwards until some are found; a failure on the way ends the climb (RFC 8659 §3)."""
    answers: list[Answer] = []
    labels = host.split(".")
    for start in range(len(labels)):
        answer = await client.network.ask(".".join(labels[start:]), "CAA")
        answers.append(answer)
        if answer.state not in ("NODATA", "NXDOMAIN"):
            break
    return tuple(answers)
