"""Latency samples follow their schedule, count from when a request was due, and stop before they hurt."""

import asyncio
import contextlib
import time

import pytest

from launchready_lib.network import Shot, timing
from tests import certificates
from tests.web_servers import Asked, Reply, listening, network, serving

pytestmark = pytest.mark.anyio

URL = "http://acme.example/read"


def shots(count, gap_s=0.0, **more):
    return [Shot(number * gap_s, URL, **more) for number in range(count)]


@contextlib.asynccontextmanager
async def firing(answer, **options):
    """A site on keep-alive connections, and the network that reaches it; counts connections and requests under way."""
    state = {"connections": 0, "now": 0, "most": 0, "asked": [], "begun": asyncio.Event()}

    async def handle(reader, writer):
        state["connections"] += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            state["begun"].set()
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = lines[0].split(" ")
            state["asked"].append(Asked(method, target, headers, body))
            reply = await answer(len(state["asked"]))
            state["now"] -= 1
            writer.write(reply.encode().replace(b"Connection: close\r\n", b""))
            await writer.drain()

    async with listening(handle) as port, network({"acme.example:80": f"127.0.0.1:{port}"}, **options) as net:
        yield net, state


def after(seconds, reply=None):
    async def answer(_number):
        await asyncio.sleep(seconds)
        return reply or Reply("x" * 500)

    return answer


async def test_every_phase_is_told_apart_and_a_connection_is_used_again():
    async with firing(after(0.03)) as (net, state):
        salvo = await net.fire(shots(3, 1.0), users=3)  # far apart: on a busy machine no second user must be needed
    first, *rest = salvo.timings
    assert (salvo.stopped, state["connections"]) == (None, 1)
    assert first.connect_ms > 0
    assert {each.connect_ms for each in rest} == {0}
    assert all(each.good and each.status == 200 and each.size == 500 for each in salvo.timings)
    assert all(30 <= each.first_byte_ms <= each.service_ms <= each.response_ms for each in salvo.timings)
    assert net.traffic.requests["acme.example"] == 3


async def test_more_users_open_more_connections_only_where_answers_take_long():
    async with firing(after(0.5)) as (net, state):
        await net.fire(shots(6), users=3)
        assert (state["most"], state["connections"]) == (3, 3)


async def test_a_stall_counts_for_everybody_who_was_due_meanwhile():
    async def stalls(number):
        await asyncio.sleep(2 if number == 1 else 0)
        return Reply("ok")

    async with firing(stalls) as (net, _):
        salvo = await net.fire(shots(10, 0.02), users=1)
    service, response = ([getattr(each, kind) for each in salvo.timings] for kind in ("service_ms", "response_ms"))
    assert sum(ms > 1000 for ms in service) == 1
    assert sum(ms > 1000 for ms in response) == 10


async def test_method_headers_body_and_cookies_travel_as_given():
    one = Shot(0, URL, method="POST", headers={"Cookie": "a=1", "Content-Type": "text/plain"}, body=b"hello")
    async with firing(after(0), headers={"X-Audit": "t"}) as (net, state):
        await net.fire([one, Shot(0.05, URL)], users=1)
    post, get = state["asked"]
    assert (post.method, post.body, post.headers["cookie"], post.headers["x-audit"]) == ("POST", b"hello", "a=1", "t")
    assert post.headers["user-agent"].startswith("launchready/")
    assert (get.method, get.body, get.headers.get("cookie")) == ("GET", b"", None)


def always(status):
    return after(0, Reply("no", status))


async def mixed(number):
    return Reply("x", 500 if number % 10 == 0 else 200)


@pytest.mark.parametrize(
    ("answer", "most", "words"),
    [
        (always(429), 1, "the site answered 429"),
        (always(503), 1, "the site answered 503"),
        (always(500), 5, "5 of 5 requests failed"),
        (mixed, 20, "2 of 20 requests failed"),
    ],
    ids=["limit", "overload", "dead", "a tenth"],
)
async def test_it_stops_before_it_hurts(answer, most, words):
    async with firing(answer) as (net, state):
        salvo = await net.fire(shots(60), users=1)
    assert salvo.stopped == words
    assert len(state["asked"]) == len(salvo.timings) == most


async def test_a_refusal_to_a_stranger_is_no_reason_to_stop():
    async with firing(always(401)) as (net, state):
        salvo = await net.fire(shots(30), users=2)
    assert (salvo.stopped, len(state["asked"])) == (None, 30)


async def test_it_stops_when_its_time_is_over():
    async with firing(after(0.1)) as (net, _):
        salvo = await net.fire(shots(50), users=1, within_s=1)
    assert salvo.stopped == "it took longer than 1 s"
    assert 1 <= len(salvo.timings) < 50


async def test_a_cancelled_stage_sends_nothing_more():
    async with firing(after(0)) as (net, state):
        task = asyncio.create_task(net.fire(shots(1000, 0.01), users=2))
        await state["begun"].wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.5)
        sent = len(state["asked"])
        await asyncio.sleep(0.1)
        assert len(state["asked"]) == sent


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://other.example/", "authorization.hosts does not name it"), ("http://acme.example:81/", "no address")],
    ids=["out of scope", "no address"],
)
async def test_what_may_not_or_cannot_be_reached_is_not_tried(url, words):
    async with network() as net:
        salvo = await net.fire([Shot(0, url)])
    assert salvo.timings == ()
    assert words in salvo.stopped


async def test_silence_ends_with_the_time_out_and_refusals_are_in_words():
    async with firing(after(30), timeout_s=0.3) as (net, _):
        (timed,) = (await net.fire(shots(1))).timings
    assert (timed.status, timed.good) == (0, False)
    assert "timed out" in timed.error
    async with network({"acme.example:80": "127.0.0.1:1"}) as net:
        (timed,) = (await net.fire(shots(1))).timings
    assert timed.error


async def test_an_address_that_is_no_ascii_is_an_error_of_its_request():
    async with firing(after(0)) as (net, _):
        salvo = await net.fire([Shot(0, "http://acme.example/é"), Shot(0.01, URL)])
    assert [timed.good for timed in salvo.timings] == [False, True]


async def test_certificates_are_verified_since_a_session_may_travel(tmp_path):
    authority, other = (certificates.issue(name, ca=True) for name in ("Test CA", "Other CA"))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    errors = {}
    for name, issuer in (("trusted", authority), ("untrusted", other)):
        leaf = certificates.issue("acme.example", issuer, names=["acme.example"])
        context = certificates.context(tmp_path, leaf, issuer)
        async with (
            serving(lambda _: Reply("ok"), context=context) as site,
            network({"acme.example:443": f"127.0.0.1:{site.port}"}, ca_file=tmp_path / "ca.pem") as net,
        ):
            (timed,) = (await net.fire([Shot(0, "https://acme.example/")])).timings
            errors[name] = timed.error
            assert len(site.asked) == (name == "trusted")
    assert errors["trusted"] is None
    assert "certificate" in errors["untrusted"].lower()


def test_the_probes_own_part_is_measured_against_a_stub_of_known_delay():
    started = time.perf_counter()
    floor = timing.floor_ms(samples=5)
    assert len(floor) == 5
    assert all(0 <= ms < 1000 * (time.perf_counter() - started) for ms in floor)


async def test_a_shot_without_a_connection_is_not_counted_as_sent():
    async with firing(after(0)) as (net, _):
        pass
    salvo = await net.fire(shots(5, 0.0), users=1)
    assert [each.sent for each in salvo.timings] == [False] * 5
    assert net.traffic.requests["acme.example"] == 0
