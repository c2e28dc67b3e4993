"""Runs a notebook's code cells in this process, so that a test judges exactly what the notebook judges."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from launchready_lib import roadmap
from launchready_lib import stage as stages
from launchready_lib.client import Client
from launchready_lib.paths import notebooks_folder
from launchready_lib.record.findings import FINDING_MIME, Finding
from launchready_lib.redact import Redactor


def code_cells(notebook: str) -> list[tuple[str, str]]:
    """(id, source) of every code cell but the parameters, the set-up and the stage's opening."""
    body = json.loads((notebooks_folder() / notebook).read_text())
    cells = [c for c in body["cells"] if c["cell_type"] == "code" and c["id"] not in ("parameters", "setup", "open")]
    return [(c["id"], "".join(c["source"])) for c in cells]


def setup_imports(notebook: str) -> str:
    body = json.loads((notebooks_folder() / notebook).read_text())
    source = next("".join(c["source"]) for c in body["cells"] if c["id"] == "setup")
    tree = ast.parse(source)
    return "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))


class InProcessStage(stages.Stage):
    """A stage whose earlier stages are those that ran in this process."""

    def __init__(self, stage_id: str, client: Client, folder: Path, earlier: dict[str, Finding]) -> None:
        self.findings: dict[str, Finding] = {}
        self._before = earlier
        redactor = Redactor.from_parameters(client.parameters, client.environment)
        super().__init__(stage_id, client, record=folder, redactor=redactor, publish=self._keep)

    def _keep(self, bundle: dict[str, Any], _metadata: dict[str, Any]) -> None:
        if FINDING_MIME in bundle:
            found = Finding.from_json(bundle[FINDING_MIME])
            self.findings[found.check] = found

    def earlier(self, check: str) -> Any:
        return self._before[check] if check in self._before else super().earlier(check)


def leading_to(notebook: str, wanted: Collection[str]) -> set[str]:
    """These cells, and the cells before them that make what they use."""
    chosen: set[str] = set()
    used: set[str] = set()
    for cell_id, source in reversed(code_cells(notebook)):
        names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
        made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        if cell_id in wanted or made & used:
            chosen.add(cell_id)
            used = used - made | {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return chosen


async def run_stage(
    stage_id: str,
    client: Client,
    folder: Path,
    earlier: dict[str, Finding],
    *,
    skip: Collection[str] = (),
    cells: Collection[str] | None = None,
) -> dict[str, Finding]:
    """Every finding of one stage, as its notebook's cells judge it: of all but those to skip, or of these alone."""
    notebook = roadmap.load().stages[stage_id].notebook
    only = None if cells is None else leading_to(notebook, cells)
    stage = InProcessStage(stage_id, client, folder, earlier)
    space: dict[str, Any] = {"stage": stage, "client": client}
    exec(setup_imports(notebook), space)
    for cell_id, source in code_cells(notebook):
        if cell_id in skip or (only is not None and cell_id not in only):
            continue
        code = compile(source, f"{notebook}#{cell_id}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, space)
        if inspect.iscoroutine(result):
            await result
    return stage.findings
