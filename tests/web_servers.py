"""Real HTTP servers on loopback, as small as a test needs them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from launchready_lib.client import Client
from launchready_lib.network import Network, Scope
from launchready_lib.parameters import load
from tests.dns_server import DnsServer, zone

DOMAIN = "acme.example"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def host(self) -> str:
        return self.headers.get("host", "").partition(":")[0]


@dataclass(frozen=True)
class Reply:
    """What to answer; headers as pairs, so that one may come twice."""

    body: bytes | str = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    kind: str | None = HTML

    def encode(self) -> bytes:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.kind:
            lines.append(f"Content-Type: {self.kind}")
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1") + body


Answer = Callable[[Asked], Reply]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Served:
    port: int
    asked: list[Asked] = field(default_factory=list)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body)


@asynccontextmanager
async def listening(handle: Raw, *, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that hands every connection to `handle`; gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            await handle(reader, writer)
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(one(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(answer: Answer, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    """A site that answers every request with what `answer` says."""
    served = Served(0)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await _read(reader)
        served.asked.append(asked)
        writer.write(answer(asked).encode())
        await writer.drain()

    async with listening(handle, context=context) as port:
        served.port = port
        yield served


def pages(routes: Mapping[str, Reply], missing: Reply | None = None) -> Answer:
    """A site of fixed pages; any other address gets `missing`, by default a plain 404."""
    other = missing or Reply("<h1>Page not found</h1><p>There is nothing at this address.</p>", 404)
    return lambda asked: routes.get(asked.path, other)


def network(connect_to: Mapping[str, str] | None = None, **options) -> Network:
    """A network that may reach acme.example and its subdomains, quickly."""
    settings = {"timeout_s": 3.0, "requests_per_second": 1000.0} | options
    hosts = settings.pop("hosts", (DOMAIN, f"*.{DOMAIN}"))
    return Network(Scope(hosts), connect_to=dict(connect_to or {}), nameservers=["127.0.0.1:9"], **settings)


@asynccontextmanager
async def asking(answer: Answer, **options) -> AsyncIterator[Network]:
    """A network for which acme.example is a site that answers so."""
    async with serving(answer) as site, network({f"{DOMAIN}:80": f"127.0.0.1:{site.port}"}, **options) as net:
        yield net


@asynccontextmanager
async def resolver(records: str = "") -> AsyncIterator[str]:
    """A resolver that knows these records (a zone's lines) and that nothing else exists; gives "address:port"."""
    async with DnsServer([zone(".", records)], recursive=True) as server:
        yield f"127.0.0.1:{server.port}"


def client(port: int = 0, *, root: Path = Path(), release: str = "t1", **sections) -> Client:
    """A client acme.example whose every web host is the server on this port (TLS where it is one)."""
    hosts = sections.pop("reach", ("", "www.", "app.", "api.", "admin."))
    connect = {f"{name}{DOMAIN}:{p}": f"127.0.0.1:{port}" for name in hosts for p in (443, 80)} if port else {}
    net = {"timeout_s": 3, "requests_per_second": 1000, "nameservers": ["127.0.0.1:9"]} | sections.pop("network", {})
    net["connect_to"] = connect | net.get("connect_to", {})
    content = {
        "name": "Acme",
        "domain": DOMAIN,
        "release": release,
        "authorization": {
            "granted_by": "the founder",
            "granted_on": "2026-01-01",
            "hosts": [DOMAIN, f"*.{DOMAIN}"],
            "allow": ["login"],
        },
        "network": net,
    } | sections
    return Client(load(content), root=root, environment={})
