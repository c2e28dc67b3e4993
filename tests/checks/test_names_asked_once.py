"""The surveys of names and mail together: nothing asked twice of one server, and hostile answers in the right state."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter

import pytest
from audited import client_for
from dns_server import DOMAIN_ZONE, DnsServer, dns_world, zone

from launchready_lib.checks.quick_audit import domain, subdomains
from launchready_lib.checks.secure_edge import mail
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio

MAIL = {"from_domains": ["acme.example"], "dkim_selectors": {"acme.example": ["s1", "s2"]}, "senders": ["203.0.113.25"]}
RECORDS = (
    DOMAIN_ZONE
    + """
@ MX 10 app
@ TXT "v=spf1 mx include:spf.mailer.example ~all"
_dmarc TXT "v=DMARC1; p=none; rua=mailto:dmarc@acme.example"
"""
)
OTHERS = [zone("mailer.example.", 'spf TXT "v=spf1 ip4:203.0.113.25 -all"\n')]


async def surveyed(client):
    return await asyncio.gather(domain.survey(client), mail.survey(client), mail.transport(client))


def judged(zone_, records, ways):
    verdicts = [domain.resolves(zone_), domain.nameservers(zone_), domain.dnssec(zone_)]
    return [*verdicts, mail.spf(records), mail.dkim(records), mail.dmarc(records), mail.in_transit(ways)]


async def test_no_question_is_asked_twice_of_the_same_server():
    async with dns_world(domain=zone("acme.example.", RECORDS), others=OTHERS) as world:
        sections = {"mail": MAIL, "authorization": None, "network": {"timeout_s": 20.0}}
        async with client_for(world.resolver.address, world.connect_to, **sections) as client:
            found = await surveyed(client)
        servers = (world.root, world.tld, world.first, world.second, world.resolver)
        repeated = [q for server in servers for q, n in Counter(server.questions).items() if n > 1]
    assert not [each for each in found if isinstance(each, Unavailable)]
    assert repeated == []


@pytest.mark.parametrize("fault", ["servfail", "silence", "garbage", "refused"])
async def test_a_resolver_that_fails_for_every_name_of_the_domain_is_unknown_never_missing(fault):
    async with dns_world(domain=zone("acme.example.", RECORDS), others=OTHERS) as world:
        world.resolver.faults.update({f"{n}acme.example": fault for n in ("", "www.", "_dmarc.", "_mta-sts.", "app.")})
        sections = {"mail": MAIL, "authorization": None, "network": {"timeout_s": 1.0}}
        async with asyncio.timeout(60), client_for(world.resolver.address, world.connect_to, **sections) as client:
            verdicts = judged(*await surveyed(client))
    answers = {verdict.check: verdict.status for verdict in verdicts}
    assert not [verdict for verdict in verdicts if verdict.defect]
    for check in ("mail.spf", "mail.dmarc", "mail.transport"):
        assert answers[check] is Status.UNKNOWN, check


@pytest.mark.parametrize(
    ("fault", "wanted"), [("servfail", Status.FAIL), ("garbage", Status.FAIL), ("silence", Status.UNKNOWN)]
)
async def test_nameservers_that_all_answer_wrongly_fail_and_silent_ones_are_unknown(fault, wanted):
    async with dns_world(domain=zone("acme.example.", RECORDS), others=OTHERS) as world:
        world.first.faults["*"] = world.second.faults["*"] = fault
        sections = {"mail": MAIL, "authorization": None, "network": {"timeout_s": 1.0}}
        async with asyncio.timeout(60), client_for(world.resolver.address, world.connect_to, **sections) as client:
            verdicts = judged(*await surveyed(client))
    answers = {verdict.check: verdict.status for verdict in verdicts}
    assert not [verdict for verdict in verdicts if verdict.defect]
    assert answers["domain.nameservers"] is wanted
    assert answers["domain.resolves"] is not Status.PASS


async def test_a_nameserver_that_resets_every_stream_after_truncating_is_no_answer():
    async with DnsServer([zone(".", "@ NS a.root.example.\n")], recursive=True) as server:
        server.faults["acme.example/TXT"] = "truncate"

        async def reset(_reader, writer):
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

        server._tcp.close()
        again = await asyncio.start_server(reset, "127.0.0.1", server.port)
        async with again, client_for(server.address, authorization=None, mail=MAIL) as client:
            answer = await client.network.ask("acme.example", "TXT")
            verdict = mail.spf(await mail.survey(client))
    assert answer.state == "TIMEOUT"
    assert verdict.status is Status.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        r'"\255\254\000 v=spf1"',
        r'"v=spf1 \195\040 -all"',
        r'"v=spf1 include:\255.example -all"',
        r'"v=spf1 a:' + "a" * 60 + r'.\200 ~all"',
    ],
    ids=["noise", "bad UTF-8 in a term", "bad UTF-8 in a name", "bad UTF-8 in a host"],
)
async def test_invalid_utf8_in_records_is_read_and_shown_never_a_defect(text):
    noise = "".join(f"{name} TXT {text}\n" for name in ("@", "_dmarc", "_mta-sts", "_smtp._tls", "s1._domainkey"))
    marked = r'_dmarc TXT "v=DMARC1; p=\255"' + "\n" + r'_smtp._tls TXT "v=TLSRPTv1; rua=\255"' + "\n"
    records = DOMAIN_ZONE + "@ MX 10 app\n" + noise + marked
    async with dns_world(domain=zone("acme.example.", records), others=OTHERS) as world:
        sections = {"mail": MAIL, "authorization": None}
        async with client_for(world.resolver.address, world.connect_to, **sections) as client:
            found = await surveyed(client)
    verdicts = judged(*found)
    assert not [verdict for verdict in verdicts if verdict.defect]
    assert all(str(row).isprintable() for verdict in verdicts for row in verdict.evidence)
    assert {v.check: v.status for v in verdicts}["mail.spf"] is Status.FAIL


async def test_a_name_outside_ascii_is_asked_by_its_a_labels():
    club = zone(
        "xn--clb-ioa.example.", "@ MX 10 mail\nmail A 203.0.113.25\n" + r'@ TXT "v=spf1 ip4:203.0.113.25 -all"' + "\n"
    )
    async with DnsServer([club, zone(".", "@ NS a.root.example.\n")], recursive=True) as server:
        declared = {"from_domains": ["clüb.example"], "senders": ["203.0.113.25"]}
        async with client_for(server.address, authorization=None, mail=declared) as client:
            records, ways = await mail.survey(client), await mail.transport(client)
    assert mail.spf(records).status is Status.PASS
    assert mail.in_transit(ways).status is Status.PASS
    assert not [name for name, *_ in server.questions if not name.isascii()]


async def test_our_own_network_down_is_said_by_every_survey():
    async with client_for("127.0.0.1:1", mail=MAIL, authorization=None) as client:
        found = [*await surveyed(client), await subdomains.survey(client)]
    assert all(isinstance(each, Unavailable) and "our own network" in each.reason for each in found)
