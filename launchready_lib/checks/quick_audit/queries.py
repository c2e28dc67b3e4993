"""Database queries behind pages: which statements serve them, and how long those take, from the client's query log."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.checks import check
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources.logbook import Statement, fingerprint, parse_line, parse_statements, read_sample

if TYPE_CHECKING:
    import pandas as pd

    from launchready_lib.client import Client
    from launchready_lib.parameters import Parameters

SLOW_AVERAGE_MS = 100.0
SLOW_WORST_MS = 300.0
PAGES = ("login", "dashboard")
_WORDS = {
    "login": re.compile(r"(?i)(?:^|[/_#-])(?:log-?in|sign-?in|sessions?#create|authenticate|token)(?:$|[/_#?-])"),
    "dashboard": re.compile(r"(?i)(?:^|[/_#-])dashboard(?:s)?(?:$|[/_#?-])"),
}
_SHOWN = 300


@dataclass(frozen=True)
class QueryTime:
    """All executions of one statement for one page.

    Attributes:
        statement: without values.
        by: how it is known to serve the page: route, request id, or client.queries.
        average_ms, worst_ms: milliseconds.
    """

    page: str
    statement: str
    by: str
    calls: int
    average_ms: float
    worst_ms: float

    @property
    def is_slow(self) -> bool:
        """Over 100 ms on average, or over 300 ms at worst."""
        return self.average_ms > SLOW_AVERAGE_MS or self.worst_ms > SLOW_WORST_MS

    def row(self) -> Row:
        """The row that evidence shows."""
        return {
            "page": self.page,
            "statement": self.statement[:_SHOWN],
            "calls": self.calls,
            "average_ms": round(self.average_ms, 1),
            "worst_ms": round(self.worst_ms, 1),
            "known_by": self.by,
        }


@dataclass(frozen=True)
class QueryEvidence:
    """The statements of a query log that serve login and dashboard.

    Attributes:
        source: the log.
        statements: how many executions it tells of; `cut` where older ones were left out.
        times: one a page and statement, slowest first.
        without: pages that, by the parameters, no statement serves.
    """

    source: str
    statements: int
    times: tuple[QueryTime, ...] = ()
    without: tuple[str, ...] = ()
    cut: bool = False

    def frame(self) -> pd.DataFrame:
        """One row a page and statement."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        return pd.DataFrame([time.row() for time in self.times])


@probe
async def survey(client: Client) -> QueryEvidence | Unavailable:
    """Read the query log, and the application log where only that tells which page a request was for."""
    if client.parameters.authorization is None:
        return client.forbidden("load") or Unavailable("not authorized", "authorization")
    if client.parameters.query_log is None:
        return Unavailable("no query log was given", "query_log")
    return await asyncio.to_thread(_read, client)


def _read(client: Client) -> QueryEvidence | Unavailable:
    shown = client.parameters.query_log or ""
    sample = read_sample(client.path(shown), shown, "query_log")
    if isinstance(sample, Unavailable):
        return sample
    statements = list(parse_statements(sample.lines))
    if not statements:
        return Unavailable(
            f"no line of {shown} tells of a statement and its time",
            "query_log: JSON lines {request_id, route, sql, ms}, or a Postgres log with log_min_duration_statement = 0",
        )
    orphans = {s.request_id for s in statements if s.request_id and not s.route}
    routes = dict(_routes(client, orphans)) if orphans else {}
    return gathered(shown, statements, client.parameters, routes=routes, cut=sample.cut)


def _routes(client: Client, wanted: set[str]) -> Iterator[tuple[str, str]]:
    """The routes of requests, by id, as the application logs tell."""
    for shown in client.parameters.logs:
        sample = read_sample(client.path(shown), shown, "logs")
        if isinstance(sample, Unavailable):
            continue
        for line in sample.lines:
            entry = parse_line(line)
            if entry.request_id in wanted and entry.where:
                yield entry.request_id, entry.where


def gathered(
    source: str,
    statements: Iterable[Statement],
    parameters: Parameters,
    *,
    routes: Mapping[str, str] | None = None,
    cut: bool = False,
) -> QueryEvidence:
    """Sum up the statements of each page; `routes` gives the route of a request id where the log does not."""
    matcher = _Matcher(parameters)
    times: dict[tuple[str, str, str], list[float]] = {}
    count = 0
    for statement in statements:
        count += 1
        route = statement.route or (routes or {}).get(statement.request_id, "")
        by = "route" if statement.route else "request id"
        for page, known in matcher.pages(statement.fingerprint, route, by):
            times.setdefault((page, statement.fingerprint, known), []).append(statement.ms)
    found = [
        QueryTime(page, text, by, len(each), sum(each) / len(each), max(each))
        for (page, text, by), each in times.items()
    ]
    return QueryEvidence(
        source=source,
        statements=count,
        times=tuple(sorted(found, key=lambda time: -time.worst_ms)),
        without=tuple(page for page in PAGES if parameters.queries.get(page) == []),
        cut=cut,
    )


class _Matcher:
    """Knows which page a statement serves."""

    def __init__(self, parameters: Parameters) -> None:
        site = parameters.site
        self.paths = {
            page: {_normal(table[page]) for table in (site.pages, site.core_reads) if page in table} for page in PAGES
        }
        self.patterns = {
            page: [(fingerprint(text), re.compile(text, re.IGNORECASE)) for text in parameters.queries.get(page, [])]
            for page in PAGES
        }
        self._declared: dict[str, tuple[str, ...]] = {}

    def pages(self, statement: str, route: str, by: str) -> Iterator[tuple[str, str]]:
        """The pages that a statement serves, and how that is known."""
        declared = self._declared.get(statement)
        if declared is None:
            declared = tuple(page for page in PAGES if self._is_declared(statement, page))
            self._declared[statement] = declared
        for page in PAGES:
            if route and self._is_route(route, page):
                yield page, by
            elif page in declared:
                yield page, "client.queries"

    def _is_declared(self, statement: str, page: str) -> bool:
        return any(statement == text or pattern.search(statement) for text, pattern in self.patterns[page])

    def _is_route(self, route: str, page: str) -> bool:
        path = _normal(route)
        if path in self.paths[page] or any(path.startswith(f"{known}/") for known in self.paths[page] if known != "/"):
            return True
        return "admin" not in path and _WORDS[page].search(path) is not None


def _normal(route: str) -> str:
    """A route without method, host, query and final slash."""
    path = re.sub(r"^(?:[A-Z]+\s+)?(?:https?://[^/]+)?", "", route.strip()).partition("?")[0]
    return path.rstrip("/").lower() or "/"


@check("queries.slow")
def slow(evidence: QueryEvidence) -> Verdict:
    """No query behind login or dashboard exceeds 100 ms on average or 300 ms at worst."""
    return combine(*(_page(evidence, page) for page in PAGES))


def _page(evidence: QueryEvidence, page: str) -> Verdict:
    times = [time for time in evidence.times if time.page == page]
    late = [time for time in times if time.is_slow]
    if late:
        worst = late[0]
        number = "1 query" if len(late) == 1 else f"{len(late)} queries"
        return failed(
            f"{number} behind {page} too slow: up to {worst.worst_ms:.0f} ms, {worst.average_ms:.0f} ms on average",
            evidence=[time.row() for time in late[:20]],
            about=[f"{time.page}: {time.statement}" for time in late],
        )
    if not times and page in evidence.without:
        return passed(
            f"no query serves {page}, as declared", evidence=[{"page": page, "known_by": f"queries.{page}: []"}]
        )
    if not times:
        return unknown(
            f"none of {evidence.statements} statements in {evidence.source} is known to serve {page}",
            needs=f"queries.{page} (which statements serve it), or a query log with routes or request ids",
        )
    calls = Counter({time.statement: time.calls for time in times})
    return passed(
        f"{page}: {len(calls)} queries, {calls.total()} calls, at worst {times[0].worst_ms:.0f} ms",
        evidence=[time.row() for time in times[:10]],
    )
