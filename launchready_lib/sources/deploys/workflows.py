"""Risks of GitHub workflows as zizmor sees them, where it is installed (docs.zizmor.sh)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from launchready_lib.evidence import Row, Unavailable

SECONDS = 60.0


def program() -> str | None:
    """Where zizmor is, beside our own Python or on the path."""
    return shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")


async def risks(texts: Mapping[str, str]) -> tuple[Row, ...] | Unavailable:
    """What zizmor finds in these workflows, of at least medium severity; it is not let into the network."""
    zizmor = program()
    if zizmor is None:
        return Unavailable("zizmor is not installed", "zizmor on this machine (pip install zizmor)")
    return await asyncio.to_thread(_run, zizmor, texts)


def _run(zizmor: str, texts: Mapping[str, str]) -> tuple[Row, ...] | Unavailable:
    with tempfile.TemporaryDirectory(prefix="launchready-") as folder:
        place = Path(folder) / ".github" / "workflows"
        place.mkdir(parents=True)
        names = {}
        for number, (path, text) in enumerate(sorted(texts.items())):
            names[f"{number}.yml"] = path
            (place / f"{number}.yml").write_text(text, encoding="utf-8")
        command = [zizmor, "--offline", "--no-config", "--no-exit-codes", "--no-progress", "--format", "json", "."]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder}
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, check=False
            )
            found = json.loads(done.stdout)
            return tuple(row for each in found if (row := _row(each, names)))[:20]
        except (OSError, subprocess.TimeoutExpired):
            return Unavailable("zizmor did not run to its end", "a run of zizmor by hand")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return Unavailable("zizmor gave no result that can be read", "a run of zizmor by hand")


def _row(finding: object, names: Mapping[str, str]) -> Row | None:
    if not isinstance(finding, dict) or finding["determinations"]["severity"] not in ("High", "Medium"):
        return None
    places = finding["locations"]
    first = next((p for p in places if p["symbolic"]["kind"] == "Primary"), places[0])
    file = str(first["symbolic"]["key"]["Local"]["verbatim_path"]).rpartition("/")[2]
    line = first["concrete"]["location"]["start_point"]["row"] + 1
    return {
        "workflow_risk": str(finding["desc"])[:160],
        "severity": finding["determinations"]["severity"].lower(),
        "where": f"{names.get(file, file)}:{line}",
        "more": str(finding["url"])[:160],
    }
