"""The end of a log file, as lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from launchready_lib.evidence import Unavailable

MAX_BYTES = 48 * 1024 * 1024
MAX_LINES = 400_000
MAX_LINE = 16_000


@dataclass(frozen=True)
class Sample:
    """The newest lines of one file; `cut` where older ones were left out."""

    shown: str
    lines: tuple[str, ...]
    cut: bool = False


def read_sample(path: Path, shown: str, parameter: str, *, most: int = MAX_BYTES) -> Sample | Unavailable:
    """Read the last 48 MB of a file, at most 400,000 lines of at most 16,000 characters.

    `shown` is the file's name as the parameters give it, `parameter` the parameter that named it.
    """
    try:
        if not path.is_file():
            return Unavailable(f"the file {shown} is not there", parameter)
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - most))
            content = stream.read(most)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        return Unavailable(f"the file {shown} cannot be read ({reason})", parameter)
    cut = size > most
    if cut:
        content = content.partition(b"\n")[2]
    lines = content.decode("utf-8", "replace").split("\n")
    kept = tuple(line[:MAX_LINE] for line in lines[-MAX_LINES:] if line.strip())
    if not kept:
        return Unavailable(f"the file {shown} is empty", f"{parameter} with lines in it")
    return Sample(shown, kept, cut or len(lines) > MAX_LINES)
