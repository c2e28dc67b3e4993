"""DNS over UDP and TCP on one loopback port (RFC 7766), bounded; what is not a question is ignored."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import dns.exception
import dns.flags
import dns.message

LOOPBACK = "127.0.0.1"
_LEAST_PAYLOAD, _MOST_PAYLOAD = 512, 1232
_AT_ONCE = 256
_IDLE_S = 10.0
_TRIES = 20


class Listener(asyncio.DatagramProtocol):
    """One responder on one port, UDP and TCP alike."""

    def __init__(self, responder: Callable[[dns.message.Message], Awaitable[dns.message.Message]]) -> None:
        self._responder = responder
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Open a port that is free for both; raises `OSError` where none was found."""
        loop = asyncio.get_running_loop()
        for left in reversed(range(_TRIES)):
            udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(LOOPBACK, 0))
            port = udp.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._connected, LOOPBACK, port)
            except OSError:
                udp.close()
                if not left:
                    raise
                continue
            self._udp, self.port = udp, port
            return

    async def stop(self) -> None:
        """Close the port."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a datagram, or drop it where it is none of ours or too many are waiting."""
        if len(self._tasks) < _AT_ONCE and (query := _question(data)) is not None:
            self._keep(asyncio.get_running_loop().create_task(self._answer(query, addr)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, query: dns.message.Message, addr: tuple[str, int]) -> None:
        reply = await self._responder(query)
        room = min(max(query.payload, _LEAST_PAYLOAD), _MOST_PAYLOAD)
        if self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(reply.to_wire(max_size=room, prefer_truncation=True), addr)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _AT_ONCE:
            writer.close()
            return
        self._connections += 1
        if (task := asyncio.current_task()) is not None:
            self._keep(task)
        try:
            with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._connections -= 1
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        async with asyncio.timeout(_IDLE_S):
            size = int.from_bytes(await reader.readexactly(2), "big")
            query = _question(await reader.readexactly(size))
            if query is None:
                return False
            reply = await self._responder(query)
            writer.write(reply.to_wire(max_size=65535, prepend_length=True, prefer_truncation=True))
            await writer.drain()
            return True


def _question(wire: bytes) -> dns.message.Message | None:
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return None
    return None if message.flags & dns.flags.QR else message
