"""Kingfisher over files that nobody else can read: rules for hundreds of providers, no connection made.

Small texts are put together into files of a size that it likes, with a way back from its lines to theirs.
"""

from __future__ import annotations

import bisect
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from launchready_lib.evidence import Unavailable

SECONDS = 180
MAX_REPORT = 32 * 1024 * 1024
_FOUND = 200
_OPTIONS = (  # offline, every place of a value, nothing unpacked: what lies in archives is given to it as files
    "--no-validate", "--no-update-check", "--no-ignore", "--no-dedup", "--no-extract-archives",
)  # fmt: skip
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "SYSTEMROOT")
_NO_SECRET = re.compile(  # rules for names and addresses that go with a secret, and for what only may be one
    r"(?:client-?id|username|tenant-id|account-name|access-id|token-id|-address(?:\.\d+)?$|repository(?:\.\d+)?$|generic-|-tf-password|algolia-api-key)"
)
_PLACE = re.compile(r"(?:^|/)\d+/(\d{1,9})-")
Tag = TypeVar("Tag")
_BUNDLE_SIZE = 256 * 1024
_BETWEEN = b"\n\n"


@dataclass(frozen=True)
class EngineFind:
    """What the engine reports; `number` counts its files from 0, `sure` where the rule is one for secrets."""

    value: str
    number: int
    line: int
    rule: str
    sure: bool


def program() -> str | None:
    """Where the engine is: beside our Python, or on the path."""
    return shutil.which("kingfisher", path=str(Path(sys.executable).parent)) or shutil.which("kingfisher")


def run(
    files: Iterable[tuple[str, bytes]], beside: Callable[[int, bytes], object] | None = None
) -> tuple[EngineFind, ...] | Unavailable:
    """Scan files given as path and content; they lie in a private folder meanwhile, under names of ours.

    `beside` gets the number and content of every file, while the engine reads them too. Without an engine all are
    asked for and handed on the same, as whoever gives them may read them on the way.
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
                for number, place in enumerate(laid):
                    beside(number, place.read_bytes())
            reported = report()
    return reported if isinstance(reported, Unavailable) else tuple(_finds(reported, len(laid)))


def read(
    files: Iterable[tuple[str, bytes]],
    bundles: Bundles[Tag],
    found: Callable[[EngineFind, Tag, int], object],
    beside: Callable[[int, bytes], object] | None = None,
) -> Unavailable | None:
    """Scan bundled files; `found` gets each find, its text and the line there. Gives why the engine did not run."""
    finds = run(files, beside)
    if isinstance(finds, Unavailable):
        return finds
    for find in finds:
        found(find, *bundles.place(find.number, find.line))
    return None


def _laid_out(folder: Path, files: Iterable[tuple[str, bytes]]) -> Iterator[Path]:
    """Write each file as `number-name` into a folder for a thousand of them; gives their places in order."""
    for number, (path, content) in enumerate(files):
        place = folder / str(number // 1000)
        if number % 1000 == 0:
            place.mkdir(mode=0o700)
        name = re.sub(r"[^0-9A-Za-z._-]", "_", path.rsplit("/", 1)[-1])[-80:]
        (place / f"{number}-{name}").write_bytes(content)
        yield place / f"{number}-{name}"


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
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
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


def _finds(report: bytes, files: int) -> Iterator[EngineFind]:
    for line in report.splitlines():
        try:
            body: Any = json.loads(line)
        except ValueError:
            continue
        found: Any = body.get("finding") if isinstance(body, dict) else None
        place = _PLACE.search(str(found.get("path", ""))) if isinstance(found, dict) else None
        if place is not None and int(place[1]) < files:
            rule = str(body.get("rule", {}).get("id", "unknown"))
            sure = _NO_SECRET.search(rule) is None
            yield EngineFind(str(found.get("snippet", "")), int(place[1]), int(found.get("line") or 1), rule, sure)


@dataclass
class _Bundle(Generic[Tag]):
    """Texts put together; `pieces`: whose each is, the line at which it starts, and where it starts and ends."""

    texts: list[bytes] = field(default_factory=list)
    pieces: list[tuple[Tag, int, slice]] = field(default_factory=list)
    line: int = 1
    size: int = 0


class Bundles(Generic[Tag]):
    """Bundles by file name extension; whatever a method gives goes to the engine, in this order."""

    def __init__(self) -> None:
        self._open: dict[str, _Bundle[Tag]] = {}
        self._given: list[list[tuple[Tag, int, slice]]] = []
        self.bytes = 0

    def add(self, name: str, content: bytes, tag: Tag) -> Iterator[tuple[str, bytes]]:
        """Take a text in; its file name says what language it is."""
        extension = name.rsplit("/", 1)[-1].rpartition(".")[2][:12]
        bundle = self._open.setdefault(extension, _Bundle())
        bundle.texts.append(content)
        bundle.pieces.append((tag, bundle.line, slice(bundle.size, bundle.size + len(content))))
        bundle.line += content.count(b"\n") + len(_BETWEEN)
        bundle.size += len(content) + len(_BETWEEN)
        self.bytes += len(content)
        if bundle.size > _BUNDLE_SIZE:
            yield self._closed(extension)

    def alone(self, name: str, content: bytes, tag: Tag) -> tuple[str, bytes]:
        """Take in what is no text, as a file of its own."""
        self.bytes += len(content)
        self._given.append([(tag, 1, slice(0))])
        return name, content

    def rest(self) -> Iterator[tuple[str, bytes]]:
        """What is not full yet."""
        for extension in list(self._open):
            yield self._closed(extension)

    def _closed(self, extension: str) -> tuple[str, bytes]:
        bundle = self._open.pop(extension)
        self._given.append(bundle.pieces)
        return f"{len(self._given) - 1}.{extension}", _BETWEEN.join(bundle.texts)

    def texts(self, number: int, content: bytes) -> Iterator[tuple[Tag, bytes]]:
        """What the file of this number was put together from; nothing of a file of its own."""
        return ((tag, content[place]) for tag, _, place in self._given[number])

    def place(self, number: int, line: int) -> tuple[Tag, int]:
        """Whose text stands at this line of the file of this number, and which line of it that is, from 1."""
        pieces = self._given[number]
        tag, start, _ = pieces[max(0, bisect.bisect_right(pieces, line, key=lambda piece: piece[1]) - 1)]
        return tag, line - start + 1
