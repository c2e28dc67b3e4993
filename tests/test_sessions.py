"""Leaving ends the session on the server; a refusal counts only where it is one."""

import pytest

from launchready_lib.checks.validate_usage import sessions
from launchready_lib.checks.validate_usage.sessions import IN_BROWSER, LogoutTrial
from launchready_lib.evidence import Unavailable
from launchready_lib.network import browser
from launchready_lib.record.findings import Status
from tests.login_site import LoginSite, login_site
from tests.web_servers import Reply

pytestmark = pytest.mark.anyio


def trial(before=200, after=401, stranger=401, signed_out=303, way="POST /logout"):
    return LogoutTrial("https://acme.example/api/me", way, before, after, stranger, signed_out)


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (trial(), Status.PASS),
        (trial(after=302, stranger=302), Status.PASS),
        (trial(after=403), Status.PASS),
        (trial(after=401, stranger=302), Status.PASS),
        (trial(after=200), Status.FAIL),
        (trial(before=401), Status.UNKNOWN),
        (trial(stranger=200), Status.UNKNOWN),
        (trial(signed_out=500), Status.UNKNOWN),
        (trial(signed_out=None), Status.UNKNOWN),
        (trial(signed_out=None, way=IN_BROWSER), Status.PASS),
        (trial(after=429), Status.UNKNOWN),
        (trial(after=500), Status.UNKNOWN),
        (trial(after=None), Status.UNKNOWN),
        (trial(after=None, stranger=None), Status.UNKNOWN),
        (trial(after=302), Status.UNKNOWN),
    ],
    ids=["refused", "as a stranger", "forbidden", "a stranger led away", "still open", "not a member", "open to all",
         "broke", "no answer", "by a script", "limited", "error", "nothing", "all silent", "led elsewhere"],
)  # fmt: skip
def test_only_a_plain_refusal_of_the_old_session_passes(evidence, status):
    verdict = sessions.logout(evidence)
    assert verdict.status is status
    assert [row["as"] for row in verdict.evidence] == [
        "signed in",
        "signing out",
        "the old session, replayed",
        "nobody",
    ]


@pytest.mark.parametrize(("after", "words"), [(429, "answered with 429"), (None, "answered with nothing")])
def test_an_answer_that_is_no_refusal_is_told(after, words):
    assert words in sessions.logout(trial(after=after)).reason


async def judged(folder, site=None, **sections):
    async with login_site(folder, site, **sections) as (acme, _):
        found = await sessions.logout_trial(acme)
        return found, sessions.logout(found)


async def test_the_dashboards_own_form_signs_out(tmp_path):
    found, verdict = await judged(tmp_path)
    assert (found.way, found.before, found.after, found.stranger) == ("POST /logout", 200, 401, 401)
    assert verdict.status is Status.PASS


async def test_a_cookie_that_is_only_taken_away_leaves_the_session_open(tmp_path):
    _, verdict = await judged(tmp_path, LoginSite(ends_sessions=False))
    assert verdict.status is Status.FAIL
    assert verdict.about == ("/api/me",)


async def test_a_dashboard_without_a_way_out_asks_for_the_steps(tmp_path):
    site = LoginSite(overrides={"/dashboard": lambda _: Reply("<h1>Welcome")})
    found, verdict = await judged(tmp_path, site)
    assert isinstance(found, Unavailable)
    assert "flows.logout" in verdict.needs


@pytest.mark.parametrize(
    "step",
    [{"goto": "/logout"}, {"request": {"method": "POST", "url": "/logout", "form": {"csrf": "t1"}}}],
    ids=["goto", "request"],
)
async def test_declared_requests_sign_out(tmp_path, step):
    site = LoginSite(overrides={"/dashboard": lambda _: Reply("<h1>Welcome")})
    _, verdict = await judged(tmp_path, site, flows={"logout": [step]})
    assert verdict.status is Status.PASS, verdict.summary


@pytest.mark.browser
@pytest.mark.skipif(browser.find_chromium() is None, reason="there is no Chromium")
@pytest.mark.parametrize(("selector", "status"), [("form button", Status.PASS), ("#nowhere", Status.UNKNOWN)])
async def test_declared_clicks_are_made_in_a_browser_that_is_signed_in(tmp_path, monkeypatch, selector, status):
    monkeypatch.setattr("launchready_lib.site.steps.STEP_S", 3.0)
    steps = [{"goto": "/dashboard"}, {"click": selector}, {"expect": {"url": "**/login"}}]
    _, verdict = await judged(tmp_path, flows={"logout": steps})
    assert verdict.status is status, verdict.summary


async def test_without_permission_nobody_signs_in(tmp_path):
    allow = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": ["login"]}
    async with login_site(tmp_path, authorization=allow) as (acme, site):
        found = await sessions.logout_trial(acme)
        assert "[flows]" in found.needs
        assert site.asked == []


@pytest.mark.world
@pytest.mark.parametrize("fault", [False, True], ids=["healthy", "fault"])
async def test_harbor_clubs_logout_is_judged_rightly(world, harbor, fault):
    world.switch("sessions.logout", fault)
    verdict = sessions.logout(await sessions.logout_trial(harbor))
    assert verdict.status is (Status.FAIL if fault else Status.PASS), verdict.summary
