"""What can be derived is derived: no text that the roadmap or the code holds is kept in step by hand."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DERIVED = runpy.run_path(str(ROOT / "scripts" / "derive.py"))["derived"]()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in DERIVED])
def test_what_is_derived_is_up_to_date(path):
    """`python scripts/derive.py` writes the notebooks' questions and README's table anew."""
    assert path.read_text("utf-8") == DERIVED[path], f"{path.name} is out of date: run python scripts/derive.py"
