"""Redirect checks over a real server on loopback that plays good and bad hosts."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from audited import client_for
from dns_server import DOMAIN_ZONE, DnsServer, zone
from web_server import Reply, Request, html, json, redirect, web_server

from launchready_lib.checks.quick_audit import redirects
from launchready_lib.checks.quick_audit.redirects import RedirectEvidence, Walk
from launchready_lib.network import Response
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio
SITE = {
    "canonical": "https://acme.example",
    "subdomains": {
        "app": {"host": "app.acme.example", "expect": "app"},
        "api": {"host": "api.acme.example", "expect": "api"},
    },
}


def good(request: Request) -> Reply | None:
    """HTTP leads to HTTPS on the same host, www to the apex; path and query are kept."""
    if request.scheme == "http":
        return redirect(f"https://{request.host}{request.target}")
    if request.host == "www.acme.example":
        return redirect(f"https://acme.example{request.target}", 308)
    return json() if request.host == "api.acme.example" else html(status=404)


def but(condition, answer):
    """The good site, except where the condition holds."""
    return lambda request: answer(request) if condition(request) else good(request)


def http(host: str):
    return lambda request: (request.scheme, request.host) == ("http", host)


def https(host: str):
    return lambda request: (request.scheme, request.host) == ("https", host)


async def evidence_of(answer=good, *, close=(), **sections):
    async with DnsServer([zone("acme.example.", DOMAIN_ZONE)], recursive=True) as resolver, web_server(answer) as web:
        connect_to = web.connect_to("203.0.113.10")
        connect_to |= dict.fromkeys(close, "127.0.0.1:1")
        async with client_for(resolver.address, connect_to, **{"site": SITE, **sections}) as client:
            return await redirects.survey(client)


async def test_a_good_site_passes_both():
    evidence = await evidence_of()
    for check in (redirects.https, redirects.canonical):
        verdict = check(evidence)
        assert verdict.status is Status.PASS, verdict
    assert list(evidence.frame().columns) == ["asked", "status", "location", "detail"]


class TestHttps:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (but(http("www.acme.example"), lambda _: html()), "http://www.acme.example answers 200 in plain text"),
            (
                but(http("app.acme.example"), lambda r: redirect(f"https://app.acme.example{r.target}", 302)),
                "http://app.acme.example leads to HTTPS only for now (302, not 301 or 308)",
            ),
            (
                but(http("app.acme.example"), lambda r: redirect(f"http://acme.example{r.target}")),
                "http://app.acme.example leads to http://acme.example, which is neither",
            ),
            (
                but(http("app.acme.example"), lambda _: redirect("https://elsewhere.example/")),
                "http://app.acme.example leads to https://elsewhere.example",
            ),
            (but(http("app.acme.example"), lambda _: redirect("http://[")), "answers 301 in plain text"),
        ],
        ids=["served in plain text", "temporary", "to HTTP", "elsewhere", "unusable location"],
    )
    async def test_plain_http_that_does_not_lead_to_https_for_good_fails(self, answer, words):
        verdict = redirects.https(await evidence_of(answer))
        assert verdict.status is Status.FAIL
        assert words in verdict.summary

    async def test_a_redirect_to_the_canonical_host_passes(self):
        to_apex = but(lambda r: r.scheme == "http", lambda r: redirect(f"https://acme.example{r.target}"))
        assert redirects.https(await evidence_of(to_apex)).status is Status.PASS

    async def test_a_closed_port_80_fails_but_for_an_api(self):
        names = ("app.acme.example", "api.acme.example")
        verdict = redirects.https(await evidence_of(close=[f"{name}:80" for name in names]))
        assert verdict.status is Status.FAIL
        assert verdict.about == ("app.acme.example",)
        verdict = redirects.https(await evidence_of(close=["api.acme.example:80"]))
        assert verdict.status is Status.PASS

    async def test_a_site_that_is_down_is_unknown(self):
        evidence = await evidence_of(close=["203.0.113.10:80", "203.0.113.10:443"])
        assert redirects.https(evidence).status is Status.UNKNOWN
        assert redirects.canonical(evidence).status is Status.UNKNOWN

    async def test_a_host_out_of_scope_is_unknown_and_named(self):
        site = {"subdomains": {"x": {"host": "x.other.example", "expect": "app"}}}
        verdict = redirects.https(await evidence_of(site=site))
        assert verdict.status is Status.UNKNOWN
        assert "authorization.hosts: [x.other.example]" in verdict.needs

    async def test_a_challenge_is_unknown(self):
        limited = but(http("www.acme.example"), lambda _: html(status=429))
        assert redirects.https(await evidence_of(limited)).status is Status.UNKNOWN


def chain(*targets: str):
    """https://www redirects along these origins, one after the other."""
    hosts = ["www.acme.example", *targets]
    following = dict(itertools.pairwise(hosts))
    return but(
        lambda r: r.scheme == "https" and r.host in following,
        lambda r: redirect(f"https://{following[r.host]}{r.target}"),
    )


class TestCanonical:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (
                but(https("www.acme.example"), lambda _: html()),
                "https://www.acme.example ends on https://www.acme.example",
            ),
            (
                but(https("www.acme.example"), lambda _: redirect("https://acme.example/")),
                "loses the path or the query",
            ),
            (
                but(https("www.acme.example"), lambda r: redirect(f"https://acme.example{r.target}", 302)),
                "only for now (302, not 301 or 308)",
            ),
            (chain("app.acme.example", "api.acme.example", "acme.example"), "needs 3 redirects"),
            (
                but(https("acme.example"), lambda r: redirect(f"https://app.acme.example{r.target}")),
                "https://acme.example ends on https://app.acme.example instead of https://acme.example",
            ),
            (
                but(https("www.acme.example"), lambda r: redirect(f"https://other.example{r.target}")),
                "ends on https://other.example instead of https://acme.example",
            ),
            (
                but(https("www.acme.example"), lambda r: redirect(f"https://www.acme.example{r.target}")),
                "https://www.acme.example ends on https://www.acme.example instead",
            ),
        ],
        ids=["www serves itself", "path lost", "temporary", "too many", "canonical leads away", "elsewhere", "a loop"],
    )
    async def test_a_way_that_does_not_end_right_fails(self, answer, words):
        verdict = redirects.canonical(await evidence_of(answer))
        assert verdict.status is Status.FAIL
        assert words in verdict.summary

    async def test_without_a_declared_canonical_the_common_end_is_it(self):
        assert redirects.canonical(await evidence_of(site={})).status is Status.PASS
        split = but(https("www.acme.example"), lambda _: html())
        verdict = redirects.canonical(await evidence_of(split, site={}))
        assert verdict.status is Status.FAIL
        assert "end on different origins" in verdict.summary

    async def test_an_application_that_moves_the_visitor_on_its_own_origin_passes(self):
        moved = but(https("acme.example"), lambda _: redirect("/login", 302))
        assert redirects.canonical(await evidence_of(moved)).status is Status.PASS

    async def test_a_dead_end_after_a_redirect_fails_where_the_host_answers_otherwise(self):
        evidence = await evidence_of(close=["www.acme.example:443"])
        verdict = redirects.canonical(evidence)
        assert verdict.status is Status.FAIL
        assert "gives no answer" in verdict.summary

    async def test_without_authorization_it_is_unknown(self):
        assert redirects.canonical(await evidence_of(authorization=None)).status is Status.UNKNOWN


PATH = "/launch-check/deep?kept=yes&n=2"


def by_hand(**changes) -> RedirectEvidence:
    """The evidence of a good site, without any server."""

    def step(url: str, to: str | None = None) -> Response:
        return Response("GET", url, "ok", 301 if to else 200, (("location", to),) if to else ())

    def walk(*urls: str) -> Walk:
        steps = [step(a, b) for a, b in zip(urls, (*urls[1:], None), strict=True)]
        return Walk(urls[0], tuple(steps))

    end = f"https://acme.example{PATH}"
    www = f"https://www.acme.example{PATH}"
    evidence = RedirectEvidence(
        "acme.example",
        "https://acme.example",
        frozenset(),
        (step(f"http://acme.example{PATH}", end),),
        frozenset({"acme.example"}),
        (
            walk(f"http://acme.example{PATH}", end),
            walk(f"http://www.acme.example{PATH}", www, end),
            walk(end),
            walk(www, end),
        ),
    )
    return replace(evidence, **changes)


def test_evidence_made_by_hand_passes():
    assert redirects.https(by_hand()).status is Status.PASS
    assert redirects.canonical(by_hand()).status is Status.PASS


@pytest.mark.parametrize("state", ["reset", "protocol"])
def test_an_open_port_80_that_does_not_speak_http_fails(state):
    reply = Response("GET", f"http://acme.example{PATH}", state, error="nonsense")
    assert redirects.https(by_hand(plain=(reply,))).status is Status.FAIL
