"""`launchready doctor`: what this machine has, and what cannot be measured without the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from launchready_lib import __version__
from launchready_lib.network.browser import find_chromium

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Part:
    """Something that the audit uses.

    Attributes:
        name: what it is called.
        found: its version or place; None where it is missing.
        without: what is lost without it.
    """

    name: str
    found: str | None
    without: str

    def __str__(self) -> str:
        return f"  {self.name:<14}{self.found}" if self.found else f"- {self.name:<14}missing: {self.without}"


def parts() -> tuple[Part, ...]:
    """Look for each of them."""
    chromium = find_chromium()
    return (
        Part("git", _version("git", "--version"), "secrets.*, environment.* and rollback.* stay unknown"),
        Part(
            "Chromium",
            _version(chromium, "--version") if chromium else None,
            "pages.interactive, and flows that need a browser, stay unknown",
        ),
        Part("JupyterLab", _module("jupyterlab"), "no `launchready lab`; runs and reports work"),
        Part("kingfisher", _version("kingfisher", "--version"), "secrets in a repository's history stay unknown"),
        Part(
            "warm kernels",
            "forked from one that has imported already" if sys.platform == "linux" else None,
            "each notebook starts its own Python, which takes a few seconds longer",
        ),
    )


def lines() -> Iterator[str]:
    """The answer, line by line."""
    yield f"Launch Ready {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    yield from (str(part) for part in parts())


def _version(program: str | None, option: str) -> str | None:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    path = shutil.which(program, path=beside) if program else None
    if path is None:
        return None
    try:
        done = subprocess.run([path, option], capture_output=True, timeout=_PATIENCE_S, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path}, which does not answer"
    words = (done.stdout or done.stderr).strip().splitlines()
    return words[0][:80].strip() if words else path


def _module(name: str) -> str | None:
    return "installed" if importlib.util.find_spec(name) else None
