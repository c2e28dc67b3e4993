"""What is said of headers and cookies, from answers by hand: the words, at every boundary."""

import json

import pytest

from launchready_lib.checks.secure_edge import headers
from launchready_lib.checks.secure_edge.headers.cookies import faults, parse, sessions, shared_by, stored
from launchready_lib.checks.secure_edge.headers.csp import LONGEST
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, Outside, Shared, View
from launchready_lib.checks.secure_edge.headers.foreign import held_by, is_open
from launchready_lib.checks.secure_edge.headers.isolation import (
    embedder,
    framers_of,
    opener,
    permissions,
    read,
    resource,
    token,
)
from launchready_lib.checks.secure_edge.headers.plain import SIX_MONTHS_S, disclosed, max_age, referrer_of, sniffing_of
from launchready_lib.evidence import Unavailable
from launchready_lib.names.zone_hosts import ZoneHosts
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from launchready_lib.site.markup import Resource

PAGE = "https://acme.example/"
CSP = "content-security-policy"
HSTS = "strict-transport-security"
SAFE = (CSP, "default-src 'self'; object-src 'none'; base-uri 'self'")


def view(*sent, name="home", body="<html></html>", status=200, state="ok", kind="text/html", signed_in=False):
    pairs = ((("content-type", kind),) if kind else ()) + sent
    answered = status if state == "ok" else None
    return View(name, PAGE, Response("GET", PAGE, state, answered, pairs, body.encode()), signed_in=signed_in)


SILENT = view(name="login", state="timeout")
PICTURE = view(name="logo", kind="image/png")


def of(*pages, **more):
    return HeadersEvidence(pages, **more)


# --- judged on every page ---------------------------------------------------------------------------------------------

NOSNIFF = ("x-content-type-options", "nosniff")


def test_pages_are_parted_into_good_and_bad_each_with_its_row():
    found = headers.sniffing(
        of(view(NOSNIFF), view(name="login"), PICTURE, view(("x-content-type-options", "x" * 500), name="a"))
    )
    assert found.status is Status.FAIL
    assert found.summary == "login and a: X-Content-Type-Options: nosniff is missing (browsers may guess a file's type)"
    assert found.about == ("login", "a")
    assert [row["page"] for row in found.evidence] == ["login", "a", "home"]
    assert [row["sent"] for row in found.evidence] == ["(absent)", "x" * 400, "nosniff"]
    assert headers.sniffing(of(view(NOSNIFF), PICTURE)).summary.startswith("home: browsers take files")


@pytest.mark.parametrize("judge", [headers.sniffing, headers.framing, headers.csp, headers.referrer])
def test_where_no_page_is_html_or_all_are_silent_it_is_unknown(judge):
    assert judge(of(PICTURE)).status is Status.UNKNOWN
    assert "did not answer" in judge(of(SILENT)).reason
    assert judge(of(view(kind=""), SILENT)).status is not Status.PASS


@pytest.mark.parametrize(
    ("value", "good"),
    [("nosniff", True), ("NoSniff", True), ("nosniff, x", True), ("x, nosniff", False), ("", False)],
)
def test_the_first_value_of_sniffing_counts(value, good):
    assert sniffing_of(view(("x-content-type-options", value))).good is good


@pytest.mark.parametrize(
    ("value", "age"),
    [
        ("max-age=5;", 5),
        (";; max-age=5", 5),
        ("max-age=5; a; b", 5),
        ("=x; max-age=5", 5),
        ("max-age=5; a; A", None),
        ("a, b; max-age=5", None),
        ("max-age=5, a", None),
        ("max-age=" + "9" * 15, 999_999_999_999_999),
        ("max-age=" + "9" * 16, None),
        ("max-age=5x", None),
    ],
)
def test_an_age_is_read_to_the_end_of_the_line(value, age):
    assert max_age(value) == age


HELD = {
    "six months": ((f"max-age={SIX_MONTHS_S}",), Status.PASS, "180 days"),
    "a second less": ((f"max-age={SIX_MONTHS_S - 1}",), Status.FAIL, "180 days"),
    "an hour": (("max-age=3600",), Status.FAIL, "0 days"),
    "two days": (("max-age=172800",), Status.FAIL, "2 days"),
    "none": ((), Status.FAIL, "a first visit may go over plain HTTP"),
    "unreadable": (("odd",), Status.FAIL, "browsers cannot read it"),
    "the first line counts": (("max-age=0", "max-age=99999999"), Status.FAIL, "0 days"),
    "the first line holds": (("max-age=99999999", "max-age=0"), Status.PASS, "1,157 days"),
}


@pytest.mark.parametrize("name", HELD)
def test_hsts_must_hold_for_six_months(name):
    lines, status, means = HELD[name]
    found = headers.hsts(of(hosts=(view(*((HSTS, line) for line in lines), name="acme.example"),)))
    assert (found.status, found.evidence[0]["means"]) == (status, means)
    assert found.evidence[0]["sent"] == (", ".join(lines) or "(absent)")
    if status is Status.FAIL:
        wanted = "does not hold for six months" if lines else "acme.example: no Strict-Transport-Security"
        assert wanted in found.summary


def test_hosts_after_a_silent_one_are_judged_and_the_silent_one_is_named():
    good, bad = view((HSTS, "max-age=99999999"), name="a.example"), view(name="b.example")
    weak = view((HSTS, "max-age=1"), name="c.example")
    assert "b.example" in headers.hsts(of(hosts=(SILENT, bad, good))).summary
    assert "did not answer" in headers.hsts(of(hosts=(SILENT, good))).reason
    assert "does not hold" in headers.hsts(of(hosts=(bad, weak))).summary
    assert headers.hsts(of(hosts=(good,), zone=ZoneHosts(cut=1))).status is Status.UNKNOWN
    assert headers.hsts(of()).status is Status.UNKNOWN


METAS = '<meta name="referrer" content="{}">'


@pytest.mark.parametrize(
    ("sent", "body", "good", "means"),
    [
        ((), "", True, "none is sent; browsers then keep to strict-origin-when-cross-origin"),
        (("",), "", True, "none is sent"),
        (("bogus",), "", False, "do not know this value"),
        (("same-origin, bogus",), "", True, "same-origin: other sites do not learn"),
        (("same-origin, unsafe-url",), "", False, "unsafe-url tells other sites more"),
        (("UNSAFE-URL", "No-Referrer"), "", True, "no-referrer: "),
        ((), METAS.format("always"), False, "unsafe-url tells"),
        ((), METAS.format(" Never "), True, "no-referrer: "),
        ((), METAS.format("bogus"), False, "do not know this value"),
        (("unsafe-url",), METAS.format("origin") + METAS.format("same-origin"), True, "same-origin: "),
        (("same-origin",), METAS.format("bogus"), True, "same-origin: "),
        (("bogus",), METAS.format("same-origin"), True, "same-origin: "),
    ],
)
def test_the_last_referrer_policy_that_browsers_know_counts_and_the_pages_own_comes_last(sent, body, good, means):
    word = referrer_of(view(*(("referrer-policy", value) for value in sent), body=f"<html>{body}</html>"))
    assert word.good is good
    assert means in word.means
    assert ("in the page: " in word.sent) is bool(body)


@pytest.mark.parametrize(
    ("name", "value", "tells"),
    [
        ("server", "Apache 2", False),
        ("x-powered-by", "PHP 8", True),
        ("server", " " * 299 + "nginx/1.2.3", False),
        ("server", "x" * 294 + " a/1.2", True),
        ("server", "x" * 298 + " a/1.2", False),
        ("date", "nginx/1.2.3", False),
    ],
)
def test_a_version_is_looked_for_where_software_names_itself(name, value, tells):
    assert bool(disclosed(view((name, value)))) is tells


def test_versions_are_told_of_pages_and_hosts_that_answer():
    told = ("server", "nginx/1.2.3")
    found = headers.disclosure(of(view(("server", "x")), SILENT, hosts=(view(told, name="api.example"),)))
    assert found.summary == "api.example: the software's version is told (server: nginx/1.2.3)"
    assert found.about == ("server",)
    silent_host = view(told, name="api.example", state="timeout")
    found = headers.disclosure(of(view(("server", "x")), hosts=(silent_host,)))
    assert found.status is Status.PASS
    assert found.evidence == ({"of": "home", "server": "x", "status": 200},)
    assert headers.disclosure(of(view())).evidence[0]["server"] == "(absent)"
    assert headers.disclosure(of(view(), SILENT)).status is Status.UNKNOWN
    assert headers.disclosure(of(SILENT)).status is Status.UNKNOWN
    long = headers.disclosure(of(view(("server", "nginx/1.2.3 " + "y" * 300))))
    assert len(long.evidence[0]["sent"]) == 200


# --- frames and windows of other sites --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "good", "means", "shown"),
    [
        ([(CSP, "frame-ancestors 'self' https://a.example")], True, "only those named may", "frame-ancestors 'self' "),
        ([(CSP, "frame-ancestors HTTPS:")], False, "any site may", "frame-ancestors HTTPS:"),
        ([(CSP, "frame-ancestors 'self' *")], False, "any site may", "frame-ancestors 'self' *"),
        (
            [(CSP, "frame-ancestors *"), (CSP, "frame-ancestors 'none'")],
            True,
            "only those",
            "*; frame-ancestors 'none'",
        ),
        (
            [(CSP, "default-src 'self'"), ("x-frame-options", "DENY")],
            True,
            "no other site may",
            "X-Frame-Options: DENY",
        ),
        ([("x-frame-options", "deny, SAMEORIGIN")], True, "no other site may", "deny, SAMEORIGIN"),
        ([("x-frame-options", "allow-from https://a.example")], False, "no browser reads ALLOW-FROM", "allow-from"),
        ([("x-frame-options", "deny, allow-from x")], False, "no browser reads ALLOW-FROM", "allow-from"),
        ([("x-frame-options", "bogus")], False, "do not know this value", "bogus"),
        ([("x-frame-options", "deny, bogus")], False, "do not know this value", "bogus"),
        ([], False, "any site may", ""),
    ],
)
def test_who_may_frame_a_page(sent, good, means, shown):
    word = framers_of(view(*sent))
    assert word.good is good
    assert means in word.means
    assert word.sent.endswith(shown) or shown in word.sent
    assert bool(word.sent) is bool(sent)


@pytest.mark.parametrize(
    ("name", "judge", "good", "bad"),
    [
        (
            "opener",
            opener,
            ("same-origin", "same-origin-allow-popups", "noopener-allow-popups; report-to=x"),
            ("unsafe-none", "bogus"),
        ),
        ("embedder", embedder, ("require-corp", "credentialless", "unsafe-none"), ("bogus", "")),
        ("resource", resource, ("same-origin", "same-site", " cross-origin "), ("bogus", "same-origin; x")),
    ],
)  # fmt: skip
def test_a_cross_origin_policy_is_one_that_browsers_know(name, judge, good, bad):
    for values, is_good in ((good, True), (bad, False)):
        for value in values:
            word = judge(view((f"cross-origin-{name}-policy", value)))
            assert (word.good, word.sent) == (is_good, value)
            assert ("do not know" in word.means) is (not is_good and value != "unsafe-none")
    assert judge(view()).good is (name != "opener")


def test_a_page_without_an_opener_policy_is_held_by_what_opened_it():
    for sent in ((), (("cross-origin-opener-policy", "unsafe-none"),)):
        assert opener(view(*sent)).means == "a window that opened the page keeps hold of it"


def test_a_token_is_read_up_to_a_thousand_characters():
    assert token(("a" * 2_000,)) == "a" * 1_000
    assert token(("a", "b")) is None


def test_a_permissions_policy_is_read_feature_by_feature():
    assert read(("camera=(self  \"https://a.example\"), usb", "geolocation=*")) == {
        "camera": ("self", '"https://a.example"'),
        "usb": ("?1",),
        "geolocation": ("*",),
    }  # fmt: skip
    assert read(("x=()," * 1_599 + "x=()",)) is not None
    assert read((f"{'x' * 8_000}",)) is not None
    assert read((f"{'x' * 8_001}",)) is None
    assert read(("camera=(),",)) is None
    many = permissions(view(("permissions-policy", "camera=*, microphone=*, bogus=*")))
    assert many.means == "every frame may use: camera, microphone"
    assert permissions(view()).means.startswith("none is sent")


def test_each_of_the_four_is_judged_and_a_page_not_seen_is_told_once():
    good = ("cross-origin-opener-policy", "same-origin")
    for name in ("embedder", "resource"):
        found = headers.isolation(of(view(good, (f"cross-origin-{name}-policy", "bogus"))))
        assert found.status is Status.FAIL
        assert f"Cross-Origin-{name.title()}-Policy is not valid" in found.summary
    found = headers.isolation(of(view(good), SILENT))
    assert found.status is Status.UNKNOWN
    assert found.reason.count("did not answer") == 1
    assert len(found.evidence) == 4
    assert {row["header"] for row in headers.isolation(of(view(good))).evidence} == {
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Embedder-Policy",
        "Cross-Origin-Resource-Policy",
        "Permissions-Policy",
    }


# --- cookies ----------------------------------------------------------------------------------------------------------


class Login:
    def __init__(self, *lines):
        self.set_cookies = lines


KEPT = "__Host-sid=v; Path=/; Secure; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a=b; Domain=.Acme.example; Path=/x; SECURE; httponly; samesite=NONE; Partitioned",
         "a=…; Domain=acme.example; Path=/x; Secure; HttpOnly; SameSite=None; Partitioned"),
        ("a=b; SameSite=", "a=…; SameSite="),
        ("a=b; Domain=; Path=", "a=…"),
        ("a=b", "a=…"),
        ("b", "=…"),
    ],
)  # fmt: skip
def test_a_cookie_is_shown_without_its_value(line, shown):
    assert parse(line).attributes == shown


@pytest.mark.parametrize(("line", "length"), [("a= bcd ;x", 3), ("bcd", 3), ("a=", 0)])
def test_only_the_length_of_a_value_is_kept(line, length):
    assert parse(line).length == length
    assert parse("=") is None
    assert parse(" ; Secure") is None


@pytest.mark.parametrize(
    ("attribute", "gone"),
    [
        ("Max-Age=0", True),
        ("Max-Age=-1", True),
        ("Max-Age=1", False),
        ("Max-Age=00", False),
        ("Max-Age=0x", False),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
        ("Expires=Thu, 01 Jan 2099 00:00:00 GMT", False),
        ("Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
    ],
)
def test_a_cookie_that_is_taken_away_is_told_from_one_that_stays(attribute, gone):
    assert parse(f"a=b; {attribute}").expired is gone


def test_a_later_cookie_of_one_name_and_place_replaces_the_earlier():
    lines = ["a=1; Path=/", "b=1", "a=22; Path=/", "=", "a=333; Path=/x", "c=1", "c=1; Max-Age=0"]
    assert [(c.name, c.path, c.length) for c in stored(lines)] == [("b", None, 1), ("a", "/", 2), ("a", "/x", 3)]


def test_a_name_that_tells_leaves_the_others_out():
    names = ["x", "csrf_session", "_ga_session", "sid", "auth_token"]
    assert [c.name for c in sessions(stored(f"{name}=1" for name in names))] == ["sid", "auth_token"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (KEPT, []),
        ("__Secure-sid=v; Secure; HttpOnly; SameSite=Strict", []),
        ("sid=v; Secure; HttpOnly; SameSite=Lax", []),
        ("__Host-sid=v; Secure; HttpOnly; SameSite=Lax", ["__Host- needs"]),
        ("__host-sid=v; Path=/; HttpOnly; SameSite=Lax", ["not Secure", "__Host- needs"]),
        ("__secure-sid=v; HttpOnly; SameSite=Lax", ["not Secure", "__Secure- needs"]),
        ("sid=v; Path=/x; Domain=a.example; SameSite=Lax", ["not Secure", "not HttpOnly"]),
        ("sid=v", ["not Secure", "not HttpOnly", "no SameSite"]),
        ("sid=v; Secure; HttpOnly; SameSite=None", ["SameSite=None"]),
        ("sid=v; Secure; HttpOnly; SameSite", ["its SameSite value is none"]),
    ],
)
def test_each_fault_of_a_session_cookie_is_told_alone(line, words):
    found = faults(parse(line))
    assert len(found) == len(words)
    assert all(text.startswith(word) for text, word in zip(found, words, strict=True))


def test_the_session_comes_first_and_only_what_is_open_is_named():
    found = headers.cookies(Login("theme=dark", "sid=1; Path=/; Secure", KEPT, "auth=2; Secure; HttpOnly"))
    assert found.status is Status.FAIL
    assert found.summary.startswith("the session cookie is open to others: sid: not HttpOnly")
    assert "; auth: no SameSite" in found.summary
    assert "__Host-sid:" not in found.summary
    assert found.fix == "Set-Cookie: __Host-sid=…; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert found.about == ("auth", "sid")
    assert [row["role"] for row in found.evidence] == ["session", "session", "session", "not the session"]
    assert [row["means"] for row in found.evidence][1] == "as it should be"
    assert headers.cookies(Login("__Secure-sid=1; Secure; HttpOnly")).fix.startswith("Set-Cookie: __Secure-sid=…")
    assert "1" not in json.dumps([found.summary, found.fix])


CONTROL = "cache-control"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ([("x-cache", "HIT")], "it came out of a cache (x-cache: HIT)"),
        ([("x-cache", "Hit " + "y" * 90)], f"it came out of a cache (x-cache: Hit {'y' * 56})"),
        ([("x-cache", "MISS"), ("x-cache-status", "hit")], "it came out of a cache (x-cache-status: hit)"),
        ([("x-cache", " " * 1_000 + "hit")], ""),
        ([("x-cache", "white")], ""),
        ([(CONTROL, "max-age=1")], "caches on the way may keep it for 1 s (Cache-Control: max-age=1)"),
        ([(CONTROL, "max-age=0, public")], "caches on the way may keep it (Cache-Control: max-age=0, public)"),
        ([(CONTROL, "S-MAXAGE=0, max-age=9")], ""),
        ([(CONTROL, "Private, max-age=9")], ""),
        ([(CONTROL, "max-age=9"), (CONTROL, "no-store")], ""),
        ([(CONTROL, "public"), ("vary", "Accept"), ("vary", "cookie")], ""),
        ([(CONTROL, "public"), ("vary", "X-Cookie-Kind")], "caches on the way may keep it (Cache-Control: public)"),
        ([(CONTROL, "public"), ("vary", "*")], ""),
        ([(CONTROL, "public"), ("vary", "Authorization")], ""),
        ([(CONTROL, "must-revalidate")], ""),
        ([(CONTROL, "public, " + "z" * 200)], f"caches on the way may keep it (Cache-Control: public, {'z' * 112})"),
        ([(CONTROL, "max-age=9, " + "z" * 200)], f"may keep it for 9 s (Cache-Control: max-age=9, {'z' * 109})"),
        ([(CONTROL, "z" * 993 + ", public")], ""),
        ([], ""),
    ],
)
def test_why_a_cache_may_give_an_answer_to_others(sent, why):
    found = shared_by(view(*sent))
    assert found.endswith(why)
    assert bool(found) is bool(why)


def test_what_a_member_sees_is_judged_where_a_member_saw_it():
    def pages(*views, **more):
        return headers.cookies(Login(KEPT), of(*views, **more))

    shared = view((CONTROL, "public"), name="a", signed_in=True)
    own = view((CONTROL, "private" + " " * 300), name="b", signed_in=True)
    found = pages(own, shared)
    assert found.summary == "what a member sees may reach others: a (signed in): " + shared_by(shared)
    assert [row["means"] for row in found.evidence[:2]] == ["kept for nobody else", shared_by(shared)]
    assert len(found.evidence[0]["cache_control"]) == 200
    many = pages(*(view((CONTROL, "public"), name=f"p{n}", signed_in=True) for n in range(6)))
    assert [f"p{n} (" in many.summary for n in range(6)] == [True] * 4 + [False] * 2
    assert len(many.about) == 6
    assert pages(view((CONTROL, "public"), name="a", signed_in=True, status=404), own).status is Status.PASS
    assert pages(view((CONTROL, "public"))).summary == "__Host-sid: Secure, HttpOnly and SameSite"
    bare = pages(view(signed_in=True))
    assert bare.evidence[-1]["cache_control"] == "(absent)"


# --- what other sites read and put in ---------------------------------------------------------------------------------

STRANGER = "https://stranger.example"


@pytest.mark.parametrize(
    ("allowed", "credentials", "opened"),
    [
        (f" {STRANGER} ", "true", True),
        (STRANGER, "True", False),
        (STRANGER, None, False),
        (None, "true", False),
        ("*", "true", False),
    ],
)
def test_an_answer_is_open_where_it_names_the_stranger_and_takes_credentials(allowed, credentials, opened):
    assert is_open(Shared(PAGE, STRANGER, allowed, credentials)) is opened


def test_only_the_open_answers_are_named_and_the_fix_names_the_own_origin():
    opened, closed = Shared(f"{PAGE}api", STRANGER, STRANGER, "true"), Shared(PAGE, STRANGER, None, None)
    found = headers.cors(of(shared=(closed, opened), canonical="https://acme.example"))
    assert found.summary.startswith(f"{PAGE}api: any site that a member visits")
    assert len(found.evidence) == 1
    assert "Access-Control-Allow-Origin: https://acme.example with" in found.fix
    assert "Access-Control-Allow-Origin: your own origin with" in headers.cors(of(shared=(opened,))).fix
    found = headers.cors(of(shared=(closed,)))
    assert found.status is Status.PASS
    assert found.evidence[0]["access_control_allow_origin"] == "(absent)"
    assert found.evidence[0]["access_control_allow_credentials"] == "(absent)"
    assert headers.cors(of(shared=(closed,), missing=(Unavailable("lost", "more"),))).reason == "lost"
    assert headers.cors(of()).status is Status.UNKNOWN


HASH = "sha384-" + "A" * 64


def outside(url="https://cdn.example/lib.js", integrity=None, crossorigin="", matched=None, kind="script"):
    return Outside(Resource(kind, url, integrity, crossorigin), ("home",), matched, "it did not answer")


@pytest.mark.parametrize(
    ("one", "named", "status", "means"),
    [
        (outside("http://cdn.example/a.js"), ("cdn.example",), Status.FAIL, "over plain HTTP"),
        (outside(integrity=HASH, crossorigin=None), (), Status.FAIL, "no crossorigin attribute"),
        (outside(integrity=HASH), (), Status.UNKNOWN, "could not be compared with its hash: it did not answer"),
        (outside(integrity=HASH, matched=False), (), Status.FAIL, "no longer has the hash"),
        (outside(integrity=HASH, matched=True), (), Status.PASS, "held by its hash"),
        (outside(integrity="odd"), ("cdn.example",), Status.FAIL, "holds no hash that browsers know"),
        (outside(integrity=""), ("CDN.example",), Status.PASS, "named in site.third_parties"),
        (outside(), ("b.example", "cdn.example"), Status.PASS, "named in site.third_parties"),
        (outside(), ("*.cdn.example",), Status.FAIL, "whoever runs that server"),
        (outside("https://a.cdn.example/x.js"), ("cdn.example",), Status.FAIL, "whoever runs that server"),
        (outside("https://a.cdn.example/x.js"), ("*.cdn.example",), Status.PASS, "named"),
        (outside("https://acdn.example/x.js"), ("*.cdn.example",), Status.FAIL, "whoever runs that server"),
        (outside("https://cdn.example/x@1.2.3.js"), ("cdn.example",), Status.FAIL, "a fixed version without"),
    ],
)
def test_how_an_outside_file_is_held(one, named, status, means):
    held = held_by(one, named)
    assert held.status is status
    assert means in held.means


def test_what_is_not_held_is_named_with_the_tag_that_would_hold_it():
    bare, style = outside(), outside("https://cdn.example/a.css", kind="style")
    good, lost = outside("https://cdn.example/b.js", integrity=HASH, matched=True), outside(integrity=HASH)
    found = headers.integrity(of(view(), outside=(good, bare, style, lost)))
    assert found.summary.startswith("home: https://cdn.example/lib.js and https://cdn.example/a.css: no integrity hash")
    assert '<script src="https://cdn.example/lib.js"' in found.fix
    assert [row["file"][-5:] for row in found.evidence] == ["ib.js", "a.css", "ib.js", "/b.js"]
    assert [row["integrity"] for row in found.evidence] == ["(absent)", "(absent)", HASH, HASH]
    assert '<link rel="stylesheet" href=' in headers.integrity(of(view(), outside=(style,))).fix
    found = headers.integrity(of(view(), outside=(lost, good)))
    assert (
        found.reason == "https://cdn.example/lib.js: its content could not be compared with its hash: it did not answer"
    )
    assert len(found.evidence) == 2
    assert "did not answer" in headers.integrity(of(view(), SILENT, outside=(good,))).reason
    found = headers.integrity(of(view(), outside=(good,)))
    assert (found.summary, len(found.evidence)) == (
        "every script and style from another site is held to what it was",
        1,
    )
    found = headers.integrity(of(view()))
    assert found.summary == "home: no script or style comes from another site"
    assert found.evidence[0]["from_other_sites"] == 0
    assert headers.integrity(of(SILENT)).status is Status.UNKNOWN
    assert headers.integrity(of()).status is Status.UNKNOWN


# --- content security policies ----------------------------------------------------------------------------------------

INLINE = (CSP, "script-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'")


def test_pages_of_one_policy_are_told_together():
    found = headers.csp(of(view(SAFE), view(SAFE, name="login"), PICTURE, view(INLINE, name="join")))
    assert found.summary.startswith("join: the Content-Security-Policy does not keep foreign script out: ")
    assert [row["pages"] for row in found.evidence] == ["join", "home and login"]
    assert found.evidence[1]["found"] == "nothing that lets foreign script in"
    assert headers.csp(of(view(SAFE), SILENT)).status is Status.UNKNOWN


def test_a_policy_in_the_page_itself_counts_and_none_is_told():
    body = f'<html><head><meta http-equiv="{CSP}" content="{SAFE[1]}"></head></html>'
    assert headers.csp(of(view(body=body))).status is Status.PASS
    assert headers.csp(of(view(body=body.replace(CSP, "refresh")))).status is Status.FAIL
    found = headers.csp(of(view()))
    assert found.summary == "home: no Content-Security-Policy"
    assert (found.evidence[0]["sent"], found.about) == ("(absent)", ("absent",))
    assert "any script runs" in found.evidence[0]["found"]
    assert "report_only" not in found.evidence[0]
    assert "name the third parties" in found.fix


def test_a_long_policy_is_cut_where_it_is_shown():
    long = f"{SAFE[1]}; img-src {'x' * 900}"
    row = headers.csp(of(view((CSP, long), (f"{CSP}-report-only", long)))).evidence[0]
    assert (len(row["sent"]), len(row["report_only"])) == (LONGEST, LONGEST)


def test_what_only_reports_is_promoted_where_it_is_tight_and_mended_where_not():
    reports = f"{CSP}-report-only"
    tight = headers.csp(of(view((reports, SAFE[1]))))
    assert tight.fix == f"Once its reports stay quiet, send it as Content-Security-Policy: {SAFE[1]}"
    assert "it would still let" not in tight.summary
    loose = headers.csp(of(view((reports, "script-src * 'unsafe-inline' 'unsafe-eval' data:"))))
    assert "in force it would still let foreign script in: " in loose.summary
    assert "unsafe-inline" not in loose.fix
    both = headers.csp(of(view(INLINE, (reports, SAFE[1]))))
    assert both.fix.startswith("The one that only reports is tight: once its reports stay quiet")
    neither = headers.csp(of(view(INLINE, (reports, INLINE[1]))))
    assert neither.fix.startswith("Send Content-Security-Policy: ")
    assert neither.about == tuple(sorted(neither.about))
