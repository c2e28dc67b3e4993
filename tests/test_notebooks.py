"""The seven notebooks: a fixed order, every check judged once, more words than code, nothing but short cells."""

import ast
import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import nbformat
import papermill
import pytest

from launchready_lib import checks as checks_package
from launchready_lib import roadmap
from launchready_lib.paths import notebooks_folder

STAGES = tuple(roadmap.load().stages.values())
AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
MAX_LINES = 8

every_stage = pytest.mark.parametrize("stage", [pytest.param(stage, id=stage.notebook) for stage in STAGES])


def _cells(stage: roadmap.Stage) -> list[dict[str, Any]]:
    return json.loads((notebooks_folder() / stage.notebook).read_text(encoding="utf-8"))["cells"]


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _code(stage: roadmap.Stage) -> list[dict[str, Any]]:
    return [cell for cell in _cells(stage) if cell["cell_type"] == "code"]


def _tree(cell: dict[str, Any]) -> ast.Module:
    return compile(_source(cell), cell["id"], "exec", flags=AWAIT)


def _nodes(stage: roadmap.Stage) -> Iterator[tuple[str, ast.AST]]:
    for cell in _code(stage):
        for node in ast.walk(_tree(cell)):
            yield cell["id"], node


def _imported(stage: roadmap.Stage) -> dict[str, Any]:
    """The check modules that the set-up cell imports, by the name that cells use."""
    found = {}
    for _, node in _nodes(stage):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("launchready_lib.checks."):
            for alias in node.names:
                found[alias.asname or alias.name] = importlib.import_module(f"{node.module}.{alias.name}")
    return found


@pytest.fixture(scope="module")
def check_ids() -> dict[Any, str]:
    """The registered functions, by identity, with the check that each answers."""
    return {function: check for check, function in checks_package.registered().items()}


def _judged(stage: roadmap.Stage, check_ids: dict[Any, str]) -> list[tuple[str, str]]:
    """(cell id, check id) of every call in the code that answers a check."""
    modules = _imported(stage)
    found = []
    for cell, node in _nodes(stage):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "not_built":
            found.append((cell, ast.literal_eval(node.args[0])))
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            function = getattr(modules.get(node.func.value.id), node.func.attr, None)
            if function in check_ids:
                found.append((cell, check_ids[function]))
    return found


def test_there_is_one_notebook_per_stage():
    """The folder holds the seven notebooks that the roadmap names, and no other."""
    assert sorted(path.name for path in notebooks_folder().glob("*.ipynb")) == sorted(s.notebook for s in STAGES)


@every_stage
def test_a_notebook_is_committed_without_results(stage):
    """Valid nbformat 4.5 for the kernel python3, with no output, no execution count and nothing left in metadata."""
    notebook = nbformat.read(notebooks_folder() / stage.notebook, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


@every_stage
def test_cell_ids_are_names_that_stay(stage):
    """A cell is called by what it is about, so that a difference between two versions can be read."""
    ids = [cell["id"] for cell in _cells(stage)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", id_) for id_ in ids)


@every_stage
def test_the_order_is_fixed(stage):
    """Title with the goal, parameters, set-up, then the questions in the roadmap's order, last the summary."""
    cells = _cells(stage)
    assert [cell["id"] for cell in cells[:3]] == ["title", "parameters", "setup"]
    assert stage.title in _source(cells[0]).splitlines()[0]
    assert stage.goal in _source(cells[0])
    assert _source(cells[-1]) == "await stage.summary()"
    headings = re.findall(
        r"^## (.+)$", "\n".join(_source(c) for c in cells if c["cell_type"] == "markdown"), re.MULTILINE
    )
    asked = [question.ask for question in stage.questions]
    assert [heading for heading in headings if heading in asked] == asked


@every_stage
def test_a_question_says_what_the_catalogue_says(stage):
    """Why it matters, what yes means and what cannot be seen stand above the answer, in the catalogue's words."""
    catalogue = roadmap.load()
    texts = [_source(cell) for cell in _cells(stage) if cell["cell_type"] == "markdown"]
    for question in stage.questions:
        (text,) = [text for text in texts if text.startswith(f"## {question.ask}\n")]
        assert question.matters in text
        assert question.blind in text
        for check in question.checks:
            assert f"`{check}`" in text
            assert catalogue.checks[check].title in text
            assert catalogue.checks[check].passes in text


@every_stage
def test_there_is_one_parameters_cell_and_papermill_explains_each(stage):
    """`papermill --help-notebook` shows every parameter of the one tagged cell with a help text."""
    tagged = [cell["id"] for cell in _cells(stage) if "parameters" in cell["metadata"].get("tags", ())]
    assert tagged == ["parameters"]
    explained = papermill.inspect_notebook(notebooks_folder() / stage.notebook)
    assigned = [node.target.id for node in _tree(_code(stage)[0]).body if isinstance(node, ast.AnnAssign)]
    assert list(explained) == assigned == ["client", "release", "record"]
    assert all(len(parameter["help"]) > 20 for parameter in explained.values())


@every_stage
def test_every_check_of_the_stage_is_judged_once(stage, check_ids):
    """No check that measures is forgotten, none judged twice, none of another stage."""
    judged = Counter(check for _, check in _judged(stage, check_ids))
    assert set(judged) <= set(stage.checks)
    forgotten = set(stage.checks) & set(check_ids.values()) - set(judged)
    assert not forgotten, f"{stage.notebook} has no cell that judges {', '.join(sorted(forgotten))}"
    assert max(judged.values()) == 1


@every_stage
def test_what_is_built_is_not_called_not_built(stage, check_ids):
    """A check that a module measures is judged by it."""
    declared = {
        ast.literal_eval(node.args[0])
        for _, node in _nodes(stage)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "not_built"
    }
    assert not declared & set(check_ids.values())


@every_stage
def test_a_check_is_judged_after_its_question(stage, check_ids):
    """A check is answered after its question was asked: a burst may wait for the end of its stage."""
    place = {check: cell for cell, check in _judged(stage, check_ids)}
    order = [cell["id"] for cell in _cells(stage)]
    starts = [next(c["id"] for c in _cells(stage) if _source(c).startswith(f"## {q.ask}\n")) for q in stage.questions]
    for start, question in zip(starts, stage.questions, strict=True):
        assert all(order.index(place[check]) > order.index(start) for check in question.checks if check in place)


@every_stage
def test_there_is_at_least_as_much_text_as_code(stage):
    """A notebook is written for a consultant: its words weigh as much as its code."""
    weight = Counter()
    for cell in _cells(stage):
        weight[cell["cell_type"]] += len(_source(cell))
    assert weight["markdown"] >= weight["code"]


@every_stage
def test_cells_are_short_and_hold_no_machinery(stage):
    """Code cells are a few lines; they define nothing, and only the set-up cell imports."""
    for cell in _code(stage):
        statements = [node for node in _tree(cell).body if not isinstance(node, ast.ImportFrom)]
        lines = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in statements)
        assert lines <= MAX_LINES, f"{cell['id']} has {lines} lines"
    forbidden = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.While)
    for cell_id, node in _nodes(stage):
        assert not isinstance(node, forbidden), f"{cell_id} holds machinery"
        assert cell_id == "setup" or not isinstance(node, (ast.Import, ast.ImportFrom)), f"{cell_id} imports"


@every_stage
def test_cells_reach_the_world_through_probes_alone(stage):
    """No cell speaks to the network itself, and the library is all that is imported."""
    for cell_id, node in _nodes(stage):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] == "launchready_lib"
        assert not isinstance(node, ast.Import)
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"network", "request", "session"}, f"{cell_id} speaks to the network"


@every_stage
def test_what_the_cells_call_exists(stage):
    """Every probe and check that a cell names is in its module."""
    modules = _imported(stage)
    for cell_id, node in _nodes(stage):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            assert hasattr(modules[node.value.id], node.attr), f"{cell_id}: {node.value.id}.{node.attr}"
