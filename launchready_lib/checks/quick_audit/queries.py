"""Database queries behind pages: which statements serve them, and how long those take, from the client's query log."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.parameters import Parameters
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources.logbook import Statement, fingerprint, parse_line, parse_statements, read_sample

SLOW_AVERAGE_MS = 100.0
SLOW_WORST_MS = 300.0
PAGES = ("login", "dashboard")
_WORDS = {
    "login": re.compile(r"(?i)(?:^|[/_#-])(?:log-?in|sign-?in|sessions?#create|authenticate|token)(?:$|[/_#?-])"),
    "dashboard": re.compile(r"(?i)(?:^|[/_#-])dashboard(?:s)?(?:$|[/_#?-])"),
}


@dataclass(frozen=True)
class QueryTime:
    """All executions of one statement for one page."""

    page: str
    statement: str  # without values
    by: str  # how it is known to serve the page: route, request id, or client.queries
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
            "statement": self.statement[:300],
            "calls": self.calls,
            "average_ms": round(self.average_ms, 1),
            "worst_ms": round(self.worst_ms, 1),
            "known_by": self.by,
        }


@dataclass(frozen=True)
class QueryEvidence(Evidence):
    """The statements of a query log that serve login and dashboard.

    Attributes:
        source: the log.
        statements: how many executions it tells of.
        times: one a page and statement, slowest first.
        without: pages that, by the parameters, no statement serves.
    """

    source: str
    statements: int
    times: tuple[QueryTime, ...] = ()
    without: tuple[str, ...] = ()

    def rows(self) -> list[Row]:
        """One row a page and statement."""
        return [time.row() for time in self.times]


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
    if isinstance(sample := read_sample(client.path(shown), shown, "query_log"), Unavailable):
        return sample
    if not (statements := list(parse_statements(sample.lines))):
        reason = f"no line of {shown} tells of a statement and its time"
        needs = "JSON lines {request_id, route, sql, ms}, or a Postgres log with log_min_duration_statement = 0"
        return Unavailable(reason, f"query_log: {needs}")
    orphans = {s.request_id for s in statements if s.request_id and not s.route}
    routes: dict[str, str] = {}
    for log in client.parameters.logs if orphans else ():  # application logs tell the routes of request ids
        found = read_sample(client.path(log), log, "logs")
        entries = map(parse_line, () if isinstance(found, Unavailable) else found.lines)
        routes |= {each.request_id: each.where for each in entries if each.request_id in orphans and each.where}
    return gathered(shown, statements, client.parameters, routes=routes)


def gathered(
    source: str, statements: Iterable[Statement], parameters: Parameters, *, routes: Mapping[str, str]
) -> QueryEvidence:
    """Sum up the statements of each page; `routes` gives the route of a request id where the log does not."""
    site, statements = parameters.site, list(statements)
    paths = {page: {_normal(table[page]) for table in (site.pages, site.core_reads) if page in table} for page in PAGES}
    declared = {page: _declared(parameters.queries.get(page, []), statements) for page in PAGES}
    times: dict[tuple[str, str, str], list[float]] = {}
    for statement in statements:
        route = statement.route or routes.get(statement.request_id, "")
        for page in PAGES:
            if route and _serves(route, page, paths[page]):
                known = "route" if statement.route else "request id"
            elif statement.fingerprint in declared[page]:
                known = "client.queries"
            else:
                continue
            times.setdefault((page, statement.fingerprint, known), []).append(statement.ms)
    found = [QueryTime(*key, len(each), sum(each) / len(each), max(each)) for key, each in times.items()]
    without = tuple(page for page in PAGES if parameters.queries.get(page) == [])
    slowest_first = tuple(sorted(found, key=lambda time: -time.worst_ms))
    return QueryEvidence(source, len(statements), slowest_first, without)


def _declared(texts: Iterable[str], statements: Iterable[Statement]) -> set[str]:
    """The statements that client.queries says serve a page."""
    patterns = [(fingerprint(text), re.compile(text, re.IGNORECASE)) for text in texts]
    seen = {statement.fingerprint for statement in statements}
    return {each for each in seen if any(each == text or pattern.search(each) for text, pattern in patterns)}


def _serves(route: str, page: str, paths: set[str]) -> bool:
    """Whether a route is a page's, by its declared paths or by its words."""
    path = _normal(route)
    if path in paths or any(path.startswith(f"{known}/") for known in paths if known != "/"):
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
    if late := [time for time in times if time.is_slow]:
        number, worst = "1 query" if len(late) == 1 else f"{len(late)} queries", late[0]
        return failed(
            f"{number} behind {page} too slow: up to {worst.worst_ms:.0f} ms, {worst.average_ms:.0f} ms on average",
            evidence=[time.row() for time in late[:20]],
            about=[f"{time.page}: {time.statement}" for time in late],
        )
    if times:
        calls = Counter({time.statement: time.calls for time in times})
        text = f"{page}: {len(calls)} queries, {calls.total()} calls, at worst {times[0].worst_ms:.0f} ms"
        return passed(text, evidence=[time.row() for time in times[:10]])
    if page in evidence.without:
        row = {"page": page, "known_by": f"queries.{page}: []"}
        return passed(f"no query serves {page}, as declared", evidence=[row])
    reason = f"none of {evidence.statements} statements in {evidence.source} is known to serve {page}"
    needs = f"queries.{page} (which statements serve it), or a query log with routes or request ids"
    return unknown(reason, needs=needs)
