"""HTTP over our own dialer: httpx for the protocol's surface, httpcore for the wire, bounded in time and size."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpcore
import httpx

from launchready_lib.network.dial import Dialer, socket_state
from launchready_lib.network.scope import normal
from launchready_lib.network.types import NameNotResolvedError, Purpose, RefusedError, Response, State
from launchready_lib.network.wire import Backend, Body, Transport

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(eq=False, repr=False)
class Session:
    """A run of HTTP requests that keeps `cookies`, as one browser would; `Network.session` makes it."""

    dialer: Dialer
    contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    headers: Mapping[str, str]
    audit_headers: Mapping[str, str]
    timeout: float
    max_body: int
    keep_cookies: bool = True
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    _untrusted: set[tuple[str, int, str | None]] = field(default_factory=set)
    _transports: dict[tuple[Purpose, bool, str | None], tuple[Transport, Backend]] = field(default_factory=dict)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        address: str | None = None,
        verify: bool = False,
        follow: int = 0,
        purpose: Purpose = Purpose.AUDIT,
        paced: bool = True,
        max_body: int | None = None,
    ) -> Response:
        """Send one request and read its answer; never raises for what the other side does.

        Args:
            method, url, headers, json, form, content: as usual; at most one of the last three.
            address: ask this published address instead of the ones the name resolves to, under the site's name.
            verify: refuse an untrusted certificate; use it wherever a credential travels.
            follow: redirects to follow at most; one out of scope is recorded and ends the chain.
            purpose: the scope rule.
            paced: wait under the ceiling of ordinary reads.
            max_body: bytes of the body that are enough, below the limit of all bodies.
        """
        history: list[Response] = []
        sent: dict[str, Any] = {"json": json, "data": form, "content": content}
        while True:
            reply = await self._once(method, url, headers or {}, sent, address, verify, purpose, paced, max_body)
            target = _redirect(reply)
            if target is None or len(history) >= follow:
                return replace(reply, history=tuple(history))
            host, port = _origin(target)
            if refusal := self.dialer.scope.refusal(host, port, purpose):
                self.dialer.traffic.refuse(refusal)
                note = f"the redirect to {host} was not followed: {refusal.reason}"
                return replace(reply, history=tuple(history), error=note)
            history.append(reply)
            if reply.status == 303 or (reply.status in (301, 302) and method == "POST"):
                method, sent = "GET", {}
            url = str(target)

    async def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        sent: Mapping[str, Any],
        address: str | None,
        verify: bool,
        purpose: Purpose,
        paced: bool,
        max_body: int | None,
    ) -> Response:
        try:
            parsed = httpx.URL(url)
            if parsed.scheme not in ("http", "https") or not parsed.host or (parsed.port or 0) > 65_535:
                raise httpx.InvalidURL("not an http address")
        except (httpx.InvalidURL, ValueError, UnicodeError) as error:
            return Response(method, url, "protocol", error=f"not a usable address: {type(error).__name__}")
        host, port = _origin(parsed)
        if refusal := self.dialer.scope.refusal(host, port, purpose):
            self.dialer.traffic.refuse(refusal)
            return Response(method, url, "blocked", error=refusal.reason)
        if paced:
            await self.dialer.traffic.wait_turn(host)
        place = (host, port, address)
        for strict, audited in await self._ways(parsed.scheme, place, purpose, verify=verify):
            where = self._transport(purpose, address, verify=strict)
            full = _merged(self.headers, audited, headers)
            answer = await self._exchange(method, parsed, url, full, sent, where, max_body)
            if answer.state != "tls" or verify:
                break
            self._untrusted.add(place)
        return answer

    async def _ways(
        self, scheme: str, place: tuple[str, int, str | None], purpose: Purpose, *, verify: bool
    ) -> list[tuple[bool, Mapping[str, str]]]:
        """Whether to verify the certificate, and which headers of the audit's own to send; a second way if that fails.

        They are a secret: they go over verified TLS, or to this machine.
        """
        host, port, address = place
        if purpose is not Purpose.AUDIT or not self.audit_headers:
            return [(verify, {})]
        if await self.dialer.is_near(host, port, address=address):
            return [(verify, self.audit_headers)]
        if scheme != "https" or place in self._untrusted:
            return [(verify, {})]
        return [(True, self.audit_headers), *([] if verify else [(False, {})])]

    async def _exchange(
        self,
        method: str,
        parsed: httpx.URL,
        url: str,
        headers: httpx.Headers,
        sent: Mapping[str, Any],
        where: tuple[Transport, Backend],
        max_body: int | None,
    ) -> Response:
        transport, backend = where
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = Response(method, url, "timeout", error=f"no answer within {self.timeout:g} s")
        body = Body(0)
        try:
            async with asyncio.timeout(self.timeout):
                seen = {"trace": self._counting(parsed.host)}
                request = httpx.Request(method, parsed, headers=headers, cookies=self.cookies, extensions=seen, **sent)
                reply = await transport.handle_async_request(request)
                pairs = tuple((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in reply.headers.raw)
                answer = Response(method, url, "ok", status=reply.status_code, headers=pairs)
                if self.keep_cookies:
                    reply.request = request
                    self.cookies.extract_cookies(reply)
                body = Body(min(max_body or self.max_body, self.max_body), reply.headers.get("content-encoding", ""))
                await _read(reply, body)
        except TimeoutError:
            if answer.ok:
                answer = replace(answer, truncated=True, error=f"the body was still coming after {self.timeout:g} s")
        except _FAILURES as error:
            answer = _failure(answer, error)
        if answer.ok:
            cut = answer.truncated or body.full or body.broken
            answer = replace(answer, body=body.content, truncated=cut, error=answer.error or body.error)
        return replace(answer, seconds=loop.time() - started, address=backend.last.get(_origin(parsed)))

    def _counting(self, host: str) -> Callable[[str, object], Awaitable[None]]:
        """Count a request from when its first line goes out (httpcore's trace)."""

        async def trace(event: str, _: object) -> None:
            if event == "http11.send_request_headers.started":
                self.dialer.traffic.count(normal(host))

        return trace

    def _transport(self, purpose: Purpose, address: str | None, *, verify: bool) -> tuple[Transport, Backend]:
        key = (purpose, verify, address)
        if key not in self._transports:
            backend = Backend(self.dialer, purpose, address)
            self._transports[key] = Transport(backend, self.contexts[verify]), backend
        return self._transports[key]

    async def close(self) -> None:
        """Close every connection."""
        for transport, _ in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _origin(url: httpx.URL) -> tuple[str, int]:
    return url.host, url.port or (443 if url.scheme == "https" else 80)


def _merged(*given: Mapping[str, str]) -> httpx.Headers:
    merged = httpx.Headers({"accept": "*/*", "accept-encoding": "gzip, deflate"})  # what Body can unfold within bounds
    for headers in given:
        merged.update(headers)
    return merged


async def _read(reply: httpx.Response, body: Body) -> None:
    try:
        async for part in reply.aiter_raw():
            if not body.feed(part):
                break
    finally:
        await reply.aclose()


_OF_THE_WIRE = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)
_FAILURES = (*_OF_THE_WIRE, RefusedError, NameNotResolvedError, httpx.HTTPError, OSError, ValueError)


def _failure(answer: Response, error: Exception) -> Response:
    if isinstance(error, RefusedError):
        return replace(answer, state="blocked", error=error.refusal.reason)
    if isinstance(error, NameNotResolvedError):
        return replace(answer, state="dns", error=str(error))
    if answer.ok:
        return replace(answer, truncated=True, error=f"the body broke off: {type(error).__name__}")
    state: State = "protocol"
    text = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            state, text = "tls", f"the certificate is not trusted: {cause.verify_message}"
            break
        if isinstance(cause, ssl.SSLError):
            state, text = "tls", f"no TLS: {(cause.reason or 'handshake failed').lower().replace('_', ' ')}"
            break
        if isinstance(cause, OSError) and (cause.errno or isinstance(cause, TimeoutError)):
            state, text = socket_state(cause), (cause.strerror or type(cause).__name__).lower()
            break
        cause = cause.__cause__ or cause.__context__
    else:
        if isinstance(error, httpcore.TimeoutException):
            state = "timeout"
        elif isinstance(error, httpcore.NetworkError) or "disconnected" in str(error):
            state, text = "reset", "the connection was closed without an answer"
    return replace(answer, state=state, error=text)


def _redirect(reply: Response) -> httpx.URL | None:
    location = reply.header("location")
    if reply.status not in REDIRECTS or not location:
        return None
    try:
        target = httpx.URL(reply.url).join(location)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        return None
    return target if target.scheme in ("http", "https") and target.host else None
