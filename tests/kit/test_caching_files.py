"""The kit's files for caching keep what never changes and nothing else, and turn the finding green in real servers."""

import json
import re
import runpy
import subprocess
from types import SimpleNamespace

import pytest
from fronts import caddy, nginx
from kit_bench import opened, speeding
from runners import CHECKS, evaluated, program, syntax

from launchready_lib.checks.reduce_drag.caching import Asset, StaticEvidence, is_fingerprinted
from launchready_lib.kit import caching_files, stacks
from launchready_lib.kit.caching_files import CachingPlan, Place
from launchready_lib.kit.stacks import Facts
from launchready_lib.network import Response

YEAR = "public, max-age=31536000, immutable"
FACTS = Facts("acme.example", "acme.example", ("acme.example",))
SHORT = {"caching.static"}


def asset(path, control="no-cache", kind="text/css", size=5_000, **headers):
    url = f"https://acme.example{path}"
    sent = {"cache-control": control, "content-type": kind, "content-length": str(size)} | headers
    answer = Response("GET", url, "ok", 200, tuple(sent.items()))
    return Asset(url, "style", "home", answer, is_fingerprinted(url))


def planned(*assets):
    return caching_files.plan(SHORT, StaticEvidence(assets, ("home",)))


def test_hashed_names_in_a_mixed_folder_are_told_by_their_hash():
    plan = planned(asset("/static/app.3f9a1c77.css"), asset("/static/logo.svg", kind="image/svg+xml"))
    assert plan.places == (Place("/static/", whole=False),)
    assert re.search(plan.pattern, "/static/deep/app-3f9a1c77b2.min.css")
    assert not re.search(plan.pattern, "/static/logo.svg")
    assert not re.search(plan.pattern, "/members/static/app.3f9a1c77.css/secret")


def test_a_builders_folder_is_kept_as_a_whole():
    assert planned(asset("/_next/static/chunks/main-abc.js")).folders == ("/_next/static/",)


def test_a_folder_of_other_hashes_is_kept_whole_only_where_nothing_else_was_seen_in_it():
    vite = asset("/assets/index-BqK3x9_Z.css")
    alone = planned(vite)
    assert alone.places == (Place("/assets/", whole=True),)
    assert "put none there without a hash" in alone.notes[0]
    mixed = planned(vite, asset("/assets/logo.svg", kind="image/svg+xml"))
    assert mixed.places == ()
    assert "/assets/index-BqK3x9_Z.css" in mixed.notes[0]


def test_the_top_folder_is_never_kept_as_a_whole():
    assert planned(asset("/index-BqK3x9_Z.css")).places == ()


def test_what_is_right_needs_no_file():
    right = asset("/static/app.3f9a1c77.css", YEAR, **{"content-encoding": "br"})
    assert not planned(right)
    assert list(caching_files.files(FACTS, planned(right))) == []
    assert not caching_files.plan(set(), StaticEvidence((asset("/static/app.3f9a1c77.css"),), ("home",)))


@pytest.mark.parametrize("path", ['/a"b/app.3f9a1c77.css', "/a$b/app.3f9a1c77.css", "/{x}/app.3f9a1c77.css"])
def test_a_folder_that_could_break_out_of_a_file_is_left_out(path):
    assert planned(asset(path)).places == ()


PLAN = CachingPlan((Place("/static/", whole=False), Place("/assets/", whole=True)), compress=True)
KEPT = {
    "/static/app.3f9a1c77.css": True,
    "/static/logo.svg": False,
    "/assets/index-BqK3x9_Z.js": True,
    "/api/me": False,
    "/": False,
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    for name, text in caching_files.files(FACTS, PLAN):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_every_file_of_a_language_is_read_by_its_own_program(printed):
    files = [file for file in printed.rglob("*") if file.suffix in CHECKS]
    assert {file.name for file in files} == {"express.js", "next.config.js", "rails.rb"}
    for file in files:
        syntax(file)


EXPRESS = """
const { launchCaching } = require(process.argv[1]);
const server = require("http").createServer((req, res) => launchCaching(req, res, () => {
  res.setHeader("Cache-Control", "no-store"); res.statusCode = Number(process.argv[3]); res.end("x"); }));
server.listen(0, "127.0.0.1", () => require("http").get(
  { port: server.address().port, host: "127.0.0.1", path: process.argv[2] },
  (answer) => { console.log(answer.headers["cache-control"]); answer.resume(); server.close(); }));
"""
RAILS = """
load ARGV[0]
app = ->(_) { [ARGV[2].to_i, { "Cache-Control" => "no-store" }, []] }
_, headers, _ = LaunchCaching.new(app).call({ "PATH_INFO" => ARGV[1] })
puts headers["cache-control"] || headers["Cache-Control"]
"""


def express(printed, path, status):
    return _said("node", "-e", EXPRESS, printed / "caching/express.js", path, status)


def rails(printed, path, status):
    return _said("ruby", "-e", RAILS, printed / "caching/rails.rb", path, status)


def _said(name, *arguments):
    command = [program(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def django(printed, path, status):
    answer = SimpleNamespace(status_code=status, headers={"Cache-Control": "no-store"})
    middleware = runpy.run_path(str(printed / "caching/django_middleware.py"))["LaunchCaching"]
    return middleware(lambda _: answer)(SimpleNamespace(path=path)).headers["Cache-Control"]


@pytest.mark.parametrize("ask", [express, rails, django])
def test_a_framework_lets_browsers_keep_what_never_changes_and_nothing_else(ask, printed):
    for path, kept in KEPT.items():
        assert ask(printed, path, 200) == (YEAR if kept else "no-store"), path
    assert ask(printed, "/static/app.3f9a1c77.css", 404) == "no-store"


def test_vercel_and_next_name_the_same_paths(printed):
    rules = json.loads((printed / "caching/vercel.json").read_text())["headers"]
    following = evaluated("it.headers()", printed / "caching/next.config.js")
    assert all(rule["headers"] == [{"key": "Cache-Control", "value": YEAR}] for rule in (*rules, *following))
    for sources in ([rule["source"] for rule in rules], [rule["source"].replace(":file", "") for rule in following]):
        for path, kept in KEPT.items():
            assert any(re.fullmatch(source, path) for source in sources) is kept, path
    assert evaluated("it.compress", printed / "caching/next.config.js") is True


def test_netlify_and_cloudflare_name_whole_folders_only(printed):
    lines = [line for line in (printed / "caching/_headers").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["/assets/*", f"  Cache-Control: {YEAR}"]
    terraform = (printed / "cloudflare/caching.tf").read_text()
    assert re.findall(r"starts_with\(http.request.uri.path, \\\"(.*?)\\\"\)", terraform) == ["/assets/"]


def test_terraform_keeps_the_folder_for_a_year_and_no_error(printed):
    hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 reads Terraform's files; it is not installed")
    with (printed / "cloudflare/caching.tf").open() as text:
        found = json.dumps(hcl2.load(text))
    assert "http_request_cache_settings" in found
    assert found.count("31536000") == 2


def test_the_read_me_names_every_file(printed):
    text = (printed / "caching/README.md").read_text()
    files = {str(file.relative_to(printed)) for file in printed.rglob("*") if file.is_file()}
    assert set(re.findall(r"`((?:caching|cloudflare)/[\w.-]+)`", text)) == files - {"caching/README.md"}


@pytest.mark.world
@pytest.mark.anyio
@pytest.mark.parametrize("serve", [nginx, caddy])
async def test_the_printed_configuration_turns_the_fault_green(serve, world, tmp_path, monkeypatch):
    monkeypatch.setattr(stacks, "used", lambda **_: stacks.ALL)
    world.only("caching.static")
    async with opened(world) as client:
        failures, files = await speeding(client)
    assert set(failures) == {"caching.static"}
    with serve(world, tmp_path, files) as front:
        async with front.client(world, tmp_path) as client:
            failures, _ = await speeding(client)
            missing = await client.network.request("GET", "https://harborclub.example/static/app.0123456789ab.css")
            page = await client.network.request("GET", "https://harborclub.example/")
    assert failures == {}
    assert page.header("cache-control") != YEAR
    assert serve is caddy or missing.header("cache-control") != YEAR
