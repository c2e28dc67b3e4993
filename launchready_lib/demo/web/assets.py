"""Harbor Club's own stylesheet, scripts and icon, each served under a fingerprint of its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file and its media type."""

    content: bytes
    kind: str


class Assets:
    """All static files, by the name they are served under."""

    def __init__(self) -> None:
        self.files: dict[str, Asset] = {}
        self._named: dict[str, str] = {}
        for path in sorted(FOLDER.iterdir()):
            content = path.read_bytes()
            served = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
            self.files[served] = Asset(content, KINDS[path.suffix])
            self._named[path.name] = f"/static/{served}"

    def url(self, name: str) -> str:
        """The address of a file, for templates."""
        return self._named[name]
