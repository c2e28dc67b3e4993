"""Charts that notebooks show: evidence as a picture, with the same figures as rows and a caption in words.

Only what the report's bundle draws is used (scatter and bar), and colour never says anything that words do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from launchready_lib import roadmap
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.record.exhibits import Chart

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from launchready_lib.checks.quick_audit.pages import CorePages
    from launchready_lib.site.reads import Kind, Reads, Sample
    from launchready_lib.site.visits import Load, Visit

MOST_LOADS = 8
"""Requests drawn for each page, those that took longest; the table has as many."""
MOST_LETTERS = 36
_COUNTED = {"response": "from when the request was due", "service": "from when the request was sent"}


def response_times(reads: Reads | Unavailable, kind: Kind = "response") -> Chart | Unavailable:
    """How many of the requests to each core read were answered within how many milliseconds, beside the target.

    What counts is the time as members wait under load, or that of the site alone where requests do not queue (`kind`).
    """
    if isinstance(reads, Unavailable):
        return reads
    limit = roadmap.load().targets["core_read_p95_ms"].limit
    lines = [_answered(sample, kind) for sample in reads.best() if sample.answered]
    if not lines:
        return Unavailable("no core read was answered", "core reads that answer")
    target = {"x": [limit, limit], "y": [0, 100], "name": f"target, {limit:g} ms", "line": {"dash": "dash"}}
    lines.append({"type": "scatter", "mode": "lines", **target})
    layout = {
        "xaxis": {"title": {"text": f"milliseconds {_COUNTED[kind]}"}, "type": "log"},
        "yaxis": {"title": {"text": "of 100 requests answered"}, "range": [0, 102]},
    }
    caption = "Core reads: how many of 100 requests were answered within how many milliseconds"
    return Chart(_figure(lines, layout), f"{caption} (target: 95 within {limit:g})", tuple(reads.rows()))


def _answered(sample: Sample, kind: Kind) -> dict[str, Any]:
    """A step for each answer, from the quickest; a failed request keeps the line below 100."""
    times = sorted(ms for ms in sample.times(kind) if ms < math.inf)
    share = 100 / len(sample.timings)
    x = [max(round(ms, 1), 0.1) for ms in times]
    y = [round(place * share, 1) for place in range(1, len(times) + 1)]
    return {"type": "scatter", "mode": "lines", "name": sample.name, "line": {"shape": "hv"}, "x": x, "y": y}


def page_loads(pages: CorePages | Unavailable) -> Chart | Unavailable:
    """What each core page loaded and when, above the time at which it could be used."""
    if isinstance(pages, Unavailable):
        return pages
    visits = [each for each in pages.best() if each.loads]
    if not visits:
        return Unavailable("no page was opened", "pages that open")
    rows = [row for each in visits for row in _loads(each)]
    bars = [_bars(each.name, [row for row in rows if row["page"] == each.name]) for each in visits]
    layout = {
        "barmode": "overlay",
        "height": 140 + 22 * len(rows),
        "xaxis": {"title": {"text": "seconds from the start, on an average phone"}, "rangemode": "tozero"},
        "yaxis": {"autorange": "reversed", "automargin": True},
    }
    caption = f"What {', '.join(each.name for each in visits)} waited for, and when each could be used"
    return Chart(_figure(bars, layout), caption, tuple(rows))


def _loads(visit: Visit) -> Iterable[Row]:
    if visit.interactive_ms is not None:
        usable = round(visit.interactive_ms / 1000, 2)
        yield {"page": visit.name, "what": "until it can be used", "from_s": 0.0, "to_s": usable, "kilobytes": None}
    ended = [load for load in visit.loads if load.ended_ms is not None]
    longest = sorted(ended, key=lambda load: (load.ended_ms or 0.0) - load.started_ms)[-MOST_LOADS:]
    for load in sorted(longest, key=lambda load: load.started_ms):
        yield {
            "page": visit.name,
            "what": _named(load, visit),
            "from_s": round(load.started_ms / 1000, 2),
            "to_s": round((load.ended_ms or 0.0) / 1000, 2),
            "kilobytes": round(load.size / 1000, 1),
        }


def _named(load: Load, visit: Visit) -> str:
    """A request's address in few letters, its end kept: whose it is stands before it where it is another's."""
    path = urlsplit(load.url).path
    name = path if load.host == urlsplit(visit.final_url or visit.url).hostname else f"{load.host}{path}"
    return name if len(name) <= MOST_LETTERS else f"…{name[1 - MOST_LETTERS :]}"


def _bars(page: str, rows: list[Row]) -> dict[str, Any]:
    y = [f"{page}: {row['what']}" for row in rows]
    base = [row["from_s"] for row in rows]
    x = [max(row["to_s"] - row["from_s"], 0.01) for row in rows]
    return {"type": "bar", "orientation": "h", "name": page, "y": y, "base": base, "x": x}


def _figure(traces: list[dict[str, Any]], layout: dict[str, Any]) -> Figure:
    from plotly.graph_objects import Figure  # noqa: PLC0415 - only a stage with a chart needs it

    return Figure(data=traces, layout={"template": "none", "margin": {"t": 30}, **layout})
