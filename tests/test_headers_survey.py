"""The header survey reads real pages, hosts and foreign origins, signed out and signed in."""

import base64
import hashlib

import pytest

from launchready_lib.checks.secure_edge import headers
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from tests.certificates import context, issue
from tests.web_servers import Asked, Reply, client, resolver, serving

pytestmark = pytest.mark.anyio

GOOD = (
    ("Strict-Transport-Security", "max-age=31536000"),
    ("Content-Security-Policy", "default-src 'self'; object-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
LIBRARY = b"window.lib = 1"
HASH = "sha384-" + base64.b64encode(hashlib.sha384(LIBRARY).digest()).decode()
JUDGED = ("hsts", "csp", "framing", "sniffing", "referrer", "cors", "integrity", "isolation", "disclosure")
SITE = {
    "pages": {"login": "/login", "dashboard": "/dashboard"},
    "core_reads": {"me": "/api/me"},
    "subdomains": {"api": {"host": "api.acme.example", "expect": "api"}},
}


def _site(asked: Asked) -> Reply:
    if asked.host == "cdn.other.example":
        return Reply(LIBRARY, kind="text/javascript")
    if asked.path.startswith("/api/"):
        return Reply("{}", headers=GOOD, kind="application/json")
    if asked.path == "/dashboard" and asked.headers.get("cookie") != "sid=1":
        return Reply(status=302, headers=(*GOOD, ("Location", "/login")))
    weak = asked.path == "/dashboard"
    body = f'<script src="https://cdn.other.example/lib.js" integrity="{HASH}" crossorigin></script>'
    return Reply(body, headers=GOOD[1:] if not weak else GOOD[:1])


class Member:
    def __init__(self, session):
        self.session = session


async def _surveyed(tmp_path, answer=_site, *, signed_in=False, reach=("", "www.", "api.")):
    root = issue("Test Root", ca=True)
    leaf = issue("acme.example", root, names=("acme.example", "*.acme.example", "*.other.example"))
    (tmp_path / "ca.pem").write_bytes(root.pem)
    async with resolver() as dns, serving(answer, context=context(tmp_path, leaf)) as site:
        network = {
            "nameservers": [dns],
            "ca_file": "ca.pem",
            "connect_to": {"cdn.other.example:443": f"127.0.0.1:{site.port}"},
        }
        audited = client(site.port, root=tmp_path, reach=reach, network=network, site=SITE)
        async with audited, audited.network.session() as session:
            session.cookies.set("sid", "1", "acme.example", "/")
            return await headers.survey(audited, Member(session) if signed_in else Unavailable("no", "accounts"))


async def test_signed_out_pages_that_lead_elsewhere_are_seen_once(tmp_path):
    evidence = await _surveyed(tmp_path)
    assert [view.title for view in evidence.pages] == ["home", "login"]
    assert evidence.reads == ()
    assert [view.name for view in evidence.hosts] == ["acme.example", "www.acme.example", "api.acme.example"]
    assert headers.csp(evidence).status is Status.PASS
    assert headers.integrity(evidence).status is Status.PASS
    assert headers.cors(evidence).status is Status.PASS
    assert headers.hsts(evidence).status is Status.FAIL


async def test_the_dashboard_is_judged_as_a_member_sees_it(tmp_path):
    evidence = await _surveyed(tmp_path, signed_in=True)
    assert [view.title for view in evidence.pages] == ["home", "login", "dashboard (signed in)"]
    assert [view.title for view in evidence.reads] == ["me (signed in)"]
    found = headers.csp(evidence)
    assert found.status is Status.FAIL
    assert found.summary.startswith("dashboard (signed in): no Content-Security-Policy")


async def test_every_foreign_origin_is_tried_on_every_address(tmp_path):
    def reflecting(asked: Asked) -> Reply:
        origin = asked.headers.get("origin", "")
        trusted = origin.endswith("acme.example")  # the sloppy comparison that look-alikes get past
        more = (
            (("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")) if trusted else ()
        )
        return Reply("{}", headers=more, kind="application/json")

    evidence = await _surveyed(tmp_path, reflecting)
    found = headers.cors(evidence)
    assert found.status is Status.FAIL
    assert "https://notacme.example" in found.summary
    assert len(evidence.shared) == 4 * 3


async def test_a_changed_library_fails(tmp_path):
    def changed(asked: Asked) -> Reply:
        return Reply("evil", kind="text/javascript") if asked.host == "cdn.other.example" else _site(asked)

    found = headers.integrity(await _surveyed(tmp_path, changed))
    assert found.status is Status.FAIL
    assert "no longer has the hash" in found.summary


async def test_a_site_that_is_down_is_unknown_throughout(tmp_path):
    async with resolver() as dns, client(1, root=tmp_path, network={"nameservers": [dns]}, site=SITE) as audited:
        evidence = await headers.survey(audited)
    for name in JUDGED:
        found = getattr(headers, name)(evidence)
        assert found.status is Status.UNKNOWN, name
        assert found.needs


async def test_without_an_authorization_nothing_is_read(tmp_path):
    async with client(1, root=tmp_path, authorization=None) as audited:
        assert isinstance(await headers.survey(audited), Unavailable)
        assert not audited.network.traffic.requests


async def test_hostile_headers_stay_text(tmp_path):
    bad = "<script>alert(1)</script>[x](javascript:y)" * 20
    names = ("X-Frame-Options", "Content-Security-Policy", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Server")
    reply = Reply("<html>", headers=tuple((name, bad) for name in names))
    evidence = await _surveyed(tmp_path, lambda _: reply)
    for name in JUDGED:
        assert not getattr(headers, name)(evidence).defect
    assert len(evidence.frame()) == len(evidence.pages) + len(evidence.hosts)
