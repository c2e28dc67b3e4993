"""pages.mixed_content: no core page loads or submits to anything over plain HTTP, as a real browser sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.site.signin import SignedIn
from launchready_lib.site.visits import Visit, visit
from launchready_lib.wording import brief, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client

QUIET_S = 1.0
AT_ONCE = 2
MOST_PAGES = 12
_FOR_STRANGERS = ("home", "login", "signup", "reset")
_WORDS = {
    "MixedContentBlocked": "blocked, so it is missing",
    "MixedContentAutomaticallyUpgraded": "asked for over HTTPS instead; other browsers may not",
    "MixedContentWarning": "let through, with a warning",
}


@dataclass(frozen=True)
class Plain:
    """Something of a page that goes over plain HTTP."""

    page: str  # its name
    url: str
    kind: str  # the browser's word, or "Form target" or "Page"
    browser: str  # what the browser did about it

    def row(self) -> Row:
        """The row that evidence shows."""
        return {"page": self.page, "over_plain_http": self.url, "kind": self.kind, "the_browser": self.browser}


@dataclass(frozen=True)
class OpenedPages(Evidence):
    """Core pages, each opened once.

    Attributes:
        visits: what was seen; missing: page -> why it was not opened.
        login: the path of the login page, where it is known.
    """

    visits: tuple[Visit, ...]
    missing: dict[str, Unavailable]
    login: str = ""

    @property
    def scripts(self) -> tuple[str, ...]:
        """Addresses of every script that came."""
        loads = (load for each in self.visits for load in each.loads if load.kind == "Script" and load.status)
        return tuple(dict.fromkeys(load.url for load in loads))

    def rows(self) -> Iterable[Row]:
        """One row a page: what it fetched, where its forms go, what goes over plain HTTP."""
        return [_row(each) for each in self.visits]


def _row(each: Visit) -> Row:
    return {
        "page": each.name,
        "as": "member" if each.signed_in else "stranger",
        "ended_on": each.final_url or each.url,
        "status": each.status,
        "requests": len(each.loads),
        "form_targets": brief(target for target in each.targets if target),
        "over_plain_http": len(list(_plain(each))),
        "note": each.problem.reason if each.problem else "",
    }


@probe
async def survey(client: Client, member: SignedIn | Unavailable) -> OpenedPages | Unavailable:
    """Open home and every page of `site.pages`, those for members with the member's session, a few side by side."""
    if no := web.unauthorized(client):
        return no
    given = {"home": "/", **client.parameters.site.pages}
    urls = {name: web.address(client, path) for name, path in list(given.items())[:MOST_PAGES]}
    missing = {
        name: Unavailable(f"the address of the {name} page is not given", f"site.pages.{name}")
        for name in ("login", "dashboard")
        if name not in urls
    }
    if isinstance(member, Unavailable):
        missing |= {name: member for name in urls if name not in _FOR_STRANGERS}
        urls = {name: url for name, url in urls.items() if name in _FOR_STRANGERS}
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            return browser
        gate = asyncio.Semaphore(AT_ONCE)

        async def opened(name: str, url: str) -> Visit:
            stored = member.storage_state() if isinstance(member, SignedIn) and name not in _FOR_STRANGERS else None
            async with gate:
                return await visit(client, browser, name, url, stored=stored, quiet_s=QUIET_S, throttled=False)

        found = await asyncio.gather(*(opened(name, url) for name, url in urls.items()))
    return OpenedPages(tuple(found), missing, urlsplit(urls.get("login", "")).path)


def _plain(each: Visit) -> Iterator[Plain]:
    """What of a page goes over plain HTTP, each once."""
    found: dict[tuple[str, str], Plain] = {}
    if each.final_url.startswith("http://"):
        found["", "Page"] = Plain(each.name, each.final_url, "Page", "showed all of it without encryption")
    for mixed in each.mixed:
        kind = "Form target" if mixed.kind == "Form" else mixed.kind
        found[mixed.url, kind] = Plain(each.name, mixed.url, kind, _WORDS.get(mixed.resolution, mixed.resolution))
    if each.final_url.startswith("https://"):
        for load in each.loads:
            if load.url.startswith("http://") and load.kind != "Document" and load.status:
                found.setdefault((load.url, load.kind), Plain(each.name, load.url, load.kind, "loaded it"))
        for target in each.targets:
            if target.lower().startswith("http://") and not each.upgrades:
                plain = Plain(each.name, target, "Form target", "sends what is typed over plain HTTP")
                found.setdefault((target, "Form target"), plain)
    yield from found.values()


@check("pages.mixed_content")
def mixed_content(pages: OpenedPages) -> Verdict:
    """No core page loads or submits to a plain-HTTP resource (W3C Mixed Content), seen in a real browser."""
    clauses = [_page(each, pages.login) for each in pages.visits]
    clauses += [
        unknown(f"the {name} page was not opened: {m.reason}", needs=m.needs) for name, m in pages.missing.items()
    ]
    if not clauses:
        return web.unseen([web.NO_PAGE])
    names = listed((each.name for each in pages.visits), most=8)
    return combine_as(f"everything that {names} load and submit to is encrypted", *clauses)


def _page(each: Visit, login: str) -> Verdict:
    row = _row(each)
    if found := list(_plain(each)):
        what = brief(f"{p.kind.lower()} {p.url[:120]}" for p in found)
        return failed(
            f"the {each.name} page uses plain HTTP: {what}",
            evidence=[plain.row() for plain in found],
            about=[each.name, *sorted({plain.url for plain in found})],
        )
    if each.problem:
        return unknown(each.problem.reason, needs=each.problem.needs, evidence=[row])
    if each.status is None or each.status >= 400:
        return unknown(
            f"the {each.name} page answered {each.status or 'nothing'}",
            needs=f"site.pages.{each.name} with the address of a page that answers",
            evidence=[row],
        )
    if each.signed_in and login and urlsplit(each.final_url).path == login:
        return unknown(
            f"the {each.name} page led to the login: the session did not carry into the browser",
            needs="flows.login with the steps of a login in the browser",
            evidence=[row],
        )
    if not each.looked:
        reason = f"the {each.name} page did not keep still, so where its forms go was not seen"
        return unknown(reason, needs=f"site.pages.{each.name} with the address of a page that lasts", evidence=[row])
    return passed(f"the {each.name} page is encrypted throughout", evidence=[row])
