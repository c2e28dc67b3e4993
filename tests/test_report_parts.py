"""The parts of the founder's report: plan, words, map, kit, logo, and one notebook alone."""

import re
import stat
from dataclasses import replace

import nbformat
import pytest
from nbconvert.exporters import get_exporter
from nbconvert.utils.exceptions import ConversionException
from report_fixtures import (
    ROADMAP,
    START,
    Run,
    code,
    failing,
)
from report_reader import Seen, html_of

from launchready_lib.record import audit
from launchready_lib.record.findings import finding
from launchready_lib.report import drawing, exporter, plan, publication, words
from launchready_lib.report.exporter import LaunchReadyExporter
from launchready_lib.roadmap import Severity

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


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("short enough", "short enough"),
        ("the blog leads to a host: which belongs to nobody; anybody may claim it", "the blog leads to a host …"),
        ("the blog leads to a host, which belongs to nobody", "the blog leads to a host, which …"),
        ("so: the blog leads to a host of nobody's", "so: the blog leads to a host of …"),
    ],
    ids=["whole", "behind a part", "behind a word", "not behind the first word"],
)
def test_a_long_sentence_is_cut_where_it_can_stand(text, cut):
    assert words.short(text, 33) == cut


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


def test_a_record_to_copy_holds_no_explanation():
    book = words.Words()
    assert book.say('x. 3600 IN TXT "v=spf1 -all"') == "x. 3600 IN TXT &#34;v=spf1 -all&#34;"
    assert "<abbr" in book.say("a TXT record")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("renew it now", "Renew it now."),
        ("add a record (both names)", "Add a record (both names)."),
        ('Publish: x. IN TXT "v=spf1 -all"', 'Publish: x. IN TXT "v=spf1 -all"'),
        ("It is done.", "It is done."),
        ("", ""),
        (None, ""),
    ],
)
def test_a_sentence_ends_with_a_stop_unless_it_ends_in_something_to_copy(text, said):
    assert words.sentence(text) == said


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


def test_a_way_that_leaves_a_layer_out_is_drawn_past_it():
    """An address behind no edge must not look as if it led into one."""
    nodes = [
        drawing.Node("n", "api", "address"),
        drawing.Node("e", "Cloudflare", "edge"),
        drawing.Node("h", "Fly", "host"),
    ]
    drawn = drawing.wide(drawing.RouteMap(tuple(nodes), (("n", "e"), ("n", "h"))))
    edge = drawn.boxes[1]
    straight, past = drawn.arrows
    assert "H" not in straight
    lane = float(past.partition("H")[0].rsplit(" ", 1)[1])
    assert not edge.y <= lane <= edge.y + edge.height
    assert 0 < lane < drawn.height


def test_the_picture_has_its_words(tmp_path):
    default_html = html_of(Run(), tmp_path)
    assert default_html.count('role="img" aria-labelledby="map-') == 2
    assert "<desc" in default_html


# --- the kit and the logo


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "", ".", "..", "a//b", "a/b/c/d/e", "a\\b", "a\nb", "x" * 200, "a/./b", "~/x"],
    ids=repr,
)
def test_a_kit_name_that_could_leave_its_folder_is_passed_over(tmp_path, name):
    assert publication.write_kit(tmp_path / "kit", {name: "x"}) == ()


def test_kit_files_are_written_privately_and_the_newest_counts(tmp_path):
    run = Run()
    run.records["secure_edge"] = [
        ("kit", {"name": "dns/acme.zone", "text": "old"}),
        ("kit", {"name": "dns/acme.zone", "text": "new"}),
    ]
    folder = run.write(tmp_path)
    publication.write(folder)
    path = folder / "kit" / "dns" / "acme.zone"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_kit_folder_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "dns").symlink_to(tmp_path / "elsewhere")
    assert publication.write_kit(tmp_path / "kit", {"dns/x": "x"}) == ()


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
    found = exporter.logo(tmp_path, name)
    assert found is None if kind is None else found.startswith(kind)


@pytest.mark.parametrize("name", [None, "", "gone.png", "\x00", 5], ids=repr)
def test_a_logo_that_is_not_there_is_left_out(tmp_path, name):
    assert exporter.logo(tmp_path, name) is None


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
