"""findings.json keeps its contract: launchready_lib/findings.schema.json, checked with formats."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from report_fixtures import CLIENT, START, Run, all_passing, code, failing, record_output

import launchready_lib
from launchready_lib.record import audit
from launchready_lib.report import publication

SCHEMA = json.loads((Path(launchready_lib.__file__).parent / "findings.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def full():
    run = Run(charts=1)
    run.records["quick_audit"] = [
        ("note", {"stage": "quick_audit", "text": "look here"}),
        ("deliverable", {"id": "risk_list", "status": "made", "file": "risks.csv"}),
        (
            "traffic",
            {"requests": {"acme.example": 3}, "blocked": [{"host": "evil.example", "port": 443, "reason": "no"}]},
        ),
        ("baseline", {"core_read_p95_ms": 200, "dashboard": {"p50": 1.5}}),
    ]
    return run


RUNS = {
    "a full run": full,
    "everything in order": lambda: Run(verdicts=all_passing()),
    "one stage alone": lambda: Run(leave_out=tuple(s for s in audit.load().stages if s != "secure_edge")),
    "no authorization, no business": lambda: Run(client=CLIENT | {"authorization": None, "business": None}),
    "a defect of ours": lambda: Run(verdicts={"tls.protocols": replace(failing("tls.protocols"), defect=True)}),
}


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS.keys())
def test_every_run_validates(tmp_path, make):
    VALIDATOR.validate(audit.findings_json(audit.read(make().write(tmp_path))))


def test_a_run_with_an_earlier_release_validates(tmp_path):
    Run(client=CLIENT | {"release": "1"}, started=START - timedelta(days=9), verdicts=all_passing()).write(tmp_path)
    body = audit.findings_json(audit.read(Run().write(tmp_path)))
    VALIDATOR.validate(body)
    assert body["changes"]["from"] == "1"
    assert "mail.dmarc" in body["changes"]["broken"]


def test_a_run_of_which_only_the_manifest_is_left_validates(tmp_path):
    (tmp_path / "manifest.json").write_text('{"stages": []}')
    VALIDATOR.validate(audit.findings_json(audit.read(tmp_path)))


def test_a_notebook_run_without_any_record_validates(tmp_path):
    notebook = {"cells": [code([record_output("stage", {"id": "quick_audit"}, START)])], "nbformat": 4}
    (tmp_path / "01_quick_audit.ipynb").write_text(json.dumps(notebook))
    VALIDATOR.validate(audit.findings_json(audit.read(tmp_path)))


def test_the_file_is_private_whole_json_and_in_the_order_of_the_report(tmp_path):
    folder = full().write(tmp_path)
    publication.write(folder)
    path = folder / "findings.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    VALIDATOR.validate(body)
    assert [f["check"] for f in body["findings"]] == [f.check for f in audit.read(folder).findings]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("text", ["\ud800 lone surrogate", "</script>", "\x00\x1b[31m", "ünïcode 🌊"])
def test_text_that_is_hard_to_write_is_written_as_valid_json(tmp_path, text):
    folder = Run(verdicts={"mail.dmarc": failing("mail.dmarc", evidence=[{"record": text}])}).write(tmp_path)
    publication.write(folder)
    VALIDATOR.validate(json.loads((folder / "findings.json").read_bytes()))


def test_numbers_that_json_does_not_have_are_not_written(tmp_path):
    folder = Run(verdicts={"mail.dmarc": failing("mail.dmarc", evidence=[{"ratio": float("nan")}])}).write(tmp_path)
    publication.write(folder)
    assert "NaN" not in (folder / "findings.json").read_text()
