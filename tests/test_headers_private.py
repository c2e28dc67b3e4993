"""What a member sees is kept for nobody else, and a Permissions-Policy does what it is there for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import headers
from launchready_lib.checks.secure_edge.headers.cookies import shared_by
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, View
from launchready_lib.checks.secure_edge.headers.isolation import permissions, read
from launchready_lib.checks.secure_edge.headers.plain import disclosed
from launchready_lib.network import Response
from launchready_lib.record.findings import Status

PAGE = "https://acme.example/dashboard"
GOOD = "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=Lax"


class Login:
    def __init__(self, *lines):
        self.set_cookies = lines


def view(*sent, signed_in=True, status=200):
    pairs = (("content-type", "text/html"), *sent)
    return View("dashboard", PAGE, Response("GET", PAGE, "ok", status, pairs, b"<html></html>"), signed_in=signed_in)


def control(value, *more):
    return view(("cache-control", value), *more)


SHARED = {
    "public for a while": control("public, max-age=60"),
    "public": control("public"),
    "an age alone": control("max-age=600"),
    "for shared caches": control("s-maxage=30, max-age=0"),
    "on two lines": view(("cache-control", "max-age=60"), ("cache-control", "must-revalidate")),
    "a hit at Cloudflare": control("private", ("cf-cache-status", "HIT")),
    "a hit elsewhere": view(("x-cache", "Hit from cloudfront")),
}
APART = {
    "private": control("private, max-age=60"),
    "no-store": control("no-store"),
    "asked again each time": control("no-cache"),
    "nothing said": view(),
    "no time": control("max-age=0, must-revalidate"),
    "not for shared caches": control("max-age=60, s-maxage=0"),
    "one for each session": control("public, max-age=60", ("vary", "Accept-Encoding, Cookie")),
    "a miss": control("no-store", ("x-cache", "MISS from edge")),
    "words within others": control('no-store, x-public="max-age=9"'),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_members_page_that_caches_may_give_to_others_fails(name):
    assert shared_by(SHARED[name])
    found = headers.cookies(Login(GOOD), HeadersEvidence((SHARED[name],)))
    assert (found.status, found.about) == (Status.FAIL, ("dashboard shared",))
    assert "private, no-store" in found.fix


@pytest.mark.parametrize("name", APART)
def test_a_members_page_that_is_kept_for_nobody_else_passes(name):
    assert not shared_by(APART[name])
    found = headers.cookies(Login(GOOD), HeadersEvidence((APART[name],)))
    assert found.status is Status.PASS
    assert any(row.get("means") == "kept for nobody else" for row in found.evidence)


def test_a_core_read_counts_as_a_page_does():
    answer = Response(
        "GET", PAGE, "ok", 200, (("content-type", "application/json"), ("cache-control", "public")), b"{}"
    )
    read = View("profile", "https://acme.example/api/me", answer, signed_in=True)
    found = headers.cookies(Login(GOOD), HeadersEvidence((APART["private"],), reads=(read,)))
    assert (found.status, found.about) == (Status.FAIL, ("profile shared",))


def test_pages_for_everybody_may_be_kept():
    found = headers.cookies(Login(GOOD), HeadersEvidence((view(("cache-control", "public"), signed_in=False),)))
    assert found.status is Status.PASS


def test_a_shared_page_fails_also_where_the_session_is_kept_elsewhere():
    assert headers.cookies(Login(), HeadersEvidence((SHARED["public"],))).status is Status.FAIL
    assert headers.cookies(Login(), HeadersEvidence((APART["private"],))).status is Status.UNKNOWN


@given(st.text(max_size=200), st.text(max_size=80))
def test_no_header_breaks_the_judge(cache_control, vary):
    assert isinstance(shared_by(control(cache_control, ("vary", vary))), str)


# --- Permissions-Policy -----------------------------------------------------------------------------------------------

POLICIES = {
    "camera=(), geolocation=(self), payment=(self \"https://pay.example\")": (True, "keep to it"),
    "camera=self": (True, "keep to it"),
    "fullscreen=*, camera=()": (True, "keep to it"),
    "camera=();report-to=x , usb=()": (True, "keep to it"),
    "": (True, "keep to it"),
    "camera=*": (False, "every frame may use: camera"),
    "microphone=(self *), geolocation=*": (False, "microphone, geolocation"),
    "camera 'none'; microphone 'none'": (False, "cannot read it"),
    "camera=(), ": (False, "cannot read it"),
    "Camera=()": (False, "cannot read it"),
    "camera=(self": (False, "cannot read it"),
    "camera=(); microphone=()": (False, "cannot read it"),
    "camera=(\"https://a\u00e9.example\")": (False, "cannot read it"),
}  # fmt: skip


@pytest.mark.parametrize("sent", POLICIES)
def test_a_permissions_policy_is_read_as_browsers_read_it(sent):
    good, words = POLICIES[sent]
    word = permissions(view(("permissions-policy", sent)))
    assert (word.good, words in word.means) == (good, True), word.means


def test_none_is_no_fault_and_a_broken_one_fails():
    opener = ("cross-origin-opener-policy", "same-origin")
    assert headers.isolation(HeadersEvidence((view(opener),))).status is Status.PASS
    found = headers.isolation(HeadersEvidence((view(opener, ("permissions-policy", "camera 'none'")),)))
    assert found.status is Status.FAIL
    assert "Permissions-Policy" in found.summary
    assert "camera=()" in found.fix


@given(st.text(alphabet="abc=*(),;\"\\ self'-?019é", max_size=60))
def test_any_policy_is_read_or_not(text):
    found = read((text,))
    assert found is None or all(name.isascii() for name in found)


def test_a_policy_made_to_take_long_does_not():
    assert read(("camera=(" + "a " * 3_900,)) is None
    assert read(("a=" + '"' + "\\\\" * 3_900,)) is None
    assert read(("a=()," * 10_000,)) is None


# --- disclosure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "tells"),
    [
        ("x-generator", "Drupal 10 (https://www.drupal.org)", True),
        ("x-powered-by", "Phusion Passenger(R) 6.0.4", True),
        ("x-powered-by", "Express", False),
        ("x-powered-by", "Next.js", False),
        ("server", "Apache", False),
        ("server", "ATS/9", True),
    ],
)
def test_a_version_is_told_however_it_is_written(name, value, tells):
    assert bool(disclosed(view((name, value)))) is tells
