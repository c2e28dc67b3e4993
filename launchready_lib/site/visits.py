"""One page, loaded in a real browser as on an average phone: what it fetched, when it painted, when it kept still.

The network is throttled as DevTools' "Fast 4G" is (165 ms, 8.1 and 1.35 Mbit/s), the processor to a quarter, both by
the DevTools protocol, in a fresh profile. Times count from when the first request of the page was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launchready_lib.evidence import Unavailable
from launchready_lib.site import web

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, StorageState
    from playwright.async_api import Page as BrowserPage

    from launchready_lib.client import Client
    from launchready_lib.network import Browser

LATENCY_MS, SLOWER = 165, 4
_FAST_4G = {
    "offline": False,
    "latency": LATENCY_MS,
    "downloadThroughput": 8_100_000 // 8,
    "uploadThroughput": 1_350_000 // 8,
    "connectionType": "cellular4g",
}
QUIET_S = 5.0
SETTLED_BY_S = 30.0
IN_FLIGHT = 2
_POLL_S = 0.1
_MOST_LOADS = 2_000
_ENDLESS = ("WebSocket", "EventSource", "Ping")


@cache
def _script(name: str) -> str:
    return (Path(__file__).parent / "scripts" / f"{name}.js").read_text("utf-8")


@dataclass(frozen=True)
class Load:
    """Something that a page fetched."""

    url: str
    kind: str  # as DevTools says: Document, Stylesheet, Script, Font, Image, Fetch, XHR and so on
    started_ms: float  # started_ms, ended_ms: from the page's first request; None while it was still under way
    ended_ms: float | None = None
    status: int | None = None
    size: int = 0  # bytes on the wire, headers included
    blocking: bool = False  # the page was not painted before it had come
    failed: str = ""  # in the browser's words; empty where it came

    @property
    def host(self) -> str:
        """Whom it was asked of."""
        return web.host_of(self.url)


@dataclass(frozen=True)
class Mixed:
    """Something that an HTTPS page loads or submits to over plain HTTP, as the browser reports it."""

    url: str  # url, kind: what, as DevTools says: Image, Script, Form and so on
    kind: str
    resolution: str  # MixedContentBlocked, MixedContentAutomaticallyUpgraded or MixedContentWarning


@dataclass(frozen=True)
class Visit:
    """What loading one page showed; times in ms, None where it did not happen."""

    name: str  # name, url: which page; final_url: where it ended
    url: str
    signed_in: bool = False  # it was opened with a member's session
    final_url: str = ""
    status: int | None = None  # of the page itself
    first_paint_ms: float | None = None  # this and the next: first and largest contentful paint, DOMContentLoaded
    largest_paint_ms: float | None = None
    parsed_ms: float | None = None
    interactive_ms: float | None = None  # time to interactive, as `interactive` defines it
    tasks: tuple[tuple[float, float], ...] = ()  # (start, length) of each task over 50 ms
    loads: tuple[Load, ...] = ()  # what was fetched, in order
    mixed: tuple[Mixed, ...] = ()  # what came or would go over plain HTTP
    targets: tuple[str, ...] = ()  # where its forms and buttons submit to
    upgrades: bool = False  # its policy makes the browser ask for everything over HTTPS (CSP)
    looked: bool = True  # at the end it let us look at its forms
    watched_ms: float = 0.0  # how long it was watched
    asks_password: bool = False
    problem: Unavailable | None = None  # why it could not be loaded; None where it was

    def interactive_after(self, quiet_s: float, flights: Iterable[tuple[float, float | None]]) -> float | None:
        """The time to interactive with these requests under way."""
        quiet = quiet_s * 1000
        return interactive(
            self.first_paint_ms, self.parsed_ms, self.tasks, flights, watched=self.watched_ms, quiet=quiet
        )

    def only_requests_keep_it_from(self, quiet_s: float) -> bool:
        """Whether it would count as interactive if requests that never end did not matter."""
        return self.interactive_ms is None and self.interactive_after(quiet_s, ()) is not None


def interactive(
    first_paint: float | None,
    parsed: float | None,
    tasks: Iterable[tuple[float, float]],
    flights: Iterable[tuple[float, float | None]],
    *,
    watched: float,
    quiet: float,
) -> float | None:
    """Time to interactive (web.dev/articles/tti), all in ms; None where it was not reached while watched.

    After the first contentful paint comes a first window of `quiet` with no long task and at most two requests under
    way. Before it, the end of the last long task is the answer, and at least the paint and the end of parsing.
    """
    if first_paint is None or parsed is None:
        return None
    busy = sorted((start, start + length) for start, length in tasks)
    steps = sorted((at, change) for start, end in flights for at, change in ((start, 1), (end, -1)) if at is not None)
    crowded: list[tuple[float, float]] = []
    under_way = 0
    for at, change in steps:
        before, under_way = under_way, under_way + change
        if before <= IN_FLIGHT < under_way:
            crowded.append((at, watched))
        elif under_way <= IN_FLIGHT < before:
            crowded[-1] = (crowded[-1][0], at)
    window = first_paint
    for start, end in sorted((*busy, *crowded)):
        if end > window and start < window + quiet:
            window = max(window, end)
    if window + quiet > watched:
        return None
    return max(first_paint, parsed, *(end for _, end in busy if end <= window), 0.0)


@dataclass
class _Watched:
    """What the DevTools protocol tells while a page loads."""

    loads: dict[str, Load] = field(default_factory=dict)
    mixed: list[Mixed] = field(default_factory=list)
    zero: float | None = None
    zero_wall: float = 0.0
    led_to: str = ""

    def listen(self, devtools: CDPSession) -> None:
        devtools.on("Network.requestWillBeSent", self._sent)
        devtools.on("Network.responseReceived", self._answered)
        devtools.on("Network.loadingFinished", self._ended)
        devtools.on("Network.loadingFailed", self._ended)
        devtools.on("Audits.issueAdded", self._issue)

    def _at(self, event: Mapping[str, Any]) -> float:
        return (float(event["timestamp"]) - (self.zero or 0.0)) * 1000

    def _sent(self, event: Mapping[str, Any]) -> None:
        url, kind = str(event["request"]["url"]), str(event.get("type", "Other"))
        if not url.startswith(("http://", "https://")) or len(self.loads) >= _MOST_LOADS:
            return
        if self.zero is None:
            self.zero, self.zero_wall = float(event["timestamp"]), float(event["wallTime"]) * 1000
        if kind == "Document" and event.get("requestId") == event.get("loaderId"):
            self.led_to = url
        earlier = self.loads.get(event["requestId"])
        started = earlier.started_ms if earlier else self._at(event)
        self.loads[event["requestId"]] = Load(url[:2000], kind, started)

    def _answered(self, event: Mapping[str, Any]) -> None:
        if load := self.loads.get(event["requestId"]):
            self.loads[event["requestId"]] = replace(load, status=int(event["response"]["status"]))

    def _ended(self, event: Mapping[str, Any]) -> None:
        if load := self.loads.get(event["requestId"]):
            self.loads[event["requestId"]] = replace(
                load,
                ended_ms=self._at(event),
                size=int(event.get("encodedDataLength", 0)),
                failed="" if event.get("canceled") else str(event.get("errorText", ""))[:100],
            )

    def _issue(self, event: Mapping[str, Any]) -> None:
        found = event["issue"]["details"].get("mixedContentIssueDetails")
        if found and len(self.mixed) < _MOST_LOADS:
            kind, how = str(found.get("resourceType", "Other")), str(found.get("resolutionStatus", ""))
            self.mixed.append(Mixed(str(found.get("insecureURL", ""))[:2000], kind, how))


async def visit(
    client: Client,
    browser: Browser,
    name: str,
    url: str,
    *,
    stored: StorageState | None = None,
    quiet_s: float = QUIET_S,
    throttled: bool = True,
) -> Visit:
    """Load a page once, in a fresh profile (with this storage state), and watch it until it has kept still.

    `throttled`: as on an average phone; where only what was fetched matters, it need not be.
    """
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    opened, watched = Visit(name, url, signed_in=stored is not None), _Watched()
    more = {} if stored is None else {"storage_state": stored}
    async with browser.context(mobile=True, **more) as context:
        page = await context.new_page()
        await page.add_init_script(_script("watch"))
        devtools = await context.new_cdp_session(page)
        watched.listen(devtools)
        await devtools.send("Network.enable")
        await devtools.send("Audits.enable")
        if throttled:
            await devtools.send("Network.emulateNetworkConditions", _FAST_4G)
            await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        try:
            reply = await page.goto(url, wait_until="commit", timeout=2 * client.network.timeout_s * 1000)
        except Error as error:
            return replace(opened, final_url=watched.led_to, problem=web.unopened(client, watched.led_to or url, error))
        policy = reply.headers.get("content-security-policy", "") if reply else ""
        opened = replace(opened, status=reply.status if reply else None, upgrades=_upgrades([policy]))
        if reply is not None and "challenge" in map(reply.headers.get, web.CHALLENGE_HEADERS):
            return replace(opened, final_url=page.url, problem=web.challenged(url))
        seen = await _until_still(page, watched, opened, quiet_s)
        late = await _last_look(page)
        blocking = set(late["blocking"])
        return replace(
            seen,
            final_url=page.url,
            loads=tuple(replace(load, blocking=load.url in blocking) for load in watched.loads.values()),
            mixed=tuple(watched.mixed),
            targets=tuple(dict.fromkeys(map(str, late["targets"]))),
            upgrades=opened.upgrades or _upgrades(late["policies"]),
            looked=bool(late["looked"]),
            asks_password=bool(late["password"]),
        )


async def _until_still(page: BrowserPage, watched: _Watched, opened: Visit, quiet_s: float) -> Visit:
    """Look until the page has kept still, or for long enough."""
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    seen = opened
    end = time.monotonic() + SETTLED_BY_S + quiet_s
    while seen.interactive_ms is None and time.monotonic() < end:
        await asyncio.sleep(_POLL_S)
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                look = await page.evaluate(_script("look"))
        except TimeoutError:
            break
        except Error:
            continue  # a script led to another page, whose clock is asked next time
        seen = _read(look, watched, opened, quiet_s)
    return seen


def _read(look: Mapping[str, Any], watched: _Watched, opened: Visit, quiet_s: float) -> Visit:
    """A look's times, from the page's own clock to the first request's."""
    shift = float(look["origin"]) - watched.zero_wall

    def at(value: float | None) -> float | None:
        return None if value is None else float(value) + shift

    seen = replace(
        opened,
        first_paint_ms=at(look["fcp"]),
        largest_paint_ms=at(look["lcp"]),
        parsed_ms=at(look["dcl"]),
        tasks=tuple((float(start) + shift, float(length)) for start, length in look["tasks"]),
        watched_ms=float(look["now"]) + shift,
    )
    flights = [(load.started_ms, load.ended_ms) for load in watched.loads.values() if load.kind not in _ENDLESS]
    return replace(seen, interactive_ms=seen.interactive_after(quiet_s, flights))


async def _last_look(page: BrowserPage) -> Mapping[str, Any]:
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    with suppress(Error, TimeoutError):
        async with asyncio.timeout(5):
            late: Mapping[str, Any] = await page.evaluate(_script("late"))
            return late
    return {"blocking": [], "password": False, "targets": [], "policies": [], "looked": False}


def _upgrades(policies: Iterable[str]) -> bool:
    return any("upgrade-insecure-requests" in str(policy).lower() for policy in policies)
