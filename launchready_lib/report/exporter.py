"""The nbconvert exporter `launchready`: a run as one document, or one executed notebook as its stage's section."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from launchready_lib.record import quick_nbformat  # noqa: F401  # isort: skip - before nbformat, which it makes load faster

import nbformat
from jinja2 import Environment
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.utils.exceptions import ConversionException
from traitlets import Bool, List, Unicode

from launchready_lib.paths import project_root
from launchready_lib.record import sheets
from launchready_lib.record.audit import Audit, assemble
from launchready_lib.report import charts, words
from launchready_lib.report.page import Page
from launchready_lib.roadmap import load

_TEMPLATES = Path(__file__).parent / "templates"


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
        picture = charts.logo(project_root(folder), (audit.client.consultant or {}).get("logo"))
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
        shown = (words.hours, words.day, words.upfirst, words.sentence, words.short, words.isoday, charts.figure_data)
        environment.filters |= {each.__name__: each for each in shown}
        called = (charts.asset, charts.bundle, charts.policy, words.count)
        environment.globals |= {each.__name__: each for each in called}
        environment.globals |= {"title_of": charts.title, "style": charts.STYLE, "script": charts.SCRIPT}
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
