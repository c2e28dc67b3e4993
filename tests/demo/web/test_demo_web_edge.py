"""Harbor Club's edge and the answers of every host, while no fault is on."""

import re

import pytest
from harbor_club import ADMIN, API, APP, PAGES, SITE, WWW

from launchready_lib.demo import names
from launchready_lib.demo.web import edge


@pytest.mark.parametrize("host", names.WEB_HOSTS)
def test_plain_http_leads_to_https_on_the_same_host_with_path_and_query(club, host):
    answer = club.browser().get("/a/b?c=d%20e&f=", host=host, scheme="http")
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{host}/a/b?c=d%20e&f=")


def test_www_leads_to_the_apex_with_path_and_query(club):
    answer = club.browser().get("/a?b=c", host=WWW)
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{SITE}/a?b=c")


def test_an_unknown_host_gets_nothing(club):
    assert club.browser().get("/", headers={"Host": "other.example"}).status_code == 404


def test_every_answer_carries_the_edge_marks_and_a_request_id_that_the_log_has_too(club):
    answer = club.browser().get("/")
    assert answer.headers["server"] == "cloudflare"
    assert re.fullmatch(r"[0-9a-f]{16}-AMS", answer.headers["cf-ray"])
    assert answer.headers["x-request-id"] in {line["request_id"] for line in club.log()}


def test_a_request_id_of_the_clients_own_is_not_taken_over(club):
    answer = club.browser().get("/", headers={"X-Request-Id": "mine"})
    assert answer.headers["x-request-id"] != "mine"


def test_text_is_compressed_for_those_who_ask_and_only_for_them(club):
    browser = club.browser()
    packed, plain = (browser.get("/", headers={"Accept-Encoding": way}) for way in ("gzip", "identity"))
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert "Accept-Encoding" in packed.headers["vary"]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_origin_answers_the_edge_alone(club, scheme):
    answer = club.browser().get("/", part="origin", scheme=scheme)
    assert answer.status_code == 403
    assert "Evenings" not in answer.text


@pytest.mark.parametrize(
    ("page", "action", "fields"),
    [
        ("/login", "/login", {"email": "nobody@else.example", "password": "wrong"}),
        ("/signup", "/signup", {"email": "nobody", "name": "", "password": ""}),
        ("/forgot", "/forgot", {"email": "nobody@else.example"}),
    ],
    ids=["login", "signup", "reset"],
)
def test_a_burst_from_one_address_meets_a_limit_and_others_do_not(club, page, action, fields):
    burst = club.browser(address="127.0.0.7")
    answers = [burst.submit(page, action, **fields) for _ in range(12)]
    assert 429 not in {answer.status_code for answer in answers[:10]}
    assert {answer.status_code for answer in answers[10:]} == {429}
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    club.member(address="127.0.0.8")


def test_good_logins_are_not_counted(club):
    browser = club.browser(address="127.0.0.9")
    password = club.environment[names.MEMBER_PASSWORD]
    assert {browser.login(names.MEMBER_EMAIL, password).status_code for _ in range(12)} == {303}


def test_a_limit_ends(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(edge.time, "monotonic", lambda: clock[0])
    limits = edge.Limits()
    for _ in range(edge.TRIES):
        limits.count("198.51.100.7", "/login")
    assert limits.wait("198.51.100.7", "/login") == edge.PAUSE_S
    assert limits.wait("198.51.100.7", "/signup") == limits.wait("198.51.100.8", "/login") == 0
    clock[0] += edge.PAUSE_S
    assert limits.wait("198.51.100.7", "/login") == 0


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/api/me"])
def test_every_answer_carries_the_security_headers(club, path):
    headers = club.browser().get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert not re.search(r"\d", headers["server"])
    assert "x-powered-by" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_script_or_style(club, path):
    text = club.browser().get(path).text
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]+src=)", text)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere-at-all", {}, 404),
        ("GET", "/api/nowhere", {}, 404),
        ("POST", "/login", {"json": None, "content": b'{"email": '}, 400),
        ("PATCH", "/api/me", {"content": b"\xff\xfe"}, 400),
        ("POST", "/api/dashboard", {"content": b"[" * 100_000}, 400),
        ("POST", "/login", {"data": {"email": "x"}}, 400),
        ("DELETE", "/login", {}, 405),
        ("POST", "/api/dashboard", {}, 405),
        ("PUT", "/api/nowhere", {}, 404),
        ("DELETE", "/dashboard", {}, 405),
        ("PATCH", "/api/me", {}, 401),
        ("GET", "/webhooks/stripe", {}, 405),
        ("GET", "/.env", {}, 404),
        ("GET", "/.git/config", {}, 404),
        ("GET", "/static/../handler.py", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused_in_plain_words(club, method, path, body, status):
    headers = {"Content-Type": "application/json"} if "content" in body else {}
    answer = club.browser().ask(method, path, headers=headers, **body)
    assert answer.status_code == status
    assert not re.search(r"Traceback|tornado|\.py|sqlite", answer.text)
    if path.startswith(("/api/", "/webhooks/")):
        assert answer.json()["message"]
    elif status != 404 or "text/html" in answer.headers["content-type"]:
        assert "<h1>" in answer.text
    assert status != 405 or "allow" in answer.headers


def test_head_answers_as_get_without_the_body(club):
    answer = club.browser().ask("HEAD", "/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_robots_health_and_release_answer(club):
    browser = club.browser()
    assert "Disallow: /admin" in browser.get("/robots.txt").text
    assert browser.get("/healthz").json() == {"status": "ok"}
    assert browser.get("/version").json() == {"release": "launch"}


@pytest.mark.parametrize("asset", ["app.css", "icon.svg", "dashboard.js"])
def test_fingerprinted_files_are_cacheable_for_long_and_compressed(club, asset):
    path = re.search(rf"/static/{asset.replace('.', r'.[0-9a-f]+.')}", club.member().get("/dashboard").text).group()
    answer = club.browser().get(path)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"


def test_app_serves_the_app_and_api_speaks_json(club):
    browser = club.browser()
    assert "text/html" in browser.get("/", host=APP).headers["content-type"]
    root = browser.get("/", host=API)
    assert (root.status_code, root.json()["service"]) == (200, "Harbor Club API")
    assert browser.get("/login", host=API).status_code == 404
    assert browser.get("/api/me", host=API).status_code == 401


@pytest.mark.parametrize("path", ["/", "/admin", "/admin?after=50"])
def test_admin_leads_strangers_to_the_login_and_refuses_members(club, path):
    answer = club.browser().get(path, host=ADMIN)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/login?next=")
    assert club.member().get(path, host=ADMIN).status_code == 403


@pytest.mark.parametrize(
    "path", ["/admin/api/members", "/admin/api/jobs/0123456789abcdef", "/api/members/cus_Harbor000009"]
)
def test_the_admins_api_refuses_strangers_and_members(club, path):
    assert club.browser().get(path).status_code == 401
    assert club.member().get(path).status_code == 403
