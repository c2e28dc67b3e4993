"""What Harbor Club writes down: an application log and a query log, both JSON lines, no personal data in either."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from launchready_lib.demo.faults import Switchboard

MOST_BYTES = 4_000_000
"""A log that grows past this loses its older half."""


@dataclass
class Trace:
    """The request that is being answered: its id (the edge's), its address's pattern, its statements and their time."""

    request_id: str
    route: str
    queries: int = 0
    query_ms: float = 0.0


TRACE: ContextVar[Trace | None] = ContextVar("harbor_trace", default=None)


class Sheet:
    """One log file of bounded size."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._size = 0

    def write(self, row: dict[str, object]) -> None:
        """Append one line."""
        line = json.dumps(row, separators=(",", ":")) + "\n"
        if self._size + len(line) > MOST_BYTES:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            self.clear()
            self._size = self._file.write("".join(lines[len(lines) // 2 :]))
        self._size += self._file.write(line)

    def clear(self) -> None:
        """Forget everything."""
        self._file.seek(0)
        self._file.truncate()
        self._size = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Journal:
    """The application log (`app.log`) and the query log (`queries.log`) of one Harbor Club."""

    def __init__(self, folder: Path, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self.events = Sheet(folder / "app.log")
        self.statements = Sheet(folder / "queries.log")

    def event(self, message: str, *, level: str = "info", **fields: object) -> None:
        """Write one line of the application log, with the id of the request it belongs to."""
        row: dict[str, object] = {"time": _now(), "level": level, "message": message}
        trace = TRACE.get()
        if trace and not self._switchboard.on("logs.request_ids"):
            row["request_id"] = trace.request_id
        if trace:
            row["route"] = trace.route
        self.events.write(row | fields)

    def query(self, sql: str, ms: float) -> None:
        """Write one statement (never its values) and its time in milliseconds."""
        trace = TRACE.get()
        if trace is None:
            return
        trace.queries += 1
        trace.query_ms += ms
        self.statements.write(
            {"time": _now(), "request_id": trace.request_id, "route": trace.route, "sql": sql, "ms": round(ms, 3)}
        )

    def clear(self) -> None:
        """Start both logs anew."""
        self.events.clear()
        self.statements.clear()

    def close(self) -> None:
        """Close both files."""
        self.events.close()
        self.statements.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
