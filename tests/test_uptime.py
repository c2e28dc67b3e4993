"""Down is a measured failure while our own network works, and unknown where it does not."""

import socket
from dataclasses import replace

import pytest

from launchready_lib.checks.observability import uptime
from launchready_lib.checks.observability.uptime import Endpoint, UptimeEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from tests.web_servers import Asked, Reply, client, resolver, serving

pytestmark = pytest.mark.anyio

BASE = "https://acme.example"


def at(path, status=200, body="<p>hello members</p>", state="ok", ended=None):
    code = status if state == "ok" else None
    pairs = (("content-type", "text/html"),)
    return Response("GET", f"{BASE}{ended or path}", state, code, pairs, body.encode(), error=None if code else state)


LOGIN = "<form><input type=password></form>"
RIGHT = {
    "home": Endpoint("home", "page", f"{BASE}/", at("/")),
    "login": Endpoint("login", "page", f"{BASE}/login", at("/login", body=LOGIN)),
    "dashboard": Endpoint("dashboard", "guarded", f"{BASE}/dashboard", at("/dashboard", body=LOGIN, ended="/login")),
    "billing webhook": Endpoint("billing webhook", "webhook", f"{BASE}/hook", at("/hook", 405)),
    "health": Endpoint("health", "health", f"{BASE}/healthz", at("/healthz", 204)),
}


def evidence(missing=(), control=None, **replaced):
    names = {name.replace("_", " "): response for name, response in replaced.items()}
    endpoints = (replace(e, response=names.get(name, e.response)) for name, e in RIGHT.items())
    return UptimeEvidence(tuple(endpoints), tuple(missing), control)


def test_everything_as_it_should_be_passes():
    found = uptime.now(evidence())
    assert found.status is Status.PASS
    assert len(found.evidence) == 5


@pytest.mark.parametrize(
    "replaced",
    [
        {"home": at("/", 503)},
        {"home": at("/", 404)},
        {"login": at("/login", 500)},
        {"billing_webhook": at("/hook", 404)},
        {"billing_webhook": at("/hook", 200)},
        {"billing_webhook": at("/hook", 302)},
        {"health": at("/healthz", 500)},
        {"dashboard": at("/dashboard", 200, "<h1>Welcome back, everybody</h1>")},
        {"dashboard": at("/dashboard", 500)},
        {"dashboard": at("/dashboard", 404)},
    ],
    ids=str,
)
def test_a_wrong_answer_fails_and_names_the_endpoint(replaced):
    found = uptime.now(evidence(**replaced))
    assert found.status is Status.FAIL
    assert next(iter(replaced)).replace("_", " ") in found.summary


@pytest.mark.parametrize("status", [401, 403])
def test_a_dashboard_that_refuses_strangers_is_guarded(status):
    assert uptime.now(evidence(dashboard=at("/dashboard", status))).status is Status.PASS


def test_an_app_that_decides_in_the_browser_is_unknown():
    shell = "<div id=root></div>"
    found = uptime.now(evidence(home=at("/", body=shell), dashboard=at("/dashboard", body=shell)))
    assert found.status is Status.UNKNOWN
    assert "browser" in found.needs


@pytest.mark.parametrize("state", ["refused", "timeout", "reset", "dns", "tls"])
def test_down_fails_while_our_own_network_works_and_is_unknown_where_it_does_not(state):
    down = {"home": at("/", state=state)}
    assert uptime.now(evidence(control=True, **down)).status is Status.FAIL
    assert uptime.now(evidence(control=False, **down)).status is Status.UNKNOWN


def test_a_host_that_may_not_be_asked_is_unknown():
    found = uptime.now(evidence(home=at("/", state="blocked"), control=True))
    assert found.status is Status.UNKNOWN
    assert found.needs == "authorization.hosts: [acme.example]"


def test_what_the_parameters_leave_out_is_unknown_by_name():
    found = uptime.now(evidence([Unavailable("not given", "webhooks.billing.url")]))
    assert (found.status, found.needs) == (Status.UNKNOWN, "webhooks.billing.url")


def _site(asked: Asked) -> Reply:
    return {
        "/": Reply("<h1>Acme</h1>"),
        "/login": Reply(LOGIN),
        "/dashboard": Reply(status=302, headers=(("Location", "/login?next=/dashboard"),)),
        "/hook": Reply('{"error": "POST only"}', 405),
        "/healthz": Reply('{"status": "ok"}'),
    }.get(asked.path, Reply("nothing", 404))


SECTIONS = {
    "site": {
        "canonical": "http://acme.example",
        "pages": {"login": "/login", "dashboard": "/dashboard"},
        "health": "/healthz",
    },
    "webhooks": {"billing": {"url": "/hook", "provider": "stripe"}},
}


async def test_a_real_site_that_is_up_passes(tmp_path):
    async with serving(_site) as site, client(site.port, root=tmp_path, **SECTIONS) as audited:
        found = uptime.now(await uptime.survey(audited))
    assert found.status is Status.PASS


async def test_a_stopped_server_fails_after_a_second_try(tmp_path, monkeypatch):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        async with resolver(". NS a.root.example.") as dns:
            port = held.getsockname()[1]
            async with client(port, root=tmp_path, network={"nameservers": [dns]}, **SECTIONS) as audited:
                ask, tries = audited.network.request, []
                monkeypatch.setattr(audited.network, "request", lambda *a, **k: tries.append(a[1]) or ask(*a, **k))
                down = uptime.now(await uptime.survey(audited))
                assert {url: tries.count(url) for url in tries} == dict.fromkeys(tries, 2)
                assert len(tries) == 10
                assert not audited.network.traffic.requests["acme.example"], "nothing left this machine"
    assert down.status is Status.FAIL
    assert "twice, while our own network works" in down.summary


async def test_without_our_own_network_everything_is_unknown(tmp_path):
    async with client(1, root=tmp_path, **SECTIONS) as audited:
        found = uptime.now(await uptime.survey(audited))
    assert found.status is Status.UNKNOWN
    assert "our own network" in found.reason


async def test_missing_parameters_are_named(tmp_path):
    async with (
        serving(_site) as site,
        client(site.port, root=tmp_path, site=SECTIONS["site"] | {"pages": {}}) as audited,
    ):
        found = uptime.now(await uptime.survey(audited))
    assert found.status is Status.UNKNOWN
    assert found.needs == "site.pages.login; site.pages.dashboard; webhooks.billing.url"


async def test_a_club_without_billing_needs_no_webhook(tmp_path):
    sections = {"site": SECTIONS["site"], "not_applicable": {"webhooks": "no billing before spring"}}
    async with serving(_site) as site, client(site.port, root=tmp_path, **sections) as audited:
        assert uptime.now(await uptime.survey(audited)).status is Status.PASS


@pytest.mark.parametrize(
    "replaced",
    [
        {"billing_webhook": at("/hook", 400)},
        {"health": at("/healthz", 299)},
        {"dashboard": at("/dashboard", body="<div id=app></div>", ended="/login")},
        {"dashboard": at("/dashboard", body=LOGIN, ended="/members")},
    ],
    ids=["an unsigned event refused", "any 2xx", "a login made by script", "a login at another address"],
)
def test_other_right_answers_pass(replaced):
    assert uptime.now(evidence(**replaced)).status is Status.PASS


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ({"health": at("/healthz", 300)}, "health answers 300"),
        ({"dashboard": at("/dashboard", 500)}, "dashboard answers 500"),
        ({"home": at("/", 201)}, "home answers 201"),
        (
            {"dashboard": at("/dashboard", body="<h1>Hi</h1>", ended="/")},
            "dashboard opens for a stranger, or leads elsewhere",
        ),
        ({"health": replace(at("/healthz", state="reset"), error=None)}, "health is down: reset, twice"),
        ({"health": replace(at("/healthz", state="reset"), error="cut off")}, "health is down: cut off, twice"),
    ],
)
def test_what_was_answered_is_said(replaced, words):
    found = uptime.now(evidence(control=True, **replaced))
    assert found.status is Status.FAIL
    assert words in found.summary
    assert len(found.evidence) == len(RIGHT)
