"""Debug pages, development servers and clumsy errors are seen where they answer, and nowhere else."""

import pytest

from launchready_lib.checks.quick_audit import production
from launchready_lib.checks.quick_audit.production import FailureEvidence, ProductionEvidence, Tried
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from launchready_lib.site import markup
from tests.growth import stays_linear
from tests.web_servers import Asked, Reply, client, pages, serving

pytestmark = pytest.mark.anyio

PAGE = "https://acme.example/"


def answer(body="", status=200, kind="text/html", headers=(), state="ok", seconds=0.1):
    pairs = (("content-type", kind), *headers)
    code = status if state == "ok" else None
    return Response(
        "GET", PAGE, state, code, pairs, body.encode(), seconds=seconds, error=None if code else "no answer"
    )


SHOWN = {
    "Vite": (answer('<script type="module" src="/@vite/client"></script>'), "development server"),
    "webpack": (answer('<script src="/webpack-dev-server.js"></script>'), "development server"),
    "Next": (answer('<script src="/_next/static/development/_buildManifest.js"></script>'), "development server"),
    "Create React App": (answer('<script defer src="/static/js/bundle.js"></script>'), "development server"),
    "Werkzeug server": (answer("hello", headers=(("server", "Werkzeug/3.0.1 Python/3.11"),)), "development server"),
    "runserver": (answer("hello", headers=(("server", "WSGIServer/0.2 CPython/3.11"),)), "development server"),
    "http.server": (answer("hello", headers=(("server", "SimpleHTTP/0.6 Python/3.11"),)), "development server"),
    "Werkzeug debugger": (answer("<h1>NameError</h1><script>EVALEX = true</script>", 500), "debug page"),
    "Django": (answer("<p>because you have <code>DEBUG = True</code> in your settings</p>", 404), "debug page"),
    "Rails": (answer("<title>Action Controller: Exception caught</title>", 404), "debug page"),
    "Laravel": (answer("<script>window.ignite({})</script>", 500), "debug page"),
    "Symfony": (answer("hi", headers=(("x-debug-token-link", "/_profiler/a1b2"),)), "debug page"),
    "ASP.NET": (answer("<h1>Server Error in '/' Application.</h1>", 500), "debug page"),
    "Python trace": (answer("Traceback (most recent call last):\n  File", 500, "text/plain"), "stack trace"),
    "Node trace": (answer("<pre>Error: x<br> &nbsp; &nbsp;at f (/app/a.js:10:3)</pre>", 500), "stack trace"),
    "Java trace": (answer("at org.app.Main.run(Main.java:42)", 500, "text/plain"), "stack trace"),
    "PHP warning": (answer("<b>Warning</b>: x in <b>/var/www/a.php</b> on line <b>3</b>", 200), "stack trace"),
    "Ruby trace": (answer("app/models/user.rb:12:in `find'", 500, "text/plain"), "stack trace"),
    "Go trace": (answer("goroutine 1 [running]:", 500, "text/plain"), "stack trace"),
    ".NET trace": (answer("at App.Run() in C:\\src\\app.cs:line 12", 500, "text/plain"), "stack trace"),
    "Apache listing": (answer("<title>Index of /</title>"), "directory listing"),
    "Python listing": (answer("<title>Directory listing for /</title>"), "directory listing"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_each_sign_of_the_inside_is_seen(name):
    response, kind = SHOWN[name]
    assert kind in {sign.kind for sign in markup.signs(response)}


@pytest.mark.parametrize(
    "body",
    [
        "<p>Warning: your plan ends in 3 days, on line 4 of your invoice.</p>",
        '<article>How to read it: <pre>Traceback (most recent call last):\n  File "a.py", line 1</pre></article>',
        "<article>Never set <code>DEBUG = True</code> in production.</article>",
        "<script src='/app/main.js'></script><script src='/_next/static/abc123/_buildManifest.js'></script>",
        "<p>Meet at the harbour at 10:30:15 (pier 3).</p>",
        "<title>Index of members</title>",
    ],
    ids=["warning", "article", "advice", "scripts", "prose", "index"],
)
def test_ordinary_pages_show_nothing_of_the_inside(body):
    assert markup.signs(answer(body)) == ()


@pytest.mark.parametrize("unit", ["at ", "<title>", 'File "', "Warning: ", "a/", "** (", "/app/", "\n  at x"])
def test_hostile_pages_are_read_in_bounded_time(unit):
    def look(body):
        page = answer(body, 500)
        markup.signs(page)
        markup.details(page)

    assert stays_linear(look, unit * (100_000 // len(unit)))


def _pages(*tried):
    return ProductionEvidence(tuple(tried))


def _page(name, response):
    return Tried(name, "page", "GET", PAGE, response)


def test_a_debug_page_on_an_unknown_address_fails_and_is_named():
    found = production.production(
        _pages(_page("home", answer("<p>welcome</p>")), _page("an unknown page", SHOWN["Django"][0]))
    )
    assert found.status is Status.FAIL
    assert "an unknown page: debug page" in found.summary
    assert "home" not in found.summary


def test_clean_pages_pass_and_an_unseen_one_makes_it_unknown():
    clean = _page("home", answer("<p>welcome</p>"))
    assert production.production(_pages(clean)).status is Status.PASS
    silent = _page("login", answer(state="timeout"))
    found = production.production(_pages(clean, silent))
    assert (found.status, found.needs) == (Status.UNKNOWN, "the site answering: run this stage again when it does")


GOOD = {
    "page": answer("<h1>Page not found</h1>", 404),
    "api": answer('{"error": "there is no such thing"}', 404, "application/json"),
    "body": answer('{"detail": "this is not JSON"}', 400, "application/json"),
    "method": answer('{"title": "method not allowed"}', 405, "application/json"),
}


def _failures(**replaced):
    tried = [Tried(f"a {kind}", kind, "GET", PAGE + kind, response) for kind, response in (GOOD | replaced).items()]
    home = answer("<h1>Acme</h1> welcome members")
    login = answer("<h1>Sign in</h1><input type=password>")
    return FailureEvidence(tuple(tried), (_page("home", home), _page("login", login)))


def test_right_answers_pass():
    assert production.failure_modes(_failures()).status is Status.PASS


@pytest.mark.parametrize(
    ("replaced", "word"),
    [
        ({"page": answer("<p>everything is fine</p>")}, "as if all were well"),
        ({"page": answer("", 404)}, "says nothing"),
        ({"page": answer("<p>Page not found</p>", 404, seconds=2.5)}, "took 2.5 s"),
        ({"api": answer('{"error": "something broke here"}', 500, "application/json")}, "answered 500"),
        ({"api": answer('{"error": "SQLSTATE[42P01] no such table"}', 404, "application/json")}, "SQL"),
        ({"body": answer("Traceback (most recent call last): oh", 500, "text/plain")}, "stack trace"),
        ({"body": answer('{"ok": true}', 200, "application/json")}, "as if all were well"),
        ({"method": answer("Error at /srv/app/handlers/login.py please", 405, "text/plain")}, "path"),
    ],
)
def test_each_clumsy_answer_fails(replaced, word):
    found = production.failure_modes(_failures(**replaced))
    assert found.status is Status.FAIL
    assert word in found.summary


@pytest.mark.parametrize(
    "replaced",
    [
        {"page": answer("<h1>Acme</h1> welcome members")},
        {"body": answer("<h1>Sign in</h1><input type=password>")},
        {"api": answer("Too many requests", 429)},
    ],
    ids=["the app's own view", "a form again", "a limit"],
)
def test_what_says_nothing_about_failing_is_unknown(replaced):
    found = production.failure_modes(_failures(**replaced))
    assert found.status is Status.UNKNOWN
    assert found.needs


def test_an_apps_own_not_found_view_passes():
    assert production.failure_modes(_failures(page=answer("<h1>404</h1> nothing here"))).status is Status.PASS


def _site(asked: Asked) -> Reply:
    if asked.path in ("/", "/login"):
        if asked.method == "GET":
            return Reply("<h1>Acme</h1><p>A club for members</p>")
        if asked.method == "POST":
            return Reply('{"error": "that was not JSON"}', 400, kind="application/json")
        return Reply("<h1>That does not work here</h1>", 405)
    if asked.path.startswith("/api/"):
        status = 401 if asked.path == "/api/me" else 404
        return Reply('{"error": "please sign in first"}', status, kind="application/json")
    return Reply("<h1>Page not found</h1>", 404)


SITE = {"canonical": "http://acme.example", "pages": {"login": "/login"}, "core_reads": {"me": "/api/me"}}


async def test_a_real_site_that_fails_well_passes_both_checks(tmp_path):
    async with serving(_site) as site, client(site.port, root=tmp_path, site=SITE) as audited:
        assert production.production(await production.survey(audited)).status is Status.PASS
        assert production.failure_modes(await production.failures(audited)).status is Status.PASS
        sent = {(asked.method, asked.path) for asked in site.asked}
        assert {("POST", "/login"), ("POST", "/api/me"), ("PATCH", "/login")} <= sent
        assert not any(asked.method in ("DELETE", "PUT") for asked in site.asked)


async def test_without_permission_nothing_wrong_is_sent(tmp_path):
    authorization = {
        "granted_by": "the founder",
        "granted_on": "2026-01-01",
        "hosts": ["acme.example"],
        "allow": [],
    }
    async with serving(_site) as site, client(site.port, root=tmp_path, authorization=authorization) as audited:
        refused = await production.failures(audited)
        assert isinstance(refused, Unavailable)
        assert refused.needs == "authorization.allow: [login]"
        assert site.asked == []


async def test_without_an_address_of_the_api_its_clause_is_unknown(tmp_path):
    site = {"canonical": "http://acme.example", "pages": {"login": "/login"}}
    async with serving(_site) as served, client(served.port, root=tmp_path, site=site) as audited:
        found = production.failure_modes(await production.failures(audited))
    assert (found.status, found.needs) == (Status.UNKNOWN, "site.core_reads")


async def test_a_site_that_shows_its_debugger_fails(tmp_path):
    debugger = Reply("<script>EVALEX = true</script>Traceback (most recent call last): x", 500)
    answers = pages({"/": Reply("<h1>Acme</h1>")}, debugger)
    async with serving(answers) as site, client(site.port, root=tmp_path, site=SITE) as audited:
        assert production.production(await production.survey(audited)).status is Status.FAIL
