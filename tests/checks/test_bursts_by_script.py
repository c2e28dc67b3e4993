"""Forms that work by script alone: what a real browser was seen to send is sent again, within the same bounds."""

import json
from collections import Counter
from urllib.parse import parse_qs

import pytest

from launchready_lib.checks.secure_edge import bursts
from launchready_lib.network.browser import find_chromium
from launchready_lib.record.findings import Status
from launchready_lib.site import browser_forms
from tests.web_servers import Reply, client, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium"),
]

EMAIL, PASSWORD = "test-member@acme.example", "right-horse-battery"
APP = """<!doctype html><title>Acme</title><main id=root></main><script>
const login = location.pathname === '/login', signup = location.pathname === '/signup';
const secret = login || signup ? '<input type=password id=p>' : '';
document.getElementById('root').innerHTML = `<div><input type=email id=e>${secret}
  ${signup ? '<input id=n required>' : ''}<button id=b>Continue</button><p role=status></p></div>`;
async function go() {
  const sent = {email: e.value, password: login || signup ? p.value : undefined, name: signup ? n.value : undefined};
  const reply = await fetch('%(api)s' + location.pathname, {method: 'POST', body: JSON.stringify(sent),
    headers: {'Content-Type': 'application/json', 'X-Csrf': 'from-the-page'}});
  document.querySelector('[role=status]').textContent = reply.ok ? 'Welcome' : 'No';
}
b.onclick = go;
</script>"""  # the button alone sends: Enter does nothing here
JSON = "application/json"
PAGES = ("/login", "/signup", "/forgot")


class App:
    """A single-page app with an API; `answer(path, tries)` gives what the API answers instead."""

    def __init__(self, answer=lambda _path, _tries: None, *, page=APP, api="/api"):
        self.answer, self.page, self.api = answer, page, api
        self.tries, self.seen = Counter(), []

    def __call__(self, asked):
        if asked.path in PAGES and asked.method == "GET":
            return Reply(self.page % {"api": self.api}, headers=(("Set-Cookie", "visitor=7; Path=/"),))
        if not asked.path.startswith("/api"):
            return Reply("nothing", 404)
        self.tries[asked.path] += 1
        self.seen.append(asked)
        if told := self.answer(asked.path, self.tries[asked.path]):
            return told
        return Reply('{"error": "no"}', 401 if asked.path == "/api/login" else 422, kind=JSON)


async def survey(app, *, pages=PAGES, **sections):
    granted = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": ["rate_limit"]}
    site = {
        "canonical": "http://acme.example",
        "pages": {name: path for name, path in zip(("login", "signup", "reset"), PAGES, strict=True) if path in pages},
    }
    accounts = {"member": {"email": EMAIL, "password": "${PW}"}, "new_email": "audit+{n}@acme.example"}
    async with serving(app) as served:
        given = {"site": site, "accounts": accounts, "authorization": granted} | sections
        async with client(served.port, **given) as acme:
            acme.environment = {"PW": PASSWORD}
            return await bursts.survey(acme)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(browser_forms, "ENTER_S", 0.3)


async def test_an_app_without_limits_is_tried_a_dozen_times_each_and_fails():
    app = App()
    evidence = await survey(app)
    found = bursts.limited(evidence)
    assert [burst.target.rpartition("acme.example")[2] for burst in evidence.bursts] == [
        f"/api{path}" for path in PAGES
    ]
    assert (found.status, found.about) == (Status.FAIL, ("login", "signup", "reset"))
    assert app.tries == {"/api/login": 12, "/api/signup": 12, "/api/forgot": 12}


async def test_what_is_sent_again_is_what_the_page_sent_with_nothing_of_anybody_in_it():
    app = App()
    await survey(app)
    said = [(asked.path, json.loads(asked.body)) for asked in app.seen]
    assert all(body["email"].startswith("audit+burst-") for _, body in said)
    assert len({body["password"] for path, body in said if path == "/api/login"}) == 12
    assert {body["password"] for path, body in said if path == "/api/signup"} == {"x"}
    assert {asked.headers["x-csrf"] for asked in app.seen} == {"from-the-page"}
    assert {asked.headers["content-type"] for asked in app.seen} == {JSON}
    assert {asked.headers["cookie"] for asked in app.seen} == {"visitor=7"}
    assert EMAIL not in str(said)
    assert PASSWORD not in str(said)


@pytest.mark.parametrize("first", [1, 2, 5])
async def test_it_stops_at_the_first_limit(first):
    limit = Reply('{"error": "wait"}', 429, (("Retry-After", "30"),), kind=JSON)
    app = App(lambda _path, tries: limit if tries >= first else None)
    evidence = await survey(app)
    assert [len(burst.statuses) for burst in evidence.bursts] == [first] * 3
    assert {burst.retry_after_s for burst in evidence.bursts} == {30.0}
    assert app.tries == dict.fromkeys(("/api/login", "/api/signup", "/api/forgot"), first)


async def test_a_token_for_one_use_makes_it_unknown_and_is_no_limit():
    refused = Reply('{"error": "token used"}', 403, kind=JSON)
    app = App(lambda _path, tries: refused if tries > 1 else None)
    found = bursts.limited(await survey(app))
    assert found.status is Status.UNKNOWN
    assert "not taken again (403 after 401)" in found.reason
    assert app.tries["/api/login"] == 2


async def test_an_api_that_is_not_there_is_unknown():
    found = bursts.limited(await survey(App(lambda _path, _tries: Reply("no", 404))))
    assert found.status is Status.UNKNOWN
    assert "refused from the first try on (404)" in found.reason


async def test_a_login_at_somebody_elses_is_unknown_and_names_whose():
    app = App(api="http://auth.provider.example")
    found = bursts.limited(await survey(app, network={"connect_to": {"auth.provider.example:80": "127.0.0.1:9"}}))
    assert found.status is Status.UNKNOWN
    assert "auth.provider.example's own" in found.reason
    assert not app.tries


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<p>Sign in with your phone</p>", "nothing was sent"),
        ("<input type=email><input type=password><button>Continue</button>", "nothing was sent"),
    ],
    ids=["no place to type", "nothing happens"],
)
async def test_a_page_that_sends_nothing_is_unknown(page, words, monkeypatch):
    monkeypatch.setattr("launchready_lib.site.steps.STEP_S", 0.5)
    monkeypatch.setattr(browser_forms, "CLICK_S", 0.3)
    found = bursts.limited(await survey(App(page=page), pages=["/login"]))
    assert found.status is Status.UNKNOWN
    assert words in found.reason


async def test_a_page_that_is_busy_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(browser_forms, "LONGEST_S", 4.0)
    page = "<input type=email oninput='while (true) {}'><input type=password>"
    found = bursts.limited(await survey(App(page=page), pages=["/login"]))
    assert found.status is Status.UNKNOWN
    assert "busy with itself" in found.reason


async def test_declared_steps_lead_to_an_unusual_login():
    page = """<button id=open onclick="b.hidden = false">Members</button><div id=b hidden><input id=who><input id=word>
    <a href="#" onclick="go()">in</a></div><script>function go() {
    fetch('/api/login', {method: 'POST', body: new URLSearchParams({who: who.value, word: word.value})})}</script>"""
    app = App(page=page)
    steps = [
        {"goto": "/login"}, {"click": "#open"}, {"fill": {"#who": "{email}", "#word": "{password}"}}, {"click": "#b a"},
        {"expect": {"url": "**/dashboard"}},
    ]  # fmt: skip
    evidence = await survey(app, pages=["/login"], flows={"login": steps})
    assert evidence.bursts[0].statuses == (401,) * 12
    given = [parse_qs(asked.body.decode()) for asked in app.seen]
    assert len({form["word"][0] for form in given}) == 12
    assert {form["who"][0].partition("burst-")[0] for form in given} == {"audit+"}
