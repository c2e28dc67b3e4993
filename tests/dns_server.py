"""A small real DNS server on loopback for tests: zones from text, UDP and TCP, a resolver or not, with faults."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

FAULTS = ("servfail", "refused", "silence", "truncate", "garbage", "lame")


def zone(origin: str, text: str) -> dns.zone.Zone:
    """A zone from lines without TTL or class; the SOA is added where the text has none."""
    if " SOA " not in text:
        text = f"@ SOA ns1.invalid. hostmaster.invalid. 1 3600 600 86400 300\n{text}"
    return dns.zone.from_text(f"$TTL 300\n{text}", origin, relativize=False, check_origin=False)


class DnsServer:
    """Answers for its zones.

    Attributes:
        zones: origin -> zone.
        recursive: answer as a resolver that knows exactly these zones: CNAMEs followed across them, no referrals.
        faults: "name/TYPE", "name" or "*" -> one of FAULTS.
        delay: seconds before each answer.
        questions: what was asked, in order, as (name, type, "udp" or "tcp").
    """

    def __init__(
        self,
        zones: Iterable[dns.zone.Zone] = (),
        *,
        recursive: bool = False,
        faults: Mapping[str, str] | None = None,
        delay: float = 0.0,
    ) -> None:
        self.zones = {z.origin: z for z in zones}
        self.recursive = recursive
        self.faults = dict(faults or {})
        self.delay = delay
        self.questions: list[tuple[str, str, str]] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
                )
            except OSError:
                self._tcp.close()
                continue
            self._tasks: set[asyncio.Task[None]] = set()
            return self
        raise OSError("no port free for both UDP and TCP")

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def received(self, wire: bytes, source: object) -> None:
        async def answer() -> None:
            if reply := await self.reply(wire, tcp=False):
                self._udp.sendto(reply, source)

        task = asyncio.get_running_loop().create_task(answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = await self.reply(await reader.readexactly(length), tcp=True)
                if reply is None:
                    break
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        writer.close()

    async def reply(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, rdtype = question.name, question.rdtype
        kind = dns.rdatatype.to_text(rdtype)
        text = name.to_text(omit_final_dot=len(name) > 1).lower()
        self.questions.append((text, kind, "tcp" if tcp else "udp"))
        if self.delay:
            await asyncio.sleep(self.delay)
        fault = self.faults.get(f"{text}/{kind}") or self.faults.get(text) or self.faults.get("*")
        if fault == "silence":
            return None
        if fault == "garbage":
            return wire[:2] + b"\x84\x00\x00\x01\x00\xff"
        response = dns.message.make_response(query, recursion_available=self.recursive)
        if fault in ("servfail", "refused"):
            response.set_rcode(dns.rcode.from_text(fault))
            return response.to_wire()
        if fault != "truncate" or tcp:
            self._answer(response, name, rdtype, dnssec=bool(query.ednsflags & dns.flags.DO))
        if fault == "lame":
            response.flags &= ~dns.flags.AA
        limit = 65535 if tcp else max(512, query.payload)
        if fault == "truncate" and not tcp:
            response.flags |= dns.flags.TC
            return response.to_wire()
        whole = response.to_wire(max_size=65535)
        if len(whole) <= limit:
            return whole
        short = dns.message.make_response(query, recursion_available=self.recursive)
        short.flags |= dns.flags.TC
        return short.to_wire()

    def _answer(
        self, response: dns.message.Message, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, *, dnssec: bool
    ) -> None:
        if not self.recursive:
            response.flags |= dns.flags.AA
        for _ in range(9):
            found = self._zone_for(name, rdtype)
            if found is None:
                if not response.answer:
                    response.flags &= ~dns.flags.AA
                    response.set_rcode(dns.rcode.SERVFAIL if self.recursive else dns.rcode.REFUSED)
                return
            target = self._from_zone(response, found, name, rdtype, dnssec=dnssec)
            if target is None:
                return
            name = target

    def _zone_for(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.zone.Zone | None:
        above = rdtype == dns.rdatatype.DS and len(name) > 1
        fitting = [o for o in self.zones if name.is_subdomain(o) and not (above and name == o)]
        if not fitting:
            fitting = [o for o in self.zones if name.is_subdomain(o)]
        return self.zones[max(fitting, key=len)] if fitting else None

    def _from_zone(
        self,
        response: dns.message.Message,
        source: dns.zone.Zone,
        name: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
        *,
        dnssec: bool,
    ) -> dns.name.Name | None:
        """Add what one zone says; the name to go on with, where it is a CNAME's target."""
        if not self.recursive and (cut := _cut(source, name, rdtype)):
            _refer(response, source, cut, dnssec=dnssec)
            return None
        owner = _owner(source, name)
        if owner is not None:
            for kind in (rdtype, dns.rdatatype.CNAME):
                rdataset = source.get_rdataset(owner, kind)
                if rdataset is not None:
                    response.answer.append(_rrset(name, rdataset))
                    if dnssec:
                        _sign(response.answer, source, owner, name, kind)
                    return rdataset[0].target if kind == dns.rdatatype.CNAME != rdtype else None
        if owner is None and not any(n.is_subdomain(name) for n in source):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = source.get_rdataset(source.origin, dns.rdatatype.SOA)
        if soa is not None:
            response.authority.append(_rrset(source.origin, soa))
            if dnssec:
                _sign(response.authority, source, source.origin, source.origin, dns.rdatatype.SOA)
        if dnssec and (denial := source.get_rdataset(name, dns.rdatatype.NSEC)):
            response.authority.append(_rrset(name, denial))
            _sign(response.authority, source, name, name, dns.rdatatype.NSEC)
        return None


def _cut(source: dns.zone.Zone, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> dns.name.Name | None:
    for depth in range(len(source.origin) + 1, len(name) + 1):
        at = dns.name.Name(name.labels[len(name) - depth :])
        if source.get_rdataset(at, dns.rdatatype.NS) and not (rdtype == dns.rdatatype.DS and at == name):
            return at
    return None


def _refer(response: dns.message.Message, source: dns.zone.Zone, cut: dns.name.Name, *, dnssec: bool) -> None:
    response.flags &= ~dns.flags.AA
    servers = source.get_rdataset(cut, dns.rdatatype.NS)
    response.authority.append(_rrset(cut, servers))
    if dnssec and (ds := source.get_rdataset(cut, dns.rdatatype.DS)):
        response.authority.append(_rrset(cut, ds))
        _sign(response.authority, source, cut, cut, dns.rdatatype.DS)
    for server in servers:
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            glue = source.get_rdataset(server.target, kind) if server.target.is_subdomain(source.origin) else None
            if glue is not None:
                response.additional.append(_rrset(server.target, glue))


def _owner(source: dns.zone.Zone, name: dns.name.Name) -> dns.name.Name | None:
    if source.get_node(name) is not None:
        return name
    if any(n.is_subdomain(name) for n in source):
        return None
    while len(name) > len(source.origin):
        name = name.parent()
        wild = dns.name.Name((b"*", *name.labels))
        if source.get_node(wild) is not None:
            return wild
        if source.get_node(name) is not None:
            return None
    return None


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))


def _sign(
    section: list[dns.rrset.RRset],
    source: dns.zone.Zone,
    owner: dns.name.Name,
    name: dns.name.Name,
    kind: dns.rdatatype.RdataType,
) -> None:
    signatures = source.get_rdataset(owner, dns.rdatatype.RRSIG, kind)
    if signatures is not None:
        made = dns.rrset.RRset(name, dns.rdataclass.IN, dns.rdatatype.RRSIG, kind)
        made.update(signatures)
        section.append(made)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._server.received(data, addr)


@dataclass
class DnsWorld:
    """A root, a TLD, a domain on two nameservers, and a resolver over them all.

    `connect_to` maps the published addresses to loopback; add zones of the rest of the world to `resolver.zones`.
    """

    root: DnsServer
    tld: DnsServer
    first: DnsServer
    second: DnsServer
    resolver: DnsServer
    connect_to: dict[str, str] = field(default_factory=dict)


ROOT_ZONE = """
@ NS a.root.example.
example. NS ns.nic.example.
ns.nic.example. A 192.0.2.53
a.root.example. A 192.0.2.1
"""
TLD_ZONE = """
@ NS ns.nic
ns.nic A 192.0.2.53
a.root A 192.0.2.1
acme NS ns1.acme
acme NS ns2.acme
ns1.acme A 198.51.100.53
ns2.acme A 198.51.100.54
"""
DOMAIN_ZONE = """
@ NS ns1
@ NS ns2
ns1 A 198.51.100.53
ns2 A 198.51.100.54
@ A 203.0.113.10
www A 203.0.113.10
app A 203.0.113.10
api CNAME app
"""


@contextlib.asynccontextmanager
async def dns_world(
    *,
    root: dns.zone.Zone | None = None,
    tld: dns.zone.Zone | None = None,
    domain: dns.zone.Zone | None = None,
    second: dns.zone.Zone | None = None,
    others: Iterable[dns.zone.Zone] = (),
) -> AsyncIterator[DnsWorld]:
    """Start the servers of acme.example; each zone may be replaced, `second` is the second nameserver's copy."""
    root = root or zone(".", ROOT_ZONE)
    tld = tld or zone("example.", TLD_ZONE)
    domain = domain or zone("acme.example.", DOMAIN_ZONE)
    async with (
        DnsServer([root]) as a,
        DnsServer([tld]) as b,
        DnsServer([domain]) as c,
        DnsServer([second or domain]) as d,
        DnsServer([root, tld, domain, *others], recursive=True) as e,
    ):
        published = {"192.0.2.1": a, "192.0.2.53": b, "198.51.100.53": c, "198.51.100.54": d}
        yield DnsWorld(a, b, c, d, e, {f"{address}:53": server.address for address, server in published.items()})
