"""DNS questions: bounded, five states kept apart, TCP on truncation, no question asked twice of one server."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from launchready_lib.network.dial import Dialer, describe, socket_state
from launchready_lib.network.scope import normal
from launchready_lib.network.types import Answer, DnsState, Refusal

AT_ONCE = 20
FRESH_S = 5.0
SILENT_AFTER = 3
SILENT_S = 30.0
_PAYLOAD = 1232  # DNS Flag Day 2020: what fits without fragments

Key = tuple[str, str, str, bool, bool, bool]


class Dns:
    """Asks resolvers (the parameters' or the system's) or one named server.

    An answer is shared by everyone who asks the same within `FRESH_S` seconds, so that a check run again a moment
    later sees the zone as it is then. A resolver that has never answered and left `SILENT_AFTER` questions open counts
    as silent for `SILENT_S` seconds, so that an audit without a network does not wait for each name anew.
    """

    def __init__(self, nameservers: Sequence[str], dialer: Dialer, *, timeout: float) -> None:
        self._given = tuple(nameservers)
        self._dialer = dialer
        self._timeout = min(timeout / 2, 5.0)  # silence of a resolver is told apart from the site's
        self._answers: dict[Key, tuple[float, asyncio.Task[Answer]]] = {}
        self._gate: asyncio.Semaphore | None = None
        self._heard: set[tuple[str, int]] = set()
        self._unheard: dict[tuple[str, int], int] = {}
        self._silent_until: dict[tuple[str, int], float] = {}

    def resolvers(self) -> tuple[tuple[str, int], ...]:
        """The (address, port) of each resolver in use; empty where the machine has none."""
        if self._given:
            return tuple(_host_port(server) for server in self._given)
        try:
            return tuple((str(server), 53) for server in dns.resolver.Resolver().nameservers)
        except dns.exception.DNSException:
            return ()

    async def ask(
        self, name: str, rdtype: str, *, server: str | None, dnssec: bool, checking_disabled: bool, tcp: bool
    ) -> Answer:
        """Ask once; see `Network.ask`."""
        loop = asyncio.get_running_loop()
        key = (normal(name), rdtype.upper(), server or "", dnssec, checking_disabled, tcp)
        asked = self._answers.get(key)
        if asked is None or loop.time() - asked[0] > FRESH_S or asked[1].get_loop() is not loop:
            asked = (loop.time(), loop.create_task(self._ask(*key)))
            self._answers[key] = asked
        return await asyncio.shield(asked[1])

    async def _ask(self, name: str, rdtype: str, server: str, dnssec: bool, cd: bool, tcp: bool) -> Answer:
        if self._gate is None:
            self._gate = asyncio.Semaphore(AT_ONCE)
        async with self._gate:
            try:
                query = dns.message.make_query(
                    dns.name.from_text(name), rdtype, want_dnssec=dnssec, use_edns=0, payload=_PAYLOAD
                )
            except (dns.exception.DNSException, ValueError, UnicodeError) as error:
                return Answer(name, rdtype, server, "SERVFAIL", error=f"not a DNS name: {type(error).__name__}")
            if cd:
                query.flags |= dns.flags.CD
            if server:
                query.flags &= ~dns.flags.RD
                return await self._authority(query, name, rdtype, server, tcp=tcp)
            return await self._resolver(query, name, rdtype, tcp=tcp)

    async def _authority(self, query: dns.message.Message, name: str, rdtype: str, server: str, *, tcp: bool) -> Answer:
        address, port = _host_port(server)
        if mapped := self._dialer.mapped(address, port):
            address, port = _host_port(mapped)
        elif self._dialer.scope.private(address):
            refusal = Refusal(address, port, "a nameserver at a private address")
            self._dialer.traffic.refuse(refusal)
            return Answer(name, rdtype, server, "TIMEOUT", error=f"not asked: {refusal.reason}")
        return await self._exchange(query, name, rdtype, server, (address, port), tcp=tcp)

    async def _resolver(self, query: dns.message.Message, name: str, rdtype: str, *, tcp: bool) -> Answer:
        answer = Answer(name, rdtype, "", "TIMEOUT", error="this machine has no resolver")
        now = asyncio.get_running_loop().time
        for wire in self.resolvers()[:3]:
            server = f"{wire[0]}:{wire[1]}"
            if wire not in self._heard and now() < self._silent_until.get(wire, 0.0):
                answer = Answer(name, rdtype, server, "TIMEOUT", error="the resolver has answered nothing so far")
                continue
            answer = await self._exchange(query, name, rdtype, server, wire, tcp=tcp)
            if answer.state != "TIMEOUT":
                self._heard.add(wire)
                break
            self._unheard[wire] = self._unheard.get(wire, 0) + 1
            if self._unheard[wire] >= SILENT_AFTER:
                self._silent_until[wire] = now() + SILENT_S
        return answer

    async def _exchange(
        self, query: dns.message.Message, name: str, rdtype: str, server: str, wire: tuple[str, int], *, tcp: bool
    ) -> Answer:
        for _ in range(2):
            left = True
            try:
                return read(await _send(query, wire, self._timeout / 2, tcp=tcp), name, rdtype, server)
            except (dns.exception.Timeout, TimeoutError):
                continue
            except OSError as error:
                left = socket_state(error) != "unreachable"  # this machine's own word
                return Answer(name, rdtype, server, "TIMEOUT", error=describe(error))
            except (dns.exception.DNSException, EOFError, ValueError) as error:
                return Answer(name, rdtype, server, "SERVFAIL", error=f"malformed answer: {type(error).__name__}")
            finally:
                if left:
                    self._dialer.traffic.count(f"dns {server}")
        return Answer(name, rdtype, server, "TIMEOUT", error=f"no answer in {self._timeout:g} s")


async def _send(query: dns.message.Message, wire: tuple[str, int], seconds: float, *, tcp: bool) -> dns.message.Message:
    address, port = wire
    if not tcp:
        reply = await dns.asyncquery.udp(query, address, port=port, timeout=seconds, ignore_unexpected=True)
        if not reply.flags & dns.flags.TC:
            return reply
    return await dns.asyncquery.tcp(query, address, port=port, timeout=seconds)


def read(reply: dns.message.Message, name: str, rdtype: str, server: str) -> Answer:
    """Sort an answer into its state (RFC 1035 section 4.1.1, RFC 2308 for NODATA)."""
    rcode = reply.rcode()
    state: DnsState = "NODATA"
    records: tuple[str, ...] = ()
    ttl = error = None
    try:
        resolved = reply.resolve_chaining() if isinstance(reply, dns.message.QueryMessage) else None
    except dns.exception.DNSException:
        resolved = None
    rrset = resolved.answer if resolved else None
    if rcode == dns.rcode.NXDOMAIN:
        state = "NXDOMAIN"
    elif rcode != dns.rcode.NOERROR:
        state, error = "SERVFAIL", f"response code {dns.rcode.to_text(rcode)}"
    elif rrset is not None and rrset.rdtype == dns.rdatatype.from_text(rdtype):
        state, ttl = "NOERROR", int(rrset.ttl)
        records = tuple(_record_text(rdata) for rdata in rrset)
    chain = tuple(r[0].target.to_text(omit_final_dot=True).lower() for r in resolved.cnames) if resolved else ()
    aa, ad = bool(reply.flags & dns.flags.AA), bool(reply.flags & dns.flags.AD)
    return Answer(name, rdtype, server, state, records, chain, ttl, aa, ad, error, reply)


def _record_text(rdata: object) -> str:
    strings = getattr(rdata, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "backslashreplace")
    text = str(rdata)
    return text[:-1] if text.endswith(".") and len(text) > 1 and " " not in text else text


def _host_port(server: str) -> tuple[str, int]:
    """Split "address:port"; port 53 where none is given."""
    try:
        return str(ipaddress.ip_address(server.strip("[]"))), 53
    except ValueError:
        host, _, port = server.rpartition(":")
        return (host.strip("[]"), int(port)) if host else (server, 53)
