"""Nothing secret is sent to browsers; what is public by design is told apart, whatever carries it."""

import asyncio
import base64
import json
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import bundles
from launchready_lib.checks.secure_edge.bundles import reading, scanning
from launchready_lib.checks.secure_edge.bundles.evidence import BundlesEvidence, Received
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from launchready_lib.sources.credentials import Credential, Standing
from tests.checkouts import HEX, noise
from tests.test_credentials import ISSUED, jwt
from tests.web_servers import Reply, client, listening, resolver, serving

pytestmark = pytest.mark.anyio

FAR = 4_102_444_800
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

PUBLIC = {
    "supabase anon": f'createClient("https://x.supabase.co","{jwt({"role": "anon", "iss": "supabase", "exp": FAR})}")',
    "supabase publishable": f'const k="{ISSUED["supabase-publishable"]}"',
    "firebase": f'initializeApp({{apiKey:"{ISSUED["google-key"]}",authDomain:"acme.firebaseapp.com"}})',
    "google maps": f'<script src="https://maps.googleapis.com/maps/api/js?key={ISSUED["google-key"]}"></script>',
    "mapbox pk": f'mapboxgl.accessToken="{ISSUED["mapbox-public"]}"',
    "algolia search": f'algoliasearch("{noise(10, UPPER)}","{noise(32, HEX)}")',
    "algolia settings": f'{{algolia:{{appId:"{noise(10, UPPER)}",apiKey:"{noise(32, HEX)}"}}}}',
    "recaptcha": f'grecaptcha.execute("6L{noise(38)}")',
    "turnstile": f'<div class="cf-turnstile" data-sitekey="0x4AAAAAA{noise(15)}"></div>',
    "clerk pk": f'publishableKey:"pk_live_{base64.b64encode(b"clerk.acme.example$").decode()}"',
    "stripe pk": f'Stripe("{ISSUED["stripe-publishable"]}")',
    "stripe pk test": f'Stripe("pk_test_{noise(99)}")',
    "sentry dsn": f'Sentry.init({{dsn:"{ISSUED["sentry-dsn"]}"}})',
    "posthog": f'posthog.init("phc_{noise(43)}")',
    "google analytics": f'gtag("config","G-{noise(10, UPPER)}")',
}
"""The fifteen public-by-design keys, as pages and bundles carry them."""

SECRETS = {
    **{
        name: f'const k="{ISSUED[name]}"'
        for name in (
            "stripe-secret",
            "stripe-webhook",
            "supabase-secret",
            "resend-key",
            "discord-webhook",
            "twilio-key",
            "database-url",
            "paddle-key",
            "mapbox-secret",
            "aws-access-key",
            "github-token",
            "sendgrid-key",
            "slack-token",
            "slack-webhook",
            "openai-key",
            "anthropic-key",
            "mailgun-key",
            "google-oauth",
            "private-key",
        )
    },
    "supabase service_role": f'createClient("https://x.supabase.co","{ISSUED["jwt"]}")',
    "mongodb+srv": f'connect("mongodb+srv://app:{noise(20)}@cluster0.{noise(5)}.mongodb.net/app")',
    "twilio auth token": f'{{"VITE_TWILIO_AUTH_TOKEN":"{noise(32, HEX)}"}}',
    "aws secret key": f'{{secretAccessKey:"{noise(40)}"}}',
}
"""The twenty-three secrets that small apps leak."""


def found(text, **options):
    return list(scanning.scan(text, "app.js", **options))


def secret(text, **options):
    return [hit for hit in found(text, **options) if hit.standing is Standing.SECRET]


def test_the_cases_are_as_many_as_they_should_be():
    assert (len(PUBLIC), len(SECRETS)) == (15, 23)


@pytest.mark.parametrize("text", PUBLIC.values(), ids=PUBLIC)
def test_a_key_that_is_public_by_design_is_no_secret_and_gets_advice(text):
    assert secret(text) == []
    [*public] = [hit for hit in found(text) if hit.standing is Standing.PUBLIC]
    assert public
    assert all(hit.revoke for hit in public)


@pytest.mark.parametrize("way", [str, json.dumps], ids=["in a script", "as text in a script"])
@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_in_whatever_is_sent(text, way):
    assert secret(way(text))


def test_advice_names_the_restriction_and_not_the_rotation():
    [hit] = found(PUBLIC["firebase"])
    assert "referrers" in hit.revoke
    [hit] = found(PUBLIC["supabase anon"])
    assert "row-level security" in hit.revoke


NO_SECRETS = {
    "an error's name": 'ERROR_INVALID_PASSWORD:"auth/invalid-password-2024"',
    "a field's label": 'RESET_PASSWORD:"user.resetPassword.v22"',
    "a placeholder": 'DB_PASSWORD:"your-password-here-123"',
    "a reference": 'API_SECRET:"${API_SECRET_2024_X1}"',
    "an address": 'SIGNING_KEY:"https://acme.example/keys/2024/12"',
    "a documented example": 'k="sk_test_4eC39HqLyjWDarjtT1zdp7dc"',
    "a local database": f'u="postgres://app:{noise(20)}@localhost:5432/app"',
    "an expired token": jwt({"sub": "1", "exp": 1000}),
    "a payment's client secret": f'clientSecret:"pi_{noise(24)}_secret_{noise(25)}"',
    "a hash in a file name": f'"/assets/secret-{noise(8)}.js"',
}


@pytest.mark.parametrize("text", NO_SECRETS.values(), ids=NO_SECRETS)
def test_what_only_looks_like_a_secret_is_none(text):
    assert secret(text) == []


def test_a_visitors_own_fresh_token_is_no_leak_unless_it_has_privileges():
    now = int(time.time())
    own = f'window.session={{"token":"{jwt({"sub": "u1", "iat": now, "exp": now + 3600})}"}}'
    assert [hit.standing for hit in found(own, is_page=True)] == [Standing.POSSIBLE]
    assert len(secret(own)) == 1, "the same token in a script is sent to everybody"
    powerful = jwt({"role": "service_role", "iat": now, "exp": now + 3600})
    assert len(secret(powerful, is_page=True)) == 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3), st.integers(-40, 40))
def test_a_secret_is_found_once_wherever_pieces_are_cut(piece, shift):
    at = max(1, piece * scanning.PIECE + shift)
    text = "\n" + " " * (at - 1) + ISSUED["stripe-secret"] + "\n" + " " * 50
    [hit] = found(text)
    assert (hit.value, hit.line) == (ISSUED["stripe-secret"], 2)


HOSTILE = [
    "eyJ-",
    "-----BEGIN PRIVATE KEY-----\n",
    "algolia",
    "a:'",
    'A_SECRET="',
    "postgres://a:",
    "\\",
    "x" * 50 + "=",
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_hostile_text_is_given_up_on_in_time(unit):
    text = unit * (4_000_000 // len(unit))
    with suppress(TimeoutError):
        found(text, until=time.monotonic() + 1.0)


# --- source maps ------------------------------------------------------------------------------------------------------


def script(url="https://acme.example/a/app.js", **headers):
    return Response("GET", url, "ok", 200, tuple(headers.items()))


@pytest.mark.parametrize(
    ("answer", "text", "expected"),
    [
        (script(), "x\n//# sourceMappingURL=app.js.map", "https://acme.example/a/app.js.map"),
        (script(), "x\n//@ sourceMappingURL=/m/app.map\n", "https://acme.example/m/app.map"),
        (script(), "x\n/*# sourceMappingURL=app.map */", "https://acme.example/a/app.map"),
        (script(sourcemap="h.map"), "x", "https://acme.example/a/h.map"),
        (script(**{"x-sourcemap": "h.map"}), "x", "https://acme.example/a/h.map"),
        (script(), "//# sourceMappingURL=old.map\ny\n//# sourceMappingURL=new.map", "https://acme.example/a/new.map"),
        (script(), "x", ""),
        (script(), "//# sourceMappingURL=http://[", ""),
    ],
)
def test_a_script_or_its_headers_name_its_map(answer, text, expected):
    assert reading.map_address(answer, text) == expected


MAP = {"version": 3, "sources": ["src/pay.ts", "src/b.ts"], "sourcesContent": ["one", None], "mappings": ""}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (MAP, (("src/pay.ts", "one"),)),
        ({"version": 3, "sections": [{"offset": {}, "map": MAP}, 1, {"map": []}]}, (("src/pay.ts", "one"),)),
        ({"version": 3, "sources": ["a"]}, ()),
        ({"version": 3, "sources": 1, "sourcesContent": ["x", 2]}, (("source 1", "x"),)),
        ({"name": "no map"}, None),
        ([1], None),
    ],
    ids=["plain", "with sections", "names only", "without names", "other JSON", "a list"],
)
def test_sources_are_read_from_every_form_of_map(content, expected):
    assert reading.map_sources(json.dumps(content).encode()) == expected
    assert reading.map_sources(b")]}'\n" + json.dumps(content).encode()) == expected


@given(
    st.binary(max_size=300) | st.text(alphabet='{}[]":,0123456789abversionsourcesContent', max_size=300).map(str.encode)
)
def test_no_content_breaks_the_reader_of_maps(content):
    reading.map_sources(content)
    reading.inline_map("data:application/json;base64," + content.decode("latin-1"))


# --- a real site ------------------------------------------------------------------------------------------------------

KEY = ISSUED["stripe-secret"]
JS = "text/javascript"
SITE = {"canonical": "http://acme.example", "pages": {"home": "/", "login": "/login"}}
SHELL = Reply("<!doctype html><html><div id=root></div><script type=module src=/assets/app.js></script></html>")


def mapped(source, **more):
    return json.dumps(MAP | {"sourcesContent": [source]} | more)


LEAKS = {
    "inline state": {"/": Reply(f"<script>window.__STATE__ = {{key: '{KEY}'}}</script>")},
    "inline state, escaped": {
        "/": Reply(f'<div data-page="{{&quot;DB_PASSWORD&quot;:&quot;{noise(24)}&quot;}}"></div>')
    },
    "a script": {"/": SHELL, "/assets/app.js": Reply(f"k='{KEY}'", kind=JS)},
    "a script of the login page": {"/login": SHELL, "/assets/app.js": Reply(f"k='{KEY}'", kind=JS)},
    "a script loaded later": {
        "/": SHELL,
        "/assets/app.js": Reply('const p = () => import("./pay-1.js")', kind=JS),
        "/assets/pay-1.js": Reply('f(["assets/deep-2.js"])', kind=JS),
        "/assets/deep-2.js": Reply(f"k='{KEY}'", kind=JS),
    },
    "a source map": {
        "/": SHELL,
        "/assets/app.js": Reply("x\n//# sourceMappingURL=app.js.map", kind=JS),
        "/assets/app.js.map": Reply(mapped(f"const k = '{KEY}'"), kind="application/json"),
    },
    "a source map by header": {
        "/": SHELL,
        "/assets/app.js": Reply("x", kind=JS, headers=(("SourceMap", "/m/1"),)),
        "/m/1": Reply(mapped(f"const k = '{KEY}'"), kind="application/json"),
    },
    "a source map that nothing names": {
        "/": SHELL,
        "/assets/app.js": Reply("x", kind=JS),
        "/assets/app.js.map": Reply(mapped(f"const k = '{KEY}'"), kind="application/json"),
    },
    "a source map in the script": {
        "/": SHELL,
        "/assets/app.js": Reply(
            "x\n//# sourceMappingURL=data:application/json;base64,"
            + base64.b64encode(mapped(f"const k = '{KEY}'").encode()).decode(),
            kind=JS,
        ),
    },
}
BESIDE = Reply("<p>Hello")


async def survey(routes, tmp_path, *, missing=None, **sections):
    other = missing or Reply("<h1>Page not found</h1>", 404)
    routes = {"/": BESIDE, "/login": BESIDE} | routes
    async with resolver() as dns, serving(lambda asked: routes.get(asked.path, other)) as site:
        more = {"network": {"nameservers": [dns]}, "site": SITE, "reach": ("",)} | sections
        async with client(site.port, root=tmp_path, **more) as acme:
            return await bundles.survey(acme)


@pytest.mark.parametrize("missing", [None, SHELL], ids=["404 otherwise", "a page for everything else"])
@pytest.mark.parametrize("routes", LEAKS.values(), ids=LEAKS)
async def test_a_secret_is_found_wherever_browsers_get_it_and_never_kept(routes, missing, tmp_path):
    evidence = await survey(routes, tmp_path, missing=missing)
    verdict = bundles.no_secrets(evidence)
    assert verdict.status is Status.FAIL, verdict.summary
    assert "Rotate first" in verdict.fix
    assert KEY not in repr(evidence) + repr(verdict)
    assert noise(24) not in repr(evidence) + repr(verdict)


async def test_a_site_with_public_keys_alone_passes_and_lists_them_with_advice(tmp_path):
    text = ";\n".join(PUBLIC.values())
    evidence = await survey({"/": SHELL, "/assets/app.js": Reply(text, kind=JS)}, tmp_path)
    verdict = bundles.no_secrets(evidence)
    assert verdict.status is Status.PASS, verdict.summary
    told = {row["provider"] for row in verdict.evidence if row.get("advice")}
    assert {"Algolia", "Mapbox", "Sentry", "PostHog", "Google reCAPTCHA", "signed token"} <= told


async def test_a_test_mode_secret_key_fails_since_the_live_one_will_follow(tmp_path):
    routes = {"/": SHELL, "/assets/app.js": Reply(f"k='{ISSUED['stripe-test']}'", kind=JS)}
    assert bundles.no_secrets(await survey(routes, tmp_path)).status is Status.FAIL


async def test_a_value_recorded_as_rotated_passes(tmp_path):
    routes = {"/": SHELL, "/assets/app.js": Reply(f"k='{KEY}'", kind=JS)}
    first = await survey(routes, tmp_path)
    known = [{"fingerprint": first.credentials[0].fingerprint, "verdict": "rotated", "reason": "revoked", "by": "cto",
              "date": "2026-11-02"}]  # fmt: skip
    again = await survey(routes, tmp_path, repository={"known_secrets": known})
    assert bundles.no_secrets(again).status is Status.PASS


UNSEEN = {
    "a page that breaks": ({"/login": Reply("no", 500)}, "login page answered 500"),
    "a page for members": ({"/login": Reply(status=302, headers=(("Location", "/"),))}, "as members get it"),
    "a script from elsewhere": ({"/": Reply("<script src=http://cdn.acme.example/a.js></script>")}, "did not come"),
}


@pytest.mark.parametrize("case", UNSEEN)
async def test_what_could_not_be_read_is_unknown_and_named(case, tmp_path):
    routes, words = UNSEEN[case]
    sections = {"network": {"nameservers": ["127.0.0.1:9"], "timeout_s": 1}}
    verdict = bundles.no_secrets(await survey(routes, tmp_path, **sections))
    assert verdict.status is Status.UNKNOWN
    assert words in verdict.reason


async def test_a_script_of_a_host_that_does_not_exist_reaches_nobody(tmp_path):
    evidence = await survey({"/": Reply("<script src=https://cdn.gone.example/a.js></script>")}, tmp_path)
    assert bundles.no_secrets(evidence).status is Status.PASS
    assert any("does not exist" in each.note for each in evidence.received)


async def test_the_bounds_end_in_an_honest_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_FILES", 3)
    many = "".join(f"<script src=/{n}.js></script>" for n in range(9))
    routes = {"/": Reply(many)} | {f"/{n}.js": Reply("x", kind=JS) for n in range(9)}
    verdict = bundles.no_secrets(await survey(routes, tmp_path))
    assert verdict.status is Status.UNKNOWN
    assert "more than 3 scripts" in verdict.reason


async def test_an_endless_script_is_cut_and_said_to_be(tmp_path):
    async def endless(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"GET /assets/app.js " not in head:
            writer.write(SHELL.encode())
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nConnection: close\r\n\r\n")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

    network = {"max_body_mb": 0.5, "timeout_s": 2}
    async with listening(endless) as port:
        site = {"canonical": "http://acme.example", "pages": {"home": "/"}}
        async with client(port, root=tmp_path, reach=("",), site=site, network=network) as acme:
            evidence = await asyncio.wait_for(bundles.survey(acme), 30)
    verdict = bundles.no_secrets(evidence)
    assert verdict.status is Status.UNKNOWN
    assert "only the first 0.5 MB" in verdict.reason


def test_without_permission_it_is_unknown():
    assert bundles.no_secrets(Unavailable("no", "authorization")).status is Status.UNKNOWN


# --- what is said of it -----------------------------------------------------------------------------------------------

PAGE, SCRIPT = Received("page", "https://acme.example/", 1_500), Received("script", "https://acme.example/a.js", 90)


def credential(n=1, standing=Standing.SECRET, **more):
    given = {"provider": "Stripe", "what": "secret key", "revoke": f"roll it {n}", "places": (f"a{n}.js",)} | more
    return Credential(f"f{n}", "sk_…", given["provider"], given["what"], given["revoke"], standing, given["places"], 1)


@pytest.mark.parametrize(
    ("leaks", "words", "hours"),
    [
        ([credential()], "1 secret is sent to every browser: Stripe secret key in a1.js", 3),
        ([credential(1), credential(2)], "2 secrets are sent to every browser", 4),
        ([credential(n) for n in range(9)], "9 secrets are", 8),
        ([credential(standing=Standing.TEST)], "1 secret is", 3),
    ],
)
def test_each_secret_is_named_and_what_to_do_with_it(leaks, words, hours):
    public = credential(99, Standing.PUBLIC)
    found = bundles.no_secrets(BundlesEvidence((PAGE,), (*leaks, public)))
    assert found.status is Status.FAIL
    assert found.summary.startswith(words)
    assert found.effort_hours == hours
    assert [f"roll it {n}." in found.fix for n in range(8)] == [
        any(c.fingerprint == f"f{n}" for c in leaks) for n in range(8)
    ]
    assert "roll it 8" not in found.fix
    assert [row["standing"] for row in found.evidence] == [str(c.standing) for c in (*leaks, public)]


def test_forty_are_shown_and_all_are_counted():
    many = tuple(credential(n) for n in range(50))
    found = bundles.no_secrets(BundlesEvidence((PAGE,), many))
    assert (len(found.evidence), len(found.about)) == (40, 50)
    keys = tuple(credential(n, Standing.PUBLIC) for n in range(50))
    found = bundles.no_secrets(BundlesEvidence((PAGE, *[SCRIPT] * 50), keys))
    assert len(found.evidence) == 80


def test_a_pass_counts_what_came_and_the_keys_that_are_no_secret():
    empty, source = replace(SCRIPT, size=0), Received("source map", "https://acme.example/a.map", 5)
    one = replace(SCRIPT, size=1)
    found = bundles.no_secrets(BundlesEvidence((PAGE, one, empty, source), (credential(1, Standing.PUBLIC),)))
    assert found.summary == (
        "no secret in 1 pages, 1 scripts and 1 source maps sent to browsers; "
        "1 keys in them are no secret (listed, each with what limits it)"
    )
    assert found.evidence[1]["kilobytes"] == 1.5
    assert [row["sent_to"] for row in found.evidence[1:]] == ["anybody"] * 4
    assert "keys" not in bundles.no_secrets(BundlesEvidence((PAGE,))).summary
    assert replace(PAGE, signed_in=True).row()["sent_to"] == "member"


def test_without_a_page_nothing_is_said_to_be_clean():
    assert bundles.no_secrets(BundlesEvidence((replace(PAGE, size=0), SCRIPT))).reason == "no page was read"
    lost = Unavailable("it did not answer", "a second run")
    assert bundles.no_secrets(BundlesEvidence((PAGE,), missing=(lost,))).reason == lost.reason
    assert bundles.no_secrets(BundlesEvidence((), (credential(),))).status is Status.FAIL
    assert bundles.no_secrets(BundlesEvidence(())).status is Status.UNKNOWN
