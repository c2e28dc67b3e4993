"""Kingfisher over files that nobody else can read: rules for hundreds of providers, no connection made."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launchready_lib.findings import Unavailable

SECONDS = 180
MAX_REPORT = 32 * 1024 * 1024
_FOUND = 200
_OPTIONS = (  # offline, every place of a value, nothing unpacked: what lies in archives is given to it as files
    "--no-validate", "--no-update-check", "--no-ignore", "--no-dedup", "--no-extract-archives",
)  # fmt: skip
_KEPT = ("PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "SYSTEMROOT")
_NO_SECRET = re.compile(  # rules for names and addresses that go with a secret, and for what only may be one
    r"(?:client-?id|username|tenant-id|account-name|access-id|token-id|-address|-pub-|repository$|project$|generic-|-tf-password)"
)
_PLACE = re.compile(r"(?:^|/)\d+/(\d{1,9})-")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@dataclass(frozen=True)
class EngineFind:
    """What the engine reports: the value, its place, its rule, and whether the rule is one for secrets.

    `number` counts the files that it was given, from 0.
    """

    value: str
    path: str
    number: int
    line: int
    rule: str
    sure: bool


def program() -> str | None:
    """Where the engine is: beside our Python, or on the path."""
    beside = shutil.which("kingfisher", path=str(Path(sys.executable).parent))
    return beside or shutil.which("kingfisher")


def run(files: Iterable[tuple[str, bytes]]) -> tuple[EngineFind, ...] | Unavailable:
    """Scan files given as path and content; they lie in a private folder meanwhile, under names of ours."""
    engine = program()
    if engine is None:
        return Unavailable("the secret engine (kingfisher) is not installed", "kingfisher-bin in this environment")
    with tempfile.TemporaryDirectory(prefix="launchready-scan-") as folder:
        names = list(_laid_out(Path(folder), files))
        if not names:
            return ()
        report = _report(engine, folder)
    return report if isinstance(report, Unavailable) else tuple(_finds(report, names))


def _laid_out(folder: Path, files: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    """Write each file as `number-name` into a folder for a thousand of them; gives the real paths in that order."""
    for number, (path, content) in enumerate(files):
        place = folder / str(number // 1000)
        if number % 1000 == 0:
            place.mkdir(mode=0o700)
        name = "".join(c if c in _NAME_CHARACTERS else "_" for c in path.rsplit("/", 1)[-1])[-80:]
        (place / f"{number}-{name}").write_bytes(content)
        yield path


def _report(engine: str, folder: str) -> bytes | Unavailable:
    report = Path(folder) / "report.jsonl"
    options = [*_OPTIONS, "--git-history", "none", "--format", "jsonl"]
    needs = "a second try, with more memory or a smaller repository"
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [engine, "scan", ".", *options, "--output", str(report), "--exclude", "report.jsonl"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode not in (0, _FOUND):
            return Unavailable(f"the secret engine ended with exit code {done.returncode}", needs)
        if report.stat().st_size > MAX_REPORT:
            return Unavailable(f"the secret engine reports more than {MAX_REPORT // 1024**2} MB", needs)
        return report.read_bytes()
    except subprocess.TimeoutExpired:
        return Unavailable(f"the secret engine took over {SECONDS} s", needs)
    except OSError as error:
        return Unavailable(f"the secret engine did not run ({error.strerror})", "kingfisher-bin in this environment")


def _finds(report: bytes, names: list[str]) -> Iterator[EngineFind]:
    for line in report.splitlines():
        try:
            body: Any = json.loads(line)
        except ValueError:
            continue
        found = body.get("finding") if isinstance(body, dict) else None
        if not isinstance(found, dict):
            continue
        place = _PLACE.search(str(found.get("path", "")))
        if place is None or int(place[1]) >= len(names):
            continue
        rule = str(body.get("rule", {}).get("id", "unknown"))
        yield EngineFind(
            value=str(found.get("snippet", "")),
            path=names[int(place[1])],
            number=int(place[1]),
            line=int(found.get("line") or 1),
            rule=rule,
            sure=_NO_SECRET.search(rule) is None,
        )
