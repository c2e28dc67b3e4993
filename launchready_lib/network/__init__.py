"""The only door to the network: scope, rate, time and size limits, resolver, connect_to, and traffic counts.

Imports evidence and what lies below it; never redact.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from launchready_lib.evidence import Unavailable
from launchready_lib.network.browser import Browser, launch
from launchready_lib.network.dial import Dialer
from launchready_lib.network.dns import Dns
from launchready_lib.network.guard import Guard, Stopped
from launchready_lib.network.http import REDIRECTS, Session
from launchready_lib.network.proxy import DISTRUSTED
from launchready_lib.network.scope import Scope, address_of, normal
from launchready_lib.network.timing import Salvo, Shot, Timing, fire
from launchready_lib.network.types import (
    USER_AGENT,
    Answer,
    ConnectFailure,
    DnsState,
    Purpose,
    Refusal,
    Response,
    State,
    Traffic,
)

__all__ = [
    "DISTRUSTED",
    "REDIRECTS",
    "USER_AGENT",
    "Answer",
    "Browser",
    "ConnectFailure",
    "DnsState",
    "Guard",
    "Network",
    "Purpose",
    "Refusal",
    "Response",
    "Salvo",
    "Scope",
    "Session",
    "Shot",
    "State",
    "Stopped",
    "Timing",
    "address_of",
    "normal",
]


class Network:
    """One client's way out.

    Args:
        nameservers: resolvers to ask instead of the system's, "address:port".
        connect_to: as curl's --connect-to, for every protocol.
        ca_file, headers: a CA to trust beside the system's; what is sent to audited hosts.
        timeout_s, max_body_mb: bounds of one exchange; larger bodies are cut.
        requests_per_second: ceiling of ordinary reads of one host.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        nameservers: Sequence[str] = (),
        connect_to: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        requests_per_second: float = 10.0,
        max_body_mb: float = 10.0,
    ) -> None:
        self.scope = scope
        self.traffic = Traffic(requests_per_second)
        self.ca_file = ca_file
        self.timeout_s = timeout_s
        self.audit_headers = dict(headers or {})
        self.max_body = int(max_body_mb * 1_000_000)
        self.dialer = Dialer(scope, dict(connect_to or {}), self.addresses, self.traffic)
        self.dns = Dns(nameservers, self.dialer, timeout=timeout_s)
        self.guard = Guard(self.dialer, self.audit_headers)
        self._default: Session | None = None
        self._sessions: list[Session] = []

    @cached_property
    def contexts(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """TLS for reading anything, and TLS that trusts only the system's CAs and `ca_file`."""
        lenient = ssl.create_default_context()
        lenient.check_hostname = False
        lenient.verify_mode = ssl.CERT_NONE
        strict = ssl.create_default_context()
        if self.ca_file is not None:
            strict.load_verify_locations(self.ca_file)
        return lenient, strict

    def session(self) -> Session:
        """A fresh HTTP session with its own cookies and connections; close it, or use it in `async with`."""
        return self._session(keep_cookies=True)

    def _session(self, *, keep_cookies: bool) -> Session:
        agent = {"user-agent": USER_AGENT}
        session = Session(
            self.dialer, self.contexts, agent, self.audit_headers, self.timeout_s, self.max_body, keep_cookies
        )
        self._sessions.append(session)
        return session

    async def request(self, method: str, url: str, **options: Any) -> Response:
        """One request without cookies; the options are those of `Session.request`."""
        if self._default is None:
            self._default = self._session(keep_cookies=False)
        return await self._default.request(method, url, **options)

    async def ask(
        self,
        name: str,
        rdtype: str,
        *,
        server: str | None = None,
        dnssec: bool = False,
        cd: bool = False,
        tcp: bool = False,
    ) -> Answer:
        """Ask one DNS question about an absolute name.

        Args:
            server: an authoritative server's published address (asked without recursion); default: the resolvers.
            dnssec: set DO, so that signatures come along. Where existence matters, leave it off (RFC 9824).
            cd, tcp: set CD, so that a validating resolver hands out bogus data too; do not try UDP first.
        """
        return await self.dns.ask(name, rdtype, server=server, dnssec=dnssec, checking_disabled=cd, tcp=tcp)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The published addresses of a host, IPv4 before IPv6; the host itself where it is one."""
        if address_of(host):
            return (host,)
        four, six = await asyncio.gather(self.ask(host, "A"), self.ask(host, "AAAA"))
        return four.records + six.records

    async def connect(
        self, host: str, port: int, *, address: str | None = None, purpose: Purpose = Purpose.AUDIT
    ) -> socket.socket | ConnectFailure:
        """Open a plain TCP connection; the caller closes the (blocking) socket."""
        return await self.dialer.connect(host, port, address=address, purpose=purpose, timeout=self.timeout_s)

    def browser(self) -> AbstractAsyncContextManager[Browser | Unavailable]:
        """A real Chromium whose only way out is our proxy: `async with network.browser() as browser`."""
        trust = self.contexts[1] if self.ca_file is not None else None
        return launch(self.guard, timeout=self.timeout_s, trust=trust)

    async def fire(self, shots: Iterable[Shot], *, users: int = 1, within_s: float = 120.0) -> Salvo:
        """Time a schedule of requests with so many users at once, stopping in any case so long after its start."""
        bounds = {"timeout_s": self.timeout_s, "within_s": within_s}
        own = {"User-Agent": USER_AGENT}
        return await fire(
            self.dialer,
            shots,
            users=users,
            ca_file=self.ca_file,
            headers=own,
            audit_headers=self.audit_headers,
            **bounds,
        )

    async def control(self) -> bool:
        """Whether our own network works: a look-up of the root's nameservers through the resolvers in use."""
        return (await self.ask(".", "NS")).state in ("NOERROR", "NODATA")

    async def close(self) -> None:
        """Close the connections of every session; one that is used again opens new ones."""
        for session in self._sessions:
            await session.close()
        self._sessions = [self._default] if self._default else []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
