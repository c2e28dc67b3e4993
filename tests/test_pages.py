"""When a page can be used is computed as it is defined, and a page that was not seen is never quick."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.quick_audit import pages
from launchready_lib.checks.quick_audit.pages import CorePages
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from launchready_lib.site import signin, visits
from launchready_lib.site.visits import Load, Visit
from tests.login_site import LoginSite, login_site
from tests.web_servers import Reply, client, serving

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


# --- time to interactive ----------------------------------------------------------------------------------------------


def interactive(paint=1000, parsed=900, tasks=(), flights=(), watched=20_000, quiet=5000):
    return visits.interactive(paint, parsed, tasks, flights, watched=watched, quiet=quiet)


MANY = [(0, None)] * 3
CASES = {
    "nothing after the paint": ({}, 1000),
    "parsing ends later": ({"parsed": 1500}, 1500),
    "a task before the paint": ({"tasks": [(100, 300)]}, 1000),
    "a task over the paint": ({"tasks": [(900, 400)]}, 1300),
    "a task soon after": ({"tasks": [(3000, 100)]}, 3100),
    "a task after a quiet window": ({"tasks": [(6001, 100)]}, 1000),
    "tasks that leave no window": ({"tasks": [(1000 * n, 60) for n in range(2, 20)]}, None),
    "two requests that never end": ({"flights": [(0, None)] * 2}, 1000),
    "three requests that never end": ({"flights": MANY}, None),
    "three requests that end": ({"flights": [(0, 4000)] * 3}, 1000),
    "three that end after a task": ({"flights": [(0, 4000)] * 3, "tasks": [(2000, 100)]}, 2100),
    "a third request after a quiet window": ({"flights": [*MANY[:2], (7000, None)]}, 1000),
    "never painted": ({"paint": None}, None),
    "never parsed": ({"parsed": None}, None),
    "not watched long enough": ({"watched": 5999}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_interactive_once_it_was_busy_for_the_last_time(case):
    given_, expected = CASES[case]
    assert interactive(**given_) == expected


moments = st.integers(0, 40)
spans = st.lists(st.tuples(moments, st.integers(1, 6)), max_size=6)


@given(moments, moments, spans, spans)
def test_the_window_is_the_first_quiet_one_of_a_search_moment_by_moment(paint, parsed, tasks, requests):
    watched, quiet = 60, 5
    flights = [(start, start + length) for start, length in requests]

    def calm(at):
        busy = any(start < at + 1 and at < start + length for start, length in tasks)
        return not busy and sum(start < at + 1 and at < end for start, end in flights) <= 2

    window = next((t for t in range(paint, watched - quiet + 1) if all(calm(at) for at in range(t, t + quiet))), None)
    ends = [start + length for start, length in tasks if window is not None and start + length <= window]
    expected = None if window is None else max([paint, parsed, *ends])
    assert visits.interactive(paint, parsed, tasks, flights, watched=watched, quiet=quiet) == expected


# --- verdicts ---------------------------------------------------------------------------------------------------------


def seen(name="home", ms=700.0, status=200, **more):
    page = Visit(
        name,
        f"https://acme.example/{name}",
        final_url=f"https://acme.example/{name}",
        status=status,
        first_paint_ms=500,
        largest_paint_ms=600,
        parsed_ms=400,
        interactive_ms=ms,
        loads=(Load("https://acme.example/a.js", "Script", 0, 90, 200, 4000, blocking=True),),
        watched_ms=40_000,
    )
    return dataclasses.replace(page, **more)


def judged(*visited, **missing):
    return pages.interactive(CorePages(visited, missing, 5.0))


def test_the_slowest_page_is_what_was_measured():
    verdict = judged(seen(), seen("login", 1900.0))
    assert (verdict.status, verdict.measured) == (Status.PASS, 1.9)
    assert verdict.evidence[0]["blocking"] == "acme.example/a.js 4 kB"


def test_a_page_over_the_target_fails_and_is_named():
    verdict = judged(seen(), seen("login", 2010.0))
    assert (verdict.status, verdict.measured, verdict.about) == (Status.FAIL, 2.01, ("login",))


def test_the_quicker_of_two_visits_counts_and_both_are_shown():
    verdict = judged(seen(ms=2600.0), seen(ms=1400.0))
    assert (verdict.status, verdict.measured, len(verdict.evidence)) == (Status.PASS, 1.4, 2)


def test_a_page_that_is_never_quiet_fails():
    busy = tuple((1000.0 * n, 600.0) for n in range(40))
    verdict = judged(seen(ms=None, tasks=busy))
    assert (verdict.status, verdict.measured) == (Status.FAIL, visits.SETTLED_BY_S)


LOST = Load("https://cdn.example/app.js", "Script", 0, 90, failed="net::ERR_TUNNEL_CONNECTION_FAILED")
NOT_SEEN = {
    "not opened": ([seen(problem=Unavailable("it is blocked", "authorization.hosts: [x]"), status=None)], "hosts: [x]"),
    "an error": ([seen(status=500)], "site.pages.home"),
    "not found": ([seen(status=404)], "site.pages.home"),
    "a login instead": ([seen("dashboard", signed_in=True, asks_password=True)], "flows.login"),
    "requests without end": ([seen(ms=None)], "which of them never end"),
    "its script did not reach us": ([seen(ms=None, loads=(LOST,), first_paint_ms=None)], "cdn.example"),
}


@pytest.mark.parametrize("case", NOT_SEEN)
def test_a_page_that_was_not_seen_as_members_see_it_is_unknown(case):
    visited, needs = NOT_SEEN[case]
    verdict = judged(*visited)
    assert verdict.status is Status.UNKNOWN
    assert needs in verdict.needs
    assert judged(*visited, seen("login", 9000.0)).status is Status.FAIL


def test_a_page_without_an_address_is_unknown():
    verdict = judged(seen(), login=Unavailable("the address of the login page is not given", "site.pages.login"))
    assert verdict.status is Status.UNKNOWN
    assert verdict.needs == "site.pages.login"


def test_the_frame_has_a_row_a_request_and_its_columns_also_when_empty():
    frame = CorePages((seen(), seen("login")), {}, 5.0).frame()
    assert list(frame["page"]) == ["home", "login"]
    assert list(CorePages((), {}, 5.0).frame().columns) == list(frame.columns)


async def test_without_an_authorization_no_page_is_opened():
    async with client(authorization=None) as acme:
        found = await pages.survey(acme)
    assert "authorization" in found.needs


# --- a real browser ---------------------------------------------------------------------------------------------------

SITE = "http://acme.example"
HUNG = "setInterval(() => { const end = performance.now() + 400; while (performance.now() < end); }, 450)"
PAGES = {
    "/": Reply('<link rel=stylesheet href=/a.css><title>A</title><p>Hello<script src="/late.js" defer></script>'),
    "/a.css": Reply("p { color: navy }", kind="text/css"),
    "/late.js": Reply("document.title = 'B'", kind="text/javascript"),
    "/moved": Reply(status=302, headers=(("Location", "/"),)),
    "/away": Reply(status=302, headers=(("Location", "http://elsewhere.example/"),)),
    "/led": Reply("<p>Wait<script>location.replace('/')</script>"),
    "/hung": Reply(f"<p>Busy<script>{HUNG}</script>"),
    "/blank": Reply(""),
    "/broken": Reply("<p>Sorry", status=500),
    "/challenge": Reply("<p>Prove it", status=403, headers=(("cf-mitigated", "challenge"),)),
    "/hostile": Reply("<p>x<script>window.__launch = null; performance.getEntriesByType = () => [];</script>"),
}


@pytest.fixture(scope="module")
async def opened():
    """A browser, and a client whose site is `PAGES`."""
    routes = lambda asked: PAGES.get(asked.path, Reply("nothing here", 404))  # noqa: E731 - as short as that
    async with serving(routes) as site, client(site.port) as acme, acme.network.browser() as browser:
        if isinstance(browser, Unavailable):
            pytest.skip(browser.reason)
        yield acme, browser


async def look(opened, path, quiet_s=0.3):
    return await visits.visit(*opened, "page", f"{SITE}{path}", quiet_s=quiet_s)


@pytest.mark.browser
async def test_a_visit_tells_what_was_fetched_and_what_kept_the_page_waiting(opened):
    page = await look(opened, "/")
    assert (page.status, page.final_url, page.problem) == (200, f"{SITE}/", None)
    assert page.first_paint_ms <= page.interactive_ms <= page.watched_ms
    loads = {load.url.removeprefix(SITE): load for load in page.loads}
    assert [loads[path].kind for path in ("/", "/a.css", "/late.js")] == ["Document", "Stylesheet", "Script"]
    assert (loads["/a.css"].blocking, loads["/late.js"].blocking) == (True, False)
    assert loads["/a.css"].size > len(PAGES["/a.css"].body)
    assert min(load.ended_ms - load.started_ms for load in loads.values()) > visits.LATENCY_MS - 20


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/moved", "/led"], ids=["by redirect", "by script"])
async def test_a_page_that_leads_on_is_timed_from_the_first_request(opened, path):
    page = await look(opened, path)
    assert page.final_url == f"{SITE}/"
    assert page.interactive_ms > 2 * visits.LATENCY_MS


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/broken", 500, None),
        ("/nowhere", 404, None),
        ("/challenge", 403, "a challenge of the edge"),
        ("/away", None, "authorization.hosts does not name it"),
    ],
)
async def test_a_page_that_is_none_of_the_sites_own_says_so(opened, path, status, words):
    page = await look(opened, path)
    assert page.status == status
    assert words is None or words in page.problem.reason
    assert judged(page).status is Status.UNKNOWN


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/hung", "/blank"])
async def test_a_page_that_never_gets_usable_is_left_after_its_time(opened, path, monkeypatch):
    monkeypatch.setattr(visits, "SETTLED_BY_S", 1.5)
    page = await look(opened, path, quiet_s=1.0)
    assert page.interactive_ms is None
    assert judged(page).status is Status.FAIL


@pytest.mark.browser
async def test_a_page_that_tampers_with_the_clocks_breaks_nothing(opened, monkeypatch):
    monkeypatch.setattr(visits, "SETTLED_BY_S", 1.0)
    page = await look(opened, "/hostile")
    assert page.status == 200


@pytest.mark.browser
async def test_a_site_that_is_down_is_unknown_and_named():
    async with serving(lambda _: Reply("x")) as site:
        port = site.port
    async with client(port) as acme, acme.network.browser() as browser:
        page = await visits.visit(acme, browser, "home", f"{SITE}/")
    assert "acme.example could not be opened" in page.problem.reason
    assert judged(page).status is Status.UNKNOWN


@pytest.mark.alone
@pytest.mark.browser
@pytest.mark.world
async def test_harbor_clubs_pages_can_be_used_and_a_busy_one_cannot(world):
    async with Client.open(world.parameters_file) as harbor:
        harbor.environment = {**harbor.environment, **world.environment}
        member = await signin.sign_in(harbor)
        found = await pages.survey(harbor, member, quiet_s=0.5)
        verdict = pages.interactive(found)
        assert verdict.status is Status.PASS, verdict.summary
        assert [(each.name, each.signed_in) for each in found.visits][-1] == ("dashboard", True)
        assert any(load.url.endswith("/api/dashboard") and load.status == 200 for load in found.visits[-1].loads)
        world.switch("pages.interactive", True)
        verdict = pages.interactive(await pages.survey(harbor, member, quiet_s=0.5))
        assert (verdict.status, verdict.about) == (Status.FAIL, ("home",)), verdict.summary
        assert verdict.measured > 4
        await member.session.close()


@pytest.mark.browser
async def test_mixed_content_is_kept_as_the_browser_reports_it(tmp_path):
    html = "<p>Hi<img src=http://acme.example/x.png><form action=http://acme.example/f></form>"
    async with login_site(tmp_path, LoginSite(login_page=html)) as (acme, _), acme.network.browser() as browser:
        page = await visits.visit(acme, browser, "login", "https://acme.example/login", quiet_s=0.3)
    assert page.problem is None
    assert ("http://acme.example/x.png", "Image") in {(each.url, each.kind) for each in page.mixed}
