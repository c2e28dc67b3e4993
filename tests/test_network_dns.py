"""DNS answers keep their five states apart, over real UDP and TCP on loopback."""

import asyncio
import socket

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.network import Network, Scope
from launchready_lib.network import dns as network_dns
from tests.dns_server import DnsServer, zone

pytestmark = pytest.mark.anyio

ZONE = """
@ NS ns1
ns1 A 203.0.113.53
@ A 203.0.113.10
www CNAME @
away CNAME www.elsewhere.example.
dangling CNAME gone.acme.example.
loop CNAME loop
@ TXT "v=spf1 " "-all"
@ TXT "\\195\\188" "\\255"
@ MX 10 mail
sub NS ns.sub
ns.sub A 203.0.113.54
"""
BIG = "big TXT " + " ".join(f'"{"x" * 200}{n}"' for n in range(12))


def network(*servers, connect_to=None, hosts=("acme.example",), timeout_s=2.0):
    given_ = [server if isinstance(server, str) else server.address for server in servers]
    return Network(Scope(hosts), nameservers=given_, connect_to=connect_to or {}, timeout_s=timeout_s)


def resolver(**options):
    elsewhere = zone("elsewhere.example", "www A 198.51.100.7")
    return DnsServer([zone("acme.example", ZONE + BIG), elsewhere], recursive=True, **options)


async def ask(name, rdtype="A", **options):
    async with resolver() as server, network(server) as net:
        return await net.ask(name, rdtype, **options)


@pytest.mark.parametrize(
    ("name", "rdtype", "state", "records"),
    [
        ("acme.example", "A", "NOERROR", ("203.0.113.10",)),
        ("ACME.example.", "a", "NOERROR", ("203.0.113.10",)),
        ("acme.example", "MX", "NOERROR", ("10 mail.acme.example.",)),
        ("acme.example", "NS", "NOERROR", ("ns1.acme.example",)),
        ("acme.example", "AAAA", "NODATA", ()),
        ("nothing.acme.example", "A", "NXDOMAIN", ()),
        ("unknown.example", "A", "SERVFAIL", ()),
        ("dangling.acme.example", "A", "NXDOMAIN", ()),
    ],
)
async def test_each_answer_has_one_of_the_states(name, rdtype, state, records):
    answer = await ask(name, rdtype)
    assert (answer.state, answer.records) == (state, records)
    assert (answer.ttl is not None) == (state == "NOERROR")


async def test_the_strings_of_a_txt_record_join_without_a_space_and_survive_bytes_that_are_no_text():
    answer = await ask("acme.example", "TXT")
    assert set(answer.records) == {"v=spf1 -all", "ü\\xff"}


@pytest.mark.parametrize(
    ("name", "chain", "records"),
    [
        ("www.acme.example", ("acme.example",), ("203.0.113.10",)),
        ("away.acme.example", ("www.elsewhere.example",), ("198.51.100.7",)),
    ],
    ids=["within", "across zones"],
)
async def test_aliases_are_followed_and_kept(name, chain, records):
    answer = await ask(name)
    assert (answer.chain, answer.records) == (chain, records)


async def test_an_alias_that_leads_to_itself_ends():
    assert (await ask("loop.acme.example")).state in ("NODATA", "SERVFAIL")


async def test_an_answer_too_large_for_udp_comes_over_tcp():
    async with resolver() as server, network(server) as net:
        answer = await net.ask("big.acme.example", "TXT")
        assert len(answer.records[0]) > 2000
        assert [how for _, _, how in server.questions] == ["udp", "tcp"]


async def test_tcp_can_be_asked_for_alone():
    async with resolver() as server, network(server) as net:
        assert (await net.ask("acme.example", "A", tcp=True)).state == "NOERROR"
        assert [how for _, _, how in server.questions] == ["tcp"]


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        ("servfail", "SERVFAIL", "SERVFAIL"),
        ("refused", "SERVFAIL", "REFUSED"),
        ("garbage", "SERVFAIL", "malformed"),
        ("silence", "TIMEOUT", "no answer in 1 s"),
    ],
)
async def test_a_fault_of_the_resolver_is_none_of_the_name(fault, state, words):
    async with resolver(faults={"*": fault}) as server, network(server) as net:
        answer = await net.ask("acme.example", "A")
    assert (answer.state, answer.records) == (state, ())
    assert words in answer.error


async def test_where_the_first_resolver_keeps_silent_the_next_is_asked():
    async with resolver(faults={"*": "silence"}) as dead, resolver() as server, network(dead, server) as net:
        answer = await net.ask("acme.example", "A")
        assert (answer.state, answer.server) == ("NOERROR", server.address)
        assert len(dead.questions) == 2, "asked twice: datagrams get lost"


async def test_a_resolver_that_never_answers_is_left_alone_for_a_while():
    async with resolver(faults={"*": "silence"}) as server, network(server, timeout_s=0.4) as net:
        for number in range(network_dns.SILENT_AFTER):
            assert (await net.ask(f"n{number}.acme.example", "A")).state == "TIMEOUT"
        asked = len(server.questions)
        server.faults.clear()
        answer = await net.ask("acme.example", "A")
        assert (answer.state, answer.error) == ("TIMEOUT", "the resolver has answered nothing so far")
        assert len(server.questions) == asked


async def test_a_resolver_that_was_left_alone_is_asked_again(monkeypatch):
    monkeypatch.setattr(network_dns, "SILENT_S", 0.0)
    async with resolver(faults={"*": "silence"}) as server, network(server, timeout_s=1.0) as net:
        for number in range(network_dns.SILENT_AFTER):
            assert (await net.ask(f"n{number}.acme.example", "A")).state == "TIMEOUT"
        server.faults.clear()
        assert (await net.ask("acme.example", "A")).state == "NOERROR"


async def test_a_resolver_that_once_answered_is_always_asked():
    async with resolver(faults={"lost.acme.example": "silence"}) as server, network(server, timeout_s=1.0) as net:
        assert (await net.ask("acme.example", "A")).state == "NOERROR"
        for kind in ("A", "AAAA", "MX", "TXT"):
            assert (await net.ask("lost.acme.example", kind)).state == "TIMEOUT"
        assert (await net.ask("www.acme.example", "A")).state == "NOERROR"


async def test_a_port_that_nobody_listens_at_is_a_time_out_and_no_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with network(f"127.0.0.1:{port}", timeout_s=0.4) as net:
        assert (await net.ask("acme.example", "A")).state == "TIMEOUT"
        assert not await net.control()


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "x." * 140 + "example", "a..b", "\udcff.example"])
async def test_what_is_no_name_is_no_exception(name):
    async with network("127.0.0.1:9") as net:
        answer = await net.ask(name, "A")
    assert answer.state == "SERVFAIL"
    assert "not a DNS name" in answer.error


async def test_what_is_no_type_is_no_exception():
    async with network("127.0.0.1:9") as net:
        assert (await net.ask("acme.example", "NOSUCHTYPE")).state == "SERVFAIL"


# --- one server -------------------------------------------------------------------------------------------------------

NS = "203.0.113.53"


def authority(server, **options):
    return network("127.0.0.1:9", connect_to={f"{NS}:53": server.address}, **options)


async def test_a_named_server_is_asked_at_its_published_address_without_recursion():
    async with DnsServer([zone("acme.example", ZONE)]) as server, authority(server) as net:
        answer = await net.ask("acme.example", "A", server=NS)
        assert (answer.state, answer.aa, answer.server) == ("NOERROR", True, NS)
        referral = await net.ask("x.sub.acme.example", "A", server=NS)
        assert (referral.state, referral.aa) == ("NODATA", False)
        assert net.traffic.requests[f"dns {NS}"] == 2


async def test_a_lame_server_does_not_set_the_authoritative_bit():
    async with DnsServer([zone("acme.example", ZONE)], faults={"*": "lame"}) as server, authority(server) as net:
        assert not (await net.ask("acme.example", "A", server=NS)).aa


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.53", "169.254.169.254", "::1"])
async def test_a_nameserver_at_a_private_address_is_not_asked(address):
    async with network("127.0.0.1:9") as net:
        answer = await net.ask("acme.example", "A", server=address)
    assert answer.state == "TIMEOUT"
    assert "not asked" in answer.error
    assert [refusal.host for refusal in net.traffic.refused] == [address]


async def test_dnssec_and_checking_disabled_are_asked_for_only_where_wanted():
    wires = []

    class Listening(DnsServer):
        async def reply(self, wire, *, tcp):
            wires.append(dns.message.from_wire(wire))
            return await super().reply(wire, tcp=tcp)

    async with Listening([zone("acme.example", ZONE)], recursive=True) as server, network(server) as net:
        for options in ({}, {"dnssec": True}, {"cd": True}):
            await net.ask("acme.example", "A", **options)
    assert [bool(wire.ednsflags & dns.flags.DO) for wire in wires] == [False, True, False]
    assert [bool(wire.flags & dns.flags.CD) for wire in wires] == [False, False, True]
    assert all(wire.flags & dns.flags.RD for wire in wires)


# --- sharing ----------------------------------------------------------------------------------------------------------


async def test_a_question_asked_by_many_at_once_is_sent_once():
    async with resolver(delay=0.05) as server, network(server) as net:
        answers = await asyncio.gather(*(net.ask(name, "A") for name in ("acme.example", "ACME.EXAMPLE.") * 20))
        assert len({id(answer) for answer in answers}) == 1
        assert len(server.questions) == 1


async def test_one_asker_who_gives_up_does_not_take_the_answer_from_the_others():
    async with resolver(delay=0.1) as server, network(server) as net:
        hasty, patient = (asyncio.create_task(net.ask("acme.example", "A")) for _ in range(2))
        await asyncio.sleep(0.02)
        hasty.cancel()
        assert (await patient).state == "NOERROR"


async def test_an_answer_is_asked_for_anew_after_a_while(monkeypatch):
    monkeypatch.setattr(network_dns, "FRESH_S", 0.0)
    async with resolver() as server, network(server) as net:
        await net.ask("acme.example", "A")
        await net.ask("acme.example", "A")
        assert len(server.questions) == 2


async def test_no_more_than_twenty_questions_are_under_way_at_once():
    class Counting(DnsServer):
        now = most = 0

        async def reply(self, wire, *, tcp):
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                return await super().reply(wire, tcp=tcp)
            finally:
                self.now -= 1

    async with Counting([zone("acme.example", ZONE)], recursive=True, delay=0.03) as server, network(server) as net:
        answers = await asyncio.gather(*(net.ask(f"n{n}.acme.example", "A") for n in range(60)))
        assert {answer.state for answer in answers} == {"NXDOMAIN"}
        assert server.most <= network_dns.AT_ONCE


async def test_addresses_are_both_families_and_an_address_is_itself():
    text = ZONE + "@ AAAA 2001:db8::10\n"
    async with DnsServer([zone("acme.example", text)], recursive=True) as server, network(server) as net:
        assert await net.addresses("acme.example") == ("203.0.113.10", "2001:db8::10")
        assert await net.addresses("198.51.100.1") == ("198.51.100.1",)
        assert await net.addresses("none.example") == ()


async def test_the_control_look_up_says_whether_our_own_network_works():
    async with (
        DnsServer([zone(".", "@ NS a.root\na.root A 198.51.100.1")], recursive=True) as server,
        network(server) as net,
    ):
        assert await net.control()


@given(st.binary(max_size=200))
def test_any_bytes_that_parse_as_a_message_have_a_state(content):
    query = dns.message.make_query("acme.example", "A")
    try:
        message = dns.message.from_wire(query.to_wire()[:2] + content)
    except (dns.exception.DNSException, ValueError):
        return
    answer = network_dns.read(message, "acme.example", "A", "")
    assert answer.state in ("NOERROR", "NODATA", "NXDOMAIN", "SERVFAIL")
