"""Each fault of Harbor Club's web part shows while it is on, and is gone when it is off."""

import re
import secrets
import time
import zipfile

import httpx
import pytest
from harbor_club import API, APP, SITE, WWW, billing, event, git, signed

from launchready_lib.demo import faults, names
from launchready_lib.demo.web import pages


def _leaked(club):
    return "sk_live_" in git(club, "grep", "-I", "-e", "", "HEAD")


def _pasted(club):
    with zipfile.ZipFile(club.folder / "chat" / "slack-export.zip") as export:
        return any(b"sk_live_" in export.read(name) for name in export.namelist())


def _environment(club, name):
    return dict(line.split("=", 1) for line in (club.folder / "repository" / f".env.{name}").read_text().splitlines())


def _way_back(club):
    described = any(re.search("roll.?back", text, re.IGNORECASE) for text in _tracked(club))
    return bool(described or git(club, "tag"))


def _tracked(club):
    return [(club.folder / "repository" / name).read_text() for name in git(club, "ls-files").split()]


def _busy(club):
    return "busy" in club.browser().get("/").text


def _slow_reads(club, reads, seconds):
    """How many of these dashboard reads took at least as long as the fault makes them wait."""
    member, slow = club.member(), 0
    for _ in range(reads):
        started = time.perf_counter()
        member.get("/api/dashboard")
        slow += time.perf_counter() - started >= seconds
    return slow


def _login_words(club):
    browser = club.browser(address=f"127.0.0.{secrets.randbelow(200) + 30}")
    return {
        re.search(r'role="alert">([^<]+)', browser.login(address, "wrong").text).group(1)
        for address in (names.MEMBER_EMAIL, "nobody@else.example")
    }


def _survives_logout(club):
    member = club.member()
    cookies = httpx.Cookies(member.http.cookies)
    member.submit("/dashboard", "/logout")
    member.http.cookies = cookies
    return member.get("/api/me").status_code == 200


def _follows(club):
    request = signed(club.environment[names.WEBHOOK_SECRET], event(club))
    admin = club.admin()
    before = billing(admin)["payments"]
    assert club.browser().ask("POST", "/webhooks/stripe", **request).status_code == 200
    return billing(admin)["payments"] > before


def _counted_twice(club):
    request = signed(club.environment[names.WEBHOOK_SECRET], event(club))
    admin, sender = club.admin(), club.browser()
    sender.ask("POST", "/webhooks/stripe", **request)
    before = billing(admin)["payments"]
    sender.ask("POST", "/webhooks/stripe", **request)
    return billing(admin)["payments"] > before


def _header(name, path="/", **more):
    return lambda club: club.browser().get(path, **more).headers.get(name, "")


def _cookie(club):
    answer = club.browser().login(names.MEMBER_EMAIL, club.environment[names.MEMBER_PASSWORD])
    return next(line for line in answer.headers.get_list("set-cookie") if "session=" in line and "csrf" not in line)


def _framing(club):
    headers = club.browser().get("/").headers
    return "frame-ancestors" in headers["content-security-policy"] or "x-frame-options" in headers


def _identified(club):
    return "x-request-id" in club.browser().get("/").headers and all("request_id" in row for row in club.log())


def _asset(club):
    path = re.search(r"/static/app\.[0-9a-f]+\.css", club.browser().get("/").text).group()
    headers = club.browser().get(path).headers
    return "immutable" in headers["cache-control"] and "content-encoding" in headers


def _limited(club):
    """Whether a dozen wrong passwords from one address meet a limit."""
    browser = club.browser(address=f"127.0.0.{secrets.randbelow(200) + 30}")
    return 429 in [browser.login("nobody@else.example", "wrong").status_code for _ in range(12)]


def _mapped_key(club):
    script = re.search(r"/static/[\w.]+\.js", club.member().get("/dashboard").text).group()
    return "sk_live_" in club.browser().get(f"{script}.map").text


CASES = {
    "hosting.provider": (lambda club: "fly-request-id" in club.browser().get("/").headers, True, False),
    "hosting.production": (lambda club: "Traceback" in club.browser().get("/no-such-page").text, False, True),
    "hosting.failure_modes": (
        lambda club: club.browser().ask(
            "POST", "/login", content=b"{", headers={"Content-Type": "application/json"}
        ).status_code,
        400, 500,
    ),
    "redirects.https": (lambda club: club.browser().get("/", host=APP, scheme="http").status_code, 301, 200),
    "redirects.canonical": (lambda club: club.browser().get("/", host=WWW).status_code, 301, 200),
    "subdomains.mapped": (
        lambda club: club.browser().get("/", host=API).headers["content-type"].split(";")[0],
        "application/json", "text/html",
    ),
    "edge.origin_hidden": (lambda club: club.browser().get("/", host=SITE, part="origin").status_code, 403, 200),
    "edge.rate_limit": (_limited, True, False),
    "pages.mixed_content": (lambda club: 'src="http://' in club.browser().get("/").text, False, True),
    "exposure.bundles": (_mapped_key, False, True),
    "latency.quick": (lambda club: _slow_reads(club, 2, pages.SLOW_READ_S), 0, 2),
    "latency.p95": (lambda club: _slow_reads(club, 16, pages.SLOW_NOW_AND_THEN_S), 0, 2),
    "queries.slow": (lambda club: max(line["ms"] for line in club.log("queries")) > 300, False, True),
    "pages.interactive": (_busy, False, True),
    "environment.missing": (lambda club: "MAIL_TOKEN" in _environment(club, "production"), True, False),
    "environment.separated": (
        lambda club: bool(
            set(_environment(club, "staging").values()) & set(_environment(club, "production").values())
        ),
        False, True,
    ),
    "secrets.tree": (_leaked, False, True),
    "secrets.history": (lambda club: "sk_live_" in git(club, "log", "-p"), False, True),
    "secrets.chat": (_pasted, False, True),
    "rollback.path": (_way_back, True, False),
    "headers.hsts": (_header("strict-transport-security"), "max-age=31536000; includeSubDomains", ""),
    "headers.csp": (lambda club: "'unsafe-inline'" in _header("content-security-policy")(club), False, True),
    "headers.framing": (_framing, True, False),
    "headers.sniffing": (_header("x-content-type-options"), "nosniff", ""),
    "headers.referrer": (_header("referrer-policy"), "strict-origin-when-cross-origin", "unsafe-url"),
    "headers.cors": (
        _header("access-control-allow-origin", "/api/me", headers={"Origin": "https://evil.example"}),
        "", "https://evil.example",
    ),
    "headers.integrity": (lambda club: "cdn.harborpay.example" in club.browser().get("/").text, False, True),
    "headers.isolation": (_header("cross-origin-opener-policy"), "same-origin", ""),
    "headers.cookies": (lambda club: all(w in _cookie(club) for w in ("Secure", "HttpOnly", "SameSite")), True, False),
    "headers.disclosure": (_header("x-powered-by"), "", "PHP/8.1.2"),
    "exposure.files": (lambda club: "SESSION_SECRET=" in club.browser().get("/.env").text, False, True),
    "caching.static": (_asset, True, False),
    "uptime.now": (lambda club: club.browser().get("/webhooks/stripe").status_code, 405, 500),
    "logs.request_ids": (_identified, True, False),
    "flows.login": (lambda club: len(_login_words(club)), 1, 2),
    "webhooks.accepted": (_follows, True, False),
    "webhooks.forged": (
        lambda club: club.browser().ask("POST", "/webhooks/stripe", json=event(club)).status_code, 400, 200,
    ),
    "webhooks.repeated": (_counted_twice, False, True),
    "sessions.logout": (_survives_logout, False, True),
}  # fmt: skip


@pytest.mark.parametrize("check", CASES)
def test_a_fault_shows_while_it_is_on_and_not_after(club, check):
    look, healthy_answer, wrong_answer = CASES[check]
    club.faults(check)
    assert look(club) == wrong_answer
    club.faults()
    assert look(club) == healthy_answer


def test_an_origin_that_the_api_leads_past_the_edge_to_answers_it_like_the_edge_would(club):
    club.faults("edge.proxied")
    browser = club.browser()
    assert browser.get("/", host=API, part="origin").json()["service"] == "Harbor Club API"
    assert "strict-transport-security" in browser.get("/", host=API, part="origin").headers
    assert browser.get("/x", host=API, part="origin", scheme="http").headers["location"] == f"https://{API}/x"
    assert browser.get("/", host=SITE, part="origin").status_code == 403


def test_every_declared_web_fault_is_a_case():
    assert set(CASES) == {fault.check for fault in faults.FAULTS.values() if fault.part == "web"}
