"""Every file that the kit prints is right in its own syntax, and does in its own system what the plan asks."""

import json
import re

import hcl2
import pytest
from octodns.provider.yaml import YamlProvider
from octodns.zone import Zone
from runners import CHECKS, answered, evaluated, moved, syntax

from launchready_lib.checks.secure_edge.bursts import Burst, BurstEvidence, Honest
from launchready_lib.kit import guard_files, header_files, name_records
from launchready_lib.kit.header_files import HeaderPlan
from launchready_lib.kit.name_records import RedirectPlan
from launchready_lib.kit.quoting import render
from launchready_lib.kit.records import RecordSet, Removal, ZonePatch, octodns
from launchready_lib.kit.stacks import Facts

FACTS = Facts(
    "acme.example",
    "acme.example",
    ("acme.example", "www.acme.example", "app.acme.example"),
    edge="cloudflare",
    edge_networks=("203.0.113.0/24", "2001:db8::/32"),
)
SET = {
    "Strict-Transport-Security": "max-age=31536000",
    "Content-Security-Policy": "default-src 'self'; script-src 'self' https://acme.example/a%3Bb.js 'sha256-aGFz='",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PLAN = HeaderPlan(
    set=tuple(SET.items()),
    remove=("X-Powered-By", "X-Generator"),
    origins=("https://acme.example", "https://app.acme.example"),
    cookies=("acme_session",),
    notes=("mind \"this\", 'that' and ?> these: ${x} %{y} */",),
    fixes=("headers.csp", "headers.disclosure"),
)
MOVES = (
    ("http://acme.example", "https://acme.example"),
    ("http://www.acme.example", "https://acme.example"),
    ("https://www.acme.example", "https://acme.example"),
    ("http://app.acme.example", "https://app.acme.example"),
)
BROKEN = {
    "X-Powered-By": "PHP/8.1.2",
    "X-Generator": "Acme 1.2.3",
    "X-Frame-Options": "ALLOWALL",
    "Access-Control-Allow-Credentials": "true",
}
GUARDED = {"edge.rate_limit", "edge.origin_hidden", "tls.protocols"}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """All files for all systems, in one folder."""
    folder = tmp_path_factory.mktemp("kit")
    proxied = ZonePatch(
        "acme.example", "", (RecordSet("app.acme.example", "A", ("192.0.2.1",), proxied=True),), fixes=("edge.proxied",)
    )
    files = {
        **dict(header_files.files(FACTS, PLAN)),
        **dict(name_records.files(FACTS, RedirectPlan(MOVES, ("redirects.https",)))),
        **{each.name: each.text for each in guard_files.limits(FACTS, GUARDED)},
        **{each.name: each.text for each in guard_files.origin(FACTS, GUARDED)},
        **{each.name: each.text for each in guard_files.protocols(FACTS, GUARDED)},
        **{each.name: each.text for each in guard_files.proxied(FACTS, [proxied])},
        "cloudflare/zone.tf": render("cloudflare/zone.tf"),
        **{name: render(name, title="x", paths=["/backup.sql"], hosts="x")
           for name in ("cloudflare/private.tf", "private/nginx.conf", "private/Caddyfile")},
    }  # fmt: skip
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def own(pairs):
    return {name.lower(): value for name, value in pairs}


def test_every_file_of_a_language_is_read_by_its_own_program(printed):
    files = [file for file in printed.rglob("*") if file.suffix in CHECKS]
    assert {file.suffix for file in files} == set(CHECKS)
    for file in files:
        syntax(file)


@pytest.mark.parametrize("stack", ["express", "rails", "laravel", "django"])
@pytest.mark.parametrize("origin", [None, "https://app.acme.example", "https://stranger.example"])
def test_a_framework_answers_as_planned(stack, origin, printed):
    sent = BROKEN | ({"Access-Control-Allow-Origin": origin} if origin else {})
    found = answered(stack, printed, sent, origin)
    assert {name: found.get(name) for name in own(SET.items())} == own(SET.items())
    assert not {"x-powered-by", "x-generator"} & set(found)
    trusted = origin in PLAN.origins
    assert found.get("access-control-allow-origin") == (origin if trusted else None)
    assert found.get("access-control-allow-credentials") == ("true" if trusted else None)
    assert "Origin" in found["vary"]


@pytest.mark.parametrize("stack", ["express", "rails", "laravel", "django"])
@pytest.mark.parametrize(("start", "goal"), [*MOVES, ("https://acme.example", None), ("http://other.example", None)])
def test_a_framework_leads_on_with_path_and_query(stack, start, goal, printed):
    scheme, _, host = start.partition("://")
    wanted = (308, f"{goal}/deep/page?kept=yes&n=2") if goal else (200, None)
    assert tuple(moved(stack, printed, scheme, host, "/deep/page?kept=yes&n=2")) == wanted


def test_vercel_reads_headers_and_redirects(printed):
    rule = json.loads((printed / "headers/vercel.json").read_text())["headers"][0]
    assert rule["source"] == "/(.*)"
    assert {each["key"]: each["value"] for each in rule["headers"]} == SET
    (redirect,) = json.loads((printed / "redirects/vercel.json").read_text())["redirects"]
    assert redirect == {
        "source": "/:path*",
        "has": [{"type": "host", "value": "www.acme.example"}],
        "destination": "https://acme.example/:path*",
        "permanent": True,
    }


def test_netlify_reads_headers_and_redirects(printed):
    lines = [line for line in (printed / "headers/_headers").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "/*"
    assert dict(line.strip().split(": ", 1) for line in lines[1:]) == SET
    redirects = [line.split() for line in (printed / "redirects/_redirects").read_text().splitlines() if line[0] != "#"]
    assert redirects == [[f"{start}/*", f"{goal}/:splat", "301!"] for start, goal in MOVES]


def test_next_reads_headers_and_redirects(printed):
    file = printed / "headers/next.config.js"
    (rule,) = evaluated("it.headers()", file)
    assert rule["source"] == "/:path*"
    assert {each["key"]: each["value"] for each in rule["headers"]} == SET
    assert evaluated("it.poweredByHeader", file) is False
    found = evaluated("it.redirects()", printed / "redirects/next.config.js")
    hosts = [(f"{each['has'][1]['value']}://{each['has'][0]['value']}", each["destination"]) for each in found]
    assert hosts == [(start, f"{goal}/:path*") for start, goal in MOVES]
    assert all(each["permanent"] for each in found)


def test_django_settings_say_the_same_as_the_middleware(printed):
    space = {"MIDDLEWARE": ["other.Middleware"]}
    exec((printed / "headers/django_settings.py").read_text(), space)
    assert space["MIDDLEWARE"] == ["launchready_headers.LaunchHeaders", "other.Middleware"]
    assert space["X_FRAME_OPTIONS"] == SET["X-Frame-Options"]
    assert space["SECURE_REFERRER_POLICY"] == SET["Referrer-Policy"]
    assert space["SECURE_CROSS_ORIGIN_OPENER_POLICY"] == SET["Cross-Origin-Opener-Policy"]
    assert space["SECURE_HSTS_SECONDS"] == 31_536_000
    assert space["SECURE_CONTENT_TYPE_NOSNIFF"] is True
    assert (space["SESSION_COOKIE_SECURE"], space["SESSION_COOKIE_SAMESITE"]) == (True, "Lax")


def unquoted(value):
    """HCL values with strings as Python has them, whatever the reader left around them."""
    if isinstance(value, dict):
        return {unquoted(key): unquoted(item) for key, item in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


@pytest.fixture(scope="module")
def terraform(printed):
    """Every resource of the Terraform files: (type, name) -> body."""
    found = {}
    for file in printed.glob("cloudflare/*.tf"):
        with file.open() as text:
            for resource in hcl2.load(text).get("resource", []):
                for kind, named in unquoted(resource).items():
                    for name, body in named.items():
                        found[kind, name] = body
    return found


def test_terraform_sets_what_was_planned(terraform):
    setting = {name: body["value"] for (kind, name), body in terraform.items() if kind == "cloudflare_zone_setting"}
    assert setting["launchready_https"] == "on"
    assert setting["launchready_min_tls_version"] == "1.2"
    assert setting["launchready_hsts"]["strict_transport_security"]["max_age"] == 31_536_000
    record = terraform["cloudflare_dns_record", "launchready_app_acme_example_a_1"]
    assert (record["name"], record["content"], record["proxied"]) == ("app.acme.example", "192.0.2.1", True)


def test_terraform_rules_carry_headers_origins_redirects_and_limits(terraform):
    rules = {each["ref"]: each for body in terraform.values() for each in body.get("rules", [])}
    headers = rules["launchready_headers"]["action_parameters"]["headers"]
    assert {n: h["value"] for n, h in headers.items() if h["operation"] == "set"} == {
        name: value for name, value in SET.items() if name != "Strict-Transport-Security"
    }
    assert {n for n, h in headers.items() if h["operation"] == "remove"} == set(PLAN.remove)
    foreign = rules["launchready_origins"]["expression"]
    assert foreign == (
        'not any(http.request.headers["origin"][*] in {"https://acme.example" "https://app.acme.example"})'
    )
    target = rules["launchready_redirect_1"]["action_parameters"]["from_value"]
    assert rules["launchready_redirect_1"]["expression"] == '(http.host eq "www.acme.example")'
    assert target["target_url"]["expression"] == 'concat("https://acme.example", http.request.uri.path)'
    assert (target["status_code"], target["preserve_query_string"]) == (308, True)
    assert rules["launchready_forms"]["ratelimit"]["requests_per_period"] < 12
    assert rules["launchready_private"]["expression"] == '(http.request.uri.path in {"/backup.sql"})'


def test_a_limit_covers_where_what_is_typed_is_sent():
    sent = ("https://acme.example/api/session?x=1", "https://acme.example/login", "https://acme.example/", "")
    tried = BurstEvidence(tuple(Burst("login", "https://acme.example/login", target=url) for url in sent), Honest())
    files = {each.name: each.text for each in guard_files.limits(FACTS, GUARDED, tried)}
    assert '"/api/session"' in files["cloudflare/limits.tf"].replace("\\", "")
    assert "/api/session" in files["limits/nginx-http.conf"]
    assert files["limits/nginx-http.conf"].count('/login"') == 1


def test_the_read_me_names_every_file_and_every_header(printed):
    text = (printed / "headers/README.md").read_text()
    assert all(f"    {name}: {value}\n" in text for name, value in SET.items())
    assert all(f"`{name}`" in text for name in re.findall(r"headers/[\w.]+", text))
    assert len(set(re.findall(r"`((?:headers|cloudflare)/[\w.]+)`", text))) == 11


@pytest.mark.parametrize("escaped", [True, False], ids=["octoDNS 1", "octoDNS 2"])
def test_octodns_takes_the_records(tmp_path, escaped):
    patch = ZonePatch(
        "acme.example",
        "all kinds",
        (
            RecordSet("acme.example", "TXT", ("v=spf1 include:x.example ~all", "site=1; two")),
            RecordSet("_dmarc.acme.example", "TXT", ("v=DMARC1; p=none; rua=mailto:dmarc@acme.example",)),
            RecordSet(
                "acme.example",
                "CAA",
                ('0 issue "letsencrypt.org; validationmethods=dns-01"', '0 iodef "mailto:x@acme.example"'),
            ),
            RecordSet("acme.example", "MX", ("10 mail.acme.example.",)),
            RecordSet("www.acme.example", "CNAME", ("acme.example.",), proxied=True),
            RecordSet("acme.example", "A", ("192.0.2.1", "192.0.2.2"), proxied=True),
        ),
        (Removal("old.acme.example", "CNAME"),),
        ("a note",),
    )
    text = octodns(patch)
    assert "escaped_semicolons: true" in text
    if not escaped:
        text = text.replace("\\;", ";")  # as the file's own head says
    (tmp_path / "acme.example.yaml").write_text(text)
    zone = Zone("acme.example.", [])
    YamlProvider("test", str(tmp_path), enforce_order=False, escaped_semicolons=escaped).populate(zone)
    found = {(record.name, record._type): record for record in zone.records}
    assert len(found) == 6
    assert found["", "TXT"].values == ["site=1\\; two", "v=spf1 include:x.example ~all"]
    assert found["www", "CNAME"].octodns == {"cloudflare": {"proxied": True}}
    assert found["", "CAA"].values[1].value == "letsencrypt.org; validationmethods=dns-01"
