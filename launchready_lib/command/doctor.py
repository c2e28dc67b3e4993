"""`launchready doctor`: what this machine has, and what cannot be measured without the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from launchready_lib import __version__
from launchready_lib.network.browser import find_chromium

_PATIENCE_S = 10.0


def lines() -> Iterator[str]:
    """Each program that the audit uses, with its version or place, or what is lost without it."""
    yield f"Launch Ready {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    chromium, lab = find_chromium(), importlib.util.find_spec("jupyterlab")
    forked = "forked from one that has imported already" if sys.platform == "linux" else None
    for name, found, without in (
        ("git", _version("git"), "secrets.*, environment.* and rollback.* stay unknown"),
        ("Chromium", _version(chromium), "pages.interactive, and flows that need a browser, stay unknown"),
        ("JupyterLab", lab and "installed", "no `launchready lab`; runs and reports work"),
        ("kingfisher", _version("kingfisher"), "secrets in a repository's history stay unknown"),
        ("warm kernels", forked, "each notebook starts its own Python, which takes a few seconds longer"),
    ):
        yield f"  {name:<14}{found}" if found else f"- {name:<14}missing: {without}"


def _version(program: str | None) -> str | None:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    path = shutil.which(program, path=beside) if program else None
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=_PATIENCE_S, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path}, which does not answer"
    words = (done.stdout or done.stderr).strip().splitlines()
    return words[0][:80].strip() if words else path
