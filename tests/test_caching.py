"""Files with a fingerprint may be kept for long, text is compressed; what cannot be told is unknown."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.checks.reduce_drag import caching
from launchready_lib.checks.reduce_drag.caching import Asset, StaticEvidence, is_fingerprinted, kept_for
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from tests.web_servers import Asked, Reply, client, serving

pytestmark = pytest.mark.anyio

LONG = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/static/app.3f9a1c77be.js", True),
        ("/assets/index-BxYz12ab.js", True),
        ("/assets/index-DiwrgTda.css", True),
        ("/_next/static/chunks/main.js", True),
        ("/app.js?v=3f9a1c77", True),
        ("/static/main.8d2f3a4b.chunk.css", True),
        ("/js/app.bundle.js", False),
        ("/css/bootstrap.min.css", False),
        ("/js/jquery-3.6.0.min.js", False),
        ("/img/hero-large.png", False),
        ("/app.js?v=2", False),
        ("/fonts/inter-regular.woff2", False),
        ("/js/dashboard-members.js", False),
        ("/css/my-font-awesome5.css", False),
        ("/js/app-dashboardMembers.js", False),
    ],
)
def test_a_fingerprint_is_told_from_a_name(path, expected):
    assert is_fingerprinted(f"https://acme.example{path}") is expected


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_address_has_a_fingerprint_or_not(text):
    assert is_fingerprinted(f"https://acme.example/{text.replace('[', '')}") in (True, False)


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        (LONG, 31_536_000),
        ("max-age=600", 600),
        ("immutable", float("inf")),
        ("no-store, max-age=31536000", 0),
        ("no-cache", 0),
        ("", 0),
        ("s-maxage=31536000", 0),
    ],
)
def test_how_long_a_copy_may_be_used(control, seconds):
    answer = Response("GET", "https://acme.example/a", "ok", 200, (("cache-control", control),))
    assert kept_for(answer) == seconds


def asset(control=LONG, encoding="gzip", name="app.3f9a1c77be.js", size=5_000, state="ok", kind="text/javascript"):
    url = f"https://acme.example/{name}"
    pairs = (("content-type", kind), ("cache-control", control), ("content-encoding", encoding))
    answer = Response("GET", url, state, 200 if state == "ok" else None, pairs, b"x" * size, error="no answer")
    return Asset(url, "script", "home", answer, is_fingerprinted(url))


def judged(*assets, pages=("home",)):
    return caching.static(StaticEvidence(tuple(assets), pages))


def test_kept_for_long_and_compressed_passes():
    assert judged(asset(), asset(name="logo.3f9a1c77be.png", kind="image/png", encoding="")).status is Status.PASS


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (asset(control="no-cache"), "30 days"),
        (asset(control="max-age=3600"), "30 days"),
        (asset(encoding=""), "uncompressed"),
        (asset(encoding="", name="plain.css", kind="text/css"), "uncompressed"),
    ],
    ids=["no-cache", "an hour", "uncompressed", "plain name uncompressed"],
)
def test_each_fault_fails_and_names_the_file(bad, word):
    found = judged(asset(), bad)
    assert found.status is Status.FAIL
    assert word in found.summary
    assert bad.url.rsplit("/", 1)[1] in found.summary


def test_a_small_text_file_need_not_be_compressed():
    assert judged(asset(encoding="", size=300)).status is Status.PASS


def test_no_fingerprint_anywhere_is_unknown_and_never_a_pass():
    assert judged(asset(name="app.js")).status is Status.UNKNOWN
    assert judged().status is Status.UNKNOWN
    assert judged(pages=()).status is Status.UNKNOWN


def test_a_file_that_could_not_be_read_is_unknown():
    assert judged(asset(), asset(state="timeout", name="b.3f9a1c77be.js")).status is Status.UNKNOWN


PAGE = (
    "<link rel=stylesheet href=/s/site.0a1b2c3d4e.css><script src=/s/app.3f9a1c77be.js></script>"
    "<img src=https://elsewhere.example/x.png><script src=https://cdn.elsewhere.example/l.js></script>"
)


def _site(control, *, packed):
    def answer(asked: Asked) -> Reply:
        if asked.path == "/":
            return Reply(PAGE)
        if not asked.path.startswith("/s/"):
            return Reply("nothing", 404)
        kind = "text/css" if asked.path.endswith("css") else "text/javascript"
        text = b"a { color: red } " * 500
        packs = packed and "gzip" in asked.headers["accept-encoding"]
        headers = (("Cache-Control", control), *([("Content-Encoding", "gzip")] if packs else []))
        return Reply(gzip.compress(text) if packs else text, headers=headers, kind=kind)

    return answer


@pytest.mark.parametrize(
    ("control", "packed", "status"),
    [(LONG, True, Status.PASS), ("no-cache", True, Status.FAIL), (LONG, False, Status.FAIL)],
    ids=["right", "not kept", "not compressed"],
)
async def test_a_real_sites_own_files_are_followed_and_no_others(control, packed, status, tmp_path):
    site = {"canonical": "http://acme.example"}
    async with (
        serving(_site(control, packed=packed)) as served,
        client(served.port, root=tmp_path, site=site) as audited,
    ):
        evidence = await caching.survey(audited)
        assert sorted(a.url.rsplit("/", 1)[1] for a in evidence.assets) == ["app.3f9a1c77be.js", "site.0a1b2c3d4e.css"]
        assert caching.static(evidence).status is status
        assert set(audited.network.traffic.requests) == {"acme.example"}
