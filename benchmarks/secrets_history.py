"""What secrets.history costs beside its engine alone, on a generated project of 4,000 commits (or as many as given).

Prints wall and CPU seconds and the largest process of each, children included, then what was found; both run in turn,
three times, and the fastest counts, as others use this machine too. The limits: every planted key found, fewer than ten
other rows that fail or may, at most 1.5 times the engine's own time, by the clock and by CPU, and less than 500 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from launchready_lib.checks.stabilize_deployment import history  # noqa: E402 - the tests' generator is beside the package
from launchready_lib.evidence import Unavailable  # noqa: E402
from launchready_lib.parameters import load  # noqa: E402
from launchready_lib.sources import repository  # noqa: E402 - the tests' generator is beside the package
from launchready_lib.sources.credentials import Standing, engine, fingerprint  # noqa: E402
from tests.replayed import replay  # noqa: E402

RATIO, MEGABYTES, ROWS, TURNS = 1.5, 500, 10, 3
PARAMETERS = {"name": "Acme", "domain": "acme.example", "release": "1.0"}


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, and the largest process in MB."""

    wall: float
    cpu: float
    megabytes: int
    output: str


def measured(command: list[str]) -> Cost:
    """Run a command to its end and say what it and its children took."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, text)


def fastest(costs: Sequence[Cost]) -> Cost:
    """The least of each, except for memory."""
    return Cost(
        min(c.wall for c in costs), min(c.cpu for c in costs), max(c.megabytes for c in costs), costs[-1].output
    )


def scan(folder: Path) -> None:
    """Print what secrets.history finds, as JSON."""
    opened = repository.open_at(folder)
    found = opened if isinstance(opened, Unavailable) else history.read_history(opened, load(PARAMETERS))
    if isinstance(found, Unavailable):
        raise SystemExit(found.reason)
    loud = [t for t in found.traces if t.credential.standing in (Standing.SECRET, Standing.POSSIBLE)]
    told = {
        "commits": found.commits,
        "versions": found.objects,
        "gaps": list(found.gaps),
        "loud": [t.credential.fingerprint for t in loud],
        "folded": len(found.traces) - len(loud) + sum(found.folded.values()),
    }
    print(json.dumps(told))


def main(commits: int) -> int:
    """Compare, print, and say whether the limits hold."""
    with tempfile.TemporaryDirectory(prefix="launchready-bench-") as place:
        folder = Path(place) / "project"
        planted = {fingerprint(value) for value in replay(folder, commits).values()}
        program = engine.program()
        if program is None:
            raise SystemExit("the secret engine (kingfisher) is not installed")
        alone = [program, "scan", str(folder), "--no-validate", "--no-update-check", "--format", "jsonl"]
        measured(alone)  # the first run fills the engine's rule cache and the disk's
        turns = [(measured(alone), measured([sys.executable, __file__, "--scan", str(folder)])) for _ in range(TURNS)]
    theirs, ours = (fastest(costs) for costs in zip(*turns, strict=True))
    told = json.loads(ours.output)
    others = set(told["loud"]) - planted
    print(f"{told['commits']} commits, {told['versions']} versions of files and messages")
    for name, cost in (("engine alone", theirs), ("secrets.history", ours)):
        print(f"{name:16} {cost.wall:6.1f} s wall {cost.cpu:6.1f} s CPU {cost.megabytes:5} MB in the largest process")
    found = len(planted & set(told["loud"]))
    print(f"{found} of {len(planted)} planted keys, {len(others)} other rows, {told['folded']} values folded")
    whole = found == len(planted) and len(others) < ROWS and not told["gaps"]
    print(f"{ours.wall / theirs.wall:.2f} times the engine's wall time, {ours.cpu / theirs.cpu:.2f} times its CPU time")
    quick = ours.cpu <= RATIO * theirs.cpu and ours.wall <= RATIO * theirs.wall
    cheap = quick and ours.megabytes < MEGABYTES
    print("limits hold" if whole and cheap else "a limit is broken")
    return 0 if whole and cheap else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--scan"]:
        scan(Path(sys.argv[2]))
    else:
        raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000))
