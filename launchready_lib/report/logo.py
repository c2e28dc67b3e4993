"""The consultant's logo, as a data URI."""

from __future__ import annotations

import base64
from pathlib import Path

MAX_BYTES = 200_000
_KINDS = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"<svg": "svg+xml", b"<?xml": "svg+xml"}


def logo(root: Path, name: object) -> str | None:
    """The image at `name`, from the project's root; None where it is not there, too large or no image.

    An SVG is shown as an image, where browsers run none of its scripts and fetch nothing.
    """
    if not isinstance(name, str) or not name:
        return None
    try:
        path = root / name
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except (OSError, ValueError):
        return None
    kind = next((kind for mark, kind in _KINDS.items() if content.lstrip().startswith(mark)), None)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}" if kind else None
