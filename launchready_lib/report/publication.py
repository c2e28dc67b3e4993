"""Write what a run leaves behind for people and programs, from its record."""

from __future__ import annotations

import json
from pathlib import Path

from launchready_lib.record import audit
from launchready_lib.record.files import write_private
from launchready_lib.report.kit_files import write_kit

HTML, JSON = "report.html", "findings.json"


def write(folder: Path) -> Path:
    """Write report.html, findings.json and kit/ beside the executed notebooks of a run; each whole or not at all.

    Returns:
        The path of report.html.

    Raises:
        AuditError: the folder holds no run.
    """
    from launchready_lib.report.exporter import LaunchReadyExporter  # noqa: PLC0415 - nbconvert takes long to import

    found = audit.read(folder)
    page, _ = LaunchReadyExporter().from_audit(found, folder)
    body = json.dumps(audit.findings_json(found), indent=1, ensure_ascii=False, allow_nan=False, default=str)
    write_kit(folder / "kit", found.kit)
    write_private(folder / JSON, body + "\n")
    write_private(folder / HTML, page)
    return folder / HTML
