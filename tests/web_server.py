"""A small real HTTP server on loopback for tests: plain and TLS ports, answers from one function."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def html(body: str = "<h1>Acme</h1>", status: int = 200, **headers: str) -> Reply:
    return Reply(status, body, {"content-type": "text/html; charset=utf-8", **headers})


def json(body: str = "{}", status: int = 200) -> Reply:
    return Reply(status, body, {"content-type": "application/json"})


def redirect(to: str, status: int = 301) -> Reply:
    return Reply(status, "", {"location": to})


@dataclass(frozen=True)
class Request:
    """What was asked: scheme, host and target."""

    scheme: str
    host: str
    target: str


Answering = Callable[[Request], Reply | None]


@dataclass
class WebServer:
    """The two ports, as "host:port"; `requests` is what came."""

    http: str
    https: str
    requests: list[Request]

    def connect_to(self, *addresses: str) -> dict[str, str]:
        """network.connect_to for published addresses that this server stands for."""
        return {f"{a}:{port}": place for a in addresses for port, place in ((80, self.http), (443, self.https))}


@functools.cache
def tls_context(issuer: str = "Acme Test CA") -> ssl.SSLContext:
    """A context with a certificate signed by itself, in this issuer's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.acme.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pair.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(file)
    return context


@contextlib.asynccontextmanager
async def web_server(answer: Answering, *, issuer: str = "Acme Test CA") -> AsyncIterator[WebServer]:
    """Serve what `answer` gives; None closes the connection without a word."""
    requests: list[Request] = []

    def handler(scheme: str):
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                target = head.split(" ", 2)[1]
                host = next(line[5:].strip() for line in head.split("\r\n") if line.lower().startswith("host:"))
                request = Request(scheme, host.partition(":")[0], target)
                requests.append(request)
                if reply := answer(request):
                    body = reply.body.encode()
                    lines = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
                    start = f"HTTP/1.1 {reply.status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
                    writer.write(f"{start}{lines}\r\n".encode() + body)
                    await writer.drain()
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

        return handle

    plain = await asyncio.start_server(handler("http"), "127.0.0.1", 0)
    secure = await asyncio.start_server(handler("https"), "127.0.0.1", 0, ssl=tls_context(issuer))
    async with plain, secure:
        places = [f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in (plain, secure)]
        yield WebServer(*places, requests)
