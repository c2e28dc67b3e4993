"""Request ids: whether the log lines of a request share one, and the response carries it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.network import Response
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources.logbook import Entry, parse_line, read_sample

FEWEST_REQUESTS = 5
TAIL_BYTES = 256 * 1024
SHORTEST_ID = 8  # Anything shorter would be found by chance
LOG_DELAY_S = 1.0
_APP_HEADERS = (
    "x-request-id", "request-id", "x-correlation-id", "correlation-id", "x-trace-id", "trace-id", "x-request-uuid",
    "x-amzn-requestid", "x-cloud-trace-context", "x-b3-traceid", "traceresponse", "traceparent",
)  # fmt: skip
_EDGE_HEADERS = (
    "cf-ray", "x-vercel-id", "fly-request-id", "x-nf-request-id", "x-amz-cf-id", "x-railway-request-id",
    "x-amzn-trace-id", "rndr-id",
)  # fmt: skip


@dataclass(frozen=True)
class LogEvidence:
    """What a sample of log lines tells of requests."""

    files: tuple[str, ...]
    lines: int
    of_requests: int  # lines that tell of one request
    with_id: int  # those of them that carry an id; `ids`: how many different ones
    ids: int
    shared: int  # ids that more than one line carries
    formats: tuple[str, ...] = ()
    bare: tuple[tuple[str, int], ...] = ()  # the commonest routes of lines without an id, with their number

    def row(self) -> Row:
        """The row that evidence shows."""
        return {
            "log": ", ".join(self.files),
            "format": ", ".join(self.formats),
            "lines": self.lines,
            "lines_of_requests": self.of_requests,
            "with_an_id": self.with_id,
            "different_ids": self.ids,
            "ids_on_several_lines": self.shared,
        }


@dataclass(frozen=True)
class AnswerEvidence:
    """Which id headers one response carries."""

    url: str
    status: int
    app_header: str = ""  # app_header, edge_header: the name of each kind found; empty where none is
    edge_header: str = ""
    in_log: bool = False  # the id of this very response stands in the log

    def row(self) -> Row:
        """The row that evidence shows."""
        header, seen = self.app_header or self.edge_header or "none", "yes" if self.in_log else "not seen"
        return {"url": self.url, "status": self.status, "id_header": header, "this_id_in_the_log": seen}


@dataclass(frozen=True)
class RequestIds(Evidence):
    """Both halves; each may be unavailable without the other."""

    log: LogEvidence | Unavailable
    answer: AnswerEvidence | Unavailable

    def rows(self) -> list[Row]:
        """One row a fact of the log, then of the response."""
        return [
            {"part": part, "what": key, "value": str(value)}
            for part, half in (("log", self.log), ("response", self.answer))
            for key, value in ({"not known": half.reason} if isinstance(half, Unavailable) else half.row()).items()
        ]


@probe
async def survey(client: Client) -> RequestIds | Unavailable:
    """Read the log sample; ask for one page, and look for its id in the headers and at the end of the log."""
    if client.parameters.authorization is None:
        return client.forbidden("login") or Unavailable("not authorized", "authorization")
    log = await asyncio.to_thread(_read_logs, client)
    return RequestIds(log, await _ask(client))


def _read_logs(client: Client) -> LogEvidence | Unavailable:
    if not client.parameters.logs:
        return Unavailable("no application log was given", "logs")
    given = [read_sample(client.path(shown), shown, "logs") for shown in client.parameters.logs]
    samples = [sample for sample in given if not isinstance(sample, Unavailable)]
    if not samples and isinstance(failure := given[-1], Unavailable):
        return failure
    entries = (parse_line(line) for sample in samples for line in sample.lines)
    return summed_up([sample.shown for sample in samples], entries)


def summed_up(files: Iterable[str], entries: Iterable[Entry]) -> LogEvidence:
    """Count what lines tell of requests."""
    ids: Counter[str] = Counter()
    bare: Counter[str] = Counter()
    formats = set()
    lines = 0
    for entry in entries:
        lines += 1
        formats.add(entry.format)
        if entry.request_id:
            ids[entry.request_id] += 1
        elif entry.is_of_request:
            masked = re.sub(r"/(?=[^/]*[\d@%])[^/]+", "/…", entry.where)  # it may be personal
            bare[f"{entry.method} {masked}".strip()[:120]] += 1
    return LogEvidence(
        files=tuple(files),
        lines=lines,
        of_requests=ids.total() + bare.total(),
        with_id=ids.total(),
        ids=len(ids),
        shared=sum(number > 1 for number in ids.values()),
        formats=tuple(sorted(formats)),
        bare=tuple(bare.most_common(5)),
    )


async def _ask(client: Client) -> AnswerEvidence | Unavailable:
    """The home page, then a core read: static pages may not pass through the app."""
    site = client.parameters.site
    if site.canonical is None:
        return Unavailable("the site's address was not given", "site.canonical")
    paths = ["/", *site.core_reads.values(), *([site.health] if site.health else [])][:3]
    first: Response | None = None
    for path in paths:
        response = await client.network.request("GET", urljoin(site.canonical, path))
        if response.ok and _header(response, _APP_HEADERS):
            return await _answer(client, response)
        if first is None or (response.ok and not first.ok):
            first = response
    if first is None or not first.ok:
        reason = "did not answer" if first is None else f"did not answer ({first.error or first.state})"
        return Unavailable(f"{site.canonical} {reason}", "a site that answers")
    return await _answer(client, first)


def _header(response: Response, names: tuple[str, ...]) -> str:
    return next((name for name in names if response.header(name)), "")


async def _answer(client: Client, response: Response) -> AnswerEvidence:
    app, edge = _header(response, _APP_HEADERS), _header(response, _EDGE_HEADERS)
    value = response.header(app or edge) if app or edge else None
    in_log = value is not None and await _in_log(client, value)
    return AnswerEvidence(response.url, response.status or 0, app, edge, in_log=in_log)


async def _in_log(client: Client, value: str) -> bool:
    """Whether the end of a log holds this id; a log is written a moment after the answer."""
    mark = value.split("-")[1] if re.fullmatch(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", value) else value
    if len(mark) < SHORTEST_ID:
        return False
    until = time.monotonic() + LOG_DELAY_S
    while True:
        for shown in client.parameters.logs:
            sample = await asyncio.to_thread(read_sample, client.path(shown), shown, "logs", most=TAIL_BYTES)
            if not isinstance(sample, Unavailable) and any(mark in line for line in sample.lines):
                return True
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.1)


@check("logs.request_ids")
def request_ids(evidence: RequestIds) -> Verdict:
    """Each request's log lines share an id, and the response carries it."""
    return combine(_log_half(evidence.log), _answer_half(evidence.answer))


def _log_half(log: LogEvidence | Unavailable) -> Verdict:
    if isinstance(log, Unavailable):
        return unknown(log.reason, needs=log.needs)
    if log.of_requests < FEWEST_REQUESTS:
        reason = f"only {log.of_requests} of {log.lines} log lines tell of a request (method and path, route or id)"
        return unknown(reason, needs="logs: a sample with at least a few requests in it", evidence=[log.row()])
    bare = log.of_requests - log.with_id
    rows = [log.row(), *({"without_an_id": place, "lines_without": number} for place, number in log.bare)]
    if bare:
        share = "No" if not log.with_id else f"{bare} of {log.of_requests}"
        verb = "carries a request id" if not log.with_id else "carry no request id"
        return failed(
            f"{share} log line{'s' if log.with_id else ''} of requests {verb}", evidence=rows, about=["log lines"]
        )
    if log.ids == 1:
        return failed("Every log line carries the same request id", evidence=rows, about=["one id for all"])
    return passed(f"All {log.of_requests} log lines of requests carry one of {log.ids} ids", evidence=rows)


def _answer_half(answer: AnswerEvidence | Unavailable) -> Verdict:
    if isinstance(answer, Unavailable):
        return unknown(answer.reason, needs=answer.needs)
    if answer.app_header or (answer.edge_header and answer.in_log):
        where = ", and the log has it" if answer.in_log else ""
        return passed(f"the response carries {answer.app_header or answer.edge_header}{where}", evidence=[answer.row()])
    if answer.edge_header:
        reason = f"the response carries only the edge's own id ({answer.edge_header}), not seen in the log"
        needs = "logs that are written while the audit runs, or an X-Request-ID response header"
        return unknown(reason, needs=needs, evidence=[answer.row()])
    return failed("The response carries no request id", evidence=[answer.row()], about=["response header"])
