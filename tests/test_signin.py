"""Signing in works as members do it, and whatever comes in between is neither a success nor a refusal."""

import pytest

from launchready_lib.evidence import Unavailable
from launchready_lib.network import browser
from launchready_lib.site import signin
from tests.login_site import EMAIL, JSON, PASSWORD, SCRIPTED, LoginSite, login_site
from tests.web_servers import Reply, client

pytestmark = pytest.mark.anyio

READ = "https://acme.example/api/me"


async def outcome(folder, habits=None, password=PASSWORD, **sections):
    async with login_site(folder, habits, **sections) as (acme, _):
        tried = await signin.attempt(acme, EMAIL, password)
        if tried.session is not None:
            await tried.session.close()
    return tried


async def test_a_form_is_filled_and_sent_and_its_session_reads_as_the_member(tmp_path):
    async with login_site(tmp_path) as (acme, site):
        member = await signin.sign_in(acme)
        assert (await member.session.request("GET", READ, verify=True)).text == '{"me": 1}'
        again = await acme.network.request("GET", READ, headers={"Cookie": member.cookie_header(READ)}, verify=True)
        assert again.status == 200
        assert any(line.startswith("session=") and "HttpOnly" in line for line in member.set_cookies)
        await member.session.close()
    sent = next(asked for asked in site.asked if asked.method == "POST")
    assert b"csrf=t1" in sent.body
    assert sent.headers["origin"] == "https://acme.example"


async def test_a_wrong_password_is_refused_and_the_words_do_not_hold_the_address(tmp_path):
    tried = await outcome(tmp_path, password="wrong")
    assert (tried.outcome, tried.status) == ("refused", 401)
    assert "E-mail or password is not right" in tried.said
    assert EMAIL not in tried.said


def always(status, **more):
    return lambda _asked: Reply("<p>x", status, **more)


OVERRIDES = {
    "limited": ({"/login": always(429)}, "limited"),
    "overloaded": ({"/login": always(503)}, "limited"),
    "broken": ({"/login": always(500)}, "error"),
    "a challenge": ({"/login": always(403, headers=(("cf-mitigated", "challenge"),))}, "unclear"),
    "no login page": ({"/login": always(404)}, "error"),
}


@pytest.mark.parametrize("case", OVERRIDES)
async def test_what_the_login_page_answers_is_told_apart(tmp_path, case):
    overrides, expected = OVERRIDES[case]
    assert (await outcome(tmp_path, LoginSite(overrides=overrides))).outcome == expected


@pytest.mark.parametrize(("status", "expected"), [(429, "limited"), (503, "limited"), (500, "error"), (200, "unclear")])
async def test_what_the_form_answers_is_told_apart(tmp_path, status, expected):
    site = LoginSite()

    def login(asked):
        return Reply("<p>Hm.", status) if asked.method == "POST" else Reply(site.login_page)

    site.overrides["/login"] = login
    assert (await outcome(tmp_path, site)).outcome == expected


async def test_without_core_reads_the_dashboard_tells_a_member_from_a_stranger(tmp_path):
    pages = {"pages": {"login": "/login", "dashboard": "/dashboard"}}
    assert (await outcome(tmp_path, site=pages)).outcome == "in"
    assert (await outcome(tmp_path, password="wrong", site=pages)).outcome == "refused"


async def test_a_core_read_that_is_open_to_all_proves_no_login(tmp_path):
    site = LoginSite(open_reads=True)
    assert (await outcome(tmp_path, site)).outcome == "in"
    assert (await outcome(tmp_path, site, "wrong")).outcome == "refused"


async def test_a_site_where_nothing_tells_a_member_from_a_stranger_is_unclear(tmp_path):
    site = LoginSite(open_reads=True, overrides={"/dashboard": lambda _: Reply("<h1>Same for all")})
    assert (await outcome(tmp_path, site)).outcome == "unclear"


@pytest.mark.parametrize("name", ["self", "values", ""])
async def test_a_field_with_an_awkward_name_breaks_nothing(tmp_path, name):
    form = f"<form method=post action=/login><input type=email name='{name}'><input type=password name=password></form>"
    assert (await outcome(tmp_path, LoginSite(login_page=form))).outcome == "refused"


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "needs"),
    [
        ({"authorization": None}, "authorization"),
        ({"authorization": {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"]}}, "[login]"),
        ({}, "accounts.member"),
        ({"accounts": {"member": {"email": EMAIL, "password": "${ACME_PASSWORD}"}}}, "variable ACME_PASSWORD"),
    ],
    ids=["nobody", "not this", "no account", "no password"],
)
async def test_what_is_missing_is_named(sections, needs):
    async with client(**sections) as acme:
        found = await signin.sign_in(acme)
    assert isinstance(found, Unavailable)
    assert not found.defect
    assert needs in found.needs


async def test_a_login_that_does_not_work_is_unavailable_without_the_password(tmp_path):
    async with login_site(tmp_path) as (acme, _):
        acme.environment = {"ACME_PASSWORD": "another-horse-78"}
        found = await signin.sign_in(acme)
    assert "refused" in found.reason
    assert "another-horse" not in found.reason + found.needs


async def test_a_site_that_is_down_or_untrusted_is_said_as_it_is(tmp_path):
    async with login_site(tmp_path) as (acme, _):
        port = acme.parameters.network.connect_to["acme.example:443"]
    async with client(
        network={"connect_to": {"acme.example:443": port}},
        accounts={"member": {"email": EMAIL, "password": "${P}"}},
    ) as gone:
        gone.environment = {"P": "x"}
        found = await signin.sign_in(gone)
    assert "did not answer" in found.reason
    async with login_site(tmp_path, network={"ca_file": None}) as (acme, site):
        found = await signin.sign_in(acme)
        assert "certificate is not trusted" in found.reason
        assert site.asked == [], "no credential goes to a host whose certificate is not trusted"


async def test_a_login_elsewhere_names_the_host_that_must_be_allowed(tmp_path):
    away = LoginSite(overrides={"/login": lambda _: Reply(status=302, headers=(("Location", "https://id.example/"),))})
    async with login_site(tmp_path, away) as (acme, _):
        found = await signin.sign_in(acme)
    assert found.needs == "authorization.hosts: [id.example]"


# --- cookies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "url", "sent"),
    [
        ("a=1", "https://acme.example/x", True),
        ("a=1", "https://app.acme.example/", False),
        ("a=1; Domain=acme.example", "https://app.acme.example/", True),
        ("a=1; Domain=acme.example", "https://evilacme.example/", False),
        ("a=1; Path=/api", "https://acme.example/api/me", True),
        ("a=1; Path=/api", "https://acme.example/apiary", False),
        ("a=1; Secure", "http://acme.example/", False),
    ],
    ids=["same host", "host only", "domain", "another domain", "path", "another path", "plain http"],
)
async def test_cookies_go_where_a_browser_would_send_them(tmp_path, line, url, sent):
    site = LoginSite(overrides={"/set": lambda _: Reply("x", headers=(("Set-Cookie", line),))})
    async with login_site(tmp_path, site) as (acme, _):
        session = acme.network.session()
        await session.request("GET", "https://acme.example/set", verify=True)
        member = signin.SignedIn("member", session, 0.1, (), "")
        assert (member.cookie_header(url) == "a=1") is sent
        await session.close()


# --- in a browser -----------------------------------------------------------------------------------------------------

needs_chromium = pytest.mark.skipif(browser.find_chromium() is None, reason="there is no Chromium")
STEPS = [
    {"goto": "/login"},
    {"fill": {"input[type=email]": "{email}", "input[type=password]": "{password}"}},
    {"click": "button"},
    {"expect": {"url": "**/dashboard", "text": "Welcome", "within_s": 5}},
]


@pytest.mark.browser
@needs_chromium
async def test_a_login_made_by_a_script_is_typed_into_a_browser_and_its_storage_kept(tmp_path):
    async with login_site(tmp_path, LoginSite(login_page=SCRIPTED)) as (acme, _):
        member = await signin.sign_in(acme)
        assert (await member.session.request("GET", READ, verify=True)).status == 200
        stored = member.storage_state()
        assert {item["name"] for origin in stored["origins"] for item in origin["localStorage"]} == {"token"}
        assert 0 < member.seconds < 10
        assert any(line.startswith("session=") for line in member.set_cookies)
        await member.session.close()
        tried = await signin.attempt(acme, EMAIL, "wrong")
        assert (tried.outcome, tried.status, tried.way) == ("refused", 401, "browser")
        assert "not right" in tried.said
        await tried.session.close()


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize(
    ("steps", "password", "expected"),
    [
        (STEPS, PASSWORD, "in"),
        (STEPS, "wrong", "refused"),
        ([*STEPS[:1], {"expect": {"text": "never there", "within_s": 0.3}}], PASSWORD, "unclear"),
    ],
    ids=["right", "wrong", "steps that send nothing"],
)
async def test_declared_steps_are_walked(tmp_path, steps, password, expected):
    tried = await outcome(tmp_path, None, password, flows={"login": steps})
    assert (tried.outcome, tried.way) == (expected, "browser")
    assert password not in (tried.error or "") + tried.said


@pytest.mark.browser
@needs_chromium
async def test_a_form_login_is_carried_into_a_browser(tmp_path):
    async with login_site(tmp_path) as (acme, _), acme.network.browser() as chromium:
        member = await signin.sign_in(acme)
        async with chromium.context(storage_state=member.storage_state()) as context:
            page = await context.new_page()
            await page.goto("https://acme.example/dashboard")
            assert await page.inner_text("h1") == "Welcome"
        await member.session.close()


@pytest.mark.world
@pytest.mark.parametrize("role", ["member", "admin"])
async def test_harbor_clubs_accounts_sign_in(harbor, role):
    found = await signin.sign_in(harbor, role)
    assert isinstance(found, signin.SignedIn), found
    reply = await found.session.request("GET", "https://harborclub.example/api/me", verify=True)
    assert reply.media_type == JSON
    assert reply.status == 200
    await found.session.close()
