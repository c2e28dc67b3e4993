"""The browser's only way out: a CONNECT proxy on loopback that does scope, DNS, connect_to and private addresses.

Chromium calls its maker's hosts and ignores our resolver unless every connection passes here. A host of the
authorization is let through; any other only after the browser said that a page asked for it (`allow`), since a proxy
cannot see pages.
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
    _verified: dict[tuple[str, int], asyncio.Task[str | None]] = field(default_factory=dict)
    _allowed: dict[str, asyncio.Event] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def allow(self, host: str) -> None:
        """Let a host through that a page has asked for."""
        self._announced(host).set()

    def _announced(self, host: str) -> asyncio.Event:
        return self._allowed.setdefault(normal(host), asyncio.Event())

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        server, tasks = self._server, (*self._tasks, *self._verified.values())
        if server is not None:
            server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            await _refuse(writer, 502, "Bad Gateway")
        except asyncio.CancelledError:
            pass  # the browser is being closed: end quietly, so that the server does not log it
        finally:
            writer.close()
            if task is not None:
                self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        try:
            outward = await self._dial(host, port)
        except (RefusedError, NameNotResolvedError) as error:
            await _refuse(writer, 403 if isinstance(error, RefusedError) else 502, "Not Contacted")
            return
        other_writer = outward[1]
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                start = await reader.read(65_536)
                if start.startswith(_TLS_HANDSHAKE) and not await self._is_trusted(host, port):
                    return
                other_writer.write(start)
            else:
                path = parts.path or "/"
                query = f"?{parts.query}" if parts.query else ""
                other_writer.write(f"{method} {path}{query} HTTP/1.1\r\n".encode("latin-1") + _end_to_end(rest))
            await _pipe_both((reader, writer), outward)
        finally:
            other_writer.close()

    async def _dial(self, host: str, port: int) -> Ends:
        purpose = Purpose.AUDIT
        if not self.dialer.scope.names(host):
            purpose = Purpose.SUBRESOURCE
            try:
                async with asyncio.timeout(ANNOUNCED_WITHIN_S):
                    await self._announced(host).wait()
            except TimeoutError:
                raise RefusedError(self._refusal(host, port)) from None
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
        if why is not None:
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
            return None  # what is wrong there the browser will meet by itself
        writer.transport.abort()
        return None

    def _refusal(self, host: str, port: int) -> Refusal:
        """Why nothing announced this host: the browser said so already, or it is a call of the browser's own."""
        traffic = self.dialer.traffic
        known = next((r for r in traffic.refused if (normal(r.host), r.port) == (normal(host), port)), None)
        refusal = known or Refusal(host, port, "no page asked for it: a call of the browser's own")
        traffic.refuse(refusal)
        return refusal


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
