"""The founder's report: complete in one file, honest, readable, and never a door for foreign strings."""

import json
import re
import stat
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_fixtures import (
    CLIENT,
    ROADMAP,
    START,
    Run,
    all_passing,
    chart_output,
    failing,
    html_output,
    markdown,
    not_known,
)
from report_reader import Seen, html_of

from launchready_lib.record import audit
from launchready_lib.record import sheets as record
from launchready_lib.report import exporter, publication
from launchready_lib.report.exporter import LaunchReadyExporter

EVIL = "<script>window.hacked=1</script>[x](javascript:alert(1))<img src=x onerror=alert(1)>&amp;\"'"


def seen(run, tmp_path):
    return Seen(html_of(run, tmp_path))


@pytest.fixture(scope="module")
def default_html(tmp_path_factory):
    return html_of(Run(), tmp_path_factory.mktemp("default"))


def text_of(html, section):
    start = html.index(f'id="{section}"')
    return Seen(html[html.rindex("<", 0, start) :].split("</section>")[0]).words


# --- its shape


def test_the_sections_stand_in_the_order_of_the_design(tmp_path):
    Run(client=CLIENT | {"release": "1"}, started=START - timedelta(days=9)).write(tmp_path)
    ids = seen(Run(), tmp_path).ids
    order = ["verdict", "first", "plan", "changes", "map", "gaps", "baseline", "stages", "stage-1", "stage-7", "sprint"]
    order += ["later", "handover", "unmeasured", "method", "defects", "glossary"]
    assert [i for i in ids if i in order] == order
    assert len(ids) == len(set(ids))


def test_every_check_and_every_question_has_its_place(default_html):
    page = Seen(default_html)
    assert {f"check-{check.replace('.', '-').replace('_', '-')}" for check in ROADMAP.checks} <= set(page.ids)
    for stage in ROADMAP.stages.values():
        for question in stage.questions:
            assert question.ask in page.words


def test_every_link_within_the_page_leads_somewhere(default_html):
    page = Seen(default_html)
    targets = {attrs["href"][1:] for tag, attrs in page.elements if tag == "a" and attrs["href"].startswith("#")}
    assert targets <= set(page.ids)


def test_headings_never_skip_a_level(tmp_path):
    levels = seen(Run(charts=1), tmp_path).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_file_is_private_and_replaces_the_old_one_whole(tmp_path):
    folder = Run().write(tmp_path)
    path = publication.write(folder)
    before = path.stat().st_ino
    assert publication.write(folder).stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_report_with_21_charts_stays_small(tmp_path):
    folder = Run(charts=3).write(tmp_path)
    assert publication.write(folder).stat().st_size < 1_200_000


def test_the_bundle_comes_only_with_charts(tmp_path):
    assert 'id="plotly-bundle"' not in html_of(Run(), tmp_path)
    assert html_of(Run(charts=1), tmp_path).count('id="plotly-bundle"') == 1


def test_each_chart_has_its_numbers_as_a_table(tmp_path):
    html = html_of(Run(charts=2), tmp_path)
    figures = re.findall(r'<figure class="chart">.*?</figure>', html, re.DOTALL)
    assert len(figures) == 14
    assert all("<table>" in figure for figure in figures)


# --- nothing leaves, nothing foreign runs


def test_nothing_in_the_page_is_fetched(tmp_path):
    page = seen(Run(charts=1), tmp_path)
    for tag, attrs in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert not {"src", "srcset", "poster", "background", "data"} & set(attrs), (tag, attrs)
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    script_source = policy.split("script-src", 1)[1].split(";", 1)[0]
    assert "unsafe" not in script_source


def hostile():
    rows = [{EVIL: EVIL, "column": EVIL}]
    verdicts = {
        "mail.dmarc": replace(failing("mail.dmarc", evidence=rows, impact=EVIL, fix=EVIL, files=[EVIL]), summary=EVIL),
        "mail.spf": replace(not_known("mail.spf"), reason=EVIL, needs=EVIL, summary=EVIL),
        "headers.csp": replace(failing("headers.csp"), references=("javascript:alert(1)", EVIL)),
    }
    client = CLIENT | {
        "name": EVIL,
        "domain": EVIL,
        "notes": EVIL,
        "consultant": {"name": EVIL, "logo": EVIL, "closing": EVIL},
        "business": {"members": 3, "price_month": 1, "currency": EVIL, "launch_on": EVIL},
        "authorization": {"granted_by": EVIL, "granted_on": EVIL, "hosts": [EVIL], "allow": [EVIL]},
        "not_applicable": {"webhooks": EVIL},
        "compare_with": EVIL,
    }
    run = Run(client=client, verdicts=verdicts)
    run.records["quick_audit"] = [
        ("note", {"stage": "quick_audit", "text": EVIL}),
        ("baseline", {EVIL: EVIL}),
        ("kit", {"name": EVIL, "text": EVIL}),
        ("deliverable", {"id": "deployment_map", "status": "made", "data": {
            "nodes": [{"id": EVIL, "label": EVIL, "kind": EVIL, "detail": EVIL}],
            "edges": [{"from": EVIL, "to": EVIL}]}}),
    ]  # fmt: skip
    run.records["handover"] = [
        ("deliverable", {"id": "runbook", "status": "made", "reason": EVIL, "file": EVIL,
                         "data": {EVIL: [EVIL], "rows": rows, "text": EVIL + "\n" + EVIL}}),
    ]  # fmt: skip
    table = f"<table><caption>{EVIL}</caption><tr><th>{EVIL}</th></tr><tr><td>{EVIL}</td></tr></table>{EVIL}"
    escaped = EVIL.replace("<", "&lt;")
    chart = chart_output("t")
    chart["data"]["application/vnd.plotly.v1+json"]["data"][0]["x"] = [EVIL]
    chart["metadata"] = {"caption": EVIL}
    run.outputs["secure_edge"] = [
        html_output(table),
        html_output(f"<table><tr><th>{escaped}</th></tr><tr><td>{escaped}</td></tr></table>"),
        chart,
        {"output_type": "error", "ename": EVIL, "evalue": EVIL, "traceback": [EVIL]},
        {"output_type": "stream", "name": "stdout", "text": EVIL},
    ]
    return run


@pytest.fixture(scope="module")
def hostile_html(tmp_path_factory):
    run = hostile()
    folder = run.write(tmp_path_factory.mktemp("hostile"))
    path = folder / "03_secure_edge.ipynb"
    notebook = nbformat.reads(path.read_text(), as_version=4)
    notebook.cells.insert(-2, nbformat.from_dict(markdown(f"# {EVIL}\n{EVIL}")))
    path.write_text(nbformat.writes(notebook))
    return publication.write(folder).read_text(encoding="utf-8")


def test_a_foreign_string_is_text_wherever_it_stands(hostile_html):
    page = Seen(hostile_html)
    for tag, attrs in page.elements:
        assert tag != "img", attrs
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
        assert tag != "a" or re.match(r"(#|https?://)", attrs["href"]), attrs
        assert tag != "a" or "alert(" not in attrs["href"]
    kinds = [attrs.get("type", "ours") for tag, attrs in page.elements if tag == "script"]
    assert sorted(kinds) == ["application/json", "ours", "text/plain"]
    assert page.words.count("<script>window.hacked=1</script>[x](javascript:alert(1))<img src=x") > 25


def test_the_notebooks_own_markdown_and_streams_do_not_travel(tmp_path):
    run = Run()
    run.outputs["secure_edge"] = [
        {"output_type": "stream", "name": "stdout", "text": "printed-by-a-cell"},
        html_output("<p>a-paragraph-of-html</p>"),
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/markdown": "some-markdown", "image/svg+xml": "<svg/>"},
        },
    ]
    html = html_of(run, tmp_path)
    assert not [word for word in ("printed-by-a-cell", "a-paragraph-of-html", "some-markdown") if word in html]


def test_templates_escape_by_default():
    environment = LaunchReadyExporter().environment
    assert environment.autoescape is True
    assert environment.from_string("{{ text }}").render(text="<b>") == "&lt;b&gt;"


def test_no_template_switches_escaping_off():
    folder = exporter.SCRIPT.parent
    for template in folder.glob("*.j2"):
        assert not re.search(r"\|\s*safe|autoescape", template.read_text()), template.name


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def _spoilt(value, place, with_):
    """The same JSON with its leaf or branch number `place` replaced."""
    count = 0

    def walk(each):
        nonlocal count
        count += 1
        if count == place:
            return with_
        if isinstance(each, dict):
            return {key: walk(inner) for key, inner in each.items()}
        return [walk(inner) for inner in each] if isinstance(each, list) else each

    return walk(value)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(2, 400), ANY)
def test_a_record_spoilt_anywhere_still_makes_a_report(tmp_path_factory, place, with_):
    run = hostile()
    run.records["quick_audit"].append(("traffic", {"requests": {"a": 1}, "blocked": [{"host": "b", "reason": "c"}]}))
    notebook = run.notebook("quick_audit")
    sheet = record.sheet(_spoilt(notebook, place, with_), "01_quick_audit.ipynb")
    found = audit.assemble({"quick_audit": sheet}, ROADMAP, manifest={})
    html, _ = LaunchReadyExporter().from_audit(found, tmp_path_factory.getbasetemp())
    assert "</html>" in html
    json.dumps(audit.findings_json(found), allow_nan=False)


# --- what it says


@pytest.mark.parametrize(
    ("verdicts", "beginning", "end"),
    [
        pytest.param(all_passing(), "Ready to launch: all 5 minimum targets are met", "", id="go"),
        pytest.param(
            all_passing() | {"edge.ddos": failing("edge.ddos"), "build.clean": not_known("build.clean")},
            "Launch only once this is settled: 1 deciding question without an answer and 1 serious fault; ",
            "5 of the 5 minimum targets are met, none is missed.",
            id="conditional",
        ),
        pytest.param(
            all_passing() | {"latency.p95": failing("latency.p95")},
            "Do not launch yet: 1 fault stops it, and 1 of the 5 minimum targets is missed.",
            "",
            id="no-go for the bar",
        ),
        pytest.param(
            all_passing() | {c: failing(c) for c in ("build.clean", "mail.spf")},
            "Do not launch yet: 2 faults stop it, and no minimum target is missed.",
            "",
            id="no-go for blockers",
        ),
    ],
)
def test_the_verdict_is_one_sentence_with_the_minimum_bar(tmp_path, verdicts, beginning, end):
    html = html_of(Run(client=CLIENT | {"not_applicable": None}, verdicts=verdicts), tmp_path)
    heading = (
        Seen(html.split("<h1", 1)[1].split("</h1>")[0]).words.partition("Do ")[0]
        and Seen("<h1" + html.split("<h1", 1)[1].split("</h1>")[0]).words
    )
    assert beginning in heading
    assert heading.endswith(end or ".")


def test_sums_are_named_only_where_the_client_gave_figures(tmp_path):
    html = html_of(Run(), tmp_path)
    assert "EUR 2,280" in text_of(html, "verdict")
    assert "120 members at EUR 19 a month" in html
    html = html_of(Run(client=CLIENT | {"business": None, "release": "2"}), tmp_path)
    assert "EUR" not in html
    assert "members and price were not given" in text_of(html, "verdict")


@pytest.mark.parametrize(
    "business",
    [
        {},
        {"members": 0, "price_month": 9},
        {"members": 5},
        {"members": True, "price_month": 9},
        {"members": 9, "price_month": "x"},
    ],
    ids=str,
)
def test_half_given_figures_give_no_sum(tmp_path, business):
    html = html_of(Run(client=CLIENT | {"business": {"currency": "EUR", **business}}), tmp_path)
    assert "EUR" not in html


def test_an_unknown_is_listed_with_what_would_make_it_known(default_html):
    section = text_of(default_html, "unmeasured")
    for needs in ("authorization.allow: [drills]", "query_log", "monitoring.test_alert"):
        assert f"Add to the parameters: {needs}" in section
    assert "no billing before spring" in section


def test_what_was_not_made_is_said_to_be_not_made(default_html):
    assert text_of(default_html, "handover").count("not made yet") == 5


def test_an_attested_answer_is_marked(tmp_path):
    run = Run(verdicts={"alerts.routed": replace(failing("alerts.routed"), source="attested")})
    assert html_of(run, tmp_path).count("vouched for, not measured") == 2


def test_requests_refusals_and_our_own_defects_are_shown(tmp_path):
    run = Run(verdicts={"tls.protocols": replace(not_known("tls.protocols"), defect=True)})
    blocked = [{"host": "evil.example", "port": 443, "reason": "not in authorization.hosts"}]
    run.records["quick_audit"] = [("traffic", {"requests": {"acme.example": 1234}, "blocked": blocked})]
    run.leave_out = ("handover",)
    words_ = Seen(html_of(run, tmp_path)).words
    assert "1 fault of our own" in words_
    assert "This stage did not run." in words_


def test_the_evidence_of_a_failure_is_in_the_page(tmp_path):
    run = Run(verdicts={"mail.dmarc": failing("mail.dmarc", evidence=[{"found_record": "v=DMARC1; p=oops"}])})
    assert "found record" in html_of(run, tmp_path)
    assert "v=DMARC1; p=oops" in html_of(run, tmp_path)


def test_long_evidence_is_cut_and_says_so(tmp_path):
    run = Run(verdicts={"mail.dmarc": failing("mail.dmarc", evidence=[{"n": n} for n in range(100)])})
    assert "and 40 more rows" in html_of(run, tmp_path)


def test_what_one_thing_would_answer_stands_together_attestations_apart(tmp_path):
    checks = ("alerts.routed", "errors.tracking")
    unknowns = {c: replace(not_known(c), needs=f"monitoring.configuration; or attestations.{c}") for c in checks}
    section = text_of(html_of(Run(verdicts=all_passing() | unknowns), tmp_path), "unmeasured")
    assert "monitoring.configuration Would answer 2 questions (nobody looked):" in section
    assert "or, vouched for, attestations.alerts.routed" in section


def test_a_run_that_measured_nothing_does_not_look_sound(tmp_path):
    run = Run(client=CLIENT | {"not_applicable": None}, verdicts={c: not_known(c) for c in ROADMAP.checks})
    html = html_of(run, tmp_path)
    assert "none of the 5 minimum targets is met, none is missed." in Seen(html).words
    assert "Nothing could be measured yet, so nothing is known to be sound." in text_of(html, "verdict")
    assert "In order" not in Seen(html.split("<details")[0]).words
