"""httpcore on our own dialer: where connections begin and are closed, httpx on top, bodies bounded."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import sys
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore
import httpx

from launchready_lib.network.dial import Dialer
from launchready_lib.network.types import Purpose

_STEP = 65_536
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
_CONNECTIONS = 60
"""Of all hosts together: too few, and hosts asked side by side close each other's connections."""

if importlib.util.find_spec("sniffio") is None:
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # httpcore would look for it at every lock


class Backend(httpcore.AsyncNetworkBackend):
    """Connects where the dialer says; remembers the published address that a connection stands for."""

    def __init__(self, dialer: Dialer, purpose: Purpose, address: str | None) -> None:
        self._dialer = dialer
        self._purpose = purpose
        self._address = address
        self._inner = httpcore.AnyIOBackend()
        self.last: dict[tuple[str, int], str] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the dialer's targets that accepts."""
        targets = await self._dialer.targets(host, port, purpose=self._purpose, address=self._address)
        for place, target in enumerate(targets, 1):
            self.last[host, port] = target.address
            try:
                stream = await self._inner.connect_tcp(target.ip, target.port, timeout, local_address, socket_options)
                return _closing_on_failure(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(targets):
                    raise
        raise AssertionError("a dialer gives at least one target")

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing that is audited lives there."""
        raise httpcore.UnsupportedProtocol("no Unix sockets")

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own pauses."""
        await asyncio.sleep(seconds)


def _closing_on_failure(stream: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
    """Let a connection close when its handshake is given up, which httpcore leaves to the garbage collector."""
    shake_hands = stream.start_tls

    async def start_tls(*args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        try:
            return await shake_hands(*args, **kwargs)
        except BaseException:
            await stream.aclose()
            raise

    stream.start_tls = start_tls  # type: ignore[method-assign]
    return stream


class _Stream(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class Transport(httpx.AsyncBaseTransport):
    """httpx on an httpcore pool with our backend (httpx has no public way to pass one)."""

    def __init__(self, backend: Backend, context: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, network_backend=backend, max_connections=_CONNECTIONS, keepalive_expiry=5.0
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; redirects and cookies are the caller's."""
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(request.method, target, headers=request.headers.raw, content=request.stream)
        sent.extensions = request.extensions
        reply = await self._pool.handle_async_request(sent)
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Stream(reply.stream), extensions=reply.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class Body:
    """Collects at most `limit` bytes of a body as it arrives (gzip and deflate, RFC 9110 §8.4.1).

    It is decoded in steps, so that a bomb never unfolds beyond the limit; once `full` or `broken`, nothing more is
    read. `error` says why decoding stopped, or that the encoding is not one of ours and the bytes stand as sent.
    """

    def __init__(self, limit: int, encoding: str = "") -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.full = False
        self.broken = False
        self.error: str | None = None
        encoding = encoding.strip().lower()
        self._decoder = zlib.decompressobj(_ZLIB_OR_GZIP) if encoding in ("gzip", "x-gzip", "deflate") else None
        self._raw_deflate = encoding == "deflate"
        if self._decoder is None and encoding not in ("", "identity"):
            self.error = "the body is kept as sent: its encoding was not asked for"

    @property
    def content(self) -> bytes:
        """What came so far."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> bool:
        """Take the next bytes from the wire; false where no more are wanted."""
        if self._decoder is None:
            self._keep(data)
        else:
            self._decode(data)
        return not self.full and not self.broken

    def _keep(self, data: bytes) -> None:
        room = self._limit - self._size
        if data:
            self._parts.append(data[:room])
            self._size += min(len(data), room)
        self.full = self.full or len(data) > room

    def _decode(self, data: bytes) -> None:
        decoder = self._decoder
        try:
            while data and decoder is not None and not self.full:
                try:
                    decoded = decoder.decompress(data, _STEP)
                except zlib.error:
                    if not self._raw_deflate or self._size:
                        raise
                    # Some servers send deflate without its zlib wrapper.
                    self._decoder = decoder = zlib.decompressobj(-zlib.MAX_WBITS)
                    self._raw_deflate = False
                    continue
                self._keep(decoded)
                data = decoder.unconsumed_tail
                if decoder.eof:
                    data = decoder.unused_data
                    self._decoder = decoder = zlib.decompressobj(_ZLIB_OR_GZIP)
        except zlib.error as error:
            self.broken = True
            self.error = f"the body broke off: it cannot be decoded ({type(error).__name__})"
