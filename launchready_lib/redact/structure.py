"""What in an output is structure, and is never taken for a secret: keys, ids, enums, MIME types, words of ours.

A secret may be an ordinary word, and a program must still read what was recorded.
"""

from __future__ import annotations

import re
from functools import cache

from launchready_lib import roadmap
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME, Decision, Status

FINDING = frozenset(
    {"check", "stage", "status", "severity", "source", "title", "measured_at", "fingerprint", "references", "files"}
)
"""Fields of a finding that only the catalogue and we fill."""
RECORD = frozenset({"kind", "recorded_at"})
DATA = frozenset(
    {"id", "stage", "status", "started", "finished", "until", "fixes", "name", "slug", "domain", "release", "file",
     "canonical", "compare_with"}
)  # fmt: skip
"""Fields of a record's data by which programs find their way; see stage.py."""
NOTEBOOK = frozenset(
    {"tags", "status", "ending", "kernelspec", "language_info", "start_time", "end_time", "version", "recorded_at"}
)
"""Keys of a notebook's and a cell's metadata."""
MESSAGE = frozenset(
    {"name", "output_type", "status", "execution_state", "execution_count", "transient", "comm_id", "wait",
     "target_name", "language_info", "implementation", "implementation_version", "protocol_version"}
)  # fmt: skip
"""Words of the message protocol (jupyter_client, "Messaging") and of nbformat."""
FIGURE = frozenset(
    {"type", "mode", "orientation", "anchor", "xanchor", "yanchor", "xref", "yref", "xaxis", "yaxis", "side", "fill",
     "barmode", "hovermode", "hoverinfo", "textposition", "textfont", "dash", "shape", "symbol", "align", "valign",
     "ticks", "hoveron", "color", "bgcolor", "template", "layer", "dragmode"}
)  # fmt: skip
"""Properties of plotly's figures that take a word of plotly's."""

_KEY = re.compile(r"[A-Za-z_]{1,40}|(?:application|audio|font|image|multipart|text|video)/[A-Za-z0-9.+-]{1,80}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:+Z-]{0,20}")
_TAGS = frozenset({"parameters", "injected-parameters", "remove-input", "hide-input"})
_ENDINGS = frozenset(
    {"complete", "completed", "failed", "timed_out", "died", "interrupted", "pending", "running", "made", "partial",
     "measured", "attested", "declared", "none"}
)  # fmt: skip
_KINDS = frozenset({"client", "stage", "note", "baseline", "deliverable", "kit", "traffic", "cooldown"})


def is_key(text: str) -> bool:
    """Whether a key is a name of a field or a MIME type, not data."""
    return _KEY.fullmatch(text) is not None


def is_own(text: str) -> bool:
    """Whether a value is a word of ours: an id, an enum, a title or reference of the catalogue, a time."""
    return text in _words() or _TIME.fullmatch(text) is not None


@cache
def _words() -> frozenset[str]:
    catalogue = roadmap.load()
    found = {*Status, *Decision, *_TAGS, *_ENDINGS, *_KINDS, FINDING_MIME, RECORD_MIME, *catalogue.targets}
    for stage in catalogue.stages.values():
        found |= {stage.id, stage.title, *stage.deliverables}
    for entry in catalogue.checks.values():
        found |= {entry.id, entry.title, entry.severity, entry.why, entry.fix, *entry.references}
    return frozenset(map(str, found))
