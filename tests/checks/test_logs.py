"""logs.request_ids: lines of one request share an id, and the response carries it."""

import pytest

from launchready_lib.checks.observability import logs
from launchready_lib.checks.observability.logs import AnswerEvidence, LogEvidence, RequestIds
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from launchready_lib.sources.logbook import parse_line
from tests import web_servers
from tests.web_servers import Reply

pytestmark = pytest.mark.anyio

GOOD_LOG = LogEvidence(("app.log",), 100, 90, 90, 30, 30, ("json",))
GOOD_ANSWER = AnswerEvidence("https://acme.example/", 200, app_header="x-request-id")
GONE = Unavailable("https://acme.example/ did not answer (refused)", "a site that answers")
NO_LOG = Unavailable("no application log was given", "logs")


def log(with_id=90, ids=30, of_requests=90):
    return LogEvidence(("app.log",), 100, of_requests, with_id, ids, 3, ("json",), bare=(("GET /x", 5),))


def answer(**more):
    return AnswerEvidence("https://acme.example/", 200, **more)


@pytest.mark.parametrize(
    ("half", "other", "status", "says"),
    [
        (GOOD_LOG, GOOD_ANSWER, Status.PASS, "one of 30 ids"),
        (log(with_id=0, ids=0), GOOD_ANSWER, Status.FAIL, "No log line of requests carries a request id"),
        (log(with_id=85), GOOD_ANSWER, Status.FAIL, "5 of 90 log lines of requests carry no request id"),
        (log(ids=1), GOOD_ANSWER, Status.FAIL, "the same request id"),
        (log(of_requests=3, with_id=3, ids=3), GOOD_ANSWER, Status.UNKNOWN, "only 3 of 100"),
        (NO_LOG, GOOD_ANSWER, Status.UNKNOWN, "no application log"),
        (GOOD_LOG, GONE, Status.UNKNOWN, "did not answer"),
        (log(with_id=0, ids=0), GONE, Status.FAIL, "No log line"),
        (NO_LOG, answer(), Status.FAIL, "The response carries no request id"),
        (GOOD_LOG, answer(edge_header="cf-ray"), Status.UNKNOWN, "only the edge's own id (cf-ray)"),
        (
            GOOD_LOG,
            answer(edge_header="fly-request-id", in_log=True),
            Status.PASS,
            "fly-request-id, and the log has it",
        ),
        (
            log(of_requests=logs.FEWEST_REQUESTS, with_id=logs.FEWEST_REQUESTS),
            GOOD_ANSWER,
            Status.PASS,
            "one of 30 ids",
        ),
    ],
)
def test_each_half_counts(half, other, status, says):
    verdict = logs.request_ids(RequestIds(half, other))
    assert verdict.status is status
    assert says in verdict.summary


def test_a_log_that_does_not_show_the_id_is_not_said_to_have_it():
    assert "the log has it" not in logs.request_ids(RequestIds(GOOD_LOG, GOOD_ANSWER)).summary


def test_without_any_evidence_it_is_unknown():
    assert logs.request_ids(GONE).status is Status.UNKNOWN


def test_lines_are_counted_by_what_they_tell():
    lines = [
        "server started",
        *(f'{{"request_id":"req-{n:04}","method":"GET","path":"/x","status":200}}' for n in range(8)),
        '{"request_id":"req-0001","message":"query took long"}',
        '{"method":"GET","path":"/members/4711/ann@acme.example","status":500}',
    ]
    found = logs.summed_up(["app.log"], map(parse_line, lines))
    assert (found.lines, found.of_requests, found.with_id, found.ids, found.shared) == (11, 10, 9, 8, 1)
    assert found.bare == (("GET /members/…/…", 1),)


async def survey(reply, tmp_path, lines=(), **more):
    (tmp_path / "app.log").write_text("".join(f"{line}\n" for line in lines))
    site = {"canonical": "http://acme.example", "core_reads": {"dashboard": "/api/dashboard"}}
    async with (
        web_servers.serving(reply) as served,
        web_servers.client(served.port, root=tmp_path, site=site, logs=["app.log"], **more) as client,
    ):
        return await logs.survey(client), served


LINES = [f'{{"request_id":"request-{n:04}","method":"GET","path":"/","status":200}}' for n in range(9)]


async def test_the_id_of_this_very_response_is_looked_for_in_the_log(tmp_path):
    def reply(_):
        with (tmp_path / "app.log").open("a") as file:
            file.write('{"request_id":"very-this-one","path":"/","method":"GET"}\n')
        return Reply("hello", headers=(("X-Request-ID", "very-this-one"),))

    found, served = await survey(reply, tmp_path, LINES)
    assert found.answer == AnswerEvidence("http://acme.example/", 200, "x-request-id", "", in_log=True)
    assert len(served.asked) == 1
    assert logs.request_ids(found).status is Status.PASS


async def test_where_the_home_page_is_static_a_core_read_answers(tmp_path):
    def reply(asked):
        headers = (
            (("Request-Id", "from-the-app-1"),)
            if asked.path.startswith("/api")
            else (("CF-Ray", "8f0a1c779d2b4c1e-AMS"),)
        )
        return Reply("hello", headers=headers)

    found, _ = await survey(reply, tmp_path, LINES)
    assert found.answer.app_header == "request-id"
    assert logs.request_ids(found).status is Status.PASS


async def test_a_response_without_an_id_fails(tmp_path):
    found, _ = await survey(lambda _: Reply("hello"), tmp_path, LINES)
    verdict = logs.request_ids(found)
    assert verdict.status is Status.FAIL
    assert verdict.about == ("response header",)
    assert not found.frame().empty


async def test_a_site_that_is_down_leaves_that_half_unknown(tmp_path):
    (tmp_path / "app.log").write_text("\n".join(LINES))
    sections = {"site": {"canonical": "http://acme.example"}, "logs": ["app.log"]}
    async with web_servers.client(1, root=tmp_path, **sections) as client:
        found = await logs.survey(client)
    assert isinstance(found.log, LogEvidence)
    assert logs.request_ids(found).status is Status.UNKNOWN


async def test_no_address_no_log_and_no_authorization_name_what_is_missing(tmp_path):
    async with web_servers.client(root=tmp_path) as client:
        verdict = logs.request_ids(await logs.survey(client))
    assert (verdict.status, verdict.needs) == (Status.UNKNOWN, "logs; site.canonical")
    async with web_servers.client(root=tmp_path, logs=["gone.log"]) as client:
        assert "gone.log is not there" in logs.request_ids(await logs.survey(client)).reason
    async with web_servers.client(root=tmp_path, authorization=None) as client:
        assert "authorization" in logs.request_ids(await logs.survey(client)).needs
