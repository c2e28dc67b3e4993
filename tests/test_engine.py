"""The engine: nothing secret is written, a stage keeps its time, and what is recorded of each cell is true."""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import nbformat
import psutil
import pytest

from launchready_lib.network.browser import find_chromium
from launchready_lib.redact import Redactor
from launchready_lib.run import execution, executor
from launchready_lib.run.execution import Cells, joined
from launchready_lib.run.kernels import warm

NOTEBOOKS = Path(__file__).parent / "notebooks"
CANARY = "canary/Pässword+9"
PARAMETERS = """
client:
  name: Acme
  domain: acme.example
  release: r1
  accounts:
    member: {email: member@acme.example, password: "${ACME_MEMBER_PASSWORD}"}
"""


@pytest.fixture
def canary(monkeypatch, tmp_path):
    """A secret in the environment, and parameters that name it."""
    monkeypatch.setenv("ACME_MEMBER_PASSWORD", CANARY)
    file = tmp_path / "acme.yaml"
    file.write_text(PARAMETERS)
    return file


def execute(name, target, *, redactor=None, budget_seconds=None, **parameters):
    return executor.execute(
        NOTEBOOKS / f"{name}.ipynb",
        target,
        parameters={"client": "demo", "release": "", "record": str(target.parent)} | parameters,
        redactor=redactor or Redactor(),
        budget_seconds=budget_seconds,
    )


def outputs(path):
    return [cell.get("outputs", []) for cell in nbformat.read(path, as_version=4).cells]


def marks(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell.metadata.papermill.status for cell in cells if cell.cell_type == "code"]


def spellings(secret):
    """What may not be found: the secret, and each way to write it that a notebook shows."""
    raw = secret.encode()
    coded = base64.b64encode(raw).decode().rstrip("=")
    return [secret, coded[:-1], base64.b64encode(b"member:" + raw).decode()[12:-4], quote(secret, safe="")]


def assert_clean(text):
    for spelling in spellings(CANARY):
        assert spelling not in text
        assert json.dumps(spelling)[1:-1] not in text


def test_a_notebook_that_passes_is_complete(tmp_path):
    target = tmp_path / "passes.ipynb"
    outcome = execute("passes", target)
    assert (outcome.ending, outcome.error) == ("complete", None)
    assert outcome.cells == Cells(total=4, ran=4, failed=0, not_run=0)
    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.launchready.ending == "complete"


def test_a_failing_cell_is_told_from_those_that_never_ran(tmp_path):
    target = tmp_path / "fails.ipynb"
    outcome = execute("fails", target)
    assert (outcome.ending, outcome.error) == ("failed", "ValueError: what went wrong")
    assert outcome.cells == Cells(total=5, ran=3, failed=1, not_run=1)
    assert marks(target) == ["completed"] * 3 + ["failed", "pending"]


def test_a_stage_that_takes_too_long_is_stopped_and_keeps_what_it_found(tmp_path):
    target = tmp_path / "sleeps.ipynb"
    outcome = execute("sleeps", target, budget_seconds=3)
    assert outcome.ending == "timed_out"
    assert "longer than its 0.05 minutes" in outcome.error
    assert outcome.cells == Cells(total=5, ran=3, failed=1, not_run=1)
    assert marks(target) == ["completed"] * 3 + ["failed", "pending"]
    assert outputs(target)[4][0].text == "half\n"
    assert nbformat.read(target, as_version=4).metadata.papermill.exception is True


def test_a_flood_of_output_is_cut_and_the_budget_holds(tmp_path):
    target = tmp_path / "floods.ipynb"
    assert execute("floods", target, budget_seconds=3).ending == "timed_out"
    assert target.stat().st_size < 8_000_000
    assert "beyond this is left out" in outputs(target)[3][-1].text


def test_a_kernel_that_dies_is_said_to_have_died(tmp_path):
    target = tmp_path / "dies.ipynb"
    outcome = execute("dies", target)
    assert (outcome.ending, outcome.cells) == ("died", Cells(total=5, ran=3, failed=1, not_run=1))
    assert outputs(target)[3][0].text == "found\n"


def test_a_notebook_that_cannot_be_read_is_an_outcome(tmp_path):
    outcome = executor.execute(tmp_path / "none.ipynb", tmp_path / "out.ipynb", parameters={}, redactor=Redactor())
    assert outcome.ending == "failed"
    assert "none.ipynb" in outcome.error


def test_a_path_with_braces_is_a_path(tmp_path):
    """Papermill formats paths; a folder may be called {x}."""
    folder = tmp_path / "{x}"
    folder.mkdir()
    (folder / "in.ipynb").write_text((NOTEBOOKS / "passes.ipynb").read_text())
    outcome = executor.execute(
        folder / "in.ipynb", folder / "out.ipynb", parameters={"record": ""}, redactor=Redactor()
    )
    assert outcome.ending == "complete"


def test_results_are_for_their_owner_alone_and_no_part_is_left(tmp_path):
    target = tmp_path / "new" / "folder" / "passes.ipynb"
    execute("passes", target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.parent.stat().st_mode) == 0o700
    assert os.listdir(target.parent) == ["passes.ipynb"]  # noqa: PTH208 - hidden names too


@pytest.mark.usefixtures("canary")
def test_no_secret_is_written_by_a_notebook_that_shows_it_everywhere(tmp_path):
    target = tmp_path / "leaks.ipynb"
    redactor = Redactor({"ACME_MEMBER_PASSWORD": CANARY})
    outcome = execute("leaks", target, redactor=redactor, client={"password": CANARY})
    assert outcome.ending == "failed"
    assert_clean(outcome.error)
    assert_clean(target.read_text())
    assert target.read_text().count("[redacted: ACME_MEMBER_PASSWORD]") > 8
    nbformat.validate(nbformat.read(target, as_version=4))


@pytest.mark.usefixtures("canary")
def test_nothing_secret_lies_on_the_disk_while_a_cell_runs(tmp_path, monkeypatch):
    """The notebook is saved before the first cell and after others; a copy of every save is looked at."""
    monkeypatch.setattr(execution, "SAVE_EVERY_S", 0.0)
    seen = []
    target = tmp_path / "leaks.ipynb"
    executor.execute(
        NOTEBOOKS / "leaks.ipynb",
        target,
        parameters={"client": {"password": CANARY}},
        redactor=Redactor({"ACME_MEMBER_PASSWORD": CANARY}),
        on_cell=lambda done, total: seen.append((done, total, (tmp_path / ".leaks.ipynb.part").read_text())),
    )
    assert [each[:2] for each in seen] == [(n, 7) for n in range(1, 8)]
    for _, _, text in seen:
        assert_clean(text)


def papermill(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "papermill", "--engine", "launchready", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("way", ["mapping", "path"])
def test_papermills_own_command_line_with_our_engine_shows_no_secret(tmp_path, canary, way):
    """The engine finds the secrets by the parameters itself; what papermill prints of a failure is redacted too."""
    given = ["-f", str(canary)] if way == "mapping" else ["-p", "client", str(canary)]
    done = papermill(str(NOTEBOOKS / "leaks.ipynb"), str(tmp_path / "out.ipynb"), "--log-output", *given)
    assert done.returncode != 0
    assert "cannot sign in with" in done.stderr
    assert_clean(done.stderr + done.stdout)
    assert_clean((tmp_path / "out.ipynb").read_text())


def test_a_literal_secret_in_a_mapping_is_redacted_too(tmp_path):
    file = tmp_path / "literal.yaml"
    file.write_text(PARAMETERS.replace("${ACME_MEMBER_PASSWORD}", "literal-canary"))
    done = papermill(str(NOTEBOOKS / "fails.ipynb"), str(tmp_path / "out.ipynb"), "-f", str(file))
    assert "literal-canary" not in (tmp_path / "out.ipynb").read_text() + done.stderr


def test_the_stage_budget_of_the_parameters_holds_with_papermills_command_line(tmp_path):
    file = tmp_path / "quick.yaml"
    file.write_text(PARAMETERS + "  limits: {stage_minutes: 0.1}\n")
    done = papermill(str(NOTEBOOKS / "sleeps.ipynb"), str(tmp_path / "out.ipynb"), "-f", str(file))
    assert "StageTimeout" in done.stderr
    assert "time.sleep" not in done.stderr
    assert marks(tmp_path / "out.ipynb")[-2:] == ["failed", "pending"]


def test_papermill_knows_our_engine_without_loading_it():
    """Whoever uses papermill with another engine does not wait for ours."""
    code = "import papermill, sys; from papermill.engines import papermill_engines as p; p.get_engine('launchready')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('launchready_lib.run.executor' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('client = "parameters/acme.yaml"', "parameters/acme.yaml"),
        ('client: object = "demo"  # what', "demo"),
        ("client = open", None),
        ("client: str", None),
        ("this is no Python", None),
        ("", None),
    ],
)
def test_the_default_client_is_read_from_the_parameters_cell(source, expected):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    assert executor._default_client(nbformat.v4.new_notebook(cells=[cell])) == expected


def test_pieces_of_a_stream_are_joined():
    """A secret printed in two pieces is one secret."""
    printed = [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    pieces = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in printed]
    assert [(p.name, p.text) for p in joined(pieces)] == [("stdout", "ab"), ("stderr", "c"), ("stdout", "d")]


def test_what_nbformat_needs_is_left_as_it_is(tmp_path):
    """A secret that equals one of the format's own words does not break the notebook."""
    target = tmp_path / "passes.ipynb"
    execute("passes", target, redactor=Redactor(["stream", "stdout", "markdown", "execute_result", "cell-0"]))
    nbformat.validate(nbformat.read(target, as_version=4))
    first, last = outputs(target)[3][0], outputs(target)[4][0]
    assert (first.output_type, first.name, last.output_type) == ("stream", "stdout", "execute_result")


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("way", ["forked", "stock"])
def test_a_stage_that_is_stopped_takes_its_browser_with_it(tmp_path, way):
    """Chromium leads a process group of its own, and has some ten processes."""
    if way == "forked":
        warm.prepare()
    outcome = execute("browses", tmp_path / "browses.ipynb", budget_seconds=15)
    warm.close()
    assert outcome.ending == "timed_out"
    pids = [int(pid) for pid in (tmp_path / "spawned").read_text().split()]
    assert len(pids) > 4
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    assert psutil.wait_procs(alive, timeout=10)[1] == []
