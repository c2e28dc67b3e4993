"""A run's executed notebooks give one audit: every check answered once, and nothing that is unknown looks known."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import (
    CLIENT,
    ROADMAP,
    START,
    Run,
    all_passing,
    code,
    failing,
    finding_output,
    not_known,
    passing,
    record_output,
)

from launchready_lib.record import audit
from launchready_lib.record import sheets as record
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME, Decision, Status, finding


def read(run, tmp_path):
    return audit.read(run.write(tmp_path))


def judged(verdict, at):
    return finding_output(finding(verdict, ROADMAP, judged_at=at.isoformat()), at)


def test_every_check_of_the_roadmap_is_answered_exactly_once(tmp_path):
    found = read(Run(), tmp_path)
    assert sorted(f.check for f in found.findings) == sorted(ROADMAP.checks)


def test_failures_come_first_then_what_is_unknown(tmp_path):
    order = [f.status for f in read(Run(), tmp_path).findings]
    assert order == sorted(order, key=["fail", "unknown", "pass", "not_applicable"].index)


def test_a_folder_without_a_run_is_named_in_the_error(tmp_path):
    with pytest.raises(audit.AuditError, match=tmp_path.name):
        audit.read(tmp_path)


# --- which finding counts


@pytest.mark.parametrize("first", [True, False], ids=["newest stands first", "newest stands last"])
def test_the_finding_judged_last_wins_wherever_it_stands(tmp_path, first):
    old = judged(failing("uptime.now"), START)
    new = judged(passing("uptime.now"), START + timedelta(hours=1))
    run = Run(leave_out=("observability",))
    folder = run.write(tmp_path)
    cells = [code([record_output("client", CLIENT, START)]), code([new, old] if first else [old, new])]
    (folder / "05_add_observability.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    assert audit.read(folder).by_check["uptime.now"].status is Status.PASS


def test_an_unknown_judged_later_replaces_a_pass(tmp_path):
    run = Run(verdicts=all_passing())
    run.outputs["secure_edge"] = [judged(not_known("tls.certificate"), START + timedelta(hours=1))]
    assert read(run, tmp_path).by_check["tls.certificate"].status is Status.UNKNOWN


def test_of_findings_judged_at_once_the_later_cell_wins(tmp_path):
    at = START + timedelta(hours=1)
    run = Run()
    run.outputs["secure_edge"] = [judged(failing("tls.certificate"), at), judged(passing("tls.certificate"), at)]
    assert read(run, tmp_path).by_check["tls.certificate"].status is Status.PASS


# --- stages that did not end well


def test_a_stage_that_did_not_run_leaves_its_checks_unknown_and_says_how_to_run_it(tmp_path):
    found = read(Run(leave_out=("secure_edge",)), tmp_path)
    for check in ROADMAP.stages["secure_edge"].checks:
        assert found.by_check[check].status is Status.UNKNOWN
        assert found.by_check[check].reason == "stage 3 (Secure the edge) did not run"
        assert found.by_check[check].needs == "run stage 3 (03_secure_edge.ipynb) again"
    assert found.stages[2].status == "skipped"


def test_what_the_founder_declared_stays_declared_where_the_stage_did_not_run(tmp_path):
    found = read(Run(leave_out=("validate_usage",)), tmp_path).by_check["webhooks.forged"]
    assert (found.status, found.source, found.reason) == (
        Status.NOT_APPLICABLE,
        "declared",
        "no billing before spring",
    )


def test_a_cell_that_ended_in_an_error_fails_the_stage_and_keeps_what_was_found(tmp_path):
    run = Run()
    folder = run.write(tmp_path)
    notebook = run.notebook("reduce_drag")
    broken = {"output_type": "error", "ename": "ValueError", "evalue": "\x1b[31mno\nway", "traceback": []}
    notebook["cells"][5:] = [code([broken]), code([], count=None)]
    (folder / "04_reduce_backend_drag.ipynb").write_text(json.dumps(notebook))
    found = audit.read(folder)
    assert found.stages[3].status == "failed"
    assert found.stages[3].error == "a cell ended in an error (ValueError: no way)"
    assert found.by_check["queries.indexes"].status is Status.PASS
    assert "ValueError: no way" in found.by_check["latency.p95"].reason


def test_a_notebook_with_cells_that_never_ran_is_a_failed_stage(tmp_path):
    run = Run()
    folder = run.write(tmp_path)
    notebook = run.notebook("handover")
    notebook["cells"][4:] = [code([], count=None)]
    (folder / "07_production_handover.ipynb").write_text(json.dumps(notebook))
    assert audit.read(folder).stages[6].error == "it stopped before code cell 3"


def manifest(folder, **stage):
    entry = {"id": "secure_edge", "notebook": "03_secure_edge.ipynb", **stage}
    (folder / "manifest.json").write_text(json.dumps({"schema": 1, "stages": [entry]}))


def test_the_manifest_knows_of_a_time_out_that_the_notebook_hides(tmp_path):
    folder = Run().write(tmp_path)
    manifest(folder, status="failed", error="stopped after 600 s", finished="2026-11-24T10:00:00+00:00", seconds=600.0)
    found = audit.read(folder).stages[2]
    assert (found.status, found.error, found.seconds) == ("failed", "stopped after 600 s", 600.0)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"finished": "2026-11-24T08:00:00+00:00"}, id="failed before"),
        pytest.param({"started": "2026-11-24T08:00:00+00:00", "finished": None}, id="cut off before"),
    ],
)
def test_a_stage_that_a_consultant_finished_afterwards_is_complete(tmp_path, times):
    folder = Run().write(tmp_path)
    manifest(folder, status="failed", error="killed", **times)
    assert audit.read(folder).stages[2].status == "complete"


def test_a_run_of_which_only_the_manifest_is_left_is_all_unknown(tmp_path):
    folder = tmp_path / "acme-members" / "2026.11.1"
    folder.mkdir(parents=True)
    manifest(folder, status="failed", error="the kernel died", started="2026-11-24T08:00:00+00:00")
    found = audit.read(folder)
    assert {f.status for f in found.findings} == {Status.UNKNOWN}
    assert found.decision is Decision.CONDITIONAL
    assert "the kernel died" in found.by_check["tls.certificate"].reason
    assert (found.client.slug, found.client.release) == ("acme-members", "2026.11.1")


# --- hostile and damaged records


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"cells": [', id="cut short"),
        pytest.param(b"\x00\xff\xfe", id="binary"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no cells"),
        pytest.param(b'{"worksheets": [], "nbformat": 3}', id="format 3"),
        pytest.param(b"[" * 100_000, id="nested beyond reason"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path, content):
    folder = Run().write(tmp_path)
    (folder / "02_stabilize_deployment.ipynb").write_bytes(content)
    found = audit.read(folder)
    assert any("02_stabilize_deployment.ipynb" in problem for problem in found.problems)
    assert found.by_check["build.clean"].status is Status.UNKNOWN
    assert "02_stabilize_deployment.ipynb" in found.by_check["build.clean"].reason
    assert found.by_check["domain.resolves"].status is Status.PASS


def test_a_notebook_larger_than_any_of_ours_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "MAX_BYTES", 1000)
    assert "larger" in audit.read(Run().write(tmp_path)).problems[0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"evidence": []}, id="a pass without evidence"),
        pytest.param({"source": "none"}, id="a pass that nobody measured"),
        pytest.param({"measured_at": "yesterday"}, id="a pass of no known time"),
        pytest.param({"status": "unknown", "source": "none"}, id="an unknown without a reason"),
        pytest.param({"status": "fail"}, id="a failure without impact and fix"),
        pytest.param({"status": "not_applicable", "source": "declared", "reason": "no"}, id="declared, though fixed"),
    ],
)
def test_a_finding_that_breaks_the_rules_is_unknown_and_told(tmp_path, change):
    run = Run(verdicts=all_passing())
    output = judged(passing("tls.certificate"), START + timedelta(hours=1))
    output["data"][FINDING_MIME] |= change
    run.outputs["secure_edge"] = [output]
    found = read(run, tmp_path)
    assert found.by_check["tls.certificate"].status is Status.UNKNOWN
    assert found.problems == ("the finding of tls.certificate contradicts itself and was left out",)
    assert found.decision is Decision.CONDITIONAL


@pytest.mark.parametrize(
    "output",
    [
        pytest.param({"data": {FINDING_MIME: {"check": "tls.certificate"}}}, id="half a finding"),
        pytest.param({"data": {FINDING_MIME: "no json"}}, id="a finding of text"),
        pytest.param({"data": {RECORD_MIME: {"kind": 1}}}, id="a record without a kind"),
        pytest.param({"data": {RECORD_MIME: {"kind": "note", "data": "x"}}}, id="a record without a body"),
    ],
)
def test_a_damaged_output_is_named_by_file_and_cell(tmp_path, output):
    run = Run()
    run.outputs["secure_edge"] = [{"output_type": "display_data", "metadata": {}, **output}]
    (problem,) = read(run, tmp_path).problems
    assert problem.startswith("03_secure_edge.ipynb, cell ")


def test_a_finding_of_a_check_that_the_roadmap_does_not_have_is_left_out(tmp_path):
    run = Run()
    output = judged(passing("tls.certificate"), START)
    output["data"][FINDING_MIME]["check"] = "tls.certificates"
    run.outputs["secure_edge"] = [output]
    assert read(run, tmp_path).problems == (
        "a finding of tls.certificates was left out: the roadmap has no such check",
    )


def test_a_severity_changed_in_the_record_does_not_change_the_verdict(tmp_path):
    run = Run(verdicts=all_passing())
    output = judged(failing("tls.certificate"), START + timedelta(hours=1))
    output["data"][FINDING_MIME] |= {"severity": "low", "stage": "handover"}
    run.outputs["secure_edge"] = [output]
    found = read(run, tmp_path)
    assert (found.by_check["tls.certificate"].severity, found.by_check["tls.certificate"].stage) == (
        "blocker",
        "secure_edge",
    )
    assert found.decision is Decision.NO_GO


def test_another_clients_notebook_in_the_folder_is_left_out(tmp_path):
    folder = Run().write(tmp_path)
    foreign = Run(client=CLIENT | {"slug": "other"}, started=START - timedelta(days=1))
    (folder / "03_secure_edge.ipynb").write_text(json.dumps(foreign.notebook("secure_edge")))
    found = audit.read(folder)
    assert found.by_check["tls.certificate"].status is Status.UNKNOWN
    assert found.problems == ("03_secure_edge.ipynb is a record of other 2026.11.1, not of acme-members 2026.11.1",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(FINDING_MIME),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "outputs",
                    "data",
                    "metadata",
                    "source",
                    "cell_type",
                    "check",
                    "kind",
                    FINDING_MIME,
                    RECORD_MIME,
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(JSON)
def test_whatever_the_notebook_holds_reading_it_never_raises(body):
    record.sheet(
        {"cells": [{"cell_type": "code", "outputs": [{"data": body, "metadata": body}, body]}, body]}, "x.ipynb"
    )
    record.sheet(body, "x.ipynb")


# --- what follows from the findings


def test_the_minimum_bar_signals_and_items_follow_their_checks(tmp_path):
    verdicts = all_passing() | {c: failing(c) for c in ("latency.p95",)} | {c: not_known(c) for c in ("flows.signup",)}
    found = read(Run(client=CLIENT | {"not_applicable": None}, verdicts=verdicts), tmp_path)
    assert {bar.id: bar.status for bar in found.bars} == {
        "speed": "missed",
        "flows": "unknown",
        "monitoring": "met",
        "secrets": "met",
        "edge": "met",
    }
    items = {item.number: item for item in found.items}
    assert (items[6].status, items[6].hours) == ("open", ROADMAP.checks["latency.p95"].effort)
    assert (items[9].status, items[9].hours) == ("unknown", 0)
    assert items[1].status == "done"
    assert {s.status for s in found.signals} == {"absent"}
    assert found.decision is Decision.NO_GO


def test_a_signal_is_present_with_a_failure_and_unknown_without_an_answer(tmp_path):
    verdicts = all_passing() | {
        "edge.rate_limit": failing("edge.rate_limit"),
        "rollback.drill": not_known("rollback.drill"),
    }
    signals = {s.id: s.status for s in read(Run(verdicts=verdicts), tmp_path).signals}
    assert (signals["bots_unhindered"], signals["no_way_back"]) == ("present", "unknown")


def test_what_is_not_applicable_counts_neither_way(tmp_path):
    found = read(
        Run(client=CLIENT | {"not_applicable": {"flows.checkout": "free"}}, verdicts=_without("flows.checkout")),
        tmp_path,
    )
    assert found.by_check["flows.checkout"].status is Status.NOT_APPLICABLE
    assert found.decision is Decision.GO
    assert {bar.id: bar.status for bar in found.bars}["flows"] == "met"


def _without(check):
    return {key: value for key, value in all_passing().items() if key != check}


def test_the_baseline_takes_recorded_figures_then_findings_and_admits_gaps(tmp_path):
    run = Run(verdicts={"flows.login": replace(passing("flows.login"), measured=1.0)})
    run.records["reduce_drag"] = [("baseline", {"core_read_p95_ms": 210.5, "dashboard": {"p50": 90}})]
    figures = read(run, tmp_path).baseline
    assert (figures["core_read_p95_ms"], figures["login_success_rate"], figures["rollback_minutes"]) == (
        210.5,
        1.0,
        None,
    )
    assert figures["dashboard"] == {"p50": 90}
    assert set(ROADMAP.targets) <= set(figures)


def test_a_figure_under_strain_is_no_baseline(tmp_path):
    run = Run(verdicts=all_passing() | {"thirdparty.outage": replace(passing("thirdparty.outage"), measured=9.0)})
    assert read(run, tmp_path).baseline["interactive_seconds"] is None


def test_a_baseline_of_text_is_not_a_figure(tmp_path):
    run = Run(verdicts=all_passing())
    run.records["reduce_drag"] = [("baseline", {"core_read_p95_ms": "fast", "rollback_minutes": True})]
    figures = read(run, tmp_path).baseline
    assert (figures["core_read_p95_ms"], figures["rollback_minutes"]) == (None, None)


def test_every_deliverable_is_listed_and_what_was_not_made_says_so(tmp_path):
    run = Run(leave_out=("handover",))
    run.records["validate_usage"] = [("deliverable", {"id": "test_plan", "status": "made", "file": "test_plan.md"})]
    run.records["secure_edge"] = [("deliverable", {"id": "mail_records", "status": "unknown", "reason": "no DNS"})]
    made = {d.id: d for d in read(run, tmp_path).deliverables}
    assert len(made) == sum(len(stage.deliverables) for stage in ROADMAP.stages.values())
    assert (made["test_plan"].status, made["test_plan"].file) == ("made", "test_plan.md")
    assert (made["mail_records"].status, made["mail_records"].reason) == ("unknown", "no DNS")
    assert made["runbook"].reason == "stage 7 (Production handover) did not run"
    assert (made["environment_gaps"].status, made["risk_list"].status) == ("made", "partial")


def test_a_note_recorded_again_is_shown_once_in_the_order_of_stages(tmp_path):
    run = Run()
    run.records["handover"] = [("note", {"stage": "handover", "text": "last"})]
    run.records["quick_audit"] = [("note", {"stage": "quick_audit", "text": "look here"})] * 3
    assert [(n.stage, n.text) for n in read(run, tmp_path).notes] == [
        ("quick_audit", "look here"),
        ("handover", "last"),
    ]


def test_requests_are_counted_once_a_stage_and_added_over_stages(tmp_path):
    run = Run(leave_out=("quick_audit", "stabilize_deployment", "observability", "validate_usage", "handover"))
    blocked = [{"host": "evil.example", "port": 443, "reason": "not in authorization.hosts"}]
    run.records["secure_edge"] = [("traffic", {"requests": {"acme.example": 7}, "blocked": blocked})]
    run.records["reduce_drag"] = [
        ("traffic", {"requests": {"acme.example": 1, "ns1.acme.example": -4}, "blocked": blocked})
    ]
    found = read(run, tmp_path)
    assert found.requests == {"acme.example": 43 + 44}  # each stage's newest record counts
    assert found.blocked == ()
    run.outputs["secure_edge"] = [
        record_output("traffic", {"requests": {}, "blocked": blocked * 2}, START + timedelta(days=1))
    ]
    assert list(read(run, tmp_path).blocked) == blocked


def test_an_error_of_ours_is_counted(tmp_path):
    run = Run(verdicts={"tls.protocols": replace(not_known("tls.protocols"), defect=True)})
    assert [f.check for f in read(run, tmp_path).defects] == ["tls.protocols"]


# --- what changed


def test_each_move_between_two_releases_has_its_list(tmp_path):
    before, now = all_passing(), all_passing()
    moves = {
        "fixed": ("domain.resolves", failing, passing),
        "broken": ("domain.dnssec", passing, failing),
        "still_open": ("redirects.https", failing, failing),
        "newly_known": ("build.clean", not_known, passing),
        "no_longer_known": ("build.locked", failing, not_known),
    }
    for check, then, later in moves.values():
        before[check], now[check] = then(check), later(check)
    before["webhooks.forged"] = failing("webhooks.forged")
    del now["webhooks.forged"]
    Run(client=CLIENT | {"release": "1"}, started=START - timedelta(days=30), verdicts=before).write(tmp_path)
    found = read(Run(client=CLIENT | {"release": "2"}, verdicts=now), tmp_path).changes
    assert found.since == "1"
    assert {name: getattr(found, name) for name in moves} == {name: (check,) for name, (check, *_) in moves.items()}
    assert found.declared_away == ("webhooks.forged",)


def release(name, days, tmp_path, **client):
    return Run(client=CLIENT | {"release": name, **client}, started=START + timedelta(days=days)).write(tmp_path)


def test_the_release_that_started_last_before_is_compared_with(tmp_path):
    release("zz-oldest", -30, tmp_path)
    release("a-newer", -2, tmp_path)
    release("later", 5, tmp_path)
    release("2026.11.1~1", -1, tmp_path)
    assert audit.read(release("now", 0, tmp_path)).changes.since == "a-newer"


def test_the_release_named_in_the_parameters_is_compared_with(tmp_path):
    release("old", -30, tmp_path)
    release("newer", -2, tmp_path)
    assert audit.read(release("now", 0, tmp_path, compare_with="old")).changes.since == "old"


@pytest.mark.parametrize("named", ["gone", "../other/1", ".."])
def test_a_release_to_compare_with_that_is_not_there_is_told(tmp_path, named):
    found = audit.read(release("now", 0, tmp_path, compare_with=named))
    assert found.changes is None
    assert found.problems == (f"nothing to compare with: there is no record of release {named} of acme-members",)


def test_the_first_release_has_nothing_to_compare_with(tmp_path):
    assert audit.read(release("now", 0, tmp_path)).changes is None
