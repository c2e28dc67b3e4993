"""On a catch-all app nothing is reported, on a leaky one everything, and no value is ever kept."""

import gzip
import json
import re

import pytest

from launchready_lib.checks.secure_edge import exposure
from launchready_lib.checks.secure_edge.exposure import Exposed, ExposureEvidence, HostExposure, kinds
from launchready_lib.evidence import Unavailable
from launchready_lib.names.zone_hosts import ZoneHosts
from launchready_lib.record.findings import Status
from tests.certificates import context, issue
from tests.growth import stays_linear
from tests.web_servers import Asked, Reply, client, resolver, serving

pytestmark = pytest.mark.anyio

TEXT = "text/plain"
SECRET = "hunter2-is-no-password"
SQL = "-- PostgreSQL database dump\nCREATE TABLE members (id int);\n"
LEAKS = {
    "/.env": f"DB_PASSWORD={SECRET}\nexport STRIPE_SECRET_KEY={SECRET}\n",
    "/.git/HEAD": "ref: refs/heads/main\n",
    "/.git/config": f'[core]\n\tbare = false\n[remote "origin"]\n\turl = https://u:{SECRET}@git.example/x\n',
    "/.svn/wc.db": b"SQLite format 3\0rest",
    "/.hg/requires": "revlogv1\nstore\n",
    "/dump.sql": SQL,
    "/backup.sql.gz": gzip.compress(SQL.encode()),
    "/acme.sql": SQL,
    "/db.sqlite3": b"SQLite format 3\0rest",
    "/backup.zip": b"PK\x03\x04rest",
    "/acme.example.tar.gz": gzip.compress(b"x"),
    "/wp-config.php.bak": f"<?php define('DB_PASSWORD', '{SECRET}');",
    "/.index.php.swp": b"b0VIM 8.2 rest",
    "/settings.py": f"SECRET_KEY = '{SECRET}'\n",
    "/config/database.yml": f"production:\n  password: {SECRET}\n",
    "/config/master.key": "0123456789abcdef0123456789abcdef",
    "/appsettings.json": json.dumps({"DbPassword": SECRET}),
    "/server.key": "-----BEGIN PRIVATE KEY-----\nMIIE\n",
    "/.aws/credentials": f"[default]\naws_secret_access_key = {SECRET}\n",
    "/.npmrc": f"//registry.example/:_authToken={SECRET}\n",
    "/.htpasswd": "admin:$apr1$abc$def\n",
    "/terraform.tfstate": '{"version": 4, "terraform_version": "1.9.0"}',
    "/docker-compose.yml": "services:\n  web:\n    image: x\n",
    "/.DS_Store": b"\0\0\0\x01Bud1rest",
    "/.bash_history": f"cd app\nmysql -p{SECRET}\n",
    "/storage/logs/laravel.log": "[2026-11-20 10:00:00] production.ERROR: it broke\n",
    "/actuator/env": '{"activeProfiles": [], "propertySources": []}',
    "/debug/vars": '{"memstats": {"Alloc": 1}}',
    "/debug/pprof/": "<html><body>Types of profiles available:</body></html>",
    "/phpinfo.php": "<html><head><title>PHP 8.3 - phpinfo()</title></head></html>",
    "/server-status": "<html><h1>Apache Server Status for acme.example</h1></html>",
    "/nginx_status": "Active connections: 3\n",
    "/telescope": "<html><script src=/vendor/telescope/app.js></script></html>",
    "/console": "<html><title>Console // Werkzeug Debugger</title></html>",
    "/rails/info/routes": "<html><th>Helper</th><th>HTTP Verb</th></html>",
    "/uploads/": "<html><title>Index of /uploads/</title></html>",
}
ASIDE = {
    "/adminer.php": "<html><title>Login - Adminer</title></html>",
    "/metrics": "# HELP requests_total All requests\n",
    "/openapi.json": '{"openapi": "3.1.0"}',
}
SITE = {"canonical": "http://acme.example"}
ONLY = {"reach": ("",), "site": SITE}


def _reply(content):
    body = content.encode() if isinstance(content, str) else content
    return Reply(body, kind="text/html" if body.startswith(b"<html") else TEXT)


def leaky(missing):
    def answer(asked: Asked) -> Reply:
        content = (LEAKS | ASIDE).get(asked.path)
        return _reply(content) if content is not None else missing

    return answer


async def _survey(answer, tmp_path, **sections):
    async with resolver() as dns, serving(answer) as site:
        network = {"nameservers": [dns]}
        async with client(site.port, root=tmp_path, network=network, **(ONLY | sections)) as audited:
            return await exposure.survey(audited)


NOT_FOUND = Reply("<h1>Page not found</h1>", 404)
SHELL = Reply("<!doctype html><html><div id=root></div><script src=/app.js></script></html>")


@pytest.mark.parametrize("missing", [NOT_FOUND, SHELL], ids=["404 otherwise", "a page for everything else"])
async def test_on_a_leaky_site_every_leak_is_reported_and_no_value_kept(missing, tmp_path):
    evidence = await _survey(leaky(missing), tmp_path)
    [host] = evidence.hosts
    reported = {e.url.removeprefix("http://acme.example") for e in host.found if e.is_open}
    assert reported == set(LEAKS)
    aside = {e.url.removeprefix("http://acme.example") for e in host.found if not e.is_open}
    assert aside == set(ASIDE)
    found = exposure.files(evidence)
    assert found.status is Status.FAIL
    assert len(found.evidence) == len(LEAKS)
    text = json.dumps([found.summary, found.fix, list(found.evidence)]) + repr(evidence)
    assert SECRET not in text
    env = next(row for row in found.evidence if row["address"].endswith("/.env"))
    assert env["keys"] == "DB_PASSWORD and STRIPE_SECRET_KEY"
    assert "Rotate every credential" in found.fix


def _echo(asked: Asked) -> Reply:
    return Reply(f"<!doctype html><html><script>window.path = '{asked.path}'; nonce = '{id(asked)}'</script></html>")


def _everything_matches(_asked: Asked) -> Reply:
    everything = "\n".join(c for c in LEAKS.values() if isinstance(c, str) and "<html" not in c)
    return Reply(everything, kind=TEXT)


def _horizon(_asked: Asked) -> Reply:
    return Reply("<html><title>Horizon Club: Telescope, Flower and phpinfo()</title></html>")


def _json(asked: Asked) -> Reply:
    return Reply(json.dumps({"path": asked.path, "error": "see the docs"}), kind="application/json")


@pytest.mark.parametrize(
    "answer",
    [lambda _: SHELL, _echo, _everything_matches, _horizon, _json, lambda _: NOT_FOUND],
    ids=["one page", "a page of its own for each", "one text for everything", "a title", "json", "404"],
)
async def test_on_a_site_that_answers_alike_to_everything_nothing_is_reported(answer, tmp_path):
    evidence = await _survey(answer, tmp_path)
    assert [e for host in evidence.hosts for e in host.found if e.is_open] == []
    assert exposure.files(evidence).status is Status.PASS


async def test_what_is_behind_a_login_or_refused_is_not_open(tmp_path):
    for status in (401, 403, 302):
        evidence = await _survey(lambda _, status=status: Reply("no", status, (("Location", "/login"),)), tmp_path)
        assert exposure.files(evidence).status is Status.PASS


async def test_a_host_that_only_leads_to_another_is_not_asked_further(tmp_path):
    def answer(asked: Asked) -> Reply:
        return Reply(status=301, headers=(("Location", f"http://elsewhere.example{asked.path}"),))

    evidence = await _survey(answer, tmp_path)
    assert [(h.leads_to, h.asked) for h in evidence.hosts] == [("elsewhere.example", 4)]
    found = exposure.files(evidence)
    assert found.status is Status.UNKNOWN
    assert "elsewhere.example" in found.needs


async def test_the_same_app_under_a_second_name_is_asked_for_the_most_usual_places_alone(tmp_path):
    def answer(asked: Asked) -> Reply:
        other = Reply('{"error": "no such thing"}', 404, kind="application/json")
        return other if asked.host == "api.acme.example" else NOT_FOUND

    subdomains = {name: {"host": f"{name}.acme.example", "expect": "app"} for name in ("app", "api")}
    tls = context(tmp_path, issue("acme.example"))
    async with resolver() as dns, serving(answer, context=tls) as site:
        sections = {"network": {"nameservers": [dns]}, "site": {"subdomains": subdomains}}
        async with client(site.port, root=tmp_path, reach=("", "app.", "api."), **sections) as audited:
            evidence = await exposure.survey(audited)
    asked = {host.host: host.asked for host in evidence.hosts}
    assert asked["acme.example"] == asked["api.acme.example"] == sum(len(kind.paths) for kind in kinds())
    assert asked["app.acme.example"] == len(kinds())


async def test_a_limit_stops_the_questions_and_leaves_the_answer_unknown(tmp_path):
    count = 0

    def answer(_asked: Asked) -> Reply:
        nonlocal count
        count += 1
        return Reply("slow down", 429) if count > 40 else NOT_FOUND

    evidence = await _survey(answer, tmp_path)
    found = exposure.files(evidence)
    assert found.status is Status.UNKNOWN
    assert "network.headers" in found.needs
    assert count < 60


async def test_a_site_that_is_down_is_unknown(tmp_path):
    async with resolver() as dns, client(1, root=tmp_path, network={"nameservers": [dns]}, **ONLY) as audited:
        found = exposure.files(await exposure.survey(audited))
    assert found.status is Status.UNKNOWN


def test_addresses_without_an_answer_make_it_unknown():
    evidence = ExposureEvidence((HostExposure("acme.example", 300, unanswered=2),))
    found = exposure.files(evidence)
    assert found.status is Status.UNKNOWN
    assert "2 of 300" in found.reason


def thing(what="dump", path="/dump.sql", **more):
    return Exposed(f"https://acme.example{path}", what, 200, 9, **more)


def served(*found, **more):
    return exposure.files(ExposureEvidence((HostExposure("acme.example", 300, found, **more),)))


@pytest.mark.parametrize(
    ("found", "rotate"),
    [
        (thing(), False),
        (thing(keys=("DB_PASSWORD",)), True),
        (thing("private key"), True),
        (thing("password file"), True),
    ],
)
def test_only_what_may_hold_secrets_is_said_to_need_new_ones(found, rotate):
    judged = served(found)
    assert judged.status is Status.FAIL
    assert judged.summary == f"anybody can read: {found.what} at https://acme.example/dump.sql"
    assert ("Rotate every credential" in judged.fix) is rotate
    assert ("Rotate" in served(thing(), found).fix) is rotate


def test_what_is_open_fails_and_what_is_not_is_shown_beside_a_pass():
    aside = thing("metrics", "/metrics", is_open=False)
    assert [row["what"] for row in served(aside, thing()).evidence] == ["dump"]
    judged = served(aside)
    assert judged.summary == "acme.example: none of 300 usual names holds anything private"
    assert [row["what"] for row in judged.evidence] == ["300 usual names asked for", "metrics"]


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({}, ""),
        ({"answers_everything": True}, "answers 200 to every name, so content decides"),
        ({"stopped": "it set a limit", "answers_everything": True}, "it set a limit; answers 200 to every name"),
        ({"leads_to": "www.acme.example"}, "leads to www.acme.example"),
    ],
)
def test_a_hosts_row_says_what_is_to_note_of_it(more, note):
    [row] = ExposureEvidence((HostExposure("acme.example", 4, **more),)).rows()
    assert row["note"].startswith(note)
    assert bool(row["note"]) is bool(note)


def test_what_keeps_a_host_from_being_judged_is_told():
    hosts = HostExposure("a.example", 300), HostExposure("b.example", 4, leads_to="a.example")
    judged = exposure.files(ExposureEvidence(hosts))
    assert judged.status is Status.PASS
    assert "a.example and b.example: none of 304" in judged.summary
    astray = HostExposure("c.example", 4, leads_to="b.example")
    assert "c.example only leads to b.example" in exposure.files(ExposureEvidence((*hosts, astray))).reason
    assert "network.headers" in served(stopped="it set a limit").needs
    assert "network.headers" not in served(unanswered=1).needs
    lost = Unavailable("a.example did not answer", "a second run")
    assert exposure.files(ExposureEvidence(hosts, (lost,))).reason == lost.reason
    assert exposure.files(ExposureEvidence(hosts, zone=ZoneHosts(cut=1))).status is Status.UNKNOWN
    assert exposure.files(ExposureEvidence(())).status is Status.UNKNOWN


def test_without_permission_it_is_unknown():
    assert exposure.files(Unavailable("no", "authorization")).status is Status.UNKNOWN


async def test_a_large_dump_is_read_only_as_far_as_needed(tmp_path):
    dump = SQL.encode() + b"INSERT INTO members VALUES (1);\n" * 100_000
    evidence = await _survey(lambda asked: Reply(dump, kind=TEXT) if asked.path == "/dump.sql" else NOT_FOUND, tmp_path)
    [found] = evidence.hosts[0].found
    assert found.size == len(dump)


HOSTILE = [b"\n", b" ", b"A", b"A=", b"a:", b'"', b"<title>", b"ref: ", b'"_links": {', b"Helper", b"[", b"password"]


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_hostile_content_is_compared_in_bounded_time(unit):
    def compare(body):
        for kind in kinds():
            kind.looks.search(body)

    assert stays_linear(compare, unit * (exposure.ENOUGH // len(unit) // 4))


def test_every_path_of_the_table_is_asked_for_once():
    paths = [path for kind in kinds() for path in kind.paths]
    assert all(path.startswith("/") for path in paths)
    repeated = {path for path in paths if paths.count(path) > 1}
    assert repeated <= {"/.env.swp"}
    assert not any(re.search(r"\s", path) for path in paths)
