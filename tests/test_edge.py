"""Web hosts stand behind the declared edge by its published networks and its marks; mail does not."""

import ipaddress
from dataclasses import replace

import pytest

from launchready_lib.checks.secure_edge import edge
from launchready_lib.checks.secure_edge.edge import EdgeEvidence, Named, known
from launchready_lib.names.zone_hosts import ZoneHosts
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from tests.certificates import context, issue
from tests.web_servers import Reply, client, resolver, serving

pytestmark = pytest.mark.anyio

CLOUDFLARE = known()["cloudflare"]
RAY = ("cf-ray", "8f2a-AMS")


def host(name="acme.example", addresses=("104.16.1.1",), headers=(RAY,), state="ok", chain=(), answer="ok"):
    response = Response("GET", f"https://{name}/", answer, 200 if answer == "ok" else None, headers, error="no answer")
    return Named(name, "web", addresses, chain, state, response if state == "ok" else None)


def judged(*hosts, others=(), declared="cloudflare", found=CLOUDFLARE):
    return edge.proxied(EdgeEvidence(declared, found, tuple(hosts), tuple(others)))


def test_every_edge_of_the_table_is_whole_and_dated():
    for each in known().values():
        assert each.source.startswith("https://")
        assert len(each.date) == 10
        assert each.marks
        assert each.names
        for network in each.networks:
            ipaddress.ip_network(network)
    four = [n for n in CLOUDFLARE.networks if ":" not in n]
    assert (len(four), len(CLOUDFLARE.networks) - len(four)) == (15, 7)


def test_hosts_in_the_networks_with_the_marks_pass():
    assert judged(host(), host("www.acme.example", ("2606:4700::1", "104.24.0.9"))).status is Status.PASS


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (host(addresses=("203.0.113.10",)), "past Cloudflare"),
        (host(addresses=("104.16.1.1", "203.0.113.10")), "203.0.113.10"),
        (host(headers=()), "none of its marks"),
        (host(headers=(("server", "nginx"),)), "none of its marks"),
    ],
    ids=["outside", "one of two outside", "no marks", "other marks"],
)
def test_a_host_past_the_edge_fails_and_is_named(bad, word):
    found = judged(bad, host("www.acme.example"))
    assert found.status is Status.FAIL
    assert word in found.summary
    assert "acme.example" in found.summary
    assert "orange cloud" in found.fix


def test_mail_behind_a_web_edge_fails():
    mail = Named("mx.acme.example", "mail exchanger", ("104.16.1.2",), (), "ok")
    found = judged(host(), others=(mail,))
    assert found.status is Status.FAIL
    assert "mx.acme.example" in found.summary
    assert judged(host(), others=(replace(mail, addresses=("203.0.113.25",)),)).status is Status.PASS


@pytest.mark.parametrize(
    "doubtful",
    [host(state="SERVFAIL", addresses=()), host(answer="timeout"), host(state="absent", addresses=())],
    ids=["servfail", "silent", "no address"],
)
def test_what_could_not_be_seen_is_unknown(doubtful):
    assert judged(host(), doubtful).status is Status.UNKNOWN


def test_no_word_on_an_edge_is_unknown_and_hints_at_the_marks_seen():
    found = judged(host(), declared=None, found=None)
    assert (found.status, found.needs) == (Status.UNKNOWN, "hosting.edge")
    assert "Cloudflare" in found.reason


def test_a_site_declared_without_an_edge_fails():
    assert judged(host(), declared="none", found=None).status is Status.FAIL


def test_an_edge_without_published_networks_is_told_by_the_end_of_the_chain():
    front = known()["cloudfront"]
    marks = (("x-amz-cf-id", "abc"),)
    by_name = host(addresses=("198.51.100.1",), chain=("d111.cloudfront.net",), headers=marks)
    bare = host(addresses=("198.51.100.1",), headers=marks)
    assert judged(by_name, declared="cloudfront", found=front).status is Status.PASS
    assert judged(bare, declared="cloudfront", found=front).needs == "hosting.edge_networks"


def test_a_pass_names_each_kind_of_name_and_who_is_left_aside():
    mail = Named("mx.acme.example", "mail exchanger", ("203.0.113.25",), (), "ok")
    gone = Named("ftp.acme.example", "named ftp", (), (), "absent")
    shown = EdgeEvidence("cloudflare", CLOUDFLARE, (host(),), (mail, gone), ("vpn.acme.example",))
    found = edge.proxied(shown)
    assert found.status is Status.PASS
    assert "acme.example: behind Cloudflare; mx.acme.example and ftp.acme.example: not behind it" in found.summary
    assert "vpn.acme.example: DNS only, as the zone file says" in found.summary
    assert [row["name"] for row in found.evidence][:3] == ["acme.example", "mx.acme.example", "ftp.acme.example"]
    assert len(found.evidence) == 4
    assert "DNS only" not in edge.proxied(replace(shown, aside=())).summary
    assert len(edge.proxied(replace(shown, web_hosts=(host(headers=()),))).evidence) == 4
    assert edge.proxied(replace(shown, zone=ZoneHosts(cut=1))).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (host(), ("104.16.1.1", True, "cf-ray: 8f2a-AMS", "Cloudflare", None)),
        (
            host(addresses=("104.16.1.1", "203.0.113.1")),
            ("104.16.1.1 and 203.0.113.1", False, "cf-ray: 8f2a-AMS", "Cloudflare", None),
        ),
        (host(addresses=(), state="SERVFAIL"), ("(SERVFAIL)", False, "", "", None)),
        (replace(host(headers=()), proxied=True), ("104.16.1.1", True, "", "", "proxied")),
        (replace(host(headers=()), proxied=False), ("104.16.1.1", True, "", "", "DNS only")),
    ],
)  # fmt: skip
def test_a_row_says_where_a_name_leads_and_what_marks_its_answer_carries(named, shown):
    [row] = EdgeEvidence("cloudflare", CLOUDFLARE, (named,), ()).rows()
    assert tuple(row[key] for key in ("addresses", "in_its_networks", "marks", "recognised", "zone_file")) == shown
    [row] = EdgeEvidence(None, None, (named,), ()).rows()
    assert row["in_its_networks"] is False


def test_what_could_not_be_seen_says_what_would_make_it_known():
    assert judged(host(state="absent", addresses=())).needs == "an address in DNS"
    assert judged(host(state="SERVFAIL", addresses=())).needs == "nameservers that answer"
    assert "did not answer" in judged(host(answer="timeout")).reason
    assert "was not read" in judged(replace(host(), response=None)).reason
    assert "no public host has an address" in judged().reason
    lost = Named("mx.acme.example", "mail exchanger", (), (), "SERVFAIL")
    assert "mx.acme.example could not be resolved (SERVFAIL)" in judged(host(), others=(lost,)).reason
    assert judged(host(headers=(RAY, ("cf-mitigated", "challenge")))).status is Status.PASS


def test_without_an_edge_the_hosts_are_shown():
    assert judged(declared="none", found=None).evidence == ({"hosting.edge": "none"},)
    assert judged(host(), declared="none", found=None).evidence[0]["name"] == "acme.example"
    bare = judged(host(headers=()), declared=None, found=None)
    assert bare.reason == "no edge is declared"
    assert (
        judged(host(), declared=None, found=None).reason
        == "no edge is declared (answers carry the marks of Cloudflare)"
    )


def test_a_host_past_another_edge_is_pointed_to_its_names():
    found = judged(host(addresses=("203.0.113.10",)), found=known()["fastly"], declared="fastly")
    assert "Point acme.example to " in found.fix
    assert CLOUDFLARE.source in judged(host(addresses=("203.0.113.10",))).evidence[0]["list"]


ZONE = """acme.example. A {edge}
www.acme.example. CNAME acme.example.
app.acme.example. A {app}
acme.example. MX 10 mx.acme.example.
mx.acme.example. A 203.0.113.25
acme.example. MX 20 mx.provider.example.
"""


@pytest.mark.parametrize(
    ("app", "status"), [("198.51.100.7", Status.PASS), ("203.0.113.10", Status.FAIL)], ids=["behind", "past"]
)
async def test_a_real_zone_and_server_are_surveyed(app, status, tmp_path):
    records = ZONE.format(edge="198.51.100.8", app=app)
    answer = Reply("hello", headers=(("CF-RAY", "8f2a-AMS"),))
    tls = context(tmp_path, issue("acme.example"))
    async with resolver(records) as dns, serving(lambda _: answer, context=tls) as site:
        addresses = ("198.51.100.7", "198.51.100.8", "203.0.113.10")
        to = {f"{address}:443": f"127.0.0.1:{site.port}" for address in addresses}
        sections = {
            "network": {"nameservers": [dns], "connect_to": to},
            "hosting": {"edge": "cloudflare", "edge_networks": ["198.51.100.0/24"]},
            "site": {"subdomains": {"app": {"host": "app.acme.example", "expect": "app"}}},
        }
        async with client(0, root=tmp_path, **sections) as audited:
            evidence = await edge.survey(audited)
    assert [n.name for n in evidence.web_hosts] == ["acme.example", "www.acme.example", "app.acme.example"]
    assert [n.name for n in evidence.others] == ["mx.acme.example"]
    found = edge.proxied(evidence)
    assert found.status is status
    assert ("app.acme.example leads past" in found.summary) == (status is Status.FAIL)
