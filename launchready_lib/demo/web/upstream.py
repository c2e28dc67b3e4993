"""A small HTTP/1.1 client over TLS for one server, with connections kept open: how the edge reaches the origin."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

MOST_IDLE = 16
PARAMETERS = HTTP1ConnectionParameters(max_body_size=20_000_000)


class NoReplyError(Exception):
    """The server closed the connection before a whole reply."""


@dataclass
class Reply(HTTPMessageDelegate):
    """What came back; `body` is whole."""

    status: int = 0
    headers: HTTPHeaders = field(default_factory=HTTPHeaders)
    body: bytes = b""
    whole: bool = False

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        """Take status and headers."""
        if isinstance(start_line, ResponseStartLine):
            self.status, self.headers = start_line.code, headers

    def data_received(self, chunk: bytes) -> None:
        """Take a part of the body."""
        self.body += chunk

    def finish(self) -> None:
        """Note that nothing is missing."""
        self.whole = True


class Upstream:
    """One server and the open connections to it."""

    def __init__(self, port: int, context: ssl.SSLContext, name: str) -> None:
        self._port, self._context, self._name = port, context, name
        self._idle: list[IOStream] = []

    async def send(self, method: str, target: str, headers: HTTPHeaders, body: bytes = b"") -> Reply:
        """Send one request and wait for its reply; raises `NoReplyError` or `OSError`."""
        while self._idle:
            stream = self._idle.pop()
            if not stream.closed():
                reply = await self._exchange(stream, method, target, headers, body)
                if reply.status:
                    return _whole(reply)
        return _whole(await self._exchange(await self._connect(), method, target, headers, body))

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def _connect(self) -> IOStream:
        try:
            plain = await TCPClient().connect("127.0.0.1", self._port)
            return await plain.start_tls(server_side=False, ssl_options=self._context, server_hostname=self._name)
        except StreamClosedError as error:
            raise NoReplyError from error

    async def _exchange(self, stream: IOStream, method: str, target: str, headers: HTTPHeaders, body: bytes) -> Reply:
        reply = Reply()
        connection = HTTP1Connection(stream, is_client=True, params=PARAMETERS)
        try:
            await connection.write_headers(RequestStartLine(method, target, "HTTP/1.1"), headers, body)
            connection.finish()
            await connection.read_response(reply)
        except StreamClosedError:
            pass
        open_still = reply.whole and not stream.closed() and reply.headers.get("Connection", "").lower() != "close"
        if open_still and len(self._idle) < MOST_IDLE:
            self._idle.append(stream)
        else:
            stream.close()
        return reply


def _whole(reply: Reply) -> Reply:
    if not reply.whole:
        raise NoReplyError
    return reply
