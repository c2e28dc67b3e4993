"""How findings and tables look in a notebook: escaped HTML with styles of its own, and the same as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from launchready_lib.record.exhibits import Table, table_of
from launchready_lib.record.findings import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 50

_LOOK = {
    Status.PASS: ("✔", "Pass", "#1b6e3c"),
    Status.FAIL: ("✘", "Fail", "#a61b1b"),
    Status.UNKNOWN: ("?", "Unknown", "#7a5200"),
    Status.NOT_APPLICABLE: ("·", "Not applicable", "#4a5568"),
}
_CARD = "border-left:4px solid {colour};padding:.35em .8em;margin:.4em 0;max-width:60em"
_CELL = "text-align:left;vertical-align:top;padding:.15em .6em .15em 0;word-break:normal"
_LONG_CELL = _CELL + ";min-width:9em;overflow-wrap:anywhere"
_LONG_WORD = 24
"""Letters; a column may be narrower than such a word, never than a shorter one."""


def finding_html(finding: Finding) -> str:
    """One finding as a card: the answer, the sentence, what to do, the evidence folded away."""
    sign, word, colour = _LOOK[finding.status]
    label = f"{word}, {finding.severity}" if finding.status is Status.FAIL else word
    if finding.source in ("attested", "declared"):
        label += f", {finding.source}"
    heading = (
        f'<strong style="color:{colour}">{sign} {escape(label)}</strong> <strong>{escape(finding.title)}</strong>'
        f' <code style="opacity:.7">{escape(finding.check)}</code>'
    )
    lines = [f"<div>{heading}</div>", f"<div>{escape(finding.summary)}</div>"]
    labels = {"Why it matters": finding.impact, "What to do": finding.fix, "What would make it known": finding.needs}
    lines += [f"<div><em>{label}:</em> {escape(text)}</div>" for label, text in labels.items() if text]
    if finding.evidence:
        rows = "row" if len(finding.evidence) == 1 else "rows"
        table = table_html(table_of(finding.evidence[:SHOWN_ROWS]))
        lines.append(f"<details><summary>Evidence, {len(finding.evidence)} {rows}</summary>{table}</details>")
    return f'<div style="{_CARD.format(colour=colour)}">{"".join(lines)}</div>'


def finding_text(finding: Finding) -> str:
    """One finding as a line, for terminals and frontends without HTML."""
    sign, word, _ = _LOOK[finding.status]
    return f"{sign} {word}: {finding.title} ({finding.check}): {finding.summary}"


def table_html(table: Table | None) -> str:
    """A table as HTML, every cell escaped."""
    if table is None:
        return ""
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(c)}</th>' for c in table.columns)
    body = "".join("<tr>" + "".join(_cell(text) for text in row) + "</tr>" for row in table.rows)
    more = f"<p>… and {table.left_off} more rows</p>" if table.left_off else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(text: str) -> str:
    style = _LONG_CELL if any(len(word) > _LONG_WORD for word in text.split()) else _CELL
    return f'<td style="{style}">{escape(text)}</td>'


def frame_html(frame: pd.DataFrame) -> str:
    """A data frame as a table that screen readers can read (pandas' own leaves an empty header cell)."""
    if not len(frame.columns):
        return "<p>nothing to show</p>"
    shown = frame.head(SHOWN_ROWS * 2).to_dict("records")
    rows: list[Mapping[str, Any]] = [{str(k): v for k, v in row.items()} for row in shown]
    if not rows:
        return table_html(Table(tuple(str(c).replace("_", " ") for c in frame.columns), ()))
    table = table_of(rows)
    return table_html(table and replace(table, left_off=table.left_off + len(frame) - len(rows)))


def summary_rows(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """One row a finding, for the table at a stage's end."""
    looks = ((f, " ".join(_LOOK[f.status][:2])) for f in findings)
    return [
        {"answer": look, "severity": str(f.severity), "check": f.check, "what was found": f.summary}
        for f, look in looks
    ]
