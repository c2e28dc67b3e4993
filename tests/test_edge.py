"""Web hosts stand behind the declared edge by its published networks and its marks; mail does not."""

import ipaddress
from dataclasses import replace

import pytest

from launchready_lib.checks.secure_edge import edge
from launchready_lib.checks.secure_edge.edge import EdgeEvidence, Named, known
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
