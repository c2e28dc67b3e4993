"""Subdomain checks over real servers on loopback, and over evidence made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audited import client_for
from dns_server import DnsServer, zone
from web_server import Reply, Request, html, json, redirect, web_server

from launchready_lib.checks.quick_audit import subdomains
from launchready_lib.checks.quick_audit.subdomains import SubdomainEvidence
from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import Response
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio
CANONICAL = "https://acme.example"
ZONE = """
@ NS ns1
ns1 A 198.51.100.53
@ A 203.0.113.10
www A 203.0.113.10
app A 203.0.113.10
api A 203.0.113.10
admin A 203.0.113.10
old A 203.0.113.10
static A 203.0.113.10
"""
OUTSIDE = (
    zone("azurewebsites.net.", "live A 203.0.113.11\n"),
    zone("github.io.", "acme A 203.0.113.12\n"),
    zone("host.example.", "live A 203.0.113.10\n"),
    zone(".", "@ NS a.root.example.\n"),
)


def site(**hosts: str | tuple[str, bool]) -> dict:
    declared = {
        name: {"host": f"{name}.acme.example", "expect": kind if isinstance(kind, str) else kind[0]}
        | ({"restricted": True} if isinstance(kind, tuple) else {})
        for name, kind in hosts.items()
    }
    return {"canonical": CANONICAL, "subdomains": declared}


async def evidence_of(
    answer, *, zone_text: str = ZONE, zone_file: str | None = "", tmp_path=None, close=(), **sections
) -> SubdomainEvidence:
    zones = [zone("acme.example.", zone_text), *OUTSIDE]
    if zone_file is not None and tmp_path is not None:
        (tmp_path / "zone.txt").write_text(zone_file or zone_text)
        sections["hosting"] = {"zone_file": "zone.txt"}
    async with DnsServer(zones, recursive=True) as resolver, web_server(answer) as web:
        addresses = [f"203.0.113.{last}" for last in (10, 11, 12)]
        connect_to = web.connect_to(*addresses) | dict.fromkeys(close, "127.0.0.1:1")
        async with client_for(resolver.address, connect_to, root=tmp_path, **sections) as client:
            found = await subdomains.survey(client)
    assert isinstance(found, SubdomainEvidence), found
    return found


async def mapped(kind: str | tuple[str, bool], reply: Reply | None, **options):
    def answer(request: Request) -> Reply | None:
        return reply if request.host == "app.acme.example" else html("<form><input type=password></form>")

    return subdomains.mapped(await evidence_of(answer, site=site(app=kind), **options))


class TestMapped:
    @pytest.mark.parametrize(
        ("kind", "reply"),
        [
            ("app", html()),
            ("app", redirect("/login")),
            ("api", json("{}")),
            ("api", json('{"error": "not found"}', 404)),
            ("api", Reply(401)),
            ("redirect", redirect("https://acme.example/")),
            ("static", Reply(403, "no listing")),
            (("app", True), Reply(403)),
            (("app", True), html("<form><input type='password'></form>")),
            (("app", True), redirect("https://acme.cloudflareaccess.com/cdn-cgi/access/login")),
            (("api", True), json("{}", 401)),
        ],
    )
    async def test_an_answer_that_fits_passes(self, kind, reply):
        # "/login" redirects to itself; what is asked at last is the login page of the same host.
        def answer(request: Request) -> Reply | None:
            return reply if request.target == "/" else html("<input type=password>")

        found = subdomains.mapped(await evidence_of(answer, site=site(app=kind)))
        assert found.status is Status.PASS, found

    @pytest.mark.parametrize(
        ("kind", "reply", "words"),
        [
            ("app", json(), "answers application/json instead of a page"),
            ("app", html(status=404), "answers 404 instead of the app"),
            ("app", html(status=403), "say restricted: true"),
            ("api", html(), "answers text/html instead of the API"),
            ("api", json("{}", 500), "answers 500 instead of the API"),
            ("redirect", html(), "answers 200 instead of leading to https://acme.example"),
            ("redirect", redirect("https://www.acme.example/"), "leads to https://www.acme.example instead"),
            ("static", Reply(502), "answers 502 instead of files"),
            (("app", True), html("<p>Members</p>" * 30), "should be restricted, but answers 200 to anybody"),
            (("app", True), html(status=500), "breaks with status 500"),
            (("api", True), json('{"members": []}'), "should be restricted, but answers 200 to anybody"),
        ],
    )
    async def test_an_answer_that_does_not_fit_fails(self, kind, reply, words):
        found = await mapped(kind, reply)
        assert found.status is Status.FAIL
        assert words in found.summary

    async def test_a_page_drawn_by_script_is_unknown(self):
        shell = html("<div id=root></div><script src=/app.js></script>")
        assert (await mapped(("app", True), shell)).status is Status.UNKNOWN

    async def test_a_name_that_does_not_resolve_fails(self):
        found = await mapped("app", html(), zone_text=ZONE.replace("app A 203.0.113.10\n", ""))
        assert found.status is Status.FAIL
        assert "app.acme.example does not resolve" in found.summary

    async def test_a_dead_host_fails_while_the_main_site_is_up(self):
        text = ZONE.replace("app A 203.0.113.10", "app A 203.0.113.66")
        found = await mapped("app", html(), zone_text=text, close=["203.0.113.66:443"])
        assert found.status is Status.FAIL

    async def test_a_dead_host_is_unknown_while_the_whole_site_is_down(self):
        found = await mapped("app", html(), close=["203.0.113.10:443", "203.0.113.10:80"])
        assert found.status is Status.UNKNOWN

    async def test_without_declared_subdomains_it_is_unknown(self):
        found = subdomains.mapped(await evidence_of(lambda _: html(), site={}))
        assert found.status is Status.UNKNOWN
        assert "site.subdomains" in found.needs


def page(request: Request) -> Reply:
    """GitHub's page for a name that nobody has claimed, and a site elsewhere."""
    if request.host == "docs.acme.example":
        return html("<p><strong>There isn't a GitHub Pages site here.</strong></p>", 404)
    return html()


class TestTakeover:
    async def judged(self, tmp_path, more: str = "", **options):
        evidence = await evidence_of(page, zone_text=ZONE + more, tmp_path=tmp_path, site=site(), **options)
        return subdomains.takeover(evidence)

    async def test_a_zone_whose_names_are_all_claimed_passes(self, tmp_path):
        more = "blog CNAME live.azurewebsites.net.\nhelp CNAME live.host.example.\n@ MX 10 live.host.example.\n"
        found = await self.judged(tmp_path, more)
        assert found.status is Status.PASS, found
        assert any(row["name"] == "blog.acme.example" for row in found.evidence)

    async def test_a_wildcard_that_leads_to_nobody_is_found_without_a_zone_file(self):
        found = await evidence_of(page, zone_text=f"{ZONE}* CNAME gone.azurewebsites.net.\n", site=site())
        verdict = subdomains.takeover(found)
        assert verdict.status is Status.FAIL, verdict
        assert "anybody with an account at Microsoft Azure may claim it" in verdict.summary

    async def test_a_wildcard_is_called_so_and_not_by_the_name_that_was_tried(self, tmp_path):
        found = await self.judged(tmp_path, "* CNAME gone.azurewebsites.net.\n*.lab CNAME gone.host.example.\n")
        assert found.about == (
            "*.acme.example",
            "CNAME",
            "gone.azurewebsites.net",
            "*.lab.acme.example",
            "gone.host.example",
        )
        assert "launch-check" not in f"{found.summary} {found.fix} {found.evidence}"

    async def test_a_wildcard_that_leads_to_an_address_is_no_fault_and_is_shown(self, tmp_path):
        found = await self.judged(tmp_path, "* A 203.0.113.10\n")
        assert found.status is Status.PASS
        assert [row["leads_to"] for row in found.evidence if row["kind"] == "wildcard"] == ["203.0.113.10"]

    async def test_without_a_zone_file_the_other_names_are_unknown(self):
        found = subdomains.takeover(await evidence_of(page, site=site()))
        assert found.status is Status.UNKNOWN
        assert "hosting.zone_file" in found.needs

    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ("blog CNAME gone.azurewebsites.net.", "anybody with an account at Microsoft Azure may claim it"),
            ("blog CNAME x.gone-forever.example.", "anybody may buy gone-forever.example"),
            ("blog CNAME gone.host.example.", "which does not exist: whoever gets it gets yours"),
            ("docs CNAME acme.github.io.", "anybody with an account at GitHub Pages may claim it"),
            ("@ MX 10 mx.gone-forever.example.", "the MX of acme.example leads to mx.gone-forever.example"),
            ('@ TXT "v=spf1 include:spf.gone-forever.example -all"', "the SPF include of acme.example"),
            (
                '_dmarc TXT "v=DMARC1; p=none; rua=mailto:a@reports.gone-forever.example"',
                "the DMARC report of acme.example",
            ),
            ("mta-sts CNAME mta.gone-forever.example.", "the CNAME of mta-sts.acme.example"),
            ("lab NS ns1.gone-forever.example.", "lab.acme.example is delegated to ns1.gone-forever.example"),
        ],
        ids=["azure", "unregistered", "dangling", "github", "mx", "spf", "dmarc", "mta-sts", "ns"],
    )
    async def test_a_name_that_leads_to_nobody_fails_and_says_why(self, tmp_path, record, words):
        found = await self.judged(tmp_path, f"{record}\n")
        assert found.status is Status.FAIL, found
        assert words in found.summary
        assert found.fix.startswith("Remove ")

    async def test_a_dangling_name_within_the_own_domain_is_no_takeover(self, tmp_path):
        assert (await self.judged(tmp_path, "blog CNAME gone\n")).status is Status.PASS

    async def test_a_target_that_cannot_be_looked_up_is_unknown(self, tmp_path):
        zone_file = ZONE + "blog CNAME live.host.example.\n"
        zones = [zone("acme.example.", zone_file), *OUTSIDE]
        (tmp_path / "zone.txt").write_text(zone_file)
        faults = {"blog.acme.example": "servfail"}
        async with DnsServer(zones, recursive=True, faults=faults) as resolver:
            hosting = {"zone_file": "zone.txt"}
            async with client_for(resolver.address, {}, root=tmp_path, hosting=hosting, authorization=None) as client:
                found = subdomains.takeover(await subdomains.survey(client))
        assert found.status is Status.UNKNOWN

    async def test_a_page_that_may_not_be_asked_is_unknown(self, tmp_path):
        found = await self.judged(tmp_path, "docs CNAME acme.github.io.\n", authorization=None)
        assert found.status is Status.UNKNOWN
        assert "authorization.hosts" in found.needs

    async def test_lines_of_the_zone_file_that_cannot_be_read_are_said(self, tmp_path):
        found = await self.judged(tmp_path, zone_file=f"{ZONE}\nbad A nothing\n")
        assert found.status is Status.UNKNOWN
        assert "in the zone file" in found.reason


class TestDelegatedZones:
    async def test_a_zone_that_its_servers_do_not_know_fails(self, tmp_path):
        text = ZONE + "lab NS ns-1.awsdns-01.com.\n"
        (tmp_path / "zone.txt").write_text(text)
        zones = [zone("acme.example.", text), zone("awsdns-01.com.", "ns-1 A 198.51.100.77\n"), *OUTSIDE]
        async with DnsServer(zones, recursive=True) as resolver, DnsServer([]) as lame:
            connect_to = {"198.51.100.77:53": lame.address}
            hosting = {"zone_file": "zone.txt"}
            async with client_for(resolver.address, connect_to, root=tmp_path, hosting=hosting) as client:
                found = subdomains.takeover(await subdomains.survey(client))
        assert found.status is Status.FAIL
        assert "anybody with an account at Amazon Route 53 may create it there" in found.summary


def by_hand(*pointers: Pointer) -> SubdomainEvidence:
    return SubdomainEvidence("acme.example", CANONICAL, None, True, (), pointers, ZoneFile(()))


SOUND = Pointer("blog.acme.example", "CNAME", "live.ghost.io", ("live.ghost.io",), provider="ghost")


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Response("GET", "https://blog.acme.example/", "ok", 200), Status.PASS),
        (
            Response(
                "GET",
                "https://blog.acme.example/",
                "ok",
                404,
                body=b"The thing you were looking for is no longer here, or never was",
            ),
            Status.FAIL,
        ),
        (Response("GET", "https://blog.acme.example/", "tls", error="no TLS"), Status.UNKNOWN),
        (Response("GET", "https://blog.acme.example/", "blocked", error="not named"), Status.UNKNOWN),
    ],
    ids=["claimed", "unclaimed", "no answer", "out of scope"],
)
def test_the_page_tells_whether_a_name_is_claimed(reply, status):
    assert subdomains.takeover(by_hand(replace(SOUND, reply=reply))).status is status


def test_a_claim_that_needs_proof_is_told_apart():
    reply = Response("GET", "https://x/", "ok", 404, body=b"The deployment could not be found on Vercel.")
    found = subdomains.takeover(
        by_hand(Pointer("x.acme.example", "CNAME", "a.vercel.app", provider="vercel", reply=reply))
    )
    assert found.status is Status.FAIL
    assert "asks for proof of owning the domain" in found.summary
