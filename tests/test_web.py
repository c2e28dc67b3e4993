"""What every web check stands on: addresses from the parameters, pages read within bounds, reasons for the unseen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.evidence import Unavailable
from launchready_lib.names.hosts import public_hosts
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from launchready_lib.site import markup, web
from launchready_lib.wording import brief
from tests.growth import stays_linear
from tests.web_servers import client, resolver

pytestmark = pytest.mark.anyio

PAGE = "https://acme.example/p/"


def test_addresses_come_from_the_parameters_or_the_domain():
    plain = client()
    assert web.origin(plain) == "https://acme.example"
    assert web.address(plain, "/login?a=1") == "https://acme.example/login?a=1"
    assert web.address(plain, "https://api.acme.example/x") == "https://api.acme.example/x"
    app = {"host": "app.acme.example", "expect": "app"}
    given_one = client(site={"canonical": "https://www.acme.example", "subdomains": {"a": app}})
    assert public_hosts(given_one.parameters) == ("acme.example", "www.acme.example", "app.acme.example")
    assert web.is_declared(given_one, "www.acme.example")
    assert not web.is_declared(given_one, "acme.example")


@pytest.mark.parametrize(
    ("state", "status", "error", "headers", "needs"),
    [
        ("blocked", None, "not named", (), "authorization.hosts: [acme.example]"),
        ("dns", None, "no address", (), "an address for acme.example in DNS"),
        ("timeout", None, "no answer", (), web.AGAIN),
        ("ok", 302, "not followed", (("location", "https://other.example/"),), "authorization.hosts: [other.example]"),
        ("ok", 403, None, (("cf-mitigated", "challenge"),), "network.headers with a token that the edge lets pass"),
    ],
)
def test_what_could_not_be_seen_says_what_would_help(state, status, error, headers, needs):
    answer = Response("GET", PAGE, state, status, headers, error=error)
    assert web.why_unseen(PAGE, answer).needs == needs


@pytest.mark.parametrize("status", [200, 401, 404, 500, 302])
def test_any_answer_of_the_sites_own_can_be_judged(status):
    assert web.why_unseen(PAGE, Response("GET", PAGE, "ok", status)) is None


def test_several_reasons_become_one_unknown():
    found = web.unseen([Unavailable("a", "x"), Unavailable("b", "x")])
    assert (found.status, found.reason, found.needs) == (Status.UNKNOWN, "a; b", "x")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://www.acme.co.uk/", "https://acme.co.uk/", True),
        ("https://a.acme.example/", "https://acme.example/", True),
        ("https://one.github.io/", "https://two.github.io/", False),
        ("https://acme.example/", "https://acme.example.evil.example/", False),
    ],
)
def test_a_site_is_a_registrable_name(one, other, same):
    assert web.same_site(one, other) is same


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "a"], "a and b"),
        (list("abcdef"), "a, b, c and 3 more"),
    ],
)
def test_names_are_listed_as_in_a_sentence(items, text):
    assert brief(items) == text


async def test_an_absent_name_is_told_from_silence():
    async with resolver("a.acme.example. A 192.0.2.1") as dns, client(network={"nameservers": [dns]}) as audited:
        assert await web.is_absent(audited, "b.acme.example")
        assert not await web.is_absent(audited, "a.acme.example")
    async with client(network={"timeout_s": 0.4}) as deaf:
        assert not await web.is_absent(deaf, "b.acme.example")


def test_a_page_is_read_for_what_it_loads_and_says():
    page = markup.read(
        "<!doctype html><title>A &amp; b</title><base href='/x/'><script src=a.js integrity=z crossorigin></script>"
        "<link rel='preload stylesheet' as=style href=//cdn.example/b.css><link rel=icon href=i.svg><img src=c.png>"
        "<img src='data:image/png;base64,xx'><meta http-equiv=' X-CSP ' content=y><meta name=referrer content=no>"
        "<p>Hello <b>you</b><pre>quoted</pre><script>var hidden</script><input type=PASSWORD>",
        PAGE,
    )
    assert page.title == "A & b"
    assert [(r.kind, r.url) for r in page.resources] == [
        ("script", "https://acme.example/x/a.js"),
        ("style", "https://cdn.example/b.css"),
        ("image", "https://acme.example/x/i.svg"),
        ("image", "https://acme.example/x/c.png"),
    ]
    assert (page.resources[0].integrity, page.resources[0].crossorigin) == ("z", "")
    assert page.equivalents == (("x-csp", "y"),)
    assert page.referrer == ("no",)
    assert (page.text, page.quoted, page.has_password) == ("Hello you", "quoted", True)


def test_what_follows_a_large_inline_state_is_read_too():
    page = markup.read(f"<script>var s = '{'x' * 200_000}'</script><script src=/late.js></script>", PAGE)
    assert [r.url for r in page.resources] == ["https://acme.example/late.js"]


HOSTILE = (
    "<",
    "<!--",
    "<a ",
    "</",
    "<![if x]>",
    "<?",
    "&",
    " b=c",
    "<!DOCTYPE [",
    "<![CDATA[",
    "<title>&#x",
    "<script>",
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_markup_is_read_in_bounded_time(unit):
    assert stays_linear(lambda text: markup.read(text, PAGE), unit * (250_000 // len(unit)))


@settings(deadline=None)
@given(st.text(alphabet="<>!-/&;=\"' abscript\x00[]?", max_size=200))
def test_any_text_is_read_as_a_page(text):
    assert isinstance(markup.read(text, PAGE), markup.Markup)
