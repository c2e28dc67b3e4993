"""What a probe gets back from the network, never an exception for what the other side does; how much we ask of whom."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from launchready_lib import __version__

if TYPE_CHECKING:
    import dns.message

USER_AGENT = f"LaunchReady/{__version__} (launch audit, authorized by the site's owner)"

State = Literal["ok", "refused", "timeout", "reset", "tls", "dns", "blocked", "unreachable", "protocol"]
DnsState = Literal["NOERROR", "NODATA", "NXDOMAIN", "SERVFAIL", "TIMEOUT"]


class Purpose(StrEnum):
    """Why a connection is wanted; each has its own rule of what is in scope."""

    AUDIT = "audit"  # hosts of the authorization
    REGISTRATION = "registration"  # published registration data
    SERVICE = "service"  # named in a connection field of the parameters
    SUBRESOURCE = "subresource"  # asked for by a page, in the browser


@dataclass(frozen=True)
class Refusal:
    """A connection that we did not make, and why."""

    host: str
    port: int
    reason: str


@dataclass
class Traffic:
    """Requests sent per host, connections refused, and the pace of ordinary reads of one host.

    An HTTP request whose first line went out, a DNS question and a bare connection that left this machine count one
    each; what was refused, found no address or no connection to travel on was never sent.
    `loaded` has what browsers loaded of other hosts: (host, kind) -> how often.
    """

    per_second: float
    requests: Counter[str] = field(default_factory=Counter)
    loaded: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: dict[Refusal, None] = field(default_factory=dict)
    _free_at: dict[str, float] = field(default_factory=dict)

    def count(self, host: str) -> None:
        """Count one request to a host."""
        self.requests[host] += 1

    def load(self, host: str, kind: str) -> None:
        """Count something that a browser loads of a host out of scope."""
        self.loaded[host, kind] += 1

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refusal for the report."""
        self.refused[refusal] = None

    async def wait_turn(self, host: str) -> None:
        """Wait until one more read of this host stays under the ceiling; a burst of a second's worth is free."""
        now = asyncio.get_running_loop().time()
        due = max(self._free_at.get(host, 0.0), now - 1.0)
        self._free_at[host] = due + 1.0 / self.per_second
        if due > now:
            await asyncio.sleep(due - now)


class RefusedError(Exception):
    """A connection out of scope was asked for; carries the `Refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.host}:{refusal.port} was not contacted: {refusal.reason}")
        self.refusal = refusal


class NameNotResolvedError(Exception):
    """A host name has no address that could be asked; `state` is the DNS state."""

    def __init__(self, host: str, state: DnsState) -> None:
        super().__init__(f"{host} has no address ({state})")
        self.host = host
        self.state = state


@dataclass(frozen=True)
class Response:
    """One HTTP exchange, or what became of it.

    Attributes:
        state: "ok" where a status line came back, else how it ended; "blocked" was never sent.
        status: the status code; None unless ok.
        headers: raw pairs in order, names lower case, repeated ones kept apart.
        body: decoded content, at most `network.max_body_mb`; `truncated` where there was more or it never ended.
        seconds: from the request to the end of the body.
        address: the published address asked, before connect_to; None where not connected.
        history: the redirects followed to get here, oldest first.
        error: one plain sentence unless ok; for a redirect that was not followed, why.
    """

    method: str
    url: str
    state: State
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    truncated: bool = False
    seconds: float = 0.0
    address: str | None = None
    history: tuple[Response, ...] = ()
    error: str | None = None

    @property
    def ok(self) -> bool:
        """A response came back, whatever its status."""
        return self.state == "ok"

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key == wanted)

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next(iter(self.all(name)), None)

    @property
    def media_type(self) -> str:
        """The media type of Content-Type, lower case, without parameters; empty where absent."""
        return (self.header("content-type") or "").split(";", 1)[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text: the declared charset where Python knows it, else UTF-8; never an error."""
        declared = (self.header("content-type") or "").lower().partition("charset=")[2].split(";")[0].strip("\"' ")
        try:
            return self.body.decode(declared or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Answer:
    """One DNS answer, its state kept apart from its content.

    Attributes:
        state: NOERROR with records; NODATA the name exists without this type (a referral too); NXDOMAIN; SERVFAIL any
            other response code or a malformed answer (named in `error`); TIMEOUT nothing came back.
        records: the records of the asked type at the end of the CNAME chain, in presentation form; TXT strings joined.
        chain: the CNAME targets passed on the way.
        ttl: seconds, of the record set.
        aa, ad: the authoritative and authentic-data bits.
        message: the whole answer; None for TIMEOUT.
    """

    name: str
    rdtype: str
    server: str
    state: DnsState
    records: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    ttl: int | None = None
    aa: bool = False
    ad: bool = False
    error: str | None = None
    message: dns.message.Message | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class ConnectFailure:
    """A plain connection that did not come about."""

    host: str
    port: int
    state: State
    error: str
