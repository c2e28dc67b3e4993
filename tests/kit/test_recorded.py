"""What a kit cell records comes back from the executed notebook: files as they were, findings that name them."""

import pytest
from audited import client_for
from hypothesis import given
from hypothesis import strategies as st
from kit_bench import Bench

from launchready_lib import kit, roadmap
from launchready_lib.checks.secure_edge.headers import HeadersEvidence
from launchready_lib.checks.secure_edge.headers.evidence import View
from launchready_lib.evidence import Unavailable
from launchready_lib.kit import Kit, KitFile, stacks
from launchready_lib.network import Response
from launchready_lib.record import audit
from launchready_lib.record import sheets as record
from launchready_lib.record.findings import RECORD_MIME, Status, failed, passed, unknown

ROW = [{"page": "home"}]
PAGE = b"<script>start()</script><script src='https://js.stripe.com/v3/'></script>"


def answered(*headers):
    response = Response("GET", "https://acme.example/", "ok", 200, (("content-type", "text/html"), *headers), PAGE)
    return HeadersEvidence((View("home", "https://acme.example/", response),), canonical="https://acme.example")


def judged(bench, verdict, check):
    bench.stage.judge(verdict.__class__(**{**verdict.__dict__, "check": check}))


@pytest.fixture
def bench():
    return Bench.of(client_for("127.0.0.1:1"), "secure_edge")


def assembled(bench):
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": "", "metadata": {}, "execution_count": 1,
         "outputs": [{"output_type": "display_data", "data": bundle, "metadata": {}}]}
        for n, bundle in enumerate(bench.published)
    ]  # fmt: skip
    sheet = record.sheet({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, "03_secure_edge.ipynb")
    return audit.assemble({"secure_edge": sheet}, roadmap.load(), manifest={})


def test_failures_name_the_files_that_fix_them_and_nothing_else_does(bench):
    judged(bench, failed("no policy", evidence=ROW), "headers.csp")
    judged(bench, failed("no HSTS", evidence=ROW), "headers.hsts")
    judged(bench, passed("fine", evidence=ROW), "headers.sniffing")
    made = kit.edge(bench.stage, answered())
    bench.stage.kit(made)
    whole = assembled(bench)
    assert whole.by_check["headers.csp"].files == whole.by_check["headers.hsts"].files == ("headers/README.md",)
    assert whole.by_check["headers.sniffing"].files == ()
    assert whole.by_check["headers.csp"].to_json()["fix"]["files"] == ["headers/README.md"]


def test_files_travel_as_they_are(bench):
    judged(bench, failed("no policy", evidence=ROW), "headers.csp")
    made = kit.edge(bench.stage, answered())
    bench.stage.kit(made)
    assert dict(assembled(bench).kit) == {each.name: each.text for each in made.files}
    assert any("'sha256-" in each.text for each in made.files)


def test_only_what_the_client_uses_gets_files(bench):
    judged(bench, failed("no policy", evidence=ROW), "headers.csp")
    made = kit.edge(bench.stage, answered(("server", "nginx/1.22.1")))
    assert {each.name for each in made.files} == {"headers/README.md", "headers/nginx.conf"}
    assert all(each.fixes == ("headers.csp",) for each in made.files)


def test_without_failures_there_are_no_files_but_deliverables(bench):
    judged(bench, passed("fine", evidence=ROW), "headers.csp")
    judged(bench, unknown("nothing was seen", needs="a second run"), "mail.spf")
    made = kit.edge(bench.stage, Unavailable("nothing", "something"))
    assert made.files == ()
    assert {each.id: each.status for each in made.deliveries} == {
        "domain_and_tls": "unknown", "mail_records": "unknown", "edge_protections": "made"
    }  # fmt: skip
    assert {each.id: each.reason for each in made.deliveries}["mail_records"] == "nothing was seen"


def test_deliverables_say_what_is_in_force_and_what_is_ready_to_paste(bench):
    judged(bench, failed("no policy", evidence=ROW), "headers.csp")
    judged(bench, failed("a script is not pinned", evidence=ROW), "headers.integrity")
    judged(bench, passed("fine", evidence=ROW), "headers.hsts")
    (found,) = [each for each in kit.edge(bench.stage, answered()).deliveries if each.id == "edge_protections"]
    assert [row["state"] for row in found.data["protections"]] == ["ready to paste", "to do", "in force"]
    assert found.status == "partial"
    assert found.file == "headers/README.md"


def test_a_kit_that_breaks_stops_no_notebook_and_says_so(bench, monkeypatch):
    monkeypatch.setattr(stacks, "used", lambda **_: 1 / 0)
    made = kit.edge(bench.stage, answered())
    assert "ZeroDivisionError" in made.problem
    assert "defect of Launch Ready" in made.problem
    bench.stage.kit(made)
    assert made.problem in [note.text for note in assembled(bench).notes]


def test_a_record_that_was_tampered_with_names_no_files(bench):
    judged(bench, failed("no policy", evidence=ROW), "headers.csp")
    bench.stage.record("kit", {"name": "x", "text": "y", "fixes": "headers.csp"})
    bench.stage.record("kit", {"name": "z", "text": 5, "fixes": ["headers.csp"]})
    whole = assembled(bench)
    assert whole.by_check["headers.csp"].status is Status.FAIL
    assert whole.by_check["headers.csp"].files == ()


def test_what_is_shown_tells_each_file_and_what_it_fixes(bench):
    bench.stage.kit(Kit((KitFile("dns/a.zone", "; x\n", ("mail.spf",)),)))
    shown = [bundle.get("text/html", "") for bundle in bench.published if RECORD_MIME not in bundle]
    assert "kit/dns/a.zone" in shown[-1]
    assert "mail.spf" in shown[-1]


@given(
    values=st.lists(
        st.tuples(st.sampled_from(["server", "via", "x-powered-by", "cf-ray"]), st.text(max_size=40)), max_size=4
    )
)
def test_whatever_answers_say_some_system_is_chosen(values):
    response = Response("GET", "https://acme.example/", "ok", 200, tuple(values), b"")
    chosen = stacks.used(edge=None, provider=None, repository=None, answers=[response])
    assert chosen
    assert set(chosen) <= set(stacks.ALL)


@pytest.mark.parametrize(
    ("file", "content", "stack"),
    [
        ("package.json", '{"dependencies": {"next": "15"}}', "nextjs"),
        ("package.json", '{"dependencies": {"express": "5"}}', "express"),
        ("manage.py", "import django", "django"),
        ("Gemfile", 'gem "rails", "~> 8"', "rails"),
        ("composer.json", '{"require": {"laravel/framework": "12"}}', "laravel"),
        ("netlify.toml", "", "netlify"),
    ],
)
def test_the_repository_tells_what_the_app_is_made_with(file, content, stack, tmp_path):
    (tmp_path / file).write_text(content)
    assert stacks.used(edge="none", provider="fly", repository=tmp_path, answers=[]) == (stack,)
