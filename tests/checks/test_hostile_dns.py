"""Nameservers that answer anything but what they should: every survey ends, in bounded time, memory and output."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import tracemalloc

import pytest
from audited import client_for
from dns_server import DOMAIN_ZONE, dns_world, zone

from launchready_lib.checks.quick_audit import domain, subdomains
from launchready_lib.checks.quick_audit.domain.evidence import MOST_ADDRESSES
from launchready_lib.checks.secure_edge import mail
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio

MAIL = {"from_domains": ["acme.example"], "dkim_selectors": {"acme.example": ["s1"]}, "senders": ["203.0.113.25"]}


class RawServer:
    """Hands every question to `answer`, over UDP and TCP; what it gives is sent as it is."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = 0

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", 0)
            port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), ("127.0.0.1", port))
            except OSError:
                self._tcp.close()
                continue
            self.address = f"127.0.0.1:{port}"
            return self
        raise OSError("no port free for both UDP and TCP")

    async def __aexit__(self, *_):
        self._udp.close()
        self._tcp.close()

    def datagrams(self, wire):
        self.asked += 1
        return self._answer(wire, tcp=False)

    async def _stream(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            for piece in self._answer(await reader.readexactly(size), tcp=True):
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    writer.write(piece)
                    await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self._server = server

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        for piece in self._server.datagrams(data):
            self._transport.sendto(piece, addr)


def head(wire: bytes, flags: int, *counts: int) -> bytes:
    return wire[:2] + struct.pack("!5H", flags, *counts) + question(wire)


def question(wire: bytes) -> bytes:
    end = wire.index(b"\0", 12) + 5
    return wire[12:end]


def truncated(wire: bytes) -> bytes:
    return head(wire, 0x8700, 1, 0, 0, 0)


def over_tcp(*pieces):
    """Truncate over UDP, and send these pieces over TCP; a number is a pause in seconds."""

    def answer(wire, *, tcp):
        return list(pieces) if tcp else [truncated(wire)]

    return answer


def datagram(make):
    return lambda wire, *, tcp: [] if tcp else [make(wire)]


POINTER_TO_ITSELF = struct.pack("!H", 0xC000 | 0x0C)
BROKEN = {
    "a header that promises 65,535 records": datagram(lambda w: head(w, 0x8580, 1, 65535, 65535, 65535)),
    "a name that points to itself": datagram(lambda w: w[:2] + struct.pack("!5H", 0x8580, 1, 1, 0, 0) + b"\xc0\x0c"),
    "an answer to another question": datagram(lambda w: w[:2] + struct.pack("!5H", 0x8580, 1, 0, 0, 0)
                                              + b"\x05other\x07example\x00\x00\x01\x00\x01"),
    "a record cut off in its middle": datagram(lambda w: head(w, 0x8580, 1, 1, 0, 0) + b"\xc0\x0c\x00\x10\x00\x01\x00"),
    "a TXT string longer than its record": datagram(lambda w: head(w, 0x8580, 1, 1, 0, 0)
                                                    + b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x05\x00\x02\xffx"),
    "two bytes": datagram(lambda w: w[:2]),
    "answers under other numbers": lambda w, *, tcp: [] if tcp else [b"\0\0" + head(w, 0x8580, 1, 0, 0, 0)[2:]] * 500,
    "a stream that ends in the middle": over_tcp(b"\xff\xff", b"x" * 100),
    "a stream that ends at once": over_tcp(),
}  # fmt: skip
ENDLESS = {
    "a stream of one byte now and then": over_tcp(b"\xff\xff", *[piece for _ in range(300) for piece in (b"x", 0.05)]),
    "a stream that stops": over_tcp(b"\xff\xff", b"x" * 100, 15.0),
}


async def asked(answer, rdtype="TXT"):
    async with RawServer(answer) as server, client_for(server.address, network={"timeout_s": 1.0}) as client:
        async with asyncio.timeout(30):
            return await client.network.ask("acme.example", rdtype)


@pytest.mark.parametrize("answer", BROKEN.values(), ids=list(BROKEN))
async def test_what_cannot_be_read_is_a_failure_of_the_server_never_an_absent_record(answer):
    found = await asked(answer)
    assert found.state in ("SERVFAIL", "TIMEOUT")
    assert found.error
    assert not found.records


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=list(ENDLESS))
async def test_what_does_not_end_is_a_time_out(answer):
    assert (await asked(answer)).state == "TIMEOUT"


def many(name: str, kind: str, texts) -> str:
    return "".join(f"{name} {kind} {text}\n" for text in texts)


def addresses(number: int):
    """Addresses that are for documentation (RFC 3849), so that nothing is ever sent there."""
    return (f"2001:db8::{place:x}" for place in range(1, number + 1))


INCLUDE = "include:i{}.acme.example"
REPORTS = [f"mailto:a@r{place}.example," for place in range(900)]
HUGE = {
    "addresses": many("@", "AAAA", addresses(800)) + many("www", "AAAA", addresses(800)),
    "nameservers": many("@", "NS", (f"n{place}" for place in range(900))) + many("n7", "AAAA", addresses(800)),
    "mail hosts": many("@", "MX", (f"{place} m{place}" for place in range(1500))) + many("m7", "AAAA", addresses(800)),
    "TXT records": many("@", "TXT", (f'"v=spf1 include:i{n}.acme.example ~all"' for n in range(900))),
    "includes": many("@", "TXT", ['"v=spf1" ' + " ".join(f'" include:i{n}.acme.example"' for n in range(180))])
    + "".join(f'i{n} TXT "v=spf1 {INCLUDE.format((n * 7 + 1) % 180)} {INCLUDE.format((n * 3 + 2) % 180)}"\n'
              for n in range(180)),
    "reports": many("_dmarc", "TXT", ['"v=DMARC1; p=none; rua=' + '" "'.join(REPORTS) + '"']),
    "keys": many("s1._domainkey", "TXT", (f'"v=DKIM1; p={"A" * 20}{n}"' for n in range(700))),
}  # fmt: skip


@pytest.mark.parametrize("records", HUGE.values(), ids=list(HUGE))
async def test_huge_answers_cost_little_and_say_little(records):
    base = "" if records.startswith("@ NS") else DOMAIN_ZONE
    text = f"{base}{records}"
    async with dns_world(domain=zone("acme.example.", text)) as world:
        sections = {"mail": MAIL, "network": {"timeout_s": 12.0}, "site": {"canonical": "https://acme.example"}}
        async with asyncio.timeout(60), client_for(world.resolver.address, world.connect_to, **sections) as client:
            tracemalloc.start()
            found = await asyncio.gather(
                domain.survey(client), mail.survey(client), mail.transport(client), subdomains.survey(client)
            )
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            connected = sum(client.network.traffic.requests.values())
        questions = sum(len(s.questions) for s in (world.root, world.tld, world.first, world.second, world.resolver))
    assert not [each for each in found if isinstance(each, Unavailable)]
    zone_, sent, ways, names = found
    verdicts = [domain.resolves(zone_), domain.nameservers(zone_), domain.dnssec(zone_), mail.spf(sent),
                mail.dkim(sent), mail.dmarc(sent), mail.in_transit(ways), subdomains.takeover(names)]  # fmt: skip
    assert not [verdict for verdict in verdicts if verdict.defect]
    assert questions < 500
    assert connected < 500
    assert len(zone_.reached) <= MOST_ADDRESSES
    assert peak < 100_000_000
    for verdict in verdicts:
        assert len(verdict.summary) < 5_000, verdict.check
        assert sum(len(str(row)) for row in verdict.evidence) < 100_000, verdict.check


async def test_markup_and_control_characters_in_names_stay_text():
    odd = r"www CNAME \<script\>alert\(1\)\</script\>.\000\255\010x" + "\n"
    text = DOMAIN_ZONE.replace("www A 203.0.113.10\n", odd) + "@ MX 10 " + r"\<b\>\127.\032.host" + "\n"
    sections = {"mail": MAIL, "authorization": None}
    async with (
        dns_world(domain=zone("acme.example.", text)) as world,
        client_for(world.resolver.address, world.connect_to, **sections) as client,
    ):
        found = await asyncio.gather(domain.survey(client), mail.transport(client), subdomains.survey(client))
    verdicts = [domain.resolves(found[0]), mail.in_transit(found[1]), subdomains.takeover(found[2])]
    assert not [verdict for verdict in verdicts if verdict.defect]
    assert verdicts[1].status is not Status.PASS
    assert all(str(row).isprintable() for verdict in verdicts for row in verdict.evidence)
    assert all(verdict.summary.isprintable() for verdict in verdicts)
