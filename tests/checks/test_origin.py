"""An origin is exposed only on proof, a record gives it away only by its address, and floods meet an edge or not."""

import asyncio
import ipaddress
from dataclasses import replace

import pytest

from launchready_lib.checks.secure_edge import edge, floods, origin
from launchready_lib.checks.secure_edge.edge import EdgeEvidence, Named, known
from launchready_lib.checks.secure_edge.floods import FloodEvidence
from launchready_lib.checks.secure_edge.origin import Direct, OriginEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.names.published import Published, in_spf, in_zone
from launchready_lib.names.zone_hosts import ZoneHosts
from launchready_lib.names.zonefile import read
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from tests.certificates import context, issue
from tests.web_servers import Reply, client, listening, resolver, serving

pytestmark = pytest.mark.anyio

CLOUDFLARE = known()["cloudflare"]
ORIGIN, EDGE, MAIL = "203.0.113.10", "198.51.100.8", "203.0.113.25"
RAY = (("CF-RAY", "8f2a-AMS"),)
SITE = "<!doctype html><title>Acme Members</title><p>Welcome to the club of people who like long bodies.</p>"


def evidence(**more):
    tried = (Direct("https://acme.example/", ORIGIN, "an origin", "refused: connection refused"),)
    return replace(OriginEvidence("cloudflare", CLOUDFLARE, False, (ORIGIN,), (), tried), **more)


def shown(name, address, record="A (zone file)"):
    return Published(name, record, ipaddress.ip_network(address))


def test_an_origin_that_refuses_is_hidden():
    assert origin.hidden(evidence()).status is Status.PASS


@pytest.mark.parametrize("same", ["body", "title"])
def test_the_same_body_or_title_is_proof(same):
    answer = Direct("http://acme.example/", ORIGIN, "an origin", "200", same)
    found = origin.hidden(evidence(tried=(answer,)))
    assert (found.status, found.about) == (Status.FAIL, (ORIGIN,))
    assert "https://www.cloudflare.com/ips/" in found.fix


@pytest.mark.parametrize(
    "record",
    [
        shown("mail.acme.example", ORIGIN),
        shown("acme.example", ORIGIN, "SPF ip4"),
        shown("acme.example", "203.0.113.8/29", "SPF ip4"),
        shown("ftp.acme.example", ORIGIN, "address (named ftp)"),
    ],
    ids=["zone file", "SPF", "a small range in SPF", "DNS"],
)
def test_a_record_with_the_origins_address_gives_it_away(record):
    found = origin.hidden(evidence(published=(record, shown("mail.acme.example", MAIL))))
    assert found.status is Status.FAIL
    assert found.about == (record.name,)


UNSURE = {
    "no edge declared": (evidence(declared=None, edge=None), "hosting.edge"),
    "no origin given": (evidence(origins=()), "hosting.origins"),
    "an origin inside the edge": (evidence(origins=("104.16.0.1",)), "server's own address"),
    "an origin out of scope": (evidence(missing=(Unavailable("not asked", "authorization.hosts: [x]"),)), "hosts: [x]"),
}


@pytest.mark.parametrize("case", UNSURE)
def test_what_was_not_asked_is_unknown(case):
    given, needs = UNSURE[case]
    found = origin.hidden(given)
    assert found.status is Status.UNKNOWN
    assert needs in found.needs


def test_without_an_edge_nothing_is_hidden_and_an_edge_that_is_the_host_hides_nothing():
    assert origin.hidden(evidence(declared="none", edge=None)).status is Status.FAIL
    vercel = evidence(edge=known()["vercel"], hosts_itself=True, origins=(), tried=())
    assert origin.hidden(vercel).status is Status.PASS


def test_what_is_asked_and_found_is_told():
    passing = origin.hidden(evidence())
    assert f"asked directly, {ORIGIN} gave nothing of the site" in passing.summary
    assert passing.evidence[0]["same_as_the_site"] == "nothing"
    both = evidence(tried=(Direct("u", ORIGIN, "an origin", "200", "body"), Direct("v", MAIL, "mx", "403")))
    found = origin.hidden(both)
    assert found.summary == f"{ORIGIN} (an origin) gives the site to anybody who asks past the edge (same body)"
    assert [row["same_as_the_site"] for row in found.evidence] == ["body"]
    beside = evidence(published=(shown("mail.acme.example", ORIGIN), shown("b.acme.example", MAIL)))
    found = origin.hidden(beside)
    assert found.summary == f"DNS gives {ORIGIN} away: mail.acme.example (A (zone file))"
    assert [(row["asked"], row["origin"]) for row in found.evidence] == [("mail.acme.example", ORIGIN)]
    assert origin.hidden(evidence(published=beside.published[1:])).status is Status.PASS


def test_what_is_not_known_of_the_origin_keeps_what_was_asked():
    assert origin.hidden(evidence(tried=())).needs == "hosting.origins"
    assert origin.hidden(evidence(tried=())).reason == "no address was asked"
    assert len(origin.hidden(evidence(origins=())).evidence) == 2
    mixed = origin.hidden(evidence(origins=("104.16.0.1", ORIGIN)))
    assert mixed.reason.startswith("104.16.0.1 is an address of Cloudflare")
    undeclared = evidence(declared="none", edge=None)
    assert undeclared.declared in origin.hidden(undeclared).about
    vercel = evidence(edge=known()["vercel"], hosts_itself=True)
    assert ORIGIN in origin.hidden(vercel).summary
    assert "serves the app itself" in origin.hidden(replace(vercel, origins=())).summary


def test_single_servers_are_read_from_spf_and_wide_ranges_are_not():
    texts = ("v=spf1 ip4:203.0.113.10 ip4:198.51.100.0/24 ip6:2001:db8::1 ip4:nonsense include:x.example -all", "other")
    assert [str(each.network) for each in in_spf("acme.example", texts)] == ["203.0.113.10/32", "2001:db8::1/128"]


def test_a_zone_file_tells_what_is_shown_from_what_the_proxy_keeps():
    text = (
        "$ORIGIN acme.example.\n"
        f"acme.example. 300 IN A {ORIGIN} ; cf_tags=cf-proxied:true\n"
        f"mail.acme.example. 300 IN A {MAIL} ; cf_tags=cf-proxied:false\n"
    )
    published, kept = in_zone(read(text, "acme.example"))
    assert [(each.name, each.address) for each in published] == [("mail.acme.example", MAIL)]
    assert kept == (ORIGIN,)


# --- a real zone and servers ------------------------------------------------------------------------------------------

ZONE = f"""acme.example. A {EDGE}
acme.example. MX 10 mx.acme.example.
mx.acme.example. A {{mail}}
acme.example. TXT "v=spf1 ip4:{{spf}} -all"
"""
FRONT = Reply(SITE, headers=RAY)
HIDDEN = {
    "403": Reply("Not here.", 403),
    "another page": Reply("<title>Welcome to nginx!</title><p>If you see this page, it works."),
    "another page without a title": Reply("ok"),
    "a redirect to elsewhere": Reply(status=301, headers=(("Location", "https://elsewhere.example/"),)),
    "the edge again": Reply(SITE, headers=RAY),
    "an error with the same title": Reply(SITE, 503),
}
EXPOSED = {
    "same body": Reply(SITE),
    "same title, another token": Reply(SITE.replace("long", "t0k3n")),
}


async def survey(behind, tmp_path, *, mail=MAIL, spf=MAIL, **sections):
    """The survey of a site whose edge gives `FRONT` and whose origin gives `behind` on both ports."""
    tls = context(tmp_path, issue("acme.example"))
    async with (
        resolver(ZONE.format(mail=mail, spf=spf)) as dns,
        serving(lambda _: FRONT, context=tls) as front,
        serving(lambda _: behind, context=tls) as secure,
        serving(lambda _: behind) as plain,
    ):
        to = {f"{EDGE}:443": f"127.0.0.1:{front.port}"}
        to |= {f"{a}:443": f"127.0.0.1:{secure.port}" for a in (ORIGIN,)} | {f"{ORIGIN}:80": f"127.0.0.1:{plain.port}"}
        return await _surveyed(dns, to, tmp_path, **sections)


async def _surveyed(dns, to, tmp_path, **sections):
    hosts = sections.pop("hosts", ["acme.example", "*.acme.example", ORIGIN])
    granted = {"granted_by": "the founder", "granted_on": "2026-01-01", "hosts": hosts, "allow": []}
    hosting = {"edge": "cloudflare", "edge_networks": ["198.51.100.0/24"], "origins": [ORIGIN]}
    sections = {"network": {"nameservers": [dns], "connect_to": to}, "authorization": granted,
                "hosting": hosting} | sections  # fmt: skip
    async with client(0, root=tmp_path, **sections) as acme:
        gate = await edge.survey(acme)
        return await origin.survey(acme, gate)


@pytest.mark.parametrize("behind", EXPOSED.values(), ids=EXPOSED)
async def test_an_origin_that_gives_the_site_is_exposed(behind, tmp_path):
    found = origin.hidden(await survey(behind, tmp_path))
    assert found.status is Status.FAIL
    assert ORIGIN in found.summary


@pytest.mark.parametrize("behind", HIDDEN.values(), ids=HIDDEN)
async def test_an_origin_that_gives_anything_else_is_hidden(behind, tmp_path):
    found = origin.hidden(await survey(behind, tmp_path))
    assert found.status is Status.PASS, found.summary


@pytest.mark.parametrize("where", ["mail", "spf"])
async def test_an_address_that_mail_records_show_is_found(where, tmp_path):
    found = origin.hidden(await survey(HIDDEN["403"], tmp_path, **{where: ORIGIN}))
    assert found.status is Status.FAIL
    assert "away" in found.summary


async def test_an_origin_that_nobody_authorized_is_not_asked(tmp_path):
    surveyed = await survey(EXPOSED["same body"], tmp_path, hosts=["acme.example", "*.acme.example"])
    assert surveyed.tried == ()
    found = origin.hidden(surveyed)
    assert (found.status, found.needs) == (Status.UNKNOWN, f"authorization.hosts: [{ORIGIN}]")


async def _flood_headers(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(160):
        writer.write(b"X-Pad: " + b"x" * 65_000 + b"\r\n")
        await writer.drain()


async def _endless(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"<p>more" * 8_192)
        await writer.drain()


async def _loop(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(Reply(status=302, headers=(("Location", "/again"),)).encode())
    await writer.drain()


async def _noise(_reader, writer):
    writer.write(b"\x00\xff" * 5_000)
    await writer.drain()


async def _silence(_reader, _writer):
    await asyncio.sleep(30)


@pytest.mark.parametrize("hostile", [_flood_headers, _endless, _loop, _noise, _silence])
async def test_hostile_origins_end_in_time_and_prove_nothing(hostile, tmp_path):
    tls = context(tmp_path, issue("acme.example"))
    async with (
        resolver(ZONE.format(mail=MAIL, spf=MAIL)) as dns,
        serving(lambda _: FRONT, context=tls) as front,
        listening(hostile, context=tls) as secure,
        listening(hostile) as plain,
    ):
        to = {f"{EDGE}:443": f"127.0.0.1:{front.port}", f"{ORIGIN}:443": f"127.0.0.1:{secure}",
              f"{ORIGIN}:80": f"127.0.0.1:{plain}"}  # fmt: skip
        network = {"nameservers": [dns], "connect_to": to, "timeout_s": 1, "max_body_mb": 1}
        surveyed = await asyncio.wait_for(_surveyed(dns, to, tmp_path, network=network), 20)
    assert origin.hidden(surveyed).status is Status.PASS
    assert len(surveyed.tried) == 2


# --- floods -----------------------------------------------------------------------------------------------------------


def host(name="acme.example", addresses=("104.16.1.1",), headers=(), chain=(), state="ok"):
    return Named(name, "web", addresses, chain, state, Response("GET", f"https://{name}/", "ok", 200, headers))


ABSORBED = {
    "in the networks": host(),
    "by its name": host(addresses=("198.51.100.1",), chain=("d1.cloudfront.net",)),
    "by the marks of an edge without a list": host(addresses=("198.51.100.1",), headers=(("x-amz-cf-id", "a"),)),
}


@pytest.mark.parametrize("case", ABSORBED)
def test_a_host_behind_any_absorbing_edge_passes(case):
    assert floods.absorbed(FloodEvidence((ABSORBED[case],))).status is Status.PASS


def test_one_host_in_the_open_fails_and_is_named():
    bare = host("shop.acme.example", ("203.0.113.9",))
    found = floods.absorbed(FloodEvidence((host(), bare)))
    assert (found.status, found.about) == (Status.FAIL, ("shop.acme.example",))
    half = host("shop.acme.example", ("104.16.1.1", "203.0.113.9"))
    assert floods.absorbed(FloodEvidence((half,))).status is Status.FAIL


@pytest.mark.parametrize(
    ("doubtful", "needs"),
    [
        (host(addresses=("203.0.113.9",), headers=(("cf-ray", "x"),)), "hosting.edge_networks"),
        (host(addresses=(), state="SERVFAIL"), "nameservers"),
    ],
    ids=["marks from another address", "no answer"],
)
def test_a_host_that_cannot_be_placed_is_unknown(doubtful, needs):
    found = floods.absorbed(FloodEvidence((host(), doubtful)))
    assert found.status is Status.UNKNOWN
    assert needs in found.needs


def test_who_stands_before_each_host_is_told():
    one = floods.absorbed(FloodEvidence((host(),)))
    assert one.summary == "the one web host stands behind an edge that absorbs floods (Cloudflare)"
    two = floods.absorbed(FloodEvidence((host(), ABSORBED["by its name"])))
    assert "all 2 web hosts stand behind an edge that absorbs floods (Cloudflare and " in two.summary
    rows = FloodEvidence((host(headers=(("cf-ray", "x"),)), host(addresses=(), state="SERVFAIL"))).rows()
    assert [row["edge"] for row in rows] == ["Cloudflare", "none"]
    assert [row["marks"] for row in rows] == ["cf-ray: x", ""]
    assert [row["addresses"] for row in rows] == ["104.16.1.1", "(SERVFAIL)"]
    assert "no public host has an address" in floods.absorbed(FloodEvidence(())).reason
    assert "2 more names of the zone file" in floods.absorbed(FloodEvidence((host(),), unread=2)).reason
    zone = ZoneHosts(outside=("a.acme.example",))
    assert floods.absorbed(FloodEvidence((host(),), zone=zone)).status is Status.UNKNOWN
    assert floods.absorbed(FloodEvidence((host(addresses=(), state="absent"),))).needs == "an address in DNS"
    unread = replace(host(addresses=("203.0.113.9",)), response=None)
    assert floods.absorbed(FloodEvidence((unread,))).status is Status.FAIL
    assert [h.name for h in floods.unguarded(FloodEvidence((host(), replace(unread, name="b"))))] == ["b"]


def test_networks_of_the_parameters_count():
    own = replace(CLOUDFLARE, networks=(*CLOUDFLARE.networks, "198.51.100.0/24"))
    bare = host(addresses=("198.51.100.3",))
    assert floods.absorbed(FloodEvidence((bare,), own)).status is Status.PASS
    assert floods.absorbed(FloodEvidence((bare,))).status is Status.FAIL


async def test_a_web_host_that_only_the_zone_file_knows_is_found(tmp_path):
    records = f"acme.example. A {EDGE}\nold.acme.example. A {ORIGIN}\nns1.acme.example. A {MAIL}\n"
    (tmp_path / "zone.txt").write_text(records.replace(". A", ". 300 IN A"))
    gate = EdgeEvidence("cloudflare", replace(CLOUDFLARE, networks=("198.51.100.0/24",)),
                        (host(addresses=(EDGE,)),), ())  # fmt: skip
    async with resolver(records) as dns, serving(lambda _: FRONT) as plain:
        network = {"nameservers": [dns], "connect_to": {f"{ORIGIN}:80": f"127.0.0.1:{plain.port}",
                   f"{ORIGIN}:443": "127.0.0.1:1"}}  # fmt: skip
        sections = {"network": network, "hosting": {"edge": "cloudflare", "zone_file": "zone.txt"}}
        async with client(0, root=tmp_path, **sections) as acme:
            found = await floods.survey(acme, gate)
            assert not acme.network.traffic.refused
    assert [named.name for named in found.hosts] == ["acme.example", "old.acme.example"]
    assert floods.absorbed(replace(found, hosts=found.hosts[1:])).status is not Status.PASS


def test_without_evidence_it_is_unknown():
    no = Unavailable("no", "authorization")
    assert origin.hidden(no).status is floods.absorbed(no).status is Status.UNKNOWN
