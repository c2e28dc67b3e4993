"""A real Chromium behind our proxy, driven by Playwright; it never downloads a browser, it finds one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launchready_lib.evidence import Unavailable
from launchready_lib.network.guard import LEFT, Guard, Interception, Wish
from launchready_lib.network.proxy import BrowserProxy
from launchready_lib.network.types import USER_AGENT

if TYPE_CHECKING:
    from ssl import SSLContext

    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import BrowserContext, Response

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_FORMS = (Path(__file__).parent / "forms.js").read_text("utf-8")
_ARGUMENTS = (
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-blink-features=FedCm",  # like a payment's manifest, fetched by the browser itself: no page asks for it
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

    guard: Guard
    chromium: PlaywrightBrowser
    verified: bool
    ports: tuple[int, ...]
    """Where our proxy listens: pages, and WebSockets."""

    @asynccontextmanager
    async def context(self, *, mobile: bool = False, **options: Any) -> AsyncIterator[BrowserContext]:
        """A fresh profile (cookies, cache, storage), on a phone's screen where `mobile`; options are Playwright's."""
        options = (_PHONE if mobile else {}) | {"user_agent": f"{self._agent(mobile=mobile)} {USER_AGENT}"} | options
        options["ignore_https_errors"] = self.verified
        context = await self.chromium.new_context(service_workers="block", **options)
        await self._mind_forms(context)
        context.on("response", self._answered)
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

    async def _mind_forms(self, context: BrowserContext) -> None:
        """Have every frame stop forms for hosts out of scope, and say where one was to go."""
        await context.expose_binding("launchreadyStopped", lambda _, url: self.guard.stop_form(str(url)[:2000]))
        await context.add_init_script(_FORMS.replace("ALLOWED", json.dumps(self.guard.allowed)))

    async def _answered(self, reply: Response) -> None:
        """The last look: what came back from a host that it should never have been sent to."""
        from playwright.async_api import Error  # noqa: PLC0415 - see `launch`

        request, leads = reply.request, False
        with suppress(Error):  # a worker's request has no frame
            leads = request.is_navigation_request() and request.frame.parent_frame is None
        wish = Wish(request.method, request.url, "Document" if leads else request.resource_type, leads)
        if not wish.host or self.guard.inside(wish.host) or self.guard.pays(wish.host):
            return
        if wish.leads or wish.sends:
            self.guard.stop(wish, LEFT)
            with suppress(Error):
                await request.frame.page.context.close()


@asynccontextmanager
async def launch(
    guard: Guard,
    *,
    timeout: float,  # noqa: ASYNC109 - of each connection, not of this
    trust: SSLContext | None,
) -> AsyncIterator[Browser | Unavailable]:
    """Start Chromium behind a proxy of its own; unavailable where there is none or it does not start.

    `guard` judges each request before it leaves; `trust` verifies certificates in Chromium's stead, which knows no CA
    of ours.
    """
    from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - 0.3 s that only browser checks should pay

    executable = find_chromium()
    if executable is None:
        needs = "Chromium on this machine (Debian: apt-get install chromium), or its path in $LAUNCHREADY_CHROMIUM"
        yield Unavailable("there is no Chromium on this machine", needs)
        return
    proxying = BrowserProxy(guard.dialer, timeout=timeout, trust=trust)
    async with proxying as proxy, async_playwright() as playwright:
        try:
            chromium = await playwright.chromium.launch(
                executable_path=executable,
                args=[*_ARGUMENTS, *proxy.arguments],
                chromium_sandbox=not hasattr(os, "geteuid") or os.geteuid() != 0,
            )
            await Interception(await chromium.new_browser_cdp_session(), guard, proxy.allow).begin()
        except Error as error:
            reason = f"Chromium did not start: {str(error).splitlines()[0][:200]}"
            yield Unavailable(reason, "a Chromium that starts on this machine")
            return
        try:
            yield Browser(guard, chromium, trust is not None, (proxy.port, proxy.socket_port))
        finally:
            await chromium.close()
