"""Charts: figures as data in the page, drawn by one embedded plotly.js; without script their tables stand."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

_FOLDER = Path(__file__).parent
BUNDLE = _FOLDER / "plotly-basic.min.js.gz"
SCRIPT = _FOLDER / "templates" / "launchready" / "page.js"
STYLE = _FOLDER / "templates" / "launchready" / "style.css"
_LOGO_BYTES = 200_000
_KINDS = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"<svg": "svg+xml", b"<?xml": "svg+xml"}
_OURS = ("title", "width", "height", "font", "paper_bgcolor", "plot_bgcolor", "colorway", "autosize")


def figure_data(figure: Mapping[str, Any]) -> Markup:
    """A figure as JSON that can stand in a script element: what the page's look decides is left out."""
    layout = {key: value for key, value in figure.get("layout", {}).items() if key not in _OURS}
    text = json.dumps({"data": figure["data"], "layout": layout}, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - JSON without a "<" cannot end the element


def title(figure: Mapping[str, Any] | None) -> str:
    """The figure's own title, which the page shows as caption."""
    body = (figure or {}).get("layout", {}).get("title")
    text = body.get("text") if isinstance(body, Mapping) else body
    return text if isinstance(text, str) else ""


@cache
def bundle() -> Markup:
    """The bundle as base64 of gzip, inflated in the browser when the first chart comes into sight."""
    return Markup(base64.b64encode(BUNDLE.read_bytes()).decode())  # noqa: S704 - base64 has no markup


@cache
def asset(path: Path) -> Markup:
    """Our own style or script, as it is."""
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704 - ships with the package


@cache
def policy(*, charts: bool) -> str:
    """The page's Content-Security-Policy: nothing is fetched, and no script runs but ours and the bundle, by hash."""
    scripts = [asset(SCRIPT).encode()]
    if charts:
        scripts.append(gzip.decompress(BUNDLE.read_bytes()))
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def logo(root: Path, name: object) -> str | None:
    """The image at `name`, from the project's root; None where it is not there, too large or no image.

    An SVG is shown as an image, where browsers run none of its scripts and fetch nothing.
    """
    if not isinstance(name, str) or not name:
        return None
    try:
        path = root / name
        content = path.read_bytes() if path.stat().st_size <= _LOGO_BYTES else b""
    except (OSError, ValueError):
        return None
    kind = next((kind for mark, kind in _KINDS.items() if content.lstrip().startswith(mark)), None)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}" if kind else None
