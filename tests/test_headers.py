"""The header checks agree with the references of their trade, and say which page and header they mean."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import headers
from launchready_lib.checks.secure_edge.headers import policy as csp
from launchready_lib.checks.secure_edge.headers.cookies import faults, parse, sessions, stored
from launchready_lib.checks.secure_edge.headers.csp import judge as judge_csp
from launchready_lib.checks.secure_edge.headers.evidence import (
    HeadersEvidence,
    Outside,
    Shared,
    View,
    foreign_origins,
    matches,
)
from launchready_lib.checks.secure_edge.headers.foreign import held_by
from launchready_lib.checks.secure_edge.headers.isolation import embedder, framers_of, opener, resource
from launchready_lib.checks.secure_edge.headers.plain import SIX_MONTHS_S, disclosed, max_age, referrer_of, sniffing_of
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from launchready_lib.site.markup import Resource

ROOT = Path(__file__).parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"
PAGE = "https://acme.example/"


def _lines(name):
    file = CORPORA / name
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


CASES = _lines("http_headers.jsonl")
POLICIES = _lines("csp.jsonl")
absent = pytest.mark.skipif(not CASES, reason="the corpora of other projects are not beside this checkout")


def view(sent=(), body="<html></html>", name="home", url=PAGE, status=200, state="ok"):
    pairs = (("content-type", "text/html"), *sent)
    answer = Response("GET", url, state, status if state == "ok" else None, pairs, body.encode(), error=None)
    return View(name, url, answer)


def evidence(*views, **more):
    return HeadersEvidence(tuple(views), **more)


def _pairs(given):
    for name, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            yield name.lower(), one.strip()


def _case_view(case, which="auto"):
    answer = case["input"]["responses"][which]
    sent = tuple(_pairs({k: v for k, v in answer["headers"].items() if k != "content-type"}))
    return view(sent, case["input"]["html"] or "", url=case["input"]["session_url"])


def _integrity_of(case):
    page = _case_view(case)
    outside = [r for r in page.markup.resources if r.url.startswith("http:") or not r.url.endswith("foo.js")]
    outside = [r for r in outside if "mozilla.org" not in r.url]
    return all(held_by(Outside(r, ("home",), matches=True), ()).status is Status.PASS for r in outside)


def _cors_of(case):
    answer = case["input"]["responses"]["cors"]
    asked = answer["request_headers"].get("origin", "https://stranger.example")
    sent = answer["headers"]
    shared = Shared(PAGE, asked, sent.get("access-control-allow-origin"), sent.get("access-control-allow-credentials"))
    return headers.cors(evidence(shared=(shared,))).status is Status.PASS


OURS = {
    "contentSecurityPolicyTest": lambda case: judge_csp(_case_view(case)).is_safe,
    "strictTransportSecurityTest": lambda case: (
        headers.hsts(evidence(hosts=(_case_view(case, "https"),))).status is Status.PASS
    ),
    "referrerPolicyTest": lambda case: referrer_of(_case_view(case)).good,
    "xFrameOptionsTest": lambda case: framers_of(_case_view(case)).good,
    "xContentTypeOptionsTest": lambda case: sniffing_of(_case_view(case)).good,
    "crossOriginOpenerPolicyTest": lambda case: opener(_case_view(case)).good,
    "crossOriginEmbedderPolicyTest": lambda case: embedder(_case_view(case)).good,
    "crossOriginResourcePolicyTest": lambda case: resource(_case_view(case)).good,
    "subresourceIntegrityTest": _integrity_of,
    "crossOriginResourceSharingTest": _cors_of,
}


def _listed():
    text = (ROOT / "docs" / "headers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \|.*\| (.+?) \|$", text, re.MULTILINE)
    return {int(place): reason for places, reason in rows for place in places.split(",")}


@absent
@pytest.mark.parametrize("place", range(len(CASES)), ids=[f"{n}-{c['analyzer']}" for n, c in enumerate(CASES)])
def test_each_case_of_the_observatory_agrees_unless_the_docs_say_why(place):
    case = CASES[place]
    if case["analyzer"] == "redirectionTest":
        assert place in _listed()
        return
    agrees = OURS[case["analyzer"]](case) == case["expect"]["pass"]
    assert agrees != (place in _listed()), (
        f"{case['expect']['result']}: {_listed().get(place, 'not in docs/headers.md')}"
    )


@absent
@pytest.mark.parametrize("case", POLICIES, ids=[c["csp"][:60] for c in POLICIES])
def test_no_high_finding_of_csp_evaluator_is_missed_and_none_is_ours_alone(case):
    theirs = {(f["type"], f["directive"], f.get("value") or "") for f in case["findings"] if f["severity"] == "HIGH"}
    found = [w for p in csp.parse_all([case["csp"]]) for w in csp.weaknesses(p)]
    ours = {(w.kind, w.directive, w.value) for w in found if w.weight == "high"}
    assert theirs <= ours
    assert theirs or not ours


@absent
@pytest.mark.parametrize("case", POLICIES, ids=[c["csp"][:60] for c in POLICIES])
def test_a_mended_policy_is_safe(case):
    for policy in csp.parse_all([case["csp"]]):
        assert not [w for w in csp.weaknesses(csp.parse(csp.mended(policy))) if w.unsafe]


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_as_a_policy_and_can_be_mended(text):
    for policy in csp.parse_all([text]):
        assert not [w for w in csp.weaknesses(csp.parse(csp.mended(policy))) if w.unsafe and w.sink != "syntax"]


CSP = "content-security-policy"
SAFE = (CSP, "default-src 'self'; object-src 'none'; base-uri 'self'")


def test_a_policy_in_report_mode_is_read_as_it_would_be_in_force():
    loose = headers.csp(
        evidence(view([(f"{CSP}-report-only", "script-src 'unsafe-inline' https:; object-src 'none'")]))
    )
    assert loose.status is Status.FAIL
    assert "in force it would still let foreign script in: 'unsafe-inline'" in loose.summary
    assert "'unsafe-inline'" in loose.evidence[0]["report_only_found"]
    assert "any script runs" in loose.evidence[0]["found"]
    assert "'unsafe-inline'" not in loose.fix
    tight = "default-src 'self'; object-src 'none'; base-uri 'none'"
    staged = headers.csp(evidence(view([(CSP, "script-src *"), (f"{CSP}-report-only", tight)])))
    assert staged.status is Status.FAIL
    assert staged.fix.endswith(f"Content-Security-Policy: {tight}")
    assert staged.evidence[0]["report_only_found"] == "nothing that lets foreign script in"


def test_a_policy_only_in_report_mode_refuses_nothing():
    found = headers.csp(evidence(view([(f"{CSP}-report-only", "default-src 'self'")])))
    assert found.status is Status.FAIL
    assert "only reports" in found.summary
    assert "Content-Security-Policy: default-src 'self'" in found.fix


def test_the_summary_names_each_page_without_a_safe_policy():
    found = headers.csp(evidence(view([SAFE]), view([(CSP, "script-src 'self' 'unsafe-inline'")], name="login")))
    assert found.status is Status.FAIL
    assert found.summary.startswith("login: the Content-Security-Policy")
    assert "home" not in found.summary
    assert len(found.evidence) == 2


def test_two_policies_are_as_tight_as_the_tighter_of_each_gap():
    both = view([(CSP, "script-src 'self'"), (CSP, "object-src 'none'")])
    assert judge_csp(both).is_safe


def test_a_page_that_was_not_seen_makes_the_check_unknown_and_never_a_pass():
    silent = view(name="login", state="timeout")
    for judged in (headers.csp, headers.framing, headers.sniffing, headers.referrer, headers.isolation):
        found = judged(evidence(view([SAFE, *GOOD]), silent))
        assert found.status is Status.UNKNOWN
        assert found.needs


GOOD = (
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
)


@pytest.mark.parametrize("name", ["csp", "framing", "sniffing", "referrer", "isolation", "disclosure", "integrity"])
def test_a_page_with_every_header_passes(name):
    found = getattr(headers, name)(evidence(view([SAFE, *GOOD])))
    assert found.status is Status.PASS
    assert found.check == f"headers.{name}"


@pytest.mark.parametrize(
    ("name", "sent", "word"),
    [
        ("framing", (), "any site may"),
        ("framing", ((CSP, "frame-ancestors *"), ("x-frame-options", "DENY")), "any site may"),
        ("sniffing", (("x-content-type-options", "none"),), "guess"),
        ("referrer", (("referrer-policy", "unsafe-url"),), "unsafe-url"),
        ("isolation", (), "keeps hold"),
        (
            "isolation",
            (("cross-origin-opener-policy", "same-origin"), ("cross-origin-embedder-policy", "on")),
            "not know",
        ),
        ("disclosure", (("server", "nginx/1.25.3"),), "nginx/1.25.3"),
    ],
)
def test_a_page_without_the_header_fails_and_the_fix_is_the_line_to_send(name, sent, word):
    found = getattr(headers, name)(evidence(view(sent)))
    assert found.status is Status.FAIL
    assert "home" in found.summary
    assert word in found.summary
    assert found.fix


@pytest.mark.parametrize("name", ["csp", "framing", "hsts", "cors", "integrity", "cookies"])
def test_without_evidence_the_answer_is_unknown(name):
    found = getattr(headers, name)(Unavailable("no permission", "authorization.allow: [login]"))
    assert (found.status, found.needs) == (Status.UNKNOWN, "authorization.allow: [login]")


@pytest.mark.parametrize("name", ["csp", "framing", "hsts", "cors", "integrity", "sniffing", "disclosure"])
def test_nothing_seen_is_unknown(name):
    assert getattr(headers, name)(evidence()).status is Status.UNKNOWN


@pytest.mark.parametrize("challenge", [("cf-mitigated", "challenge"), ("x-vercel-mitigated", "challenge")], ids=str)
def test_a_challenge_of_the_edge_is_not_judged_as_the_page(challenge):
    found = headers.csp(evidence(view([challenge], status=403)))
    assert found.status is Status.UNKNOWN
    assert "network.headers" in found.needs


def test_a_page_that_answers_401_is_judged_by_its_headers():
    assert headers.framing(evidence(view(GOOD, status=401))).status is Status.PASS


@pytest.mark.parametrize(
    ("value", "age"),
    [
        ("max-age=31536000", 31_536_000),
        ('max-age="15552000"; includeSubDomains', SIX_MONTHS_S),
        ("MAX-AGE = 0 ; preload", 0),
        ("includeSubDomains", None),
        ("max-age=1, max-age=2", None),
        ("max-age=1; max-age=2", None),
        ("max-age=-1", None),
        ("max-age=99999999999999999999", None),
        ("", None),
    ],
)
def test_max_age_is_read_as_a_browser_reads_it(value, age):
    assert max_age(value) == age


def test_hsts_is_wanted_on_every_host_that_speaks_https():
    hosts = (
        view([("strict-transport-security", "max-age=31536000")], name="acme.example"),
        view([("strict-transport-security", "max-age=3600")], name="www.acme.example", url="https://www.acme.example/"),
    )
    found = headers.hsts(evidence(hosts=hosts))
    assert found.status is Status.FAIL
    assert "www.acme.example" in found.summary
    assert "Strict-Transport-Security: max-age=31536000" in found.fix
    assert headers.hsts(evidence(hosts=hosts[:1])).status is Status.PASS
    down = view(name="api.acme.example", url="https://api.acme.example/", state="refused")
    assert headers.hsts(evidence(hosts=(hosts[0], down))).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("value", "tells"),
    [
        ("nginx/1.18.0 (Ubuntu)", True),
        ("Apache/2.4.41", True),
        ("PHP/8.1.2", True),
        ("Python/3.11 aiohttp/3.9.1", True),
        ("Phusion Passenger 6.0.4", True),
        ("Microsoft-IIS/10.0", True),
        ("nginx", False),
        ("cloudflare", False),
        ("Express", False),
        ("Fly/1a2b3c4d (2026-10-01)", False),
        ("AmazonS3", False),
    ],
)
def test_a_name_is_no_disclosure_but_its_version_is(value, tells):
    assert bool(disclosed(view([("server", value)]))) is tells


def test_what_proxies_say_of_the_protocol_is_no_version_of_software():
    assert disclosed(view([("via", "1.1 varnish"), ("x-version", "2026.11.1"), ("date", "1.2.3")])) == []


@pytest.mark.parametrize(
    ("allowed", "credentials", "status"),
    [
        ("https://stranger.example", "true", Status.FAIL),
        ("https://stranger.example", None, Status.PASS),
        ("*", "true", Status.PASS),
        ("https://acme.example", "true", Status.PASS),
        (None, None, Status.PASS),
    ],
)
def test_only_a_reflected_origin_with_credentials_is_open(allowed, credentials, status):
    shared = Shared(f"{PAGE}api/me", "https://stranger.example", allowed, credentials)
    found = headers.cors(evidence(shared=(shared,)))
    assert found.status is status


def test_a_null_origin_with_credentials_is_open():
    shared = Shared(PAGE, "null", "null", "true")
    assert headers.cors(evidence(shared=(shared,))).status is Status.FAIL


def test_look_alikes_are_among_the_origins_tried():
    assert foreign_origins("acme.example")[1:3] == ("https://acme.example.stranger.example", "https://notacme.example")


SCRIPT = b"alert(1)"
HASH = "sha384-NOT"


def _outside(url="https://cdn.example/lib.js", integrity=None, crossorigin="anonymous", matched=None):
    return Outside(Resource("script", url, integrity, crossorigin), ("home",), matched, "it did not answer")


GOOD_HASH = "sha384-" + "A" * 64


@pytest.mark.parametrize(
    ("outside", "parties", "status"),
    [
        (_outside(), (), Status.FAIL),
        (_outside(integrity=GOOD_HASH, matched=True), (), Status.PASS),
        (_outside(integrity=GOOD_HASH, matched=False), (), Status.FAIL),
        (_outside(integrity=GOOD_HASH, matched=None), (), Status.UNKNOWN),
        (_outside(integrity=GOOD_HASH, crossorigin=None, matched=True), (), Status.FAIL),
        (_outside(integrity="md5-xyz"), (), Status.FAIL),
        (_outside("https://js.stripe.com/v3/"), ("js.stripe.com",), Status.PASS),
        (_outside("https://cdn.example/lib@1.2.3/x.js"), ("cdn.example",), Status.FAIL),
        (_outside("https://a.cdn.example/x.js"), ("*.cdn.example",), Status.PASS),
        (_outside("http://cdn.example/x.js", integrity=GOOD_HASH, matched=True), (), Status.FAIL),
    ],
    ids=["bare", "held", "changed", "unread", "no crossorigin", "no hash", "named", "pinned", "pattern", "plain http"],
)
def test_an_outside_file_is_held_by_its_hash_or_named_and_without_version(outside, parties, status):
    assert held_by(outside, parties).status is status
    seen = evidence(view([]), outside=(outside,), third_parties=parties)
    assert headers.integrity(seen).status is status


def test_the_strongest_hash_counts_alone():
    weak = "sha256-" + base64.b64encode(hashlib.sha256(SCRIPT).digest()).decode()
    strong = "sha512-" + base64.b64encode(hashlib.sha512(SCRIPT).digest()).decode()
    assert matches(SCRIPT, weak)
    assert matches(SCRIPT, f"{weak} {strong}")
    assert not matches(SCRIPT, f"{weak} sha512-{'A' * 86}==")
    assert not matches(SCRIPT, "sha1-abc nonsense")


class Login:
    def __init__(self, *lines):
        self.set_cookies = lines


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("sid=abc; Path=/; HttpOnly; SameSite=Lax", "not Secure"),
        ("sid=abc; Path=/; Secure; SameSite=Lax", "not HttpOnly"),
        ("sid=abc; Path=/; Secure; HttpOnly", "no SameSite"),
        ("sid=abc; Path=/; Secure; HttpOnly; SameSite=None", "SameSite=None"),
        ("sid=abc; Path=/; Secure; HttpOnly; SameSite=None; Partitioned", "SameSite=None"),
        ("sid=abc; Path=/; Secure; HttpOnly; SameSite=True", "none that browsers know"),
        ("__Host-sid=abc; Path=/app; Secure; HttpOnly; SameSite=Lax", "drop it"),
        ("__Host-sid=abc; Path=/; Domain=acme.example; Secure; HttpOnly; SameSite=Lax", "drop it"),
    ],
)
def test_each_fault_of_a_session_cookie_is_named_and_its_value_never_shown(line, word):
    found = headers.cookies(Login(line, "csrftoken=xyz; Secure"))
    assert found.status is Status.FAIL
    assert word in found.summary
    assert "abc" not in json.dumps([found.summary, list(found.evidence), found.fix])
    assert "SameSite=Lax" in found.fix


def test_a_well_kept_session_cookie_passes_whatever_helpers_stand_beside_it():
    lines = ("__Host-session=v; Path=/; Secure; HttpOnly; SameSite=Lax", "theme=dark", "XSRF-TOKEN=t; Secure")
    assert headers.cookies(Login(*lines)).status is Status.PASS


def test_a_login_without_cookies_leaves_the_session_unseen():
    assert headers.cookies(Login()).status is Status.UNKNOWN
    assert headers.cookies(Login("theme=dark", "csrf=1; Secure")).status is Status.UNKNOWN


def test_where_no_name_tells_every_cookie_that_could_counts():
    assert [c.name for c in sessions(stored(["x=1", "csrf=2", "_ga=3"]))] == ["x"]


def test_a_cookie_taken_away_again_does_not_count():
    lines = ["sid=1; Path=/", "sid=; Path=/; Max-Age=0", "t=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
    assert stored(lines) == ()


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_read_as_a_cookie_or_dropped(line):
    cookie = parse(line)
    assert cookie is None or isinstance(faults(cookie), list)
