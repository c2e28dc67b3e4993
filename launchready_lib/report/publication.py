"""Write what a run leaves behind for people and programs, from its record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from launchready_lib.record import audit
from launchready_lib.record.files import private_folder, write_private

HTML, JSON = "report.html", "findings.json"
_PART = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]{0,99}")
_DEPTH = 4


def write(folder: Path) -> Path:
    """Write report.html, whose path is returned, findings.json and kit/ beside a run's notebooks, each whole or not.

    Raises `AuditError` where the folder holds no run.
    """
    from launchready_lib.report.exporter import LaunchReadyExporter  # noqa: PLC0415 - nbconvert takes long to import

    found = audit.read(folder)
    page, _ = LaunchReadyExporter().from_audit(found, folder)
    body = json.dumps(audit.findings_json(found), indent=1, ensure_ascii=False, allow_nan=False, default=str)
    write_kit(folder / "kit", found.kit)
    write_private(folder / JSON, body + "\n")
    write_private(folder / HTML, page)
    return folder / HTML


def write_kit(folder: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the kit's files; a name that would leave the folder, or go through a link or file in it, is passed over."""
    written = []
    for name, text in files.items():
        if path := kit_path(folder, name):
            private_folder(path.parent)
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
    taken = any(each.is_symlink() or (each.exists() and not each.is_dir()) for each in inside)
    return None if taken or path.is_dir() else path
