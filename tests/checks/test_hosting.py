"""Hosting checks over real servers on loopback, and over evidence made by hand."""

from __future__ import annotations

import pytest
from audited import client_for
from dns_server import DnsServer, zone
from web_server import Reply, Request, html, redirect, web_server

from launchready_lib.checks.quick_audit import hosting
from launchready_lib.checks.quick_audit.hosting import HostingEvidence, HostTrace
from launchready_lib.evidence import Unavailable
from launchready_lib.names import providers
from launchready_lib.network import Answer, Response
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio
ZONE = "@ A 203.0.113.10\nwww A 203.0.113.10\napp A 203.0.113.10\n"
SITE = {"canonical": "https://acme.example", "subdomains": {"app": {"host": "app.acme.example", "expect": "app"}}}
OUTSIDE = {
    "fly.dev.": "acme A 203.0.113.10\n",
    "trycloudflare.com.": "quiet-harbor A 203.0.113.10\n",
    "vercel.app.": "acme-git-main-team A 203.0.113.10\n",
    "113.0.203.in-addr.arpa.": "10 PTR static.10.113.0.203.clients.your-server.de.\n",
    ".": "@ NS a.root.example.\n",
}


async def evidence_of(
    answer=None, *, text: str = ZONE, outside=(), issuer="Acme Test CA", faults=None, up=True, **more
):
    zones = [zone("acme.example.", text), zone(".", OUTSIDE["."]), *(zone(o, OUTSIDE[o]) for o in outside)]

    def plain(_: Request) -> Reply:
        return html()

    async with (
        DnsServer(zones, recursive=True, faults=faults) as resolver,
        web_server(answer or plain, issuer=issuer) as web,
    ):
        places = web.connect_to("203.0.113.10") if up else dict.fromkeys(web.connect_to("203.0.113.10"), "127.0.0.1:1")
        async with client_for(resolver.address, places, **{"site": SITE, **more}) as client:
            found = await hosting.survey(client)
    assert isinstance(found, HostingEvidence), found
    return found


def with_header(name: str, value: str):
    return lambda _: html(**{name: value})


class TestProvider:
    @pytest.mark.parametrize(
        ("header", "value", "name"),
        [
            ("fly-request-id", "01H-fra", "Fly.io"),
            ("via", "1.1 fly.io", "Fly.io"),
            ("server", "Vercel", "Vercel"),
            ("x-nf-request-id", "01H", "Netlify"),
            ("x-render-origin-server", "gunicorn", "Render"),
            ("via", "1.1 heroku-router", "Heroku"),
            ("server", "AmazonS3", "Amazon S3"),
        ],
    )
    async def test_an_answer_names_the_host(self, header, value, name):
        found = hosting.provider(await evidence_of(with_header(header, value)))
        assert found.status is Status.PASS, found
        assert f"are served by {name}" in found.summary

    async def test_a_name_names_the_host(self):
        text = "@ A 203.0.113.10\nwww CNAME acme.fly.dev.\napp CNAME acme.fly.dev.\n"
        evidence = await evidence_of(text=text, outside=["fly.dev."], site={"canonical": "https://www.acme.example"})
        assert evidence.frame()["served_by"].fillna("nobody").tolist() == ["nobody", "Fly.io"]

    async def test_the_name_of_an_address_names_the_host(self):
        found = hosting.provider(await evidence_of(outside=["113.0.203.in-addr.arpa."]))
        assert found.status is Status.PASS
        assert "Hetzner" in found.summary

    async def test_a_certificate_names_the_host(self):
        found = hosting.provider(await evidence_of(issuer="Amazon"))
        assert found.status is Status.PASS
        assert "Amazon Web Services" in found.summary

    async def test_nothing_that_names_it_fails(self):
        found = hosting.provider(await evidence_of())
        assert found.status is Status.FAIL
        assert "nothing in names, addresses, certificate or answer says who serves acme.example" in found.summary

    async def test_an_edge_alone_does_not_say_who_runs_the_servers(self):
        found = hosting.provider(await evidence_of(with_header("cf-ray", "8a-FRA"), issuer="Amazon"))
        assert found.status is Status.FAIL
        assert "behind Cloudflare" in found.summary

    async def test_a_redirect_that_the_edge_answers_is_served_by_the_edge(self):
        def answer(request: Request) -> Reply:
            marks = {"cf-ray": "8a-FRA"}
            if request.host == "www.acme.example":
                return Reply(301, "", {"location": "https://acme.example/", **marks})
            return html(**marks, **{"fly-request-id": "01H"})

        found = hosting.provider(await evidence_of(answer))
        assert found.status is Status.PASS
        assert "are served by Fly.io" in found.summary

    async def test_declared_origins_are_looked_at_behind_an_edge(self):
        found = hosting.provider(
            await evidence_of(with_header("cf-ray", "8a-FRA"), hosting={"origins": ["185.199.108.153"]})
        )
        assert found.status is Status.PASS
        assert "GitHub Pages" in found.summary

    async def test_another_provider_than_believed_is_said(self):
        found = hosting.provider(await evidence_of(with_header("server", "Vercel"), hosting={"provider": "fly"}))
        assert "(the parameters say fly)" in found.summary

    async def test_a_site_that_is_down_is_unknown(self):
        assert hosting.provider(await evidence_of(up=False)).status is Status.UNKNOWN

    async def test_without_authorization_it_is_unknown(self):
        found = hosting.provider(await evidence_of(authorization=None))
        assert found.status is Status.UNKNOWN
        assert "authorization" in found.needs


class TestIndependent:
    async def test_ordinary_hosts_pass(self):
        assert hosting.independent(await evidence_of()).status is Status.PASS

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("quiet-harbor.trycloudflare.com.", "leads to quiet-harbor.trycloudflare.com: Cloudflare quick tunnel"),
            ("acme-git-main-team.vercel.app.", "a Vercel preview"),
        ],
        ids=["tunnel", "preview"],
    )
    async def test_a_host_that_hangs_on_a_session_fails(self, target, words):
        text = ZONE.replace("app A 203.0.113.10", f"app CNAME {target}")
        found = hosting.independent(await evidence_of(text=text, outside=["trycloudflare.com.", "vercel.app."]))
        assert found.status is Status.FAIL
        assert words in found.summary
        assert found.about == ("app.acme.example",)

    async def test_a_redirect_to_a_tunnel_fails(self):
        found = hosting.independent(await evidence_of(lambda _: redirect("https://abc.ngrok-free.app/", 302)))
        assert "ngrok" in found.summary

    async def test_a_tunnels_own_header_fails(self):
        assert hosting.independent(await evidence_of(with_header("ngrok-trace-id", "x"))).status is Status.FAIL

    async def test_a_private_address_fails_even_without_an_answer(self):
        found = hosting.independent(await evidence_of(text=ZONE.replace("app A 203.0.113.10", "app A 192.168.1.20")))
        assert found.status is Status.FAIL
        assert "192.168.1.20" in found.summary

    async def test_no_look_up_and_no_answer_are_unknown(self):
        faults = {"app.acme.example": "servfail"}
        assert hosting.independent(await evidence_of(faults=faults)).status is Status.UNKNOWN
        assert hosting.independent(await evidence_of(up=False)).status is Status.UNKNOWN


async def test_our_own_network_down_is_unknown():
    async with client_for("127.0.0.1:1", site=SITE) as client:
        evidence = await hosting.survey(client)
    assert isinstance(evidence, Unavailable)
    assert hosting.independent(evidence).status is Status.UNKNOWN


def test_a_residential_line_is_told_by_the_name_of_its_address():
    answer = Answer("acme.example", "A", "", "NOERROR", ("203.0.113.10",))
    reply = Response("GET", "https://acme.example/", "ok", 200)
    trace = HostTrace("acme.example", (answer,), ("p5b0c1d2e.dip0.t-ipconnect.de",), None, reply)
    found = hosting.independent(HostingEvidence((trace,), (), None))
    assert found.status is Status.FAIL
    assert "a private internet line" in found.summary


class TestTable:
    def test_every_pattern_is_a_pattern_and_every_provider_has_a_source(self):
        for each in providers.providers():
            assert each.name
            assert each.suffixes or each.patterns or each.networks or each.headers or each.reverse

    @pytest.mark.parametrize(
        ("name", "provider"),
        [
            ("acme.fly.dev", "fly"),
            ("acme.s3-website.eu-central-1.amazonaws.com", "aws-s3"),
            ("lb-1.eu-west-1.elb.amazonaws.com", "aws"),
            ("acme.azurewebsites.net", "azure"),
            ("notfly.dev", None),
        ],
    )
    def test_a_name_is_told_by_its_end(self, name, provider):
        found = providers.by_name(name)
        assert (found.id if found else None) == provider

    @pytest.mark.parametrize(
        ("server", "name"),
        [
            ("amy.ns.cloudflare.com", "Cloudflare"),
            ("ns-12.awsdns-01.co.uk", "Amazon Route 53"),
            ("ns1-03.azure-dns.com", "Azure DNS"),
            ("ns1.acme.example", None),
        ],
    )
    def test_nameservers_are_told_by_their_operator(self, server, name):
        found = providers.dns_host([server])
        assert (found.name if found else None) == name
