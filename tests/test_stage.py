"""What a notebook says to the record: each finding for people and for programs, and nothing secret in either."""

import datetime as dt
import json
import time
from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go
import pytest

from launchready_lib import roadmap, stage
from launchready_lib.checks import not_built
from launchready_lib.evidence import Unavailable
from launchready_lib.record.exhibits import MAX_CELL, PLOTLY_MIME, Chart
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME, Status, failed, passed, unknown
from launchready_lib.redact import Redactor
from tests.web_servers import client

pytestmark = pytest.mark.anyio

SECRET = "s3cr3t-canary-value-77"
TODAY = dt.datetime.now(dt.UTC).date()


class Recorded(stage.Stage):
    """A stage whose outputs are kept."""

    def __init__(self, stage_id, folder, **sections):
        self.outputs = []
        super().__init__(
            stage_id,
            client(**sections),
            record=folder,
            redactor=Redactor([SECRET]),
            publish=lambda bundle, metadata: self.outputs.append((bundle, metadata)),
        )

    @property
    def findings(self):
        return {
            bundle[FINDING_MIME]["check"]: bundle[FINDING_MIME] for bundle, _ in self.outputs if FINDING_MIME in bundle
        }

    def records(self, kind):
        bodies = [bundle[RECORD_MIME] for bundle, _ in self.outputs if RECORD_MIME in bundle]
        return [body["data"] for body in bodies if body["kind"] == kind]

    def saved(self, folder, number):
        """Write what was published as an executed notebook, as papermill leaves it."""
        outputs = [{"output_type": "display_data", "data": b, "metadata": m} for b, m in self.outputs]
        cell = {
            "cell_type": "code",
            "id": "one",
            "source": "",
            "metadata": {},
            "outputs": outputs,
            "execution_count": 1,
        }
        body = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / roadmap.load().stages[number].notebook).write_text(json.dumps(body))


@pytest.fixture
def audit(tmp_path):
    return lambda stage_id="quick_audit", **sections: Recorded(stage_id, tmp_path, **sections)


def good(check, **more):
    return with_check(passed("all is well", evidence=[{"seen": "yes"}], **more), check)


def open_(check):
    return with_check(unknown("it was closed", needs="a key"), check)


def with_check(verdict, check):
    return replace(verdict, check=check)


# --- judging ----------------------------------------------------------------------------------------------------------


def test_a_verdict_is_shown_once_as_finding_card_and_line(audit):
    one = audit()
    one.judge(good("latency.quick", measured=41.0))
    bundle, metadata = one.outputs[-1]
    assert set(bundle) == {FINDING_MIME, "text/html", "text/plain"}
    assert bundle[FINDING_MIME]["summary"] in bundle["text/html"]
    assert "latency.quick" in bundle["text/plain"]
    assert metadata[FINDING_MIME]["recorded_at"]
    assert (bundle[FINDING_MIME]["measured"], bundle[FINDING_MIME]["target"]) == (41.0, 300)


def test_a_verdict_of_another_stage_or_of_no_check_is_refused(audit):
    for verdict in (good("mail.spf"), passed("x", evidence=[{}])):
        with pytest.raises(ValueError, match="is not of stage quick_audit"):
            audit().judge(verdict)


def test_a_cell_run_again_replaces_its_finding(audit):
    one = audit()
    one.judge(open_("latency.quick"))
    one.judge(good("latency.quick"))
    assert one.earlier("latency.quick").status is Status.PASS


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![](http://evil.example/x)"]
)
def test_what_the_target_says_stays_text(audit, text):
    one = audit()
    one.judge(with_check(failed(text, evidence=[{text: text}], fix=text, impact=text), "latency.quick"))
    html = one.outputs[-1][0]["text/html"]
    assert "<script" not in html
    assert "href" not in html
    assert one.findings["latency.quick"]["summary"] == text


def test_no_secret_is_published_in_any_form(audit):
    one = audit()
    one.judge(with_check(failed(f"found {SECRET}", evidence=[{"header": SECRET, "n": 1}]), "latency.quick"))
    one.note(f"the password is {SECRET}")
    one.record("cooldown", {"reason": SECRET})
    one.show(pd.DataFrame([{"a": SECRET}]))
    one.show([{"a": SECRET}])
    one.show(Unavailable(f"no {SECRET}", "x"))
    one.deliver("risk_list", "made", text=SECRET, file="risks.md")
    assert SECRET not in json.dumps([bundle for bundle, _ in one.outputs])
    assert [metadata for _, metadata in one.outputs if SECRET in json.dumps(metadata)] == []


# --- declared and attested --------------------------------------------------------------------------------------------


def test_what_the_founder_declared_away_is_declared_also_where_it_was_measured(audit):
    one = audit(not_applicable={"latency": "no members yet"})
    one.judge(good("latency.quick"))
    finding = one.findings["latency.quick"]
    assert (finding["status"], finding["source"], finding["reason"]) == ("not_applicable", "declared", "no members yet")
    assert finding["summary"] == "Declared not applicable: no members yet"


def attested(answer=True, days=3):
    date = (TODAY - dt.timedelta(days=days)).isoformat()
    return {"rollback.path": {"answer": answer, "by": "cto", "date": date, "evidence": "runbook page 4"}}


@pytest.mark.parametrize(("answer", "status"), [(True, "pass"), (False, "fail")], ids=["yes", "no"])
def test_a_persons_word_fills_what_could_not_be_measured(audit, answer, status):
    one = audit("stabilize_deployment", attestations=attested(answer))
    one.judge(open_("rollback.path"))
    finding = one.findings["rollback.path"]
    assert (finding["status"], finding["source"]) == (status, "attested")
    assert finding["evidence"][0]["attested_by"] == "cto"
    assert finding["evidence"][0]["not_measured"] == "it was closed"


def test_a_persons_word_never_stands_against_a_measurement(audit):
    one = audit("stabilize_deployment", attestations=attested())
    one.judge(with_check(failed("there is none", evidence=[{"seen": 0}]), "rollback.path"))
    assert (one.findings["rollback.path"]["status"], one.findings["rollback.path"]["source"]) == ("fail", "measured")


@pytest.mark.parametrize(("days", "status"), [(90, "pass"), (91, "unknown")])
def test_a_persons_word_holds_for_ninety_days(audit, days, status):
    one = audit("stabilize_deployment", attestations=attested(days=days))
    one.judge(open_("rollback.path"))
    assert one.findings["rollback.path"]["status"] == status
    assert status == "pass" or "a new attestations.rollback.path" in one.findings["rollback.path"]["needs"]


def test_where_a_word_would_help_the_unknown_says_so(audit):
    one = audit("stabilize_deployment")
    one.judge(open_("rollback.path"), open_("secrets.tree"))
    assert one.findings["rollback.path"]["needs"] == "a key; or attestations.rollback.path"
    assert one.findings["secrets.tree"]["needs"] == "a key"


# --- what else travels ------------------------------------------------------------------------------------------------


def test_opening_a_stage_records_whose_it_is_and_no_secret_of_the_parameters(audit):
    one = audit(accounts={"member": {"email": "m@acme.example", "password": "${ACME_PASSWORD}"}})
    (facts,) = one.records("client")
    assert (facts["name"], facts["release"], facts["canonical"]) == ("Acme", "t1", "https://acme.example")
    assert "accounts" not in facts
    assert one.records("stage") == [{"id": "quick_audit", "started": one._started, "finished": None}]


def test_a_note_and_a_baseline_are_records(audit):
    one = audit()
    one.note("look at *this* <b>")
    one.baseline(core_read_p95_ms=41.5, dashboard={"p50": 3}, nothing=None, not_a_number=float("nan"))
    assert one.records("note") == [{"stage": "quick_audit", "text": "look at *this* <b>"}]
    assert one.records("baseline")[0]["dashboard"] == {"p50": 3}
    assert one.records("baseline")[0]["not_a_number"] is None


def test_a_deliverable_is_one_of_the_stages_and_may_be_a_file_of_the_kit(audit):
    one = audit()
    one.deliver("risk_list", "made", file="risks.md", text="# Risks", data={"count": 2})
    assert one.records("kit") == [{"name": "risks.md", "text": "# Risks"}]
    (made,) = one.records("deliverable")
    assert (made["id"], made["stage"], made["status"]) == ("risk_list", "quick_audit", "made")
    assert (made["file"], made["data"]) == ("risks.md", {"count": 2})
    with pytest.raises(ValueError, match="no deliverable"):
        one.deliver("test_plan", "made")


@pytest.mark.parametrize(
    "shown",
    [pd.DataFrame([{"a": "<i>", "b": 1}]), [{"a": "<i>", "b": 1}]],
    ids=["frame", "rows"],
)
def test_a_table_is_shown_escaped_with_its_caption(audit, shown):
    one = audit()
    assert one.show(shown, caption="What was seen") is None
    bundle, metadata = one.outputs[-1]
    assert "&lt;i&gt;" in bundle["text/html"]
    assert metadata == {"caption": "What was seen"}


@pytest.mark.parametrize("as_frame", [True, False], ids=["frame", "rows"])
def test_a_secret_is_masked_before_its_cell_is_cut(audit, as_frame):
    """The last cell of a row is cut in the middle of the secret, whichever character that is."""
    one = audit()
    rows = [{"seen": "x" * (MAX_CELL - 2 - shown) + " " + SECRET} for shown in range(len(SECRET))]
    one.show(pd.DataFrame(rows) if as_frame else rows)
    bundle, _ = one.outputs[-1]
    assert SECRET[:4] not in bundle["text/html"]
    assert SECRET[:4] not in bundle["text/plain"]


def test_a_frames_labels_are_masked_and_its_types_are_kept():
    frame = pd.DataFrame({"n": [1, 2], f"of {SECRET}": [SECRET, None]}, index=[SECRET, "b"])
    clean = Redactor([SECRET]).frame(frame)
    assert SECRET not in clean.to_string()
    assert list(clean["n"]) == [1, 2]
    assert SECRET in frame.to_string()


def test_of_a_long_frame_what_is_printed_is_masked():
    frame = pd.DataFrame({"seen": [f"{'x' * 36} {SECRET}"] * 1000})
    assert SECRET[:4] in repr(frame)
    assert SECRET[:4] not in repr(Redactor([SECRET]).frame(frame))
    assert "[1000 rows x 1 columns]" in repr(Redactor([SECRET]).frame(frame))


def test_a_chart_comes_with_its_table(audit):
    one = audit()
    one.show(Chart(go.Figure(go.Bar(x=[1], y=[2])), "Bars", [{"x": 1, "y": 2}]))
    bundle, metadata = one.outputs[-1]
    json.dumps(bundle)
    assert bundle[PLOTLY_MIME]["data"][0]["type"] == "bar"
    assert "<table" in bundle["text/html"]
    assert metadata == {"caption": "Bars"}


def test_anything_else_is_the_cells_own_to_show(audit):
    assert audit().show(42) == 42
    assert audit().show("text") == "text"
    assert audit().show([]) == []


# --- across stages ----------------------------------------------------------------------------------------------------


def test_an_earlier_stage_is_read_back_from_its_executed_notebook(audit, tmp_path):
    first = audit()
    first.judge(open_("latency.quick"), good("domain.resolves"))
    first.judge(good("latency.quick"))
    first.saved(tmp_path, "quick_audit")
    later = audit("secure_edge")
    assert later.earlier("latency.quick").status is Status.PASS
    assert later.earlier("domain.resolves").summary == "all is well"


def test_a_stage_that_has_not_run_is_unavailable_and_named(audit):
    found = audit("secure_edge").earlier("latency.quick")
    assert isinstance(found, Unavailable)
    assert (found.reason, found.needs) == ("stage 1 (Quick audit) has not run in this release", "run stage 1 first")


async def test_a_later_stage_waits_for_the_cool_down_and_no_longer(audit, tmp_path):
    first = audit("secure_edge")
    first.record("cooldown", {"until": stage.cooldown_until(2.0), "reason": "a burst of logins"})
    first.record("cooldown", {"until": "the end of time", "reason": "written by hand"})
    first.record("cooldown", {"until": "2026-01-01", "reason": "without a zone"})
    first.saved(tmp_path, "secure_edge")
    started = time.monotonic()
    await audit("observability").cooled_down()
    assert time.monotonic() - started > 0.5


async def test_without_a_cool_down_nobody_waits(audit, monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    await audit("observability").cooled_down()
    assert waits == [0.0]


async def test_the_summary_leaves_no_check_and_no_deliverable_unanswered(audit):
    one = audit()
    one.judge(good("latency.quick"), not_built("queries.slow"))
    await one.client.network.request("GET", "https://elsewhere.example/")
    await one.summary()
    entry = roadmap.load().stages["quick_audit"]
    assert set(one.findings) == set(entry.checks)
    assert one.findings["domain.dnssec"]["reason"] == "the notebook did not judge it"
    assert one.findings["queries.slow"]["reason"] == "not built yet"
    assert {record["id"]: record["status"] for record in one.records("deliverable")} == dict.fromkeys(
        entry.deliverables, "unknown"
    )
    (traffic,) = one.records("traffic")
    assert [each["host"] for each in traffic["blocked"]] == ["elsewhere.example"]
    assert one.records("stage")[-1]["finished"]
    assert "<table" in one.outputs[-1][0]["text/html"]


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_stage_opens_from_a_path_a_mapping_or_a_client(tmp_path):
    content = {"name": "Acme", "domain": "acme.example", "release": "r1"}
    file = tmp_path / "acme.yaml"
    file.write_text("client:\n  name: Acme\n  domain: acme.example\n  release: r1\n")
    for source in (content, {"client": content}, file, str(file), client(release="r1")):
        opened = stage.open("quick_audit", source, record=tmp_path)
        assert (opened.client.release, opened.client.parameters.domain) == ("r1", "acme.example")
    assert stage.open("quick_audit", content, release="r2").client.release == "r2"
    assert stage.open("quick_audit", content).record_folder.parts[-2:] == ("acme", "r1")
    with pytest.raises(TypeError, match="not int"):
        stage.open("quick_audit", 7)
