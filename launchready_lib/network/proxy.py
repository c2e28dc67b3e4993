"""The browser's only way out: a CONNECT proxy on loopback that does scope, DNS, connect_to and private addresses.

Chromium calls its maker's hosts and ignores our resolver unless every connection passes here. A host of the
authorization is let through; any other only after a page was let load something of it (`allow`), since a proxy cannot
see pages, and only for loading: WebSockets have a door of their own, and WebRTC does not speak as pages do.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from launchready_lib.network.dial import Dialer, Target
from launchready_lib.network.scope import normal
from launchready_lib.network.types import NameNotResolvedError, Purpose, Refusal, RefusedError

HEAD_LIMIT = 65_536
ANNOUNCED_WITHIN_S = 1.5
DISTRUSTED = "its certificate is not trusted"
_TLS_HANDSHAKE = b"\x16"
_READS = ("GET", "HEAD")
_LOADS = b"\x02h2\x08http/1.1"
"""What pages offer to speak (ALPN, RFC 7301); a WebSocket offers HTTP/1.1 alone, WebRTC nothing."""
_UNKNOWN = "it could not be looked at"
NO_PAGE = "no page asked for it: a call of the browser's own"
SOCKET = "a page opened a WebSocket to it, and authorization.hosts does not name it"
NOT_LOADING = "a page connected to it for something else than loading, and authorization.hosts does not name it"
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HOP = re.compile(rb"^(proxy-[a-z-]+|connection|keep-alive):", re.IGNORECASE)


@dataclass(eq=False, repr=False)
class BrowserProxy:
    """An HTTP proxy for one browser; `async with` starts and stops it.

    Tunnels to hosts whose certificate `trust` does not verify are closed and recorded.
    """

    dialer: Dialer
    timeout: float
    trust: ssl.SSLContext | None = None
    port: int = 0
    socket_port: int = 0
    _verified: dict[tuple[str, int], asyncio.Task[str | None]] = field(default_factory=dict)
    _allowed: dict[str, asyncio.Event] = field(default_factory=dict)
    _senders: set[str] = field(default_factory=set)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def allow(self, host: str, sends: bool = False) -> None:
        """Let pages load from a host, or send there too."""
        self._announced(host).set()
        if sends:
            self._senders.add(normal(host))

    def _announced(self, host: str) -> asyncio.Event:
        return self._allowed.setdefault(normal(host), asyncio.Event())

    @property
    def arguments(self) -> tuple[str, ...]:
        """Chromium's: its fallback proxy is the one that it asks for WebSockets."""
        pages, sockets = (f"127.0.0.1:{port}" for port in (self.port, self.socket_port))
        rules = f"http={pages};https={pages};socks=http://{sockets}"
        return f"--proxy-server={rules}", "--proxy-bypass-list=<-loopback>"

    async def __aenter__(self) -> Self:
        for door in (self._pages, self._sockets):
            self._servers.append(await asyncio.start_server(door, "127.0.0.1", 0, limit=HEAD_LIMIT))
        self.port, self.socket_port = (int(each.sockets[0].getsockname()[1]) for each in self._servers)
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = (*self._tasks, *self._verified.values())
        for server in self._servers:
            server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    async def _pages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, sockets=False)

    async def _sockets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, sockets=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, sockets: bool) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._relay(reader, writer, sockets=sockets)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            await _refuse(writer, 502, "Bad Gateway")
        except asyncio.CancelledError:
            pass  # the browser is being closed: end quietly, so that the server does not log it
        finally:
            writer.close()
            if task is not None:
                self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, sockets: bool) -> None:
        async with asyncio.timeout(self.timeout):
            head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        method, _, target = first.decode("latin-1").partition(" ")
        where = target.rpartition(" ")[0]
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{where}" if tunnel else where)
        host, port = parts.hostname, parts.port or (443 if tunnel else 80)
        if not host:
            await _refuse(writer, 400, "Bad Request")
            return
        inside = self.dialer.scope.names(host)
        try:
            if not inside:
                await self._admit(host, port, "WEBSOCKET" if sockets else method)
            outward = await self._dial(host, port, Purpose.AUDIT if inside else Purpose.SUBRESOURCE)
        except (RefusedError, NameNotResolvedError) as error:
            await _refuse(writer, 403 if isinstance(error, RefusedError) else 502, "Not Contacted")
            return
        other_writer = outward[1]
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                start = await reader.read(65_536)
                if start and not inside and not (start.startswith(_TLS_HANDSHAKE) and _LOADS in start):
                    self.dialer.traffic.refuse(Refusal(host, port, NOT_LOADING))
                    return
                if start.startswith(_TLS_HANDSHAKE) and not await self._is_trusted(host, port):
                    return
                if sockets:
                    self.dialer.traffic.count(normal(host))
                other_writer.write(start)
            else:
                path = parts.path or "/"
                query = f"?{parts.query}" if parts.query else ""
                other_writer.write(f"{method} {path}{query} HTTP/1.1\r\n".encode("latin-1") + _end_to_end(rest))
            await _pipe_both((reader, writer), outward)
        finally:
            other_writer.close()

    async def _admit(self, host: str, port: int, method: str) -> None:
        """Let a page load from a host out of scope once that was announced; raises `RefusedError` for all else."""
        refusal = Refusal(host, port, SOCKET)
        if method != "WEBSOCKET":
            try:
                async with asyncio.timeout(ANNOUNCED_WITHIN_S):
                    await self._announced(host).wait()
                refusal = Refusal(host, port, NOT_LOADING)
            except TimeoutError:
                refusal = self._known(host, port) or Refusal(host, port, NO_PAGE)
            else:
                if method in ("CONNECT", *_READS) or normal(host) in self._senders:
                    return
        self.dialer.traffic.refuse(refusal)
        raise RefusedError(refusal)

    def _known(self, host: str, port: int) -> Refusal | None:
        """Why nothing announced this host, where a page was kept from it."""
        refused = self.dialer.traffic.refused
        return next((r for r in refused if (normal(r.host), r.port) == (normal(host), port)), None)

    async def _dial(self, host: str, port: int, purpose: Purpose) -> Ends:
        async with asyncio.timeout(self.timeout):
            targets = await self.dialer.targets(host, port, purpose=purpose)
            return await _open_first(targets)

    async def _is_trusted(self, host: str, port: int) -> bool:
        """Whether a host's certificate is verified for its name; asked once, and recorded where it is not."""
        if self.trust is None:
            return True
        if (host, port) not in self._verified:
            self._verified[host, port] = asyncio.create_task(self._distrust(host, port, self.trust))
        why = await asyncio.shield(self._verified[host, port])
        if why == _UNKNOWN:
            self._verified.pop((host, port), None)
        elif why is not None:
            self.dialer.traffic.refuse(Refusal(host, port, f"{DISTRUSTED}: {why}"))
        return why is None

    async def _distrust(self, host: str, port: int, trust: ssl.SSLContext) -> str | None:
        try:
            async with asyncio.timeout(self.timeout):
                target = (await self.dialer.targets(host, port, purpose=Purpose.SUBRESOURCE))[0]
                _, writer = await asyncio.open_connection(target.ip, target.port, ssl=trust, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except (OSError, TimeoutError, RefusedError, NameNotResolvedError):
            return _UNKNOWN  # not recorded: the next connection asks again
        writer.transport.abort()
        return None


async def _open_first(targets: tuple[Target, ...]) -> Ends:
    for place, target in enumerate(targets, 1):
        try:
            return await asyncio.open_connection(target.ip, target.port)
        except OSError:
            if place == len(targets):
                raise
    raise AssertionError("a dialer gives at least one target")


def _end_to_end(head: bytes) -> bytes:
    """Header lines without the hop-by-hop ones, asking for one answer a connection (RFC 9110 section 7.6.1)."""
    lines = [line for line in head.split(b"\r\n") if line and not _HOP.match(line)]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


async def _refuse(writer: asyncio.StreamWriter, status: int, reason: str) -> None:
    with suppress(OSError):
        writer.write(f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()


async def _pipe_both(ours: Ends, theirs: Ends) -> None:
    """Copy both ways until either side is done sending and the other has nothing left."""
    async with asyncio.TaskGroup() as both:
        up = both.create_task(_pipe(ours[0], theirs[1]))
        down = both.create_task(_pipe(theirs[0], ours[1]))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if down.done():
            up.cancel()


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
