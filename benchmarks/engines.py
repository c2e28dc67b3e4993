"""What our runner saves: wall and CPU seconds (children included) beside papermill's command line and its function.

First over the seven notebooks as they are, against Harbor Club: most of that is waiting for probes, and no limit holds.
Then over seven generated ones with the same imports, the findings that the first part recorded, and a table and a chart
each, which wait for nothing: there our runner may take a quarter of the command line's time. Last the report's export.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from launchready_lib import demo, paths, roadmap

LIMIT = 0.25
EXPORT_SECONDS = 2.0
EXPORT_BYTES = 1_200_000

FUNCTION = """
import sys
from pathlib import Path
import papermill
notebooks, results, client = map(Path, sys.argv[1:])
for notebook in sorted(notebooks.glob("0*.ipynb")):
    target = results / notebook.name
    parameters = {"client": str(client), "record": str(results)}
    papermill.execute_notebook(str(notebook), str(target), parameters=parameters, progress_bar=False)
"""
RUNNER = """
import sys
from pathlib import Path
from launchready_lib import paths
from launchready_lib.command import cli
notebooks, results, client = sys.argv[1:]
paths.notebooks_folder = lambda: Path(notebooks)
sys.exit(0 if cli.main(["run", client, "--output", results]) in (0, 1, 3) else 1)
"""
EXPORT = """
import sys, time
from pathlib import Path
start = time.perf_counter()
from launchready_lib.report import publication
path = publication.write(Path(sys.argv[1]))
print(time.perf_counter() - start, path.stat().st_size)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds that a program took, with everything that it started."""

    wall: float
    cpu: float


def cost(*commands: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run commands one after another.

    Raises:
        SystemExit: one failed.
    """
    before, start = os.times(), time.perf_counter()
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.perf_counter() - start, spent)


def command_line(notebooks: Path, results: Path, client: Path) -> list[list[str]]:
    """The papermill command for each notebook."""
    parameters = ["-p", "client", str(client), "-p", "record", str(results)]
    return [
        [sys.executable, "-m", "papermill", "--no-progress-bar", str(each), str(results / each.name), *parameters]
        for each in sorted(notebooks.glob("0*.ipynb"))
    ]


def compare(title: str, notebooks: Path, client: Path, folder: Path, environment: dict[str, str]) -> dict[str, Cost]:
    """Run the same notebooks in the three ways, and print what each took."""
    ways: dict[str, Callable[[Path], list[list[str]]]] = {
        "papermill, seven calls": lambda results: command_line(notebooks, results, client),
        "papermill.execute_notebook": lambda results: [
            [sys.executable, "-c", FUNCTION, str(notebooks), str(results), str(client)]
        ],
        "launchready run": lambda results: [[sys.executable, "-c", RUNNER, str(notebooks), str(results), str(client)]],
    }
    print(f"\n{title:<44}{'wall s':>8}{'CPU s':>8}")
    costs = {}
    for number, (way, commands) in enumerate(ways.items()):
        results = folder / f"{number}"
        results.mkdir(parents=True)
        costs[way] = cost(*commands(results), environment=environment)
        print(f"  {way:<42}{costs[way].wall:>8.1f}{costs[way].cpu:>8.1f}", flush=True)
    return costs


def generated(folder: Path, recorded: Path) -> Path:
    """Seven notebooks that import what the real ones do and judge what was recorded."""
    folder.mkdir()
    findings = json.loads((recorded / "findings.json").read_text())["findings"]
    (folder / "recorded.json").write_text(json.dumps(findings))
    for stage in roadmap.load().stages.values():
        real = nbformat.read(paths.notebooks_folder() / stage.notebook, as_version=4)
        code = [cell for cell in real.cells if cell.cell_type == "code"]
        opens = next(number for number, cell in enumerate(code) if "stages.open(" in cell.source)
        cells = [*code[: opens + 1], nbformat.v4.new_code_cell(_SETUP.format(folder=str(folder)))]
        cells += [
            nbformat.v4.new_code_cell(f"stage.judge(recorded({check!r}))\nframe({check!r})") for check in stage.checks
        ]
        cells.append(nbformat.v4.new_code_cell(_CHART))
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=real.metadata), folder / stage.notebook)
    return folder


_SETUP = """
import json
from dataclasses import replace
from pathlib import Path

import cryptography.x509
import dns.asyncresolver
import httpx
import pandas as pd
import plotly.express as px

from launchready_lib.record.findings import Status, Verdict

findings = {{each["check"]: each for each in json.loads(Path({folder!r}, "recorded.json").read_text())}}


def recorded(check):
    body = findings[check]
    rows, reason = tuple(body["evidence"]), body["reason"] or "recorded so"
    status = Status(body["status"])
    verdict = Verdict(status, body["summary"], rows, reason=reason, needs=body["needs"] or "another look")
    return replace(verdict, check=check)


def frame(check):
    return pd.DataFrame(findings[check]["evidence"])
"""
_CHART = """
rows = [{"severity": each["severity"], "hours": each["effort_hours"] or 0.0} for each in findings.values()]
stage.chart(px.bar(pd.DataFrame(rows), x="severity", y="hours"), caption="Hours by severity", table=rows)
"""


def main() -> int:
    """Measure and print; 0 where the limits hold."""
    with tempfile.TemporaryDirectory(prefix="launchready-bench-") as place, demo.start(release="prototype") as world:
        folder = Path(place)
        environment = {**os.environ, **world.environment, "LAUNCHREADY_ROOT": str(folder)}
        client = world.parameters_file
        compare(
            "The seven notebooks, against Harbor Club", paths.notebooks_folder(), client, folder / "real", environment
        )
        recorded = next((folder / "real" / "2").rglob("findings.json")).parent
        notebooks = generated(folder / "notebooks", recorded)
        costs = compare("Seven on recorded evidence", notebooks, client, folder / "recorded", environment)
        share = costs["launchready run"].wall / costs["papermill, seven calls"].wall
        print(f"\nOurs takes {share:.0%} of the command line's wall time; the limit is {LIMIT:.0%}.")
        done = subprocess.run([sys.executable, "-c", EXPORT, str(recorded)], capture_output=True, text=True, check=True)
        seconds, size = (float(word) for word in done.stdout.split())
        print(f"The report exports in {seconds:.1f} s (limit {EXPORT_SECONDS:g}), {size / 1e6:.2f} MB (limit 1.2).")
    return 0 if share <= LIMIT and seconds <= EXPORT_SECONDS and size <= EXPORT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
