"""What a notebook's cells show: findings and tables as escaped HTML and text; and read back, never markup of theirs.

Read back are tables as plain text and charts as data.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

from launchready_lib.evidence import Row
from launchready_lib.record.findings import Finding, Status
from launchready_lib.record.html_events import End, Start, Text, events

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

PLOTLY_MIME = "application/vnd.plotly.v1+json"

MAX_HTML = 500_000
MAX_FIGURE = 400_000
MAX_ROWS = 200
MAX_COLUMNS = 24
MAX_CELL = 600
DRAWABLE = {"scatter", "bar", "pie"}  # what plotly.js' basic bundle draws
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
_MARKUP = re.compile(r"<(?!/?(?:br|b|i|em|strong|sub|sup|extra)\s*/?>)")


@dataclass(frozen=True)
class Table:
    """A table as text: rows as long as the header, cells cut at `MAX_CELL`, `left_off` rows beyond `MAX_ROWS`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    left_off: int = 0


@dataclass(frozen=True)
class Chart:
    """A picture for `Stage.show`: what plotly draws, in words what there is to see, the same figures as a table."""

    figure: Figure
    caption: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Exhibit:
    """One output of a cell that a reader should see, under the Markdown heading above it, with what the cell judged."""

    heading: str
    tables: tuple[Table, ...]
    figure: Mapping[str, Any] | None = None
    checks: tuple[str, ...] = ()
    caption: str = ""


def exhibit(data: Mapping[str, Any], *, heading: str, caption: str = "") -> Exhibit | None:
    """The exhibit in one output's MIME bundle; None where it holds neither a chart nor a table."""
    html = data.get("text/html")
    html = "".join(part for part in html if isinstance(part, str)) if isinstance(html, list) else html
    found = tuple(tables(html if isinstance(html, str) else ""))
    drawn = figure(data.get(PLOTLY_MIME))
    if drawn is None and not found:
        return None
    return Exhibit(heading, found, drawn, caption=caption or next((t.caption for t in found if t.caption), ""))


def tables(html: str) -> Iterator[Table]:
    """The tables of a piece of HTML as text; all else in it, scripts and links included, is dropped."""
    if "<table" not in html[:MAX_HTML].lower():
        return
    yield from filter(None, map(_shaped, _TableReader().read(html[:MAX_HTML])))


def figure(body: object) -> Mapping[str, Any] | None:
    """A plotly figure made safe: only what the bundle draws, no image, no template, no markup but breaks and weight."""
    if not isinstance(body, Mapping) or not isinstance(traces := body.get("data"), list) or not traces:
        return None
    if not all(isinstance(t, Mapping) and str(t.get("type", "scatter")) in DRAWABLE for t in traces):
        return None
    layout = body.get("layout")
    shown = {k: v for k, v in layout.items() if k not in ("images", "template")} if isinstance(layout, Mapping) else {}
    try:
        safe: dict[str, Any] = _plain({"data": traces, "layout": shown})
        return safe if len(json.dumps(safe)) <= MAX_FIGURE else None
    except (RecursionError, TypeError, ValueError):
        return None


def cell(value: object) -> str:
    """One scalar of an evidence row, or what stands in its place, as text."""
    if value is None or value != value:  # a data frame says NaN where a column has nothing
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        value = f"{value:.6g}" if abs(value) < 1e15 else f"{value:g}"
    elif isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, default=str)
    text = str(value)
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"


def table_of(rows: Sequence[Mapping[str, Any]], *, caption: str = "") -> Table | None:
    """Rows of evidence as a table: one column per key, in the order of first sight."""
    columns = list(dict.fromkeys(str(key) for row in rows for key in row))[:MAX_COLUMNS]
    if not columns:
        return None
    shown = tuple(tuple(cell(row.get(column)) for column in columns) for row in rows[:MAX_ROWS])
    return Table(tuple(column.replace("_", " ") for column in columns), shown, caption, max(0, len(rows) - MAX_ROWS))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _MARKUP.sub("&lt;", value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _shaped(raw: _RawTable) -> Table | None:
    header, body = raw.header or [], [row for row in raw.rows if any(row)]
    width = min(MAX_COLUMNS, max((len(r) for r in [header, *body]), default=0))
    if not body or not width:
        return None
    header = (header + [""] * width)[:width]
    body = [(row + [""] * width)[:width] for row in body]
    if width > 1 and not header[0] and [row[0] for row in body] == [str(n) for n in range(len(body))]:
        header, body = header[1:], [row[1:] for row in body]  # a data frame's running number says nothing
    header = [name or f"column {place}" for place, name in enumerate(header, 1)]
    left_off = raw.left_off + max(0, len(body) - MAX_ROWS)
    return Table(tuple(header), tuple(tuple(r) for r in body[:MAX_ROWS]), raw.caption.strip(), left_off)


@dataclass
class _RawTable:
    caption: str = ""
    header: list[str] | None = None
    rows: list[list[str]] = field(default_factory=list)
    left_off: int = 0


class _TableReader:
    """Collects the text of outermost tables; a nested one is text of its cell."""

    def __init__(self) -> None:
        self._tables: list[_RawTable] = []
        self._row: list[str] | None = None
        self._row_is_head = True
        self._into: list[str] | None = None

    def read(self, html: str) -> list[_RawTable]:
        """The tables of a piece of HTML."""
        depth = 0
        for event in events(html):
            match event:
                case Start("table"):
                    depth += 1
                    if depth == 1:
                        self._tables.append(_RawTable())
                case End("table") if depth:
                    if depth == 1:
                        self._end_row()
                    depth -= 1
                case Text(data, inside):
                    if self._into is not None and not inside & {"script", "style"}:
                        self._into.append(data)
                case Start(tag) if depth == 1:
                    self._begin(tag)
                case End(tag) if depth == 1:
                    self._end(tag)
        return self._tables

    def _begin(self, tag: str) -> None:
        if tag == "tr":
            self._end_row()
            self._row, self._row_is_head = [], True
        elif tag in ("td", "th") and self._row is not None:
            self._end_cell()
            self._into = []
            self._row_is_head &= tag == "th"
        elif tag == "caption":
            self._into = []
        elif tag == "br" and self._into is not None:
            self._into.append(" ")

    def _end(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag == "tr":
            self._end_row()
        elif tag == "caption" and self._into is not None:
            self._tables[-1].caption, self._into = "".join(self._into)[:MAX_CELL], None

    def _end_cell(self) -> None:
        if self._into is not None and self._row is not None:
            self._row.append(cell(" ".join("".join(self._into).split())))
        self._into = None

    def _end_row(self) -> None:
        self._end_cell()
        row, self._row = self._row, None
        if row is None:
            return
        table = self._tables[-1]
        if table.header is None and self._row_is_head and not table.rows:
            table.header = row
        elif len(table.rows) > MAX_ROWS:
            table.left_off += 1
        else:
            table.rows.append(row)


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
    body = "".join("<tr>" + "".join(_cell_html(text) for text in row) + "</tr>" for row in table.rows)
    more = f"<p>… and {table.left_off} more rows</p>" if table.left_off else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell_html(text: str) -> str:
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
