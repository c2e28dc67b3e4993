"""The nbconvert exporter `launchready`: a run as one document, or one executed notebook as its stage's section.

Charts are figures as data in the page, drawn by one embedded plotly.js; without script their tables stand.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from launchready_lib.record import quick_nbformat  # noqa: F401  # isort: skip - before nbformat, which it makes load faster

import nbformat
from jinja2 import Environment
from markupsafe import Markup
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.utils.exceptions import ConversionException
from traitlets import Bool, List, Unicode

from launchready_lib.paths import project_root
from launchready_lib.record import sheets
from launchready_lib.record.audit import Audit, assemble
from launchready_lib.report import words
from launchready_lib.report.page import Page
from launchready_lib.roadmap import load

_TEMPLATES = Path(__file__).parent / "templates"
BUNDLE = Path(__file__).parent / "plotly-basic.min.js.gz"
SCRIPT = _TEMPLATES / "launchready" / "page.js"
STYLE = _TEMPLATES / "launchready" / "style.css"
_LOGO_BYTES = 200_000
_KINDS = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"<svg": "svg+xml", b"<?xml": "svg+xml"}
_OURS = ("title", "width", "height", "font", "paper_bgcolor", "plot_bgcolor", "colorway", "autosize")


class LaunchReadyExporter(TemplateExporter):  # type: ignore[misc]  # nbconvert has no annotations
    """Writes findings, records, tables and charts of executed notebooks; their Markdown and HTML never pass through."""

    export_from_notebook = "Launch Ready report"
    output_mimetype = "text/html"

    file_extension = Unicode(".html").tag(config=True, affects_template=True)
    template_name = Unicode("launchready").tag(config=True, affects_template=True)
    extra_template_basedirs = List(Unicode(), [str(_TEMPLATES)]).tag(config=True, affects_environment=True)
    default_preprocessors = List(Unicode(), ["nbconvert.preprocessors.TagRemovePreprocessor"]).tag(config=True)
    optimistic_validation = Bool(True).tag(config=True)  # once, not after each preprocessor

    def from_audit(self, audit: Audit, folder: Path) -> tuple[str, dict[str, Any]]:
        """The whole report of a run that was read from `folder`."""
        picture = logo(project_root(folder), (audit.client.consultant or {}).get("logo"))
        return self._render(nbformat.v4.new_notebook(), Page(audit, logo=picture), None)

    def from_notebook_node(
        self, nb: nbformat.NotebookNode, resources: dict[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """One executed notebook as the section of its stage."""
        name = str(((resources or {}).get("metadata") or {}).get("name") or "notebook")
        sheet = sheets.sheet(nb, f"{name}.ipynb")
        stage = _stage(sheet)
        return self._render(nb, Page(assemble({stage: sheet}, load(), manifest={}), only=stage), resources)

    def _render(
        self, nb: nbformat.NotebookNode, page: Page, resources: dict[str, Any] | None
    ) -> tuple[str, dict[str, Any]]:
        self.environment.globals["page"] = page
        text, written = super().from_notebook_node(nb, resources)
        return text, written

    def _create_environment(self) -> Environment:
        environment: Environment = super()._create_environment()
        environment.autoescape = True
        environment.trim_blocks = environment.lstrip_blocks = True
        shown = (words.hours, words.day, words.upfirst, words.sentence, words.short, words.isoday, figure_data)
        environment.filters |= {each.__name__: each for each in shown}
        called = (asset, bundle, policy, words.count)
        environment.globals |= {each.__name__: each for each in called}
        environment.globals |= {"title_of": title, "style": STYLE, "script": SCRIPT}
        return environment


def _stage(sheet: sheets.Sheet) -> str:
    """The stage of a notebook, whatever its file is called: by its records, its findings, its name.

    Raises `ConversionException` where it is some other notebook.
    """
    stages = load().stages
    said = [str(each.data.get("id")) for each in sheet.of("stage")]
    said += [stage for stage, _ in Counter(judged.finding.stage for judged in sheet.findings).most_common()]
    said += [stage.id for stage in stages.values() if stage.notebook[:2] == sheet.name[:2]]
    for stage in said:
        if stage in stages:
            return stage
    raise ConversionException(f"{sheet.name} is not an executed notebook of the roadmap: it records no stage")


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
