"""Core pages as members meet them on a phone: when they can be used, and what they load on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pandas as pd

from launchready_lib import roadmap
from launchready_lib.checks import check
from launchready_lib.evidence import Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.site.signin import SignedIn, sign_in
from launchready_lib.site.visits import QUIET_S, SETTLED_BY_S, Load, Visit, visit
from launchready_lib.wording import brief

if TYPE_CHECKING:
    from playwright.async_api import StorageState

    from launchready_lib.client import Client
    from launchready_lib.network import Browser

LARGEST = 3
CLOSE = 2.0  # Below so many times the target a busy machine may be what made a page slow


@dataclass(frozen=True)
class CorePages:
    """Home, login and dashboard, each loaded in a browser; one that was a little too slow was loaded once more.

    Attributes:
        visits: in the order of loading.
        missing: page -> why it was not tried.
        quiet_s: how long a page had to keep still to count as interactive.
    """

    visits: tuple[Visit, ...]
    missing: dict[str, Unavailable]
    quiet_s: float

    def best(self) -> list[Visit]:
        """The quickest visit of each page: a busy machine makes a page slower, nothing makes it quicker."""
        names = dict.fromkeys(each.name for each in self.visits)
        return [min((each for each in self.visits if each.name == name), key=_rank) for name in names]

    def rows(self) -> list[Row]:
        """One row a visit."""
        return [row(each) for each in self.visits]

    def frame(self) -> pd.DataFrame:
        """One row a request, for a chart of what came when: page, started_s, ended_s, kind, host, size_kb, blocking."""
        columns = ["page", "visit", "url", "host", "kind", "started_s", "ended_s", "size_kb", "blocking", "failed"]
        rows = []
        for number, each in enumerate(self.visits, 1):
            for load in each.loads:
                ended_s = None if load.ended_ms is None else load.ended_ms / 1000
                row = (each.name, number, load.url, load.host, load.kind, load.started_ms / 1000, ended_s)
                rows.append((*row, load.size / 1000, load.blocking, load.failed))
        return pd.DataFrame(rows, columns=columns)


def _rank(each: Visit) -> tuple[bool, float]:
    return each.problem is not None, each.interactive_ms if each.interactive_ms is not None else float("inf")


def row(each: Visit) -> Row:
    """What one visit showed, in figures."""
    failures = [load for load in each.loads if load.failed]
    return {
        "page": each.name,
        "as": "member" if each.signed_in else "stranger",
        "ended_on": each.final_url or each.url,
        "status": each.status,
        "interactive_s": _seconds(each.interactive_ms),
        "first_paint_s": _seconds(each.first_paint_ms),
        "largest_paint_s": _seconds(each.largest_paint_ms),
        "longest_task_ms": round(max((length for _, length in each.tasks), default=0)),
        "requests": len(each.loads),
        "kilobytes": round(sum(load.size for load in each.loads) / 1000, 1),
        "largest": "; ".join(_described(load) for load in sorted(each.loads, key=lambda load: -load.size)[:LARGEST]),
        "blocking": "; ".join(_described(load) for load in each.loads if load.blocking),
        "did_not_come": "; ".join(f"{load.host} ({load.failed})" for load in failures[:5]),
        "note": each.problem.reason if each.problem else "",
    }


def _described(load: Load) -> str:
    return f"{load.host}{urlsplit(load.url).path[:80]} {load.size / 1000:.0f} kB"


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 2)


@probe
async def survey(
    client: Client, member: SignedIn | Unavailable | None = None, *, quiet_s: float | None = None
) -> CorePages | Unavailable:
    """Load home and login as a stranger and the dashboard as the member (signed in here unless given), one by one.

    `quiet_s` is how long a page must keep still to count as interactive, by default five seconds.
    """
    quiet_s = QUIET_S if quiet_s is None else quiet_s
    if no := web.unauthorized(client):
        return no
    home, login, board = (web.page(client, name) for name in ("home", "login", "dashboard"))
    wanted = {"home": web.address(client, "/") if isinstance(home, Unavailable) else home, "login": login}
    mine = member or await sign_in(client)
    wanted["dashboard"] = board if isinstance(mine, SignedIn) else mine
    missing = {name: place for name, place in wanted.items() if isinstance(place, Unavailable)}
    stored = mine.storage_state() if isinstance(mine, SignedIn) else None
    try:
        async with client.network.browser() as browser:
            if isinstance(browser, Unavailable):
                return browser
            visits = [
                each
                for name, url in wanted.items()
                if isinstance(url, str)
                for each in await _visits(client, browser, name, url, stored if name == "dashboard" else None, quiet_s)
            ]
    finally:
        if member is None and isinstance(mine, SignedIn):
            await mine.session.close()
    return CorePages(tuple(visits), missing, quiet_s)


async def _visits(
    client: Client, browser: Browser, name: str, url: str, stored: StorageState | None, quiet_s: float
) -> list[Visit]:
    first = await visit(client, browser, name, url, stored=stored, quiet_s=quiet_s)
    if first.interactive_ms is None or not 1 < first.interactive_ms / 1000 / _limit() < CLOSE:
        return [first]
    return [first, await visit(client, browser, name, url, stored=stored, quiet_s=quiet_s)]


def _limit() -> float:
    return roadmap.load().targets["interactive_seconds"].limit


@check("pages.interactive")
def interactive(pages: CorePages) -> Verdict:
    """Home, login and dashboard are interactive within the target on an average phone (web.dev/articles/tti)."""
    clauses = [_interactive(pages, each) for each in pages.best()]
    clauses += [unknown(f"the {n} page was not opened: {m.reason}", needs=m.needs) for n, m in pages.missing.items()]
    figures = [clause.measured for clause in clauses if clause.measured is not None]
    return replace(combine(*clauses), measured=max(figures, default=None))


def _interactive(pages: CorePages, page: Visit) -> Verdict:
    rows, limit = [row(each) for each in pages.visits if each.name == page.name], _limit()
    if doubt := _unseen(page, pages.quiet_s):
        return unknown(doubt[0], needs=doubt[1], evidence=rows)
    if page.interactive_ms is None:
        text = f"the {page.name} page could not be used within {SETTLED_BY_S:g} s (target {limit:g} s)"
        return failed(text, evidence=rows, measured=SETTLED_BY_S, about=[page.name])
    took = round(page.interactive_ms / 1000, 2)
    text = f"the {page.name} page could be used after {took:g} s (target {limit:g} s)"
    if took > limit:
        return failed(text, evidence=rows, measured=took, about=[page.name])
    return passed(text, evidence=rows, measured=took)


def _unseen(page: Visit, quiet_s: float) -> tuple[str, str] | None:
    """Why a page's speed was not seen, or whether it became usable, and what would tell; None where it was."""
    if page.problem:
        return page.problem.reason, page.problem.needs
    if page.status is None or page.status >= 400:
        return (
            f"the {page.name} page answered {page.status or 'nothing'}, so its own speed was not seen",
            f"site.pages.{page.name} with the address of a page that answers",
        )
    if page.signed_in and page.asks_password:
        return (
            f"the {page.name} page asked for a password: the login did not carry into the browser",
            "flows.login with the steps of a login in the browser",
        )
    if page.interactive_ms is not None:
        return None
    if lost := [load.host for load in page.loads if load.failed and load.kind in ("Script", "Stylesheet")]:
        return (
            f"the {page.name} page did not get usable, and its files from {brief(lost)} did not come to us",
            f"a run from where {brief(lost)} can be reached",
        )
    if page.only_requests_keep_it_from(quiet_s):
        busy = f"on the {page.name} page more than two requests were still under way after {SETTLED_BY_S:g} s"
        needs = "a look at the requests listed: which of them never end, and does the page need them?"
        return f"{busy}, so when it can be used is not defined", needs
    return None
