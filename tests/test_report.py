"""The founder's report: complete in one file, honest, readable, and never a door for foreign strings."""

import json
import re
import stat
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbconvert.exporters import get_exporter
from nbconvert.utils.exceptions import ConversionException
from report_fixtures import (
    CLIENT,
    ROADMAP,
    START,
    Run,
    all_passing,
    chart_output,
    code,
    failing,
    html_output,
    markdown,
    not_known,
)

from launchready_lib import audit, record, report
from launchready_lib.findings import Severity, finding
from launchready_lib.report import charts, drawing, kit_files, plan, words
from launchready_lib.report.exporter import LaunchReadyExporter
from launchready_lib.report.logo import logo

EVIL = "<script>window.hacked=1</script>[x](javascript:alert(1))<img src=x onerror=alert(1)>&amp;\"'"


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, its headings, its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.headings, self.ids = [], [], [], []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self._silent += tag in ("script", "style", "title")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style", "title")

    def handle_data(self, data):
        if not self._silent:
            self.text.append(data)

    @property
    def words(self):
        return " ".join("".join(self.text).split())


def html_of(run, tmp_path):
    return report.write(run.write(tmp_path)).read_text(encoding="utf-8")


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
    path = report.write(folder)
    before = path.stat().st_ino
    assert report.write(folder).stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_report_with_21_charts_stays_small(tmp_path):
    folder = Run(charts=3).write(tmp_path)
    assert report.write(folder).stat().st_size < 1_200_000


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
    return report.write(folder).read_text(encoding="utf-8")


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
    folder = charts.SCRIPT.parent
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


# --- the plan


def fault(check, severity, effort):
    found = finding(failing(check, effort_hours=effort), ROADMAP, judged_at=START.isoformat())
    return replace(found, severity=severity)


def test_the_plan_takes_what_is_worth_most_per_hour_first():
    faults = [
        fault("headers.referrer", Severity.LOW, 0.1),  # 10 an hour
        fault("tls.certificate", Severity.BLOCKER, 4),  # 2 an hour
        fault("edge.ddos", Severity.HIGH, 1),  # 4 an hour
    ]
    planned = plan.forty_eight_hours(faults)
    assert [task.finding.check for task in planned.tasks] == ["headers.referrer", "edge.ddos", "tls.certificate"]
    assert planned.hours == pytest.approx(5.1)


def test_a_blocker_that_does_not_fit_is_still_named_and_gives_way_to_what_fits():
    faults = [
        fault("build.clean", Severity.BLOCKER, 20),
        fault("edge.ddos", Severity.HIGH, 15),
        fault("headers.hsts", Severity.MEDIUM, 1),
        fault("headers.csp", Severity.MEDIUM, 9),
    ]
    planned = plan.forty_eight_hours(faults)
    assert [task.finding.check for task in planned.tasks] == ["headers.hsts", "edge.ddos"]
    assert [f.check for f in planned.blockers_left] == ["build.clean"]
    assert [f.check for f in planned.later] == ["headers.csp"]
    assert [task.day for task in planned.tasks] == [1, 1]


def test_nothing_wrong_gives_an_empty_plan():
    assert plan.forty_eight_hours([]).hours == 0


# --- words


def test_a_term_is_explained_where_it_is_first_read_and_only_there():
    book = words.Words()
    assert book.say("the DNS host") == (
        'the <abbr title="domain name system">DNS</abbr> (the internet&#39;s address book) host'
    )
    assert book.say("the DNS host") == "the DNS host"


def test_a_heading_owes_its_explanation_to_the_line_below():
    book = words.Words()
    assert "address book" not in book.heading("DNS <setup>")
    assert "address book" in book.owed()
    assert not book.owed()


def test_what_is_folded_away_explains_nothing_for_good():
    book = words.Words()
    book.folded("RFC 9989")
    assert "internet standard" in book.say("RFC 9989")


@pytest.mark.parametrize("text", ["API_KEY", "HTTPS_ONLY", "x.API", "TLSv1", "MX-1"])
def test_a_name_that_merely_contains_a_term_is_left_alone(text):
    assert "<abbr" not in words.Words().say(text) or text == "MX-1"


def test_every_acronym_of_the_catalogue_is_explained_before_it_is_used(tmp_path):
    failures = {check: failing(check) for check in ROADMAP.checks}  # shows every sentence of the catalogue
    page = html_of(Run(verdicts=failures), tmp_path)
    html = re.sub(r"<(script|style|title|table(?= *>)|code|details)\b.*?</\1>", " ", page, flags=re.DOTALL)
    html = html.split('<dl class="words">')[0]
    plain = re.compile(r"(?<![\w.-])(?:[A-Z][A-Z0-9]+s?|DDoS)(?!\w|-[A-Z]|\.\w)")
    known = set()
    for part in re.split(r"(<abbr.*?</abbr>|<[^>]*>)", html):
        if part.startswith("<abbr"):
            known.add(re.sub("<[^>]*>", "", part).rstrip("s"))
        elif not part.startswith("<"):
            for found in plain.findall(part):
                assert found.rstrip("s") in known | NOT_ACRONYMS, part


NOT_ACRONYMS = {"EUR", "EXPLAIN", "CREATE", "INDEX", "CONCURRENTLY", "DEBUG", "DENY", "GET", "IN", "WHERE"}  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "said"), [(None, "0 h"), (0.25, "15 min"), (1, "1 h"), (1.5, "1.5 h"), (30.25, "30.25 h")]
)
def test_hours_are_said_as_people_say_them(amount, said):
    assert words.hours(amount) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.985, "ratio", "98.5 %"),
        (1234.4, "ms", "1,234 ms"),
        (1.7, "seconds", "1.7 seconds"),
        (None, "ms", "not measured"),
    ],
)
def test_figures_carry_their_unit(value, unit, said):
    assert words.figure(value, unit) == said


@pytest.mark.parametrize(
    ("text", "said"), [("no entry", "No entry"), ("acme.example is", "acme.example is"), ("app.js", "app.js"), ("", "")]
)
def test_a_sentence_begins_with_a_capital_unless_a_name_does(text, said):
    assert words.upfirst(text) == said


# --- the map


def test_the_map_draws_what_the_stage_recorded(tmp_path):
    run = Run()
    nodes = [
        {"id": "n", "label": "acme.example", "kind": "name"},
        {"id": "d", "label": "Postgres", "kind": "database", "state": "fault"},
        {"id": "s", "label": "js.stripe.com", "kind": "third_party"},
    ]
    data = {"nodes": nodes, "edges": [{"from": "n", "to": "d"}, {"from": "n", "to": "nowhere"}]}
    run.records["quick_audit"] = [("deliverable", {"id": "deployment_map", "status": "made", "data": data})]
    route = drawing.route_map(audit.read(run.write(tmp_path)))
    assert route.words == ["Name: acme.example", "Database: Postgres (at fault)", "Other services: js.stripe.com"]
    wide = drawing.wide(route)
    assert len(wide.arrows) == 1
    assert [box.node.id for box in wide.boxes] == ["n", "d", "s"]


def test_without_a_record_the_map_shows_what_was_seen_and_what_was_not(tmp_path):
    route = drawing.route_map(audit.read(Run().write(tmp_path)))
    assert [n.label for n in route.layer("name")] == ["acme.example", "www.acme.example", "app.acme.example"]
    assert [(n.label, n.state) for n in route.layer("database")] == [("not known", "unknown")]


@pytest.mark.parametrize("shape", [drawing.wide, drawing.narrow], ids=["wide", "narrow"])
def test_a_map_of_many_stations_stays_within_its_canvas(shape):
    nodes = tuple(drawing.Node(f"{kind}{n}", "x" * 300, kind) for kind in drawing.LAYERS for n in range(20))
    drawn = shape(drawing.RouteMap(nodes, ()))
    assert all(box.x + box.width <= drawn.width + 1 and box.y + box.height <= drawn.height + 1 for box in drawn.boxes)
    assert any("and 13 more" in line for box in drawn.boxes for line in box.lines)


def test_the_picture_has_its_words(default_html):
    assert default_html.count('role="img" aria-labelledby="map-') == 2
    assert "<desc" in default_html


# --- the kit and the logo


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "", ".", "..", "a//b", "a/b/c/d/e", "a\\b", "a\nb", "x" * 200, "a/./b", "~/x"],
    ids=repr,
)
def test_a_kit_name_that_could_leave_its_folder_is_passed_over(tmp_path, name):
    assert kit_files.write_kit(tmp_path / "kit", {name: "x"}) == ()


def test_kit_files_are_written_privately_and_the_newest_counts(tmp_path):
    run = Run()
    run.records["secure_edge"] = [
        ("kit", {"name": "dns/acme.zone", "text": "old"}),
        ("kit", {"name": "dns/acme.zone", "text": "new"}),
    ]
    folder = run.write(tmp_path)
    report.write(folder)
    path = folder / "kit" / "dns" / "acme.zone"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_kit_folder_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "dns").symlink_to(tmp_path / "elsewhere")
    assert kit_files.write_kit(tmp_path / "kit", {"dns/x": "x"}) == ()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        pytest.param("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "data:image/svg+xml;base64,", id="svg"),
        pytest.param("logo.png", b"\x89PNG\r\n\x1a\n", "data:image/png;base64,", id="png"),
        pytest.param("passwd", b"root:x:0:0", None, id="no image"),
        pytest.param("big.png", b"\x89PNG\r\n" + bytes(300_000), None, id="too large"),
    ],
)
def test_a_logo_is_embedded_if_it_is_an_image(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    found = logo(tmp_path, name)
    assert found is None if kind is None else found.startswith(kind)


@pytest.mark.parametrize("name", [None, "", "gone.png", "\x00", 5], ids=repr)
def test_a_logo_that_is_not_there_is_left_out(tmp_path, name):
    assert logo(tmp_path, name) is None


# --- one notebook alone, through nbconvert


def test_nbconvert_finds_the_exporter_and_shows_one_stage(tmp_path):
    folder = Run(charts=1).write(tmp_path)
    html, resources = get_exporter("launchready")().from_filename(str(folder / "03_secure_edge.ipynb"))
    page = Seen(html)
    assert resources["output_extension"] == ".html"
    assert [i for i in page.ids if i.startswith("stage-")] == ["stage-3", "stage-3-h"]
    assert "verdict" not in page.ids
    assert page.headings[0] == 1


def test_a_notebook_of_another_name_is_known_by_its_record(tmp_path):
    folder = Run().write(tmp_path)
    (folder / "02_stabilize_deployment.ipynb").rename(folder / "out.ipynb")
    html, _ = LaunchReadyExporter().from_filename(str(folder / "out.ipynb"))
    assert "Stage 2" in Seen(html).words


def test_a_notebook_that_never_ran_is_all_unknown(tmp_path):
    notebook = nbformat.from_dict({"cells": [code([], count=None)], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    path = tmp_path / "03_secure_edge.ipynb"
    path.write_text(nbformat.writes(notebook))
    html, _ = LaunchReadyExporter().from_filename(str(path))
    assert html.count('<article class="check unknown"') == len(ROADMAP.stages["secure_edge"].checks)


def test_some_other_notebook_is_refused():
    with pytest.raises(ConversionException, match="not an executed notebook of the roadmap"):
        LaunchReadyExporter().from_notebook_node(nbformat.v4.new_notebook())
