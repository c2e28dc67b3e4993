"""The house stands as docs/architecture.md draws it: imports lead down, never up, never in a circle.

Imports for types alone and imports inside functions count too.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import launchready_lib

LIBRARY = Path(launchready_lib.__file__).parent
LAYERS = (
    {"command"},
    {"run"},
    {"report"},
    {"stage"},
    {"demo"},
    {"kit"},
    {"checks"},
    {"site"},
    {"sources"},
    {"names"},
    {"client"},
    {"network", "redact"},
    {"parameters", "record"},
    {"roadmap", "evidence"},
    {"paths", "wording"},
)
"""From the top floor down; rooms of one floor do not import each other."""
FLOOR = {room: len(LAYERS) - number for number, rooms in enumerate(LAYERS) for room in rooms}
ENTRANCES = {"__init__", "__main__"}
"""`__init__` holds the version, which every floor may name; `__main__` only opens the top floor."""
MOST_MODULES, MOST_FOLDERS, MOST_LINES = 8, 16, 350


def _modules():
    found = {}
    for path in LIBRARY.rglob("*.py"):
        parts = path.relative_to(LIBRARY).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


MODULES = _modules()


def _imports(path):
    """The modules of ours that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (_ours(alias.name) for alias in node.names if alias.name.startswith("launchready_lib."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "launchready_lib":
            for alias in node.names:
                yield _ours(f"{node.module}.{alias.name}")


def _ours(dotted):
    name = dotted.removeprefix("launchready_lib").lstrip(".")
    while name not in MODULES and name:
        name = name.rpartition(".")[0]
    return name or "__init__"


IMPORTS = {name: set(_imports(path)) - {name} for name, path in MODULES.items()}


def _room(module):
    return module.partition(".")[0]


def test_every_room_has_its_floor():
    """A new folder or module at the root is given a floor here, or stands somewhere else."""
    assert {_room(name) for name in MODULES} - ENTRANCES == set(FLOOR)


@pytest.mark.parametrize("module", sorted(set(MODULES) - ENTRANCES))
def test_imports_lead_down(module):
    """A module imports from its own room, or from a floor below it."""
    here = _room(module)
    up = [m for m in IMPORTS[module] if _room(m) not in {here, *ENTRANCES} and FLOOR[_room(m)] >= FLOOR[here]]
    assert not up, f"{module} imports {', '.join(sorted(up))}, which is not below it: move what both need down"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("checks.")))
def test_no_stage_imports_another(module):
    """What two stages need lies below them, in `site` or `sources`."""
    stage = module.split(".")[1]
    others = [m for m in IMPORTS[module] if m.startswith("checks.") and m.split(".")[1] != stage]
    assert not others, f"{module} imports another stage's {', '.join(sorted(others))}: move it to site/ or sources/"


def test_nothing_imports_in_a_circle():
    """A package's face and its modules count as they are: each file by itself."""
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_root_stays_small():
    """At most eight modules and sixteen folders meet whoever opens the library."""
    modules = list(LIBRARY.glob("*.py"))
    folders = [p for p in LIBRARY.iterdir() if p.is_dir() and p.name != "__pycache__"]
    assert len(modules) <= MOST_MODULES
    assert len(folders) <= MOST_FOLDERS


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_file_can_be_read_at_one_sitting(module):
    """No file is over 350 lines."""
    assert len(MODULES[module].read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("folder", sorted(str(p.parent.relative_to(LIBRARY)) for p in LIBRARY.rglob("__init__.py")))
def test_a_folder_says_what_belongs_in_it(folder):
    """Each folder's `__init__` has a sentence for it."""
    assert ast.get_docstring(ast.parse((LIBRARY / folder / "__init__.py").read_text("utf-8")))
