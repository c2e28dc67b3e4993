"""A real Chromium behind our proxy, driven by Playwright; it never downloads a browser, it finds one."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from launchready_lib.evidence import Unavailable
from launchready_lib.network.proxy import BrowserProxy
from launchready_lib.network.types import USER_AGENT, Refusal

if TYPE_CHECKING:
    from ssl import SSLContext

    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import BrowserContext, CDPSession, Page, Request

    from launchready_lib.network.dial import Dialer
    from launchready_lib.network.scope import Scope

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_ARGUMENTS = (
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
)
# The phone that Lighthouse emulates (a Moto G Power).
_SCREEN = {"width": 412, "height": 823}
_PHONE: dict[str, Any] = {"viewport": _SCREEN, "device_scale_factor": 1.75, "is_mobile": True, "has_touch": True}
_PHONE_SYSTEM = "Linux; Android 11; moto g power (2022)"


def find_chromium() -> str | None:
    """The path of a Chromium: $LAUNCHREADY_CHROMIUM, the system's, or None."""
    given = os.environ.get("LAUNCHREADY_CHROMIUM")
    found = (given if given and Path(given).exists() else None, *(shutil.which(name) for name in _NAMES))
    return next((path for path in found if path), None) or next((p for p in _PLACES if Path(p).exists()), None)


@dataclass(eq=False, repr=False)
class Browser:
    """A running Chromium whose every connection passes our proxy; `Network.browser` makes it."""

    dialer: Dialer
    chromium: PlaywrightBrowser
    proxy: BrowserProxy
    headers: Mapping[str, str]
    verified: bool

    @asynccontextmanager
    async def context(self, *, mobile: bool = False, **options: Any) -> AsyncIterator[BrowserContext]:
        """A fresh profile (cookies, cache, storage), on a phone's screen where `mobile`; options are Playwright's."""
        options = (_PHONE if mobile else {}) | {"user_agent": f"{self._agent(mobile=mobile)} {USER_AGENT}"} | options
        options["ignore_https_errors"] = self.verified
        context = await self.chromium.new_context(service_workers="block", **options)
        if self.headers:
            await _dress(context, self.headers, self.dialer.scope)
        context.on("request", self._asked)
        context.on("page", lambda page: page.on("websocket", lambda ws: self._let(ws.url)))
        try:
            yield context
        finally:
            await context.close()

    def _agent(self, *, mobile: bool) -> str:
        major = self.chromium.version.split(".", 1)[0]
        system = "Macintosh; Intel Mac OS X 10_15_7" if sys.platform == "darwin" else "X11; Linux x86_64"
        safari = "Safari"
        if mobile:
            system, safari = _PHONE_SYSTEM, "Mobile Safari"
        return f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 {safari}/537.36"

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return
        leads = request.is_navigation_request() and request.frame.parent_frame is None
        if leads and not self.dialer.scope.names(parts.hostname):
            port = parts.port or (443 if parts.scheme == "https" else 80)
            reason = "a page led there, and authorization.hosts does not name it"
            self.dialer.traffic.refuse(Refusal(parts.hostname, port, reason))
            return
        self.dialer.traffic.count(parts.hostname)
        self._let(request.url)

    def _let(self, url: str) -> None:
        if host := urlsplit(url).hostname:
            self.proxy.allow(host)


async def _dress(context: BrowserContext, headers: Mapping[str, str], scope: Scope) -> None:
    """Add the audit's headers to what every new page asks of hosts in scope.

    Neither the context's extra headers nor Playwright's routes can do that: the former go to every host, and those of
    the latter along with a redirect to another.
    """
    from playwright.async_api import Error  # noqa: PLC0415 - see `launch`

    added = [{"name": name, "value": value} for name, value in headers.items()]
    bare = context.new_page
    under_way: set[asyncio.Task[None]] = set()

    async def go_on(devtools: CDPSession, paused: Mapping[str, Any]) -> None:
        wanted: dict[str, Any] = {"requestId": paused["requestId"]}
        if scope.names(urlsplit(paused["request"]["url"]).hostname or ""):
            own = paused["request"]["headers"].items()
            wanted["headers"] = [*({"name": name, "value": value} for name, value in own), *added]
        with suppress(Error):  # the page may be gone by then
            await devtools.send("Fetch.continueRequest", wanted)

    async def new_page() -> Page:
        page = await bare()
        devtools = await context.new_cdp_session(page)

        def paused(event: Mapping[str, Any]) -> None:
            task = asyncio.get_running_loop().create_task(go_on(devtools, event))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        devtools.on("Fetch.requestPaused", paused)
        await devtools.send("Fetch.enable", {})
        return page

    context.new_page = new_page  # type: ignore[method-assign]


@asynccontextmanager
async def launch(
    dialer: Dialer,
    *,
    headers: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - of each connection, not of this
    trust: SSLContext | None,
) -> AsyncIterator[Browser | Unavailable]:
    """Start Chromium behind a proxy of its own; unavailable where there is none or it does not start.

    Headers are added to what pages ask of hosts in scope; `trust` verifies certificates in Chromium's stead, which
    knows no CA of ours.
    """
    from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - 0.3 s that only browser checks should pay

    executable = find_chromium()
    if executable is None:
        needs = "Chromium on this machine (Debian: apt-get install chromium), or its path in $LAUNCHREADY_CHROMIUM"
        yield Unavailable("there is no Chromium on this machine", needs)
        return
    proxying = BrowserProxy(dialer, timeout=timeout, trust=trust)
    async with proxying as proxy, async_playwright() as playwright:
        try:
            chromium = await playwright.chromium.launch(
                executable_path=executable,
                args=_ARGUMENTS,
                proxy={"server": f"http://127.0.0.1:{proxy.port}", "bypass": "<-loopback>"},
                chromium_sandbox=not hasattr(os, "geteuid") or os.geteuid() != 0,
            )
        except Error as error:
            reason = f"Chromium did not start: {str(error).splitlines()[0][:200]}"
            yield Unavailable(reason, "a Chromium that starts on this machine")
            return
        try:
            yield Browser(dialer, chromium, proxy, headers, trust is not None)
        finally:
            await chromium.close()
