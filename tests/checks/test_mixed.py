"""What a page loads or submits to over plain HTTP is seen by a real browser, and what was not seen is unknown."""

from dataclasses import replace

import pytest

from launchready_lib.checks.secure_edge import mixed
from launchready_lib.checks.secure_edge.mixed import OpenedPages
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from launchready_lib.site import signin
from launchready_lib.site.visits import Load, Mixed, Visit
from tests.certificates import context, issue
from tests.web_servers import Reply, client, serving

pytestmark = pytest.mark.anyio

SECURE = "https://acme.example/"
BARE = "http://acme.example/"


def seen(name="home", **more):
    return replace(Visit(name, SECURE, final_url=SECURE, status=200), **more)


def judged(*visits, **missing):
    return mixed.mixed_content(OpenedPages(visits, missing, "/login"))


def test_pages_that_are_encrypted_throughout_pass():
    found = judged(seen(targets=("https://acme.example/login", "")), seen("login"))
    assert found.status is Status.PASS
    assert "home and login" in found.summary


FAULTS = {
    "a blocked script": seen(mixed=(Mixed(f"{BARE}a.js", "Script", "MixedContentBlocked"),)),
    "an upgraded picture": seen(mixed=(Mixed(f"{BARE}a.png", "Image", "MixedContentAutomaticallyUpgraded"),)),
    "a form": seen(targets=(f"{BARE}login",)),
    "something that came": seen(loads=(Load(f"{BARE}a.css", "Stylesheet", 0, 9, 200),)),
    "the page itself": seen(final_url=BARE),
    "a form of a page that breaks": seen(targets=(f"{BARE}login",), status=500),
}


@pytest.mark.parametrize("visit", FAULTS.values(), ids=FAULTS)
def test_anything_over_plain_http_fails_and_is_named(visit):
    found = judged(visit, seen("login"))
    assert found.status is Status.FAIL
    assert BARE in found.summary
    assert "home" in found.about


def test_a_form_that_the_policy_upgrades_is_encrypted():
    assert judged(seen(targets=(f"{BARE}login",), upgrades=True)).status is Status.PASS


UNSEEN = {
    "not opened": seen(problem=Unavailable("it is blocked", "authorization.hosts: [x]"), status=None),
    "an error": seen(status=502),
    "never still": seen(looked=False),
    "a login instead": seen("dashboard", signed_in=True, final_url="https://acme.example/login?next=/"),
}


@pytest.mark.parametrize("visit", UNSEEN.values(), ids=UNSEEN)
def test_a_page_that_was_not_seen_is_unknown(visit):
    assert judged(seen(), visit).status is Status.UNKNOWN


def test_a_page_that_was_not_tried_is_unknown_and_a_fault_elsewhere_still_counts():
    no = Unavailable("the authorization does not allow login", "authorization.allow: [login]")
    assert judged(seen(), dashboard=no).needs == no.needs
    assert judged(FAULTS["a form"], dashboard=no).status is Status.FAIL
    assert mixed.mixed_content(no).status is Status.UNKNOWN


def test_each_thing_over_plain_http_is_told_once_with_what_the_browser_did():
    script, picture = f"{BARE}a.js", f"{BARE}a.png"
    visit = seen(
        mixed=(
            Mixed(script, "Script", "MixedContentBlocked"),
            Mixed(f"{BARE}go", "Form", "MixedContentWarning"),
            Mixed(picture, "Image", "SomethingNew"),
        ),
        loads=(
            Load(script, "Script", 0, 9, 200),
            Load(f"{BARE}b.css", "Stylesheet", 0, 9, 200),
            Load(f"{BARE}gone.css", "Stylesheet", 0, 9, None),
            Load(BARE, "Document", 0, 9, 301),
            Load(f"{SECURE}c.css", "Stylesheet", 0, 9, 200),
        ),
        targets=(f"{BARE}go", "HTTP://acme.example/other", f"{SECURE}login"),
    )
    found = judged(visit)
    assert [(row["over_plain_http"], row["kind"], row["the_browser"]) for row in found.evidence] == [
        (script, "Script", "blocked, so it is missing"),
        (f"{BARE}go", "Form target", "let through, with a warning"),
        (picture, "Image", "SomethingNew"),
        (f"{BARE}b.css", "Stylesheet", "loaded it"),
        ("HTTP://acme.example/other", "Form target", "sends what is typed over plain HTTP"),
    ]
    bare = judged(seen(final_url=BARE, loads=visit.loads, targets=visit.targets))
    assert [row["kind"] for row in bare.evidence] == ["Page"]
    assert len(judged(seen(final_url=f"{BARE}{'x' * 200}")).summary) < 180


def test_a_row_says_who_saw_what():
    pages = OpenedPages(
        (
            seen(targets=("", f"{SECURE}x"), loads=(Load(SECURE, "Document", 0, 9, 200),)),
            seen("b", signed_in=True, final_url="", problem=Unavailable("blocked", "more"), targets=(f"{BARE}x",)),
        ),
        {},
    )
    first, second = pages.rows()
    assert (first["as"], first["form_targets"], first["requests"], first["over_plain_http"]) == (
        "stranger",
        f"{SECURE}x",
        1,
        0,
    )
    assert (first["note"], second["note"], second["as"], second["ended_on"]) == ("", "blocked", "member", SECURE)


@pytest.mark.parametrize(
    ("visit", "words"),
    [
        (seen(status=400), "the home page answered 400"),
        (seen(status=None), "the home page answered nothing"),
        (seen(status=399), None),
        (seen(final_url="https://acme.example/login"), None),
        (seen(signed_in=True), None),
        (seen(signed_in=True, final_url="https://acme.example/login"), "led to the login"),
        (seen(looked=False), "did not keep still"),
    ],
)
def test_a_page_counts_where_it_is_the_page_itself(visit, words):
    found = judged(visit)
    assert found.status is (Status.UNKNOWN if words else Status.PASS)
    assert (words or "") in (found.reason or "")


def test_where_no_login_is_known_none_is_mistaken_for_it_and_where_no_page_is_none_passes():
    own = seen(signed_in=True, final_url="https://acme.example")
    assert mixed.mixed_content(OpenedPages((own,), {})).status is Status.PASS
    assert mixed.mixed_content(OpenedPages((), {})).status is Status.UNKNOWN
    many = judged(*(seen(f"p{n}") for n in range(9)))
    assert "p6 and 2 more load" in many.summary


# --- a real browser ---------------------------------------------------------------------------------------------------

UPGRADE = (("Content-Security-Policy", "upgrade-insecure-requests"),)
META = '<meta http-equiv=content-security-policy content="upgrade-insecure-requests">'
PLAIN_FORM = f"<p>Hello<form action={BARE}x method=post><input name=action></form>"
PAGES = {
    "clean": Reply(
        "<link rel=stylesheet href=/a.css><form action=/x method=post></form><a href=http://acme.example/>a</a>"
    ),
    "picture": Reply(f"<p>Hello<img src={BARE}a.png>"),
    "script": Reply(f"<p>Hello<script src={BARE}a.js></script>"),
    "later": Reply(f"<p>Hello<script>setTimeout(() => {{ new Image().src = '{BARE}late.png' }}, 300)</script>"),
    "form": Reply(PLAIN_FORM),
    "button": Reply(f"<p>Hello<form action=/x><button formaction={BARE}x>Go</button></form>"),
    "upgraded": Reply(f"{PLAIN_FORM}<img src={BARE}a.png>", headers=UPGRADE),
    "upgraded-by-meta": Reply(f"<head>{META}</head>{PLAIN_FORM}"),
    "hostile": Reply("<p>Hello<script>document.querySelectorAll = 1</script>"),
}
CLEAN = {"clean", "upgraded", "upgraded-by-meta"}


@pytest.mark.browser
async def test_a_real_browser_sees_what_goes_over_plain_http(tmp_path):
    ca = issue("Acme Test CA", ca=True)
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    tls = context(tmp_path, issue("acme.example", ca, names=("acme.example",)), ca)
    answer = lambda asked: PAGES.get(asked.path[1:], Reply("x", kind="text/plain"))  # noqa: E731 - as short as that
    async with serving(answer, context=tls) as secure, serving(answer) as plain:
        network = {"ca_file": "ca.pem", "connect_to": {"acme.example:80": f"127.0.0.1:{plain.port}"}}
        site = {"pages": {"login": "/clean", **{name: f"/{name}" for name in PAGES}}}
        async with client(secure.port, root=tmp_path, network=network, site=site, reach=("",)) as acme:
            member = signin.SignedIn("member", acme.network.session(), 0.1, (), f"{SECURE}clean")
            opened = await mixed.survey(acme, member)
            if isinstance(opened, Unavailable):
                pytest.skip(opened.reason)
            await member.session.close()
    status = {each.name: judged(each).status for each in opened.visits}
    assert {name for name in PAGES if status[name] is Status.PASS} == CLEAN
    assert {name for name in PAGES if status[name] is Status.FAIL} == set(PAGES) - CLEAN - {"hostile"}
    assert opened.scripts == ()


async def test_without_a_login_the_pages_of_members_are_left_out(monkeypatch):
    monkeypatch.setattr("launchready_lib.network.browser.find_chromium", lambda: None)
    no = Unavailable("no", "authorization.allow: [login]")
    async with client(site={"pages": {"login": "/login", "dashboard": "/dashboard"}}) as acme:
        found = mixed.mixed_content(await mixed.survey(acme, no))
    assert "Chromium" in found.needs
    async with client(authorization=None) as acme:
        assert "authorization" in mixed.mixed_content(await mixed.survey(acme, no)).needs
