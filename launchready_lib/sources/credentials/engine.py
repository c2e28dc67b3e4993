"""Kingfisher over files that nobody else can read: rules for hundreds of providers, no connection made."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launchready_lib.evidence import Unavailable

SECONDS = 180
MAX_REPORT = 32 * 1024 * 1024
_FOUND = 200
_OPTIONS = (  # offline, every place of a value, nothing unpacked: what lies in archives is given to it as files
    "--no-validate", "--no-update-check", "--no-ignore", "--no-dedup", "--no-extract-archives",
)  # fmt: skip
_KEPT = ("PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "SYSTEMROOT")
_NO_SECRET = re.compile(  # rules for names and addresses that go with a secret, and for what only may be one
    r"(?:client-?id|username|tenant-id|account-name|access-id|token-id|-address(?:\.\d+)?$|repository(?:\.\d+)?$|generic-|-tf-password|algolia-api-key)"
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


def run(
    files: Iterable[tuple[str, bytes]], beside: Callable[[int, bytes], object] | None = None
) -> tuple[EngineFind, ...] | Unavailable:
    """Scan files given as path and content; they lie in a private folder meanwhile, under names of ours.

    Without an engine they are asked for all the same, as whoever gives them may read them on the way.

    `beside` gets the number and content of every file, while the engine reads them too; without an engine as well.
    """
    engine = program()
    if engine is None:
        for number, (_, content) in enumerate(files):
            if beside is not None:
                beside(number, content)
        return Unavailable("the secret engine (kingfisher) is not installed", "kingfisher-bin in this environment")
    with tempfile.TemporaryDirectory(prefix="launchready-scan-") as folder:
        laid = list(_laid_out(Path(folder), files))
        if not laid:
            return ()
        with _started(engine, folder) as report:
            if beside is not None:
                for number, (_, place) in enumerate(laid):
                    beside(number, place.read_bytes())
            told = report()
    return told if isinstance(told, Unavailable) else tuple(_finds(told, [path for path, _ in laid]))


def _laid_out(folder: Path, files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, Path]]:
    """Write each file as `number-name` into a folder for a thousand of them; gives real paths and these, in order."""
    for number, (path, content) in enumerate(files):
        place = folder / str(number // 1000)
        if number % 1000 == 0:
            place.mkdir(mode=0o700)
        name = "".join(c if c in _NAME_CHARACTERS else "_" for c in path.rsplit("/", 1)[-1])[-80:]
        (place / f"{number}-{name}").write_bytes(content)
        yield path, place / f"{number}-{name}"


@contextlib.contextmanager
def _started(engine: str, folder: str) -> Iterator[Callable[[], bytes | Unavailable]]:
    """Start the engine over a folder; what this gives waits for its report. It ends with the block."""
    report = Path(folder) / "report.jsonl"
    options = [*_OPTIONS, "--git-history", "none", "--format", "jsonl", "--output", str(report)]
    until = time.monotonic() + SECONDS
    try:
        process = subprocess.Popen(
            [engine, "scan", ".", *options, "--exclude", "report.jsonl"],
            cwd=folder,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        why = Unavailable(f"the secret engine did not run ({error.strerror})", "kingfisher-bin in this environment")
        yield lambda: why
        return
    try:
        yield lambda: _report(process, report, until)
    finally:
        process.kill()
        process.wait()


def _report(process: subprocess.Popen[bytes], report: Path, until: float) -> bytes | Unavailable:
    needs = "a second try, with more memory or a smaller repository"
    try:
        code = process.wait(max(0.0, until - time.monotonic()))
        if code not in (0, _FOUND):
            return Unavailable(f"the secret engine ended with exit code {code}", needs)
        if report.stat().st_size > MAX_REPORT:
            return Unavailable(f"the secret engine reports more than {MAX_REPORT // 1024**2} MB", needs)
        return report.read_bytes()
    except subprocess.TimeoutExpired:
        return Unavailable(f"the secret engine took over {SECONDS} s", needs)
    except OSError:
        return Unavailable("the secret engine left no report", needs)


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
