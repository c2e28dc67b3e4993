"""`launchready where CHECK`: the module that judges a check, its cell, its fault and its tests."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

from launchready_lib import checks, paths, roadmap
from launchready_lib.demo.faults import FAULTS

ROOT = paths.PACKAGE.parent
_HINTS = {
    "module": "a function under @check({id!r}) in launchready_lib/checks/{stage}/, a module per subject",
    "cell": "a cell of notebooks/{notebook} that hands its verdict to stage.judge",
    "fault": "an entry for it in launchready_lib/demo/faults.yaml, and, unless it changes parameters or tracked files, "
    "a line that shows it: switchboard.on({id!r})",
    "tests": "a test under tests/ that builds evidence by hand, one that fails and one that passes",
}


def places(check: str) -> dict[str, list[str]]:
    """What a check is made of, by part: where each lies; empty lists for parts that are missing.

    Raises:
        KeyError: the roadmap has no such check.
    """
    entry = roadmap.load().checks[check]
    function = checks.registered().get(check)
    found: dict[str, list[str]] = {"module": [], "cell": [], "fault": [], "tests": []}
    if function is not None:
        inner = inspect.unwrap(function)
        file, line = Path(inspect.getfile(inner)), inspect.getsourcelines(inner)[1]
        found["module"] = [f"{_short(file)}:{line} {inner.__name__}"]
        subject = importlib.import_module(".".join(inner.__module__.split(".")[:4]))
        name = next(name for name, value in vars(subject).items() if value is function)
        call = f"{subject.__name__.rpartition('.')[2]}.{name}("
        found["cell"] = list(_cells(roadmap.load().stages[entry.stage], call))
        found["tests"] = [_short(path) for path in _tests(check, inner.__module__)]
    if check in FAULTS:
        shown = (p for p in sorted((paths.PACKAGE / "demo").rglob("*.py")) if f'"{check}"' in p.read_text("utf-8"))
        where = ", ".join(_short(path) for path in shown if path.name != "faults.py")
        found["fault"] = [f"{FAULTS[check].text}" + (f" ({where})" if where else "")]
    return found


def lines(check: str) -> Iterator[str]:
    """The same for a terminal, with what is still missing and where it would belong."""
    entry = roadmap.load().checks[check]
    stage = roadmap.load().stages[entry.stage]
    yield f"{check}: {entry.title} (stage {stage.number}, {stage.title})"
    for part, found in places(check).items():
        hint = _HINTS[part].format(id=check, stage=stage.id, notebook=stage.notebook)
        yield f"  {part + ':':8}{'; '.join(found) or f'not there yet; it would be {hint}'}"


def _cells(stage: roadmap.Stage, call: str) -> Iterator[str]:
    book = json.loads((paths.notebooks_folder() / stage.notebook).read_text("utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "code" and re.search(rf"\b{re.escape(call)}", "".join(cell["source"])):
            yield f"notebooks/{stage.notebook}, cell {cell['id']}"


def _tests(check: str, module: str) -> list[Path]:
    """Test files that name the check or import its module; none where the package was installed without them."""
    parent, _, name = module.rpartition(".")
    wanted = re.compile(rf'"{re.escape(check)}"|from {re.escape(parent)} import .*\b{name}\b|{re.escape(module)}\b')
    return [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if wanted.search(path.read_text("utf-8"))]


def _short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
