"""A zone file widens the checks to every name in scope that serves the web, and leaves all others alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from audited import AUTHORIZED, client_for
from dns_server import DnsServer, zone
from web_server import Reply, Request, html, redirect, web_server

from launchready_lib.checks.quick_audit import hosting, production, redirects
from launchready_lib.checks.secure_edge import edge, exposure, floods, headers, tls
from launchready_lib.names.published import zone_of
from launchready_lib.names.zone_hosts import MOST_HOSTS, ZoneHost, zone_hosts
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio

EXPORT = """$ORIGIN acme.example.
@ 300 IN A 203.0.113.10 ; cf_tags=cf-proxied:true
www 300 IN A 203.0.113.10 ; cf_tags=cf-proxied:true
old 300 IN A 203.0.113.10 ; cf_tags=cf-proxied:true
closed 300 IN A 203.0.113.66 ; cf_tags=cf-proxied:false
gone 300 IN A 203.0.113.10
shop 300 IN CNAME shops.host.example.
mail 300 IN A 203.0.113.25 ; cf_tags=cf-proxied:false
smtp 300 IN A 203.0.113.25 ; cf_tags=cf-proxied:false
@ 300 IN MX 10 mail
*.wild 300 IN A 203.0.113.10
_dmarc 300 IN TXT "v=DMARC1; p=none"
key._domainkey 300 IN CNAME key.mailer.example.
elsewhere.example. 300 IN A 203.0.113.10
"""
SERVED = """
@ A 203.0.113.10
www A 203.0.113.10
old A 203.0.113.10
closed A 203.0.113.66
shop CNAME shops.host.example.
mail A 203.0.113.25
smtp A 203.0.113.25
@ MX 10 mail
"""
OUTSIDE = [zone(".", "@ NS a.root.example.\n"), zone("host.example.", "shops A 203.0.113.10\n")]
HSTS = {"strict-transport-security": "max-age=31536000"}
EDGE = {"edge": "cloudflare", "edge_networks": ["203.0.113.0/28"], "provider": "fly", "zone_file": "zone.txt"}
MARKS = {"cf-ray": "8f2a-AMS", "fly-request-id": "01H"}


TRACE = "Traceback (most recent call last):\n  File 'app.py'"
DOT_ENV = "DB_PASSWORD=x\nSTRIPE_SECRET_KEY=y\n"


def good(request: Request) -> Reply:
    if request.scheme == "http":
        return redirect(f"https://{request.host}{request.target}")
    if request.target != "/":
        return html("<h1>Page not found</h1>", 404, **HSTS, **MARKS)
    return html(**HSTS, **MARKS)


def bad_at(host: str, reply: Reply, *, scheme: str = "https"):
    return lambda request: reply if (request.host, request.scheme) == (host, scheme) else good(request)


@dataclass
class Seen:
    """What the surveys found, and every host that was asked for a page."""

    gate: edge.EdgeEvidence
    open_hosts: floods.FloodEvidence
    encryption: tls.TlsEvidence
    answers: headers.HeadersEvidence
    hops: redirects.RedirectEvidence
    served: production.ProductionEvidence
    found: exposure.ExposureEvidence | None
    hosts: hosting.HostingEvidence
    asked: set[str]
    refused: set[str]

    def verdicts(self):
        return {
            verdict.check: verdict
            for verdict in (
                edge.proxied(self.gate),
                floods.absorbed(self.open_hosts),
                headers.hsts(self.answers),
                redirects.https(self.hops),
                production.production(self.served),
                *([exposure.files(self.found)] if self.found else []),
                hosting.provider(self.hosts),
                hosting.independent(self.hosts),
                tls.certificate(self.encryption),
                tls.protocols(self.encryption),
                tls.issuance(self.encryption),
            )
        }


TRUSTED = ("edge.proxied", "headers.hsts", "redirects.https", "hosting.production", "exposure.files",
           "hosting.provider", "hosting.independent")  # fmt: skip
"""Those that a certificate signed by itself does not turn red."""


async def nothing(_client):
    """In place of a survey that asks for hundreds of names."""


async def seen(
    tmp_path, answer=good, *, export=EXPORT, served=SERVED, scope=("acme.example", "*.acme.example"), files=False
):
    (tmp_path / "zone.txt").write_text(export)
    async with DnsServer([zone("acme.example.", served), *OUTSIDE], recursive=True) as dns, web_server(answer) as web:
        sections = {
            "site": {"canonical": "https://acme.example"},
            "hosting": EDGE,
            "authorization": {**AUTHORIZED, "hosts": list(scope)},
        }
        places = web.connect_to("203.0.113.10") | {f"203.0.113.66:{port}": "127.0.0.1:1" for port in (80, 443)}
        async with client_for(dns.address, places, root=tmp_path, **sections) as client:
            found = await asyncio.gather(
                edge.survey(client), tls.survey(client), headers.survey(client), redirects.survey(client),
                production.survey(client), (exposure.survey if files else nothing)(client),
                hosting.survey(client),
            )  # fmt: skip
            open_hosts = await floods.survey(client, found[0])
            refused = {refusal.host for refusal in client.network.traffic.refused}
        return Seen(found[0], open_hosts, *found[1:], {request.host for request in web.requests}, refused)


def sorted_names(tmp_path, export: str, scope=("acme.example", "*.acme.example")):
    (tmp_path / "zone.txt").write_text(export)
    sections = {"hosting": EDGE, "authorization": {**AUTHORIZED, "hosts": list(scope)}}
    return zone_hosts(client_for("127.0.0.1:1", root=tmp_path, **sections))


def test_names_are_sorted_by_who_serves_them_and_keep_their_proxied_note(tmp_path):
    found = sorted_names(tmp_path, EXPORT)
    assert found.web == (
        ZoneHost("old.acme.example", proxied=True),
        ZoneHost("closed.acme.example", proxied=False),
        ZoneHost("gone.acme.example"),
        ZoneHost("shop.acme.example", target="shops.host.example"),
    )
    assert {host.name: host.service for host in found.services} == {
        "mail.acme.example": "named by a record of type MX",
        "smtp.acme.example": "named smtp",
    }
    assert "shop.acme.example" not in found.own
    assert found.unseen() == []


@pytest.mark.parametrize(
    ("target", "own"),
    [
        ("acme.fly.dev.", True),
        ("acme.netlify.app.", True),
        ("shops.myshopify.com.", False),
        ("acme.zendesk.com.", False),
        ("pages.unheard-of.example.", False),
        ("www.acme.example.", True),
    ],
)
def test_an_app_on_a_rented_host_is_the_clients_and_a_rented_program_is_not(tmp_path, target, own):
    found = sorted_names(tmp_path, f"{EXPORT}new 300 IN CNAME {target}\n")
    assert ("new.acme.example" in found.own) is own
    assert ("new.acme.example" in found.theirs) is not own


async def test_what_others_serve_is_not_held_to_the_clients_edge(tmp_path):
    found = await seen(tmp_path)
    assert "shop.acme.example" not in {host.name for host in found.open_hosts.hosts}


def test_names_for_bounces_clicks_and_mail_programs_are_nobodys_pages(tmp_path):
    lines = (
        "em17 300 IN CNAME u17.wl.sendgrid.net. ; cf_tags=cf-proxied:false\n"
        "links 300 IN CNAME sendgrid.net. ; cf_tags=cf-proxied:true\n"
        "pm-bounces 300 IN CNAME pm.mtasv.net.\n"
        "autodiscover 300 IN CNAME autodiscover.outlook.example.\n"
        "notsendgrid 300 IN CNAME www.notsendgrid.net.\n"
    )
    found = sorted_names(tmp_path, EXPORT + lines)
    added = set(found.names) - set(sorted_names(tmp_path, EXPORT).names)
    assert added == {"links.acme.example", "notsendgrid.acme.example"}
    assert "links.acme.example" in found.own
    assert {host.name for host in found.services} == {"mail.acme.example", "smtp.acme.example"}


def test_a_name_that_others_serve_is_the_clients_where_its_own_edge_stands_before_it(tmp_path):
    proxied = EXPORT.replace("shops.host.example.", "shops.host.example. ; cf_tags=cf-proxied:true")
    assert "shop.acme.example" in sorted_names(tmp_path, proxied).own


def test_a_byte_order_mark_at_the_start_of_the_file_is_no_record(tmp_path):
    found = sorted_names(tmp_path, "\ufeff;; Domain: acme.example.\n" + EXPORT)
    assert "old.acme.example" in found.names
    client = client_for("127.0.0.1:1", root=tmp_path, hosting=EDGE)
    assert zone_of(client).problems == ()


async def test_a_name_that_others_serve_is_known_by_what_it_is_an_alias_of(tmp_path):
    anonymous = bad_at("shop.acme.example", html(**HSTS))
    found = hosting.provider((await seen(tmp_path, anonymous)).hosts)
    assert found.status is Status.PASS, found


def test_too_many_names_are_said(tmp_path):
    found = sorted_names(
        tmp_path, "".join(f"h{n}.acme.example. 300 IN A 203.0.113.10\n" for n in range(MOST_HOSTS + 3))
    )
    assert len(found.web) == MOST_HOSTS
    assert [clause.status for clause in found.unseen()] == [Status.UNKNOWN]
    assert "3 more names" in found.unseen()[0].reason


async def test_a_healthy_zone_stays_green_and_silent_names_make_no_noise(tmp_path):
    found = await seen(tmp_path, files=True)
    verdicts = found.verdicts()
    assert {
        check: (v.status, v.summary) for check, v in verdicts.items() if check in TRUSTED and v.status != "pass"
    } == {}
    web_hosts = {host.host for host in found.encryption.hosts if not host.is_mail}
    assert web_hosts == {f"{n}acme.example" for n in ("", "www.", "old.", "shop.")}
    assert found.asked == {f"{n}acme.example" for n in ("", "www.", "old.", "shop.")}
    assert "closed.acme.example" in verdicts["edge.proxied"].evidence[-1].values()


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        ("headers.hsts", bad_at("old.acme.example", html("Old", **MARKS))),
        ("redirects.https", bad_at("old.acme.example", html(), scheme="http")),
        ("hosting.production", bad_at("old.acme.example", html(TRACE, **HSTS, **MARKS))),
        ("edge.proxied", bad_at("old.acme.example", html(**HSTS, **{"fly-request-id": "01H"}))),
        ("exposure.files", lambda r: Reply(200, DOT_ENV, {"content-type": "text/plain", **MARKS})
            if (r.host, r.scheme, r.target) == ("old.acme.example", "https", "/.env") else good(r)),
        ("hosting.provider", bad_at("old.acme.example", html(**HSTS, **{"cf-ray": "8f2a-AMS"}))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_what_is_wrong_on_a_name_that_only_the_zone_file_knows_is_found(tmp_path, check, answer):
    found = (await seen(tmp_path, answer, files=check.startswith("exposure"))).verdicts()[check]
    assert found.status is Status.FAIL, found
    assert "old.acme.example" in found.summary


async def test_a_certificate_of_a_name_in_the_zone_file_is_judged(tmp_path):
    found = (await seen(tmp_path)).verdicts()
    for check in ("tls.certificate", "tls.issuance"):
        assert "old.acme.example" in found[check].summary
    assert any(row["host"] == "old.acme.example" for row in found["tls.protocols"].evidence)


async def test_a_name_noted_as_proxied_that_leads_past_the_edge_fails_and_one_noted_as_dns_only_does_not(tmp_path):
    past = SERVED.replace("old A 203.0.113.10", "old A 203.0.113.66")
    found = edge.proxied((await seen(tmp_path, served=past)).gate)
    assert (found.status, found.about) == (Status.FAIL, ("old.acme.example",))
    noted = EXPORT.replace(
        "old 300 IN A 203.0.113.10 ; cf_tags=cf-proxied:true", "old 300 IN A 203.0.113.66 ; cf_tags=cf-proxied:false"
    )
    found = edge.proxied((await seen(tmp_path, served=past, export=noted)).gate)
    assert found.status is Status.PASS, found


async def test_a_service_of_the_zone_file_behind_the_edge_fails(tmp_path):
    export = EXPORT + "files 300 IN A 203.0.113.10 ; cf_tags=cf-proxied:true\n_sftp._tcp 300 IN SRV 0 0 22 files\n"
    found = edge.proxied((await seen(tmp_path, served=SERVED + "files A 203.0.113.10\n", export=export)).gate)
    assert found.status is Status.FAIL
    assert "files.acme.example (named by a record of type SRV) leads to Cloudflare" in found.summary


async def test_a_name_out_of_scope_is_never_contacted_and_said_to_be_unseen(tmp_path):
    found = await seen(tmp_path, scope=("acme.example", "www.acme.example"), files=True)
    assert found.asked == {"acme.example", "www.acme.example"}
    assert "old.acme.example" not in found.refused
    verdicts = found.verdicts()
    for check in (*TRUSTED, "edge.ddos"):
        assert verdicts[check].status is Status.UNKNOWN, check
        assert "old.acme.example" in verdicts[check].needs
        assert "shop.acme.example" not in verdicts[check].needs


async def test_a_tunnel_that_only_the_zone_file_names_fails_even_while_it_is_down(tmp_path):
    line = "demo 300 IN CNAME quiet-lantern.trycloudflare.com.\n"
    found = await seen(tmp_path, export=EXPORT + line, served=SERVED + line.replace(" 300 IN", ""))
    verdict = hosting.independent(found.hosts)
    assert (verdict.status, verdict.about) == (Status.FAIL, ("demo.acme.example",))
