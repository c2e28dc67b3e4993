"""httpcore on our own dialer: where connections begin and are closed, with httpx's requests and responses on top."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore
import httpx

from launchready_lib.network.dial import Dialer
from launchready_lib.network.types import Purpose

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
                return _Wire(stream)
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


class _Wire(httpcore.AsyncNetworkStream):
    """A connection that is closed when its handshake is given up, which httpcore leaves to the garbage collector."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._inner.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


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
        reply = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Stream(reply.stream), extensions=reply.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
