"""The three ways of use: papermill's own command line, Jupyter's, and ours (tests/test_end_to_end.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from launchready_lib import demo
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted((ROOT / "parameters").glob("*.yaml"))

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def club():
    with demo.start() as world:
        yield world


def command(*arguments, cwd=ROOT, **environment):
    """Run a command of the environment's own, as a user would type it."""
    tool = Path(sys.executable).parent / arguments[0]
    return subprocess.run(
        [tool, *arguments[1:]],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def findings(path):
    outputs = [o for c in nbformat.read(path, 4).cells for o in c.get("outputs", ())]
    return {o.data[FINDING_MIME]["check"]: o.data[FINDING_MIME] for o in outputs if FINDING_MIME in o.get("data", {})}


def records(path):
    outputs = [o for c in nbformat.read(path, 4).cells for o in c.get("outputs", ())]
    return [o.data[RECORD_MIME] for o in outputs if RECORD_MIME in o.get("data", {})]


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks"], ids=["from the root", "from notebooks/"])
def test_stock_papermill_takes_a_parameters_file(folder, club, tmp_path):
    notebook = os.path.relpath(ROOT / "notebooks" / "07_production_handover.ipynb", folder)
    out = tmp_path / "out.ipynb"
    ran = command("papermill", notebook, str(out), "-f", str(club.parameters_file), cwd=folder, **club.environment)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = findings(out)
    assert found["handover.access"]["status"] == "pass"
    assert found["handover.dns"]["status"] == "pass"


@pytest.mark.parametrize("shipped", SHIPPED, ids=[p.name for p in SHIPPED])
def test_stock_papermill_takes_every_parameters_file_that_we_ship(shipped, tmp_path):
    out = tmp_path / "out.ipynb"
    notebook = "notebooks/07_production_handover.ipynb"
    ran = command("papermill", notebook, str(out), "-f", str(shipped.relative_to(ROOT)))
    assert ran.returncode == 0, ran.stderr[-2000:]
    client = next(r["data"] for r in records(out) if r["kind"] == "client")
    assert client["name"] == yaml.safe_load(shipped.read_text())["client"]["name"]
    assert findings(out)["handover.dns"]["status"] == "unknown", "nobody answers for it here"


def test_jupyter_nbconvert_executes_a_notebook_with_its_default_parameters(tmp_path):
    ran = command(
        *("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir", str(tmp_path)),
        "notebooks/07_production_handover.ipynb",
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    out = tmp_path / "07_production_handover.ipynb"
    assert findings(out)["handover.access"]["status"] == "pass"
    shown = command("jupyter", "nbconvert", "--to", "launchready", "--output-dir", str(tmp_path), str(out))
    assert shown.returncode == 0, shown.stderr[-2000:]
    page = (tmp_path / "07_production_handover.html").read_text()
    assert "Production handover" in page
    assert "Quick audit" not in page, "one notebook gives its own section alone"


def test_papermill_names_a_mistake_in_the_parameters_by_its_key(club, tmp_path):
    wrong = yaml.safe_load(club.parameters_file.read_text())
    wrong["client"]["network"]["time_out"] = 3
    given = tmp_path / "wrong.yaml"
    given.write_text(yaml.safe_dump(wrong))
    out = tmp_path / "out.ipynb"
    ran = command("papermill", "notebooks/07_production_handover.ipynb", str(out), "-f", str(given), **club.environment)
    assert ran.returncode != 0
    said = json.dumps(nbformat.read(out, 4))
    assert "client.network.time_out" in said
    assert "timeout_s" in said
