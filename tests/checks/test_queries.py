"""queries.slow: over 100 ms on average or 300 ms at worst fails, for statements known to serve login or dashboard."""

import json

import pytest

from launchready_lib.checks.quick_audit import queries
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources.logbook import Statement
from tests import web_servers

pytestmark = pytest.mark.anyio


def parameters(**more):
    pages = {"login": "/login", "dashboard": "/dashboard"}
    reads = {"dashboard": "/api/dashboard", "profile": "/api/me"}
    site = {"canonical": "https://acme.example", "pages": pages, "core_reads": reads}
    return load({"name": "Acme", "domain": "acme.example", "release": "1", "site": site} | more)


def evidence(*statements, routes=None, **more):
    return queries.gathered("queries.log", statements, parameters(**more), routes=routes or {})


LOGIN = Statement("select id from members where email = ?", 3.0, route="POST /login")


def dashboard(*times, text="select * from events where member = ?", route="/dashboard"):
    return [Statement(text, ms, route=route) for ms in times]


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ([5, 7, 9], Status.PASS),
        ([100, 100], Status.PASS),
        ([300, 1, 1, 1], Status.PASS),
        ([120, 90], Status.FAIL),
        ([301, 1, 1, 1, 1, 1], Status.FAIL),
    ],
)
def test_the_average_and_the_worst_decide(times, status):
    assert queries.slow(evidence(LOGIN, *dashboard(*times))).status is status


def test_a_slow_query_is_named_with_its_times():
    verdict = queries.slow(evidence(LOGIN, *dashboard(400, 200)))
    assert verdict.evidence[0] == {
        "page": "dashboard",
        "statement": "select * from events where member = ?",
        "calls": 2,
        "average_ms": 300.0,
        "worst_ms": 400.0,
        "known_by": "route",
    }
    assert "400 ms" in verdict.summary


@pytest.mark.parametrize(
    ("route", "page"),
    [
        ("/dashboard", "dashboard"),
        ("GET /dashboard/", "dashboard"),
        ("https://acme.example/api/dashboard?x=1", "dashboard"),
        ("/dashboard/stats", "dashboard"),
        ("dashboard#index", "dashboard"),
        ("POST /login", "login"),
        ("sessions#create", "login"),
        ("/auth/sign-in", "login"),
        ("/admin/dashboard", None),
        ("/api/me", None),
        ("/events", None),
        ("", None),
    ],
)
def test_a_route_tells_the_page(route, page):
    found = {time.page for time in evidence(Statement("select ?", 1.0, route=route)).times}
    assert found == ({page} if page else set())


def test_a_request_id_tells_the_page_where_the_log_has_no_route():
    found = evidence(Statement("select ?", 1.0, request_id="r1"), routes={"r1": "/dashboard"})
    assert [(time.page, time.by) for time in found.times] == [("dashboard", "request id")]


def test_patterns_and_fingerprints_of_the_parameters_tell_the_page():
    asked = {"dashboard": ["select .* from events"], "login": ["SELECT id FROM members WHERE email = 'x'"]}
    found = evidence(
        Statement("select * from events where member = ?", 400.0),
        Statement("select id from members where email = ?", 2.0),
        Statement("select ? from other", 900.0),
        queries=asked,
    )
    assert {(time.page, time.by) for time in found.times} == {
        ("dashboard", "client.queries"),
        ("login", "client.queries"),
    }
    assert queries.slow(found).status is Status.FAIL


def test_a_page_without_a_known_statement_is_unknown_unless_declared_to_have_none():
    verdict = queries.slow(evidence(*dashboard(5)))
    assert verdict.status is Status.UNKNOWN
    assert verdict.needs.startswith("queries.login")
    assert queries.slow(evidence(*dashboard(5), queries={"login": []})).status is Status.PASS
    assert queries.slow(evidence(*dashboard(500))).status is Status.FAIL


async def survey(tmp_path, text, **more):
    (tmp_path / "queries.log").write_text(text)
    client = web_servers.client(root=tmp_path, query_log="queries.log", **more)
    return await queries.survey(client)


async def test_a_log_file_is_read_whole(tmp_path):
    rows = [
        {"request_id": f"r{n}", "route": "/dashboard", "sql": f"select * from e where id = {n}", "ms": n}
        for n in range(9)
    ]
    rows += [{"request_id": "x", "sql": "select id from m", "ms": 1}]
    (tmp_path / "app.log").write_text('{"request_id":"x","method":"POST","path":"/login","status":302}\n')
    found = await survey(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), logs=["app.log"])
    assert [(time.page, time.calls, time.by) for time in found.times] == [
        ("dashboard", 9, "route"),
        ("login", 1, "request id"),
    ]
    assert queries.slow(found).status is Status.PASS
    assert len(found.frame()) == 2


@pytest.mark.parametrize("text", ["", "hello\n", '{"ms": 3}\n'])
async def test_a_log_without_statements_is_unknown(tmp_path, text):
    found = await survey(tmp_path, text)
    assert isinstance(found, Unavailable)
    assert "query_log" in queries.slow(found).needs


async def test_no_log_and_no_authorization_are_unknown(tmp_path):
    found = await queries.survey(web_servers.client(root=tmp_path))
    assert (queries.slow(found).status, found.needs) == (Status.UNKNOWN, "query_log")
    found = await queries.survey(web_servers.client(root=tmp_path, query_log="x", authorization=None))
    assert "authorization" in found.needs
