"""Harbor Club's DNS answers as real servers do, asked over real sockets."""

import asyncio
import contextlib
import datetime as dt
import shutil
import subprocess

import dns.asyncquery
import dns.dnssec
import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launchready_lib.demo import names, nameservice
from launchready_lib.demo.faults import Switchboard
from launchready_lib.demo.nameservice import zones
from launchready_lib.demo.nameservice.authority import Authority
from launchready_lib.demo.nameservice.resolver import Resolver
from launchready_lib.demo.nameservice.zones import ZoneKey

pytestmark = pytest.mark.anyio

DKIM = dict.fromkeys(names.DKIM_SELECTORS, f"v=DKIM1; k=rsa; p={'A' * 392}")
NS1, NS2 = names.NAMESERVERS.values()
REGISTRY, ROOT = names.TLD_SERVER[1], names.ROOT_SERVER[1]


class Asker:
    def __init__(self, switchboard, service):
        self.switchboard = switchboard
        self.service = service

    async def ask(self, name, rdtype="A", server=None, tcp=False, flags=0, **options):
        query = dns.message.make_query(name, rdtype, **options)
        query.flags |= flags
        port = self.service.ports[server] if server else self.service.resolver_port
        send = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
        return await send(query, "127.0.0.1", port=port, timeout=5)


@pytest.fixture
async def world():
    switchboard = Switchboard()
    service = nameservice.NameService(switchboard, DKIM)
    await service.start()
    yield Asker(switchboard, service)
    await service.stop()


def texts(reply, rdtype="A"):
    wanted = dns.rdatatype.from_text(rdtype)
    return sorted(rdata.to_text() for rrset in reply.answer if rrset.rdtype == wanted for rdata in rrset)


def types(section):
    return [dns.rdatatype.to_text(rrset.rdtype) for rrset in section]


@pytest.mark.parametrize("host", names.WEB_HOSTS)
async def test_every_web_host_resolves_to_the_edge(world, host):
    reply = await world.ask(host)
    assert texts(reply) == [names.EDGE_ADDRESS]
    assert reply.flags & dns.flags.RA


@pytest.mark.parametrize("server", [NS1, NS2])
async def test_nameservers_answer_with_authority_and_without_recursion(world, server):
    reply = await world.ask(names.WWW, server=server)
    assert reply.flags & dns.flags.AA
    assert not reply.flags & dns.flags.RA
    assert (await world.ask("example.org", server=server)).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        pytest.param(f"nothing.{names.DOMAIN}", dns.rcode.NXDOMAIN, id="no such name"),
        pytest.param(f"_domainkey.{names.DOMAIN}", dns.rcode.NOERROR, id="only names below it"),
        pytest.param(names.WWW, dns.rcode.NOERROR, id="no such type"),
    ],
)
async def test_absence_comes_with_the_soa(world, name, rcode):
    reply = await world.ask(name, "AAAA", server=NS1)
    assert (reply.rcode(), reply.answer, types(reply.authority)) == (rcode, [], ["SOA"])


async def test_the_registry_refers_with_ds_and_glue(world):
    reply = await world.ask(names.WWW, server=REGISTRY, want_dnssec=True)
    assert not reply.flags & dns.flags.AA
    assert types(reply.authority) == ["NS", "DS", "RRSIG"]
    assert {r[0].address for r in reply.additional} == {NS1, NS2}


async def test_the_registry_itself_answers_for_ds(world):
    reply = await world.ask(names.DOMAIN, "DS", server=REGISTRY)
    assert reply.flags & dns.flags.AA
    assert types(reply.answer) == ["DS"]


async def test_an_unsigned_delegation_is_proven(world):
    reply = await world.ask(names.SPF_INCLUDE, "TXT", server=REGISTRY, want_dnssec=True)
    assert types(reply.authority) == ["NS", "NSEC", "RRSIG"]


async def test_what_does_not_fit_is_truncated_and_whole_over_tcp(world):
    name = f"s1._domainkey.{names.DOMAIN}"
    small = await world.ask(name, "TXT", server=NS1, want_dnssec=True, payload=512)
    assert small.flags & dns.flags.TC
    assert len(small.to_wire()) <= 512
    whole = await world.ask(name, "TXT", server=NS1, tcp=True)
    assert not whole.flags & dns.flags.TC
    assert b"".join(whole.answer[0][0].strings).decode() == DKIM["s1"]


async def test_one_connection_carries_many_questions(world):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.service.ports[NS1])
    for host in names.WEB_HOSTS:
        query = dns.message.make_query(host, "A")
        writer.write(query.to_wire(prepend_length=True))
        size = int.from_bytes(await reader.readexactly(2), "big")
        assert texts(dns.message.from_wire(await reader.readexactly(size))) == [names.EDGE_ADDRESS]
    writer.close()


@pytest.mark.parametrize("rdtype", ["ANY", "AXFR"])
async def test_zone_dumps_are_refused(world, rdtype):
    assert (await world.ask(names.DOMAIN, rdtype, server=NS1, tcp=True)).rcode() == dns.rcode.REFUSED


async def test_an_unknown_edns_version_is_said_to_be_bad(world):
    assert (await world.ask(names.DOMAIN, server=NS1, use_edns=1)).rcode() == dns.rcode.BADVERS


@pytest.mark.parametrize(
    ("name", "rdtype", "secure"),
    [
        pytest.param(names.WWW, "A", True, id="signed"),
        pytest.param(f"nothing.{names.DOMAIN}", "A", True, id="signed absence of a name"),
        pytest.param(f"a.b.c.{names.WWW}", "A", True, id="signed absence below a name"),
        pytest.param(names.WWW, "AAAA", True, id="signed absence of a type"),
        pytest.param(f"_domainkey.{names.DOMAIN}", "TXT", True, id="signed absence at an empty name"),
        pytest.param(names.MAIL_PROVIDER_DOMAIN, "DS", True, id="signed absence of a DS"),
        pytest.param(".", "NS", True, id="root"),
        pytest.param("nothing-here", "A", True, id="no such top-level domain"),
        pytest.param(names.SPF_INCLUDE, "TXT", False, id="unsigned"),
        pytest.param(names.UNCLAIMED_NAME, "A", False, id="unsigned absence"),
    ],
)
async def test_the_resolver_says_what_it_validated(world, name, rdtype, secure):
    reply = await world.ask(name, rdtype, want_dnssec=True)
    assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    assert bool(reply.flags & dns.flags.AD) is secure
    plain = await world.ask(name, rdtype)
    assert not {"RRSIG", "NSEC"} & {*types(plain.answer), *types(plain.authority)}


async def test_the_chain_validates_from_the_root_by_hand(world):
    """Independent of our resolver: every zone's keys are named by its parent's DS, and sign what is asked for."""
    ds = dns.rrset.from_text(".", 0, "IN", "DS", world.service.root_ds.split("DS ", 1)[1])
    for zone, server, child in (
        (".", ROOT, "example."),
        ("example.", REGISTRY, f"{names.DOMAIN}."),
        (f"{names.DOMAIN}.", NS1, None),
    ):
        origin = dns.name.from_text(zone)
        keys, signature = (await world.ask(zone, "DNSKEY", server=server, want_dnssec=True)).answer
        assert dns.dnssec.make_ds(origin, keys[0], ds[0].digest_type) == ds[0]
        dns.dnssec.validate(keys, signature, {origin: keys})
        asked = (child, "DS") if child else (names.WWW, "A")
        ds, signature = (await world.ask(*asked, server=server, want_dnssec=True)).answer
        dns.dnssec.validate(ds, signature, {origin: keys})


def tiny_internet(*, ds_key, lifetime=zones.LIFETIME):
    """A root that publishes `ds_key`'s DS for a child zone signed with another key, unless it is the same."""
    root_key, zone_key = ZoneKey(""), ZoneKey("example")
    servers = {ROOT: Authority(), REGISTRY: Authority()}
    root = zones.records("root", ds=(ds_key or zone_key).delegation_signer)
    servers[ROOT].serve([zones.served("", root, root_key)])
    servers[REGISTRY].serve([zones.served("example", zones.records("registry", ds=""), zone_key, lifetime=lifetime)])
    return Resolver(servers, ROOT, root_key.delegation_signer), servers


async def ask_bogus(resolver, **options):
    query = dns.message.make_query(names.RDAP_HOST, "A", want_dnssec=True)
    query.flags |= options.get("flags", 0)
    return await resolver.respond(query)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"ds_key": ZoneKey("example")}, id="the parent names another key"),
        pytest.param({"ds_key": None, "lifetime": dt.timedelta(minutes=-1)}, id="signatures have ended"),
    ],
)
async def test_bogus_answers_fail_unless_checking_is_disabled(broken):
    resolver, _ = tiny_internet(**broken)
    refused = await ask_bogus(resolver)
    assert (refused.rcode(), refused.answer) == (dns.rcode.SERVFAIL, [])
    assert [option.code for option in refused.options] == [dns.edns.EDECode.DNSSEC_BOGUS]
    unchecked = await ask_bogus(resolver, flags=dns.flags.CD)
    assert (unchecked.rcode(), texts(unchecked)) == (dns.rcode.NOERROR, [names.RDAP_ADDRESS])


async def test_an_altered_record_is_bogus():
    resolver, servers = tiny_internet(ds_key=None)
    assert (await ask_bogus(resolver)).flags & dns.flags.AD
    resolver.forget()
    (zone,) = servers[REGISTRY]._zones.values()
    altered = dns.rrset.from_text(f"{names.RDAP_HOST}.", 300, "IN", "A", "192.0.2.81")
    with zone.writer() as writer:
        writer.replace(altered)
    assert (await ask_bogus(resolver)).rcode() == dns.rcode.SERVFAIL


async def test_a_stripped_denial_is_bogus():
    resolver, servers = tiny_internet(ds_key=None)
    (zone,) = servers[REGISTRY]._zones.values()
    with zone.writer() as writer:
        writer.delete(f"{names.MAIL_PROVIDER_DOMAIN}.", "NSEC")
    query = dns.message.make_query(names.MAIL_PROVIDER_DOMAIN, "DS", want_dnssec=True)
    assert (await resolver.respond(query)).rcode() == dns.rcode.SERVFAIL


SHOWN_BY_DNS = {
    "domain.resolves": (names.WWW, "A", NS2, []),
    "subdomains.takeover": (names.UNCLAIMED_HOST, "CNAME", None, [f"{names.UNCLAIMED_NAME}."]),
    "edge.proxied": (names.API, "A", None, [names.ORIGIN_ADDRESS]),
    "hosting.independent": (names.APP, "A", None, [names.TUNNEL_ADDRESS]),
    "mail.spf": (names.DOMAIN, "TXT", None, ['"v=spf1 include:spf.postlane.example -all"', '"v=spf1 mx ~all"']),
    "mail.dkim": (f"s1._domainkey.{names.DOMAIN}", "TXT", None, [f'"{DKIM["s1"][:255]}"']),
    "mail.dmarc": (f"_dmarc.{names.DOMAIN}", "TXT", None, []),
}


@pytest.mark.parametrize("fault", SHOWN_BY_DNS)
async def test_a_fault_shows_in_dns_alone_and_goes(world, fault):
    """Switched on, the answer is the faulty one and the zone still validates; switched off, all is as before."""
    name, rdtype, server, expected = SHOWN_BY_DNS[fault]
    before = texts(await world.ask(name, rdtype, server=server), rdtype)
    await world.switchboard.set({fault})
    during = texts(await world.ask(name, rdtype, server=server), rdtype)
    assert during != before
    assert during == expected
    assert (await world.ask(names.DOMAIN, "SOA", want_dnssec=True)).flags & dns.flags.AD
    await world.switchboard.set(())
    assert texts(await world.ask(name, rdtype, server=server), rdtype) == before


async def serials(world):
    return [(await world.ask(names.DOMAIN, "SOA", server=server)).answer[0][0].serial for server in (NS1, NS2)]


async def test_serials_differ_only_under_their_fault(world):
    one, two = await serials(world)
    assert one == two
    await world.switchboard.set({"domain.nameservers"})
    one, two = await serials(world)
    assert one > two


async def test_signatures_end_tomorrow_under_their_fault_and_still_validate(world):
    await world.switchboard.set({"domain.dnssec"})
    reply = await world.ask(names.DOMAIN, "SOA", want_dnssec=True)
    assert reply.flags & dns.flags.AD
    left = reply.answer[1][0].expiration - dt.datetime.now(dt.UTC).timestamp()
    assert 0 < left <= dt.timedelta(days=1).total_seconds()


async def test_an_unclaimed_name_does_not_exist(world):
    await world.switchboard.set({"subdomains.takeover"})
    reply = await world.ask(names.UNCLAIMED_HOST)
    assert (reply.rcode(), types(reply.answer)) == (dns.rcode.NXDOMAIN, ["CNAME"])


async def test_an_alias_whose_target_lacks_the_type_is_no_failure(world):
    await world.switchboard.set({"hosting.independent"})
    reply = await world.ask(names.APP, "CAA")
    assert (reply.rcode(), types(reply.answer)) == (dns.rcode.NOERROR, ["CNAME"])


async def test_garbage_is_ignored_and_the_next_question_answered(world):
    loop = asyncio.get_running_loop()
    for port in (world.service.ports[NS1], world.service.resolver_port):
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
        for garbage in (b"", b"\0" * 12, b"\xff" * 600, dns.message.make_query("x", "A").to_wire()[:-3]):
            transport.sendto(garbage)
        transport.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x00\x05hello")
        assert await reader.read() == b""
        writer.close()
    assert texts(await world.ask(names.WWW)) == [names.EDGE_ADDRESS]
    assert texts(await world.ask(names.WWW, server=NS1)) == [names.EDGE_ADDRESS]


labels = st.lists(st.binary(min_size=1, max_size=12), max_size=6)


@pytest.fixture(scope="module")
def tiny():
    return tiny_internet(ds_key=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=labels, rdtype=st.integers(1, 300), wire=st.binary(max_size=64))
def test_any_question_gets_an_answer_that_fits_and_is_never_bogus(tiny, labels, rdtype, wire):
    resolver, servers = tiny
    queries = [dns.message.make_query(dns.name.Name([*labels, b"example", b""]), rdtype, want_dnssec=True)]
    with contextlib.suppress(dns.exception.DNSException, ValueError):
        queries.append(dns.message.from_wire(b"\0\1\0\0\0\1\0\0\0\0\0\0" + wire))

    async def run():
        for query in queries:
            for responder in (resolver, *servers.values()):
                reply = await responder.respond(query)
                assert reply.rcode() != dns.rcode.SERVFAIL
                assert len(reply.to_wire(max_size=512, prefer_truncation=True)) <= 512

    asyncio.run(run())


def test_the_zone_file_reads_back_as_the_zone_with_its_proxied_marks():
    zone = dns.zone.from_text(
        zones.exported(zones.records("club", on=lambda _: False, dkim=DKIM, second=False)), origin=names.DOMAIN
    )
    marks = {str(name): rdata.rdcomment for name, _, rdata in zone.iterate_rdatas("A")}
    assert marks["www"].strip() == "cf_tags=cf-proxied:true"
    assert marks["mail"].strip() == "cf_tags=cf-proxied:false"


@pytest.mark.skipif(shutil.which("kdig") is None, reason="kdig (knot-dnsutils) is not installed")
async def test_another_implementation_reads_the_answers(world):
    command = [
        "kdig",
        "@127.0.0.1",
        "-p",
        str(world.service.resolver_port),
        "+dnssec",
        "+tcp",
        "-t",
        "MX",
        names.DOMAIN,
    ]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True, timeout=20)
    assert "status: NOERROR" in done.stdout
    assert f"10 {names.MAIL_HOST}." in done.stdout
    assert " ad;" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
