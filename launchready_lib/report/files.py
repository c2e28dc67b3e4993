"""Files of the report: whole or not at all, and readable by their owner alone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

_PART = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]{0,99}")
_DEPTH = 4


def write_private(path: Path, text: str) -> None:
    """Write a temporary neighbour and rename it, mode 0600; what UTF-8 cannot hold becomes a question mark."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600 by itself
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_kit(folder: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the kit's files; a name that would leave the folder or go through a link in it is passed over."""
    written = []
    for name, text in files.items():
        path = kit_path(folder, name)
        if path is None:
            continue
        for parent in (*reversed(path.relative_to(folder).parents[:-1]), Path()):
            (folder / parent).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, text)
        written.append(path)
    return tuple(written)


def kit_path(folder: Path, name: str) -> Path | None:
    """Where a kit file of this name goes; None for a name that is not a plain relative path."""
    parts = name.split("/")
    if not 1 <= len(parts) <= _DEPTH or not all(_PART.fullmatch(p) and p.strip(".") for p in parts):
        return None
    path = folder.joinpath(*parts)
    inside = [folder, *(folder.joinpath(*parts[:depth]) for depth in range(1, len(parts)))]
    return None if any(each.is_symlink() for each in inside) or path.is_dir() else path
