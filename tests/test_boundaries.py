"""Verdicts at the very edge of their limits: on the line, one step inside, one step outside."""

import datetime as dt

import pytest
from checks.mail import test_mail as spf
from checks.test_access import BODY, NOW, OWN_NS, listing, record
from checks.test_overbuild import compose, judged
from checks.test_redirects import PATH, by_hand
from checks.test_subdomains import mapped
from test_caching import asset
from test_caching import judged as cached
from test_headers import Login, evidence, view
from test_headers_private import control
from web_server import Reply, html, json

from launchready_lib.checks.handover import access
from launchready_lib.checks.handover.registration import RegistrationEvidence
from launchready_lib.checks.quick_audit import redirects
from launchready_lib.checks.secure_edge import headers, mail
from launchready_lib.network import Response
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio
FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN
__all__ = ["judged"]  # a fixture


@pytest.mark.parametrize(("age", "status"), [(15_551_999, FAIL), (15_552_000, PASS)])
def test_hsts_of_exactly_six_months_is_enough(age, status):
    """180 days, as MDN's Observatory counts six months."""
    host = view([("strict-transport-security", f"max-age={age}")], name="acme.example")
    assert headers.hsts(evidence(hosts=(host,))).status is status


@pytest.mark.parametrize(("end", "status"), [("SameSite=", FAIL), ("SameSite", FAIL), ("SameSite=Lax", PASS)])
def test_an_empty_same_site_is_none_that_browsers_know(end, status):
    """An attribute without a value says nothing (RFC 6265bis §5.6.7)."""
    assert headers.cookies(Login(f"__Host-sid=abc; Path=/; Secure; HttpOnly; {end}")).status is status


@pytest.mark.parametrize(
    ("age", "status"), [("max-age=2591999", FAIL), ("max-age=2592000", PASS), ("no-cache, max-age=2592000", FAIL)]
)
def test_a_fingerprinted_file_may_be_kept_for_exactly_thirty_days(age, status):
    """And not at all where `no-cache` stands beside the age (RFC 9111 §5.2.2.4)."""
    assert cached(asset(control=age)).status is status


@pytest.mark.parametrize(("value", "status"), [("max-age=60", FAIL), ("no-cache, max-age=60", PASS)])
def test_a_members_page_with_no_cache_beside_an_age_is_shared_with_nobody(value, status):
    """A shared cache may keep it, but must ask the site before each use."""
    session = Login("__Host-sid=abc; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert headers.cookies(session, evidence(control(value))).status is status


@pytest.mark.parametrize(("days", "status"), [(30, FAIL), (31, PASS)])
def test_a_domain_that_ends_in_exactly_thirty_days_is_too_late(days, status):
    """Thirty days and a fraction are thirty."""
    end = NOW + dt.timedelta(days=days, hours=5)
    events = [{"eventAction": "expiration", "eventDate": end.isoformat()}]
    found = RegistrationEvidence("acme.example", record(events=events), OWN_NS, NOW)
    assert BODY["events"] != events
    assert access.dns(found, listing()).status is status


@pytest.mark.parametrize(("void", "status"), [(2, PASS), (3, FAIL)])
async def test_exactly_two_void_look_ups_are_allowed(void, status):
    """Receivers stop beyond two (RFC 7208 §4.6.4)."""
    terms = " ".join(f"a:x{n}.example" for n in range(void))
    found = await spf.evidence_of(spf.spf_zone(f"v=spf1 {terms} ip4:203.0.113.25 -all"))
    assert mail.spf(found).status is status


@pytest.mark.parametrize(("names", "status"), [("abcd", PASS), ("abcde", FAIL)])
def test_four_services_are_few_and_five_are_many(judged, names, status):
    """Web, worker, cron and one more are an ordinary app."""
    assert judged("services", {"compose.yaml": compose(*names)}).status is status


@pytest.mark.parametrize(
    ("kind", "reply", "status"),
    [
        ("app", html(status=399), PASS),
        ("app", html(status=400), FAIL),
        ("api", json("{}", 400), PASS),
        ("api", json("{}", 499), PASS),
        ("api", json("{}", 500), FAIL),
        ("static", Reply(400), PASS),
    ],
)
async def test_a_400_is_no_app_but_may_well_be_an_api(kind, reply, status):
    """An API refuses a bare request with 400; a page that members open does not."""
    assert (await mapped(kind, reply)).status is status


@pytest.mark.parametrize(
    ("state", "apis", "status"),
    [
        ("refused", {"acme.example"}, PASS),
        ("reset", {"acme.example"}, FAIL),
        ("refused", set(), FAIL),
        ("reset", set(), FAIL),
    ],
)
def test_an_api_may_keep_port_80_closed_but_not_open_and_silent(state, apis, status):
    """A port that accepts and then resets is open to whoever stands between."""
    reply = Response("GET", f"http://acme.example{PATH}", state, error="nothing")
    found = by_hand(plain=(reply,), apis=frozenset(apis))
    assert redirects.https(found).status is status
