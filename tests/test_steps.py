"""Declared steps do in a real browser what they say, and name the step that failed and what was seen instead."""

import json
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response, browser
from launchready_lib.parameters.flows import Step
from launchready_lib.site import steps
from tests.login_site import JSON
from tests.web_servers import Asked, Reply, client, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.browser,
    pytest.mark.skipif(browser.find_chromium() is None, reason="there is no Chromium"),
]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@given(st.text(max_size=30), st.dictionaries(st.sampled_from(["email", "n", "job"]), st.text(max_size=5)))
def test_words_are_put_in_once_and_unknown_ones_stay(text, words):
    filled = steps.fill_words(text, words)
    assert steps.fill_words("{email}{zzz}", words) == words.get("email", "{email}") + "{zzz}"
    assert "{" in text or filled == text


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (b'{"job": 7}', "$.job", "7"),
        (b'{"data": [{"id": "x"}]}', "$.data.0.id", "x"),
        (b'"word"', "$.job", None),
        (b"{", "$.job", None),
        (b"[]", "$.0", None),
        (b"[1]", "$.x", None),
        (b"null", "$.a.b", None),
    ],
)
def test_a_value_is_found_in_json_by_its_path_or_said_to_be_missing(body, path, value):
    answer = Response("GET", "https://acme.example/", "ok", status=200, body=body)
    if value is not None:
        assert steps._at(answer, path) == value
    else:
        with pytest.raises(steps.StepFailedError, match="nothing at"):
            steps._at(answer, path)


# --- in a browser -----------------------------------------------------------------------------------------------------

PAGES = {
    "/": Reply("<title>Home</title><h1>Hello {not a word}</h1><a href=/next>On</a><p id=secret> token 12 </p>"),
    "/next": Reply("<h1>Next</h1><input id=name><button onclick=\"fetch('/said', {method: 'POST', body: name2()})\">Go"
                   "</button><script>const name2 = () => document.getElementById('name').value</script>"),
    "/missing": Reply("<h1>Nothing", status=404),
}  # fmt: skip


@pytest.fixture(scope="module")
async def opened():
    counts = {"job": 0}
    asked: list[Asked] = []

    def answer(request):
        asked.append(request)
        if request.path == "/job":
            counts["job"] += 1
            return Reply(json.dumps({"state": "done" if counts["job"] >= 3 else "running"}), kind=JSON)
        if request.path in ("/said", "/start"):
            return Reply(json.dumps({"job": {"id": 42}}), 202, kind=JSON)
        return PAGES.get(request.path, Reply("<h1>Page not found", 404))

    async with serving(answer) as site:
        by = {"acme.example:80": f"127.0.0.1:{site.port}"}
        pages = {"canonical": "http://acme.example"}
        async with client(site=pages, network={"connect_to": by}) as acme, acme.network.browser() as chromium:
            assert not isinstance(chromium, Unavailable), chromium
            yield acme, chromium, asked


@asynccontextmanager
async def walking(opened, **words):
    acme, chromium, asked = opened
    asked.clear()
    async with chromium.context() as context, acme.network.session() as session:
        yield steps.Walk(acme, await context.new_page(), session, dict(words))


async def walk(state, *given_steps):
    await steps.walk([Step.model_validate(step) for step in given_steps], state)
    return state


async def test_steps_lead_through_pages_and_words_are_filled_in(opened):
    async with walking(opened, name="Ann") as state:
        await walk(
            state,
            {"goto": "/"},
            {"expect": {"text": "Hello", "status": 200, "within_s": 5}},
            {"click": "text=On"},
            {"expect": {"url": "**/next", "status": [200]}},
            {"fill": {"#name": "{name} {unknown}"}},
            {"click": "button"},
        )
        await state.page.wait_for_timeout(100)
    assert [asked.body for asked in opened[2] if asked.path == "/said"] == [b"Ann {unknown}"]


async def test_a_request_saves_words_and_polls_until_the_job_is_done(opened):
    async with walking(opened) as state:
        await state.page.context.add_cookies([{"name": "a", "value": "1", "url": "http://acme.example/"}])
        await walk(
            state,
            {"request": {"method": "POST", "url": "/start", "json": {"to": ["{n}"]}, "headers": {"X-Mine": "1"}}},
            {"expect": {"status": [202], "text": "job"}},
            {"save": {"job": "$.job.id"}},
            {"wait_until": {"url": "/job?of={job}", "text": "done", "within_s": 5}},
        )
        assert state.words["job"] == "42"
    start, *polls = [asked for asked in opened[2] if asked.path in ("/start", "/job")]
    assert (start.headers["cookie"], start.headers["x-mine"]) == ("a=1", "1")
    assert {poll.target for poll in polls} == {"/job?of=42"}


async def test_text_of_a_page_is_saved_as_a_word(opened):
    async with walking(opened) as state:
        await walk(state, {"goto": "/"}, {"save": {"token": "#secret"}})
        assert state.words["token"] == "token 12"


FAILURES = {
    "a status": ([{"goto": "/missing"}, {"expect": {"status": [200]}}], r"step 2 \(expect\): status 404, expected 200"),
    "a text": ([{"goto": "/"}, {"expect": {"text": "Bye", "within_s": 0.2}}], r"step 2 \(expect\): .*Timeout"),
    "a url": ([{"goto": "/"}, {"expect": {"url": "**/x", "within_s": 0.2}}], r"step 2 \(expect\): .*Timeout"),
    "a text of an answer": (
        [{"request": {"url": "/start"}}, {"expect": {"text": "zzz"}}],
        r"step 2 \(expect\): the text is not in the answer",
    ),
    "a value": (
        [{"request": {"url": "/start"}}, {"save": {"x": "$.y"}}],
        r"step 2 \(save\): the answer has nothing at",
    ),
    "a job": (
        [{"wait_until": {"url": "/missing", "text": "done", "within_s": 0.3}}],
        r"step 1 \(wait_until\): the text did not appear within 0.3 s",
    ),
    "an element": ([{"goto": "/"}, {"click": "#zzz"}], r"step 2 \(click\): .*Timeout"),
    "a host out of scope": (
        [{"goto": "http://elsewhere.example/"}],
        r"step 1 \(goto\): .*elsewhere.example, which authorization.hosts does not name",
    ),
    "a request out of scope": (
        [{"request": {"url": "http://elsewhere.example/"}}],
        r"step 1 \(request\): .*not name it",
    ),
    "a selector that is none": ([{"goto": "/"}, {"click": ">>>("}], r"step 2 \(click\)"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_step_that_fails_is_named_with_what_was_seen(opened, monkeypatch, case):
    monkeypatch.setattr(steps, "STEP_S", 3.0 if "host" in case else 0.5)
    given_steps, words = FAILURES[case]
    async with walking(opened) as state:
        with pytest.raises(steps.StepFailedError, match=words) as failure:
            await walk(state, *given_steps)
    assert "\n" not in str(failure.value)


async def test_an_address_with_a_token_in_it_is_not_repeated(opened):
    async with walking(opened, link="http://acme.example:81/reset?token=t0k3n") as state:
        with pytest.raises(steps.StepFailedError) as failure:
            await walk(state, {"goto": "{link}"})
    assert "t0k3n" not in str(failure.value)


async def test_a_page_opened_after_a_request_is_what_is_looked_at(opened):
    async with walking(opened) as state:
        await walk(state, {"request": {"url": "/start"}}, {"goto": "/"}, {"expect": {"text": "Hello", "within_s": 5}})
