"""No secret, however spelled, is in anything that a stage writes: notebook, findings.json, manifest, report, log."""

import difflib
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import canaries
import nbformat
import pytest
from drive import project

TESTS = Path(__file__).parent
HEADERS = "\n".join(f"      X-Audit-{n}: ${{{canaries.variable(shape)}}}" for n, shape in enumerate(canaries.SHAPES))
PARAMETERS = f"""\
client:
  name: Acme
  domain: acme.example
  release: r1
  limits: {{stage_minutes: 5}}
  network:
    headers:
{HEADERS}
"""
CELLS = (
    f"""
import os, sys
sys.path.insert(0, {str(TESTS)!r})
import canaries
import pandas as pd
from IPython.display import HTML, display
from launchready_lib import stage as stages
from launchready_lib.record.findings import failed
from dataclasses import replace
lines = canaries.lines(os.environ)
stage = stages.open("quick_audit", client, release=release, record=record)
""",
    "for line in lines: print(line)",
    """
rows = [{"case": number, "seen": line} for number, line in enumerate(lines)]
stage.judge(replace(failed("seen: " + lines[0], evidence=rows, fix=lines[-1]), check="domain.resolves"))
stage.note("\\n".join(lines))
stage.show(rows, caption=lines[3])
""",
    "display({'application/json': rows, 'text/html': '<pre>' + '</pre><pre>'.join(lines) + '</pre>'}, raw=True)",
    "pd.DataFrame(rows)",
    "raise ValueError('\\n'.join(lines))",
)
LEAST = 8
"""So many neighbouring characters of a spelling may not be seen; fewer stand there by chance, or are the name's."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Every text that a run wrote, by the file's name; it showed each case in each way that a notebook has."""
    root = project(tmp_path_factory.mktemp("canaries"), "passes")
    (root / "parameters" / "acme.yaml").write_text(PARAMETERS)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    given = nbformat.v4.new_code_cell("client = ''\nrelease = ''\nrecord = ''", metadata={"tags": ["parameters"]})
    notebook.cells.insert(0, given)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, root / "behaving" / "01_quick_audit.ipynb")
    done = subprocess.run(
        [sys.executable, str(TESTS / "drive.py"), str(root / "behaving"), "run", "parameters/acme.yaml", "--stages=1"],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | {canaries.variable(shape): secret for shape, secret in canaries.SHAPES.items()},
        check=False,
    )
    assert done.returncode == 4, done.stderr[-2000:]
    texts = {"log": [done.stdout, done.stderr]}
    for path in (p for p in (root / "output").rglob("*") if p.is_file()):
        text = path.read_text()
        texts[path.name] = list(_leaves(json.loads(text))) if path.suffix in (".ipynb", ".json") else [text]
    return {
        name: "\0".join(each for leaf in leaves for each in {leaf, html.unescape(leaf)})
        for name, leaves in texts.items()
    }


@pytest.fixture(scope="module")
def pieces(written):
    """What is seen of each case, by its number: the texts between its marks, without our own words for a secret."""
    seen = {}
    for text in written.values():
        for found in re.finditer(r"⟦(\d+)⁞([^⟧\0]*)", text):
            seen.setdefault(int(found[1]), set()).add(re.sub(r"\[redacted: [^\]]*\]", "\1", found[2]))
    return seen


def _leaves(body):
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        yield from (leaf for item in body.items() for each in item for leaf in _leaves(each))
    elif isinstance(body, list):
        yield from (leaf for item in body for leaf in _leaves(item))


def test_the_run_showed_every_case(written, pieces):
    assert {"01_quick_audit.ipynb", "findings.json", "manifest.json", "report.html"} <= written.keys()
    assert sorted(pieces) == list(range(len(canaries.CASES)))
    assert len(canaries.SHAPES) == 20
    assert len(canaries.SPELLINGS) >= 20


@pytest.mark.parametrize(("shape", "how"), canaries.CASES, ids=lambda word: word)
def test_nothing_that_a_stage_writes_holds(written, pieces, shape, how):
    secret = canaries.SPELLINGS[how](canaries.NUCLEUS.get(shape, canaries.SHAPES[shape]))
    least = min(LEAST, len(secret))
    assert [name for name, text in written.items() if secret in text] == []
    for piece in pieces[canaries.CASES.index((shape, how))]:
        same = difflib.SequenceMatcher(None, piece, secret, autojunk=False).find_longest_match()
        assert same.size < least


def test_what_is_not_promised_says_why():
    assert all(canaries.NOT_PROMISED.values())
    assert {shape for shape, _ in canaries.NOT_PROMISED} <= {"five characters", "eight characters", "punctuation"}
