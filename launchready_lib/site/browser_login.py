"""A login typed into a real browser, for sites whose login is made by scripts or whose steps the parameters declare."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launchready_lib.evidence import Unavailable
from launchready_lib.site import steps, web

if TYPE_CHECKING:
    from playwright.async_api import Locator, StorageState
    from playwright.async_api import Page as BrowserPage
    from playwright.async_api import Request as BrowserRequest
    from playwright.async_api import Response as BrowserResponse

    from launchready_lib.client import Client
    from launchready_lib.network import Session

USER_SELECTORS = (
    "input[autocomplete~=username], input[autocomplete~=email]",
    "input[type=email]",
    "input[name*=mail i], input[name*=user i], input[id*=mail i], input[id*=user i]",
)


@dataclass
class Typed:
    """What typing a login led to.

    Attributes:
        session: holds the cookies that the browser ended with.
        url: where it ended.
        said: what the page says then.
        seconds: from the first request that sent something, or the first keystroke, to the page that follows.
        statuses: of the requests to the site that sent something, in order.
        set_cookies: raw Set-Cookie lines seen.
        stored: what the browser had stored at the end.
        error: why the steps did not come to their end; None where they did.
    """

    session: Session
    url: str = ""
    said: str = ""
    seconds: float = 0.0
    statuses: list[int] = field(default_factory=list)
    set_cookies: list[str] = field(default_factory=list)
    stored: StorageState | None = None
    error: str | None = None


async def type_in(client: Client, url: str, email: str, password: str) -> Typed | Unavailable:
    """Type these credentials into the login page, or walk `flows.login`, in a fresh profile."""
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            return browser
        async with browser.context() as context:
            return await _type(client, await context.new_page(), url, email, password)


async def _type(client: Client, page: BrowserPage, url: str, email: str, password: str) -> Typed | Unavailable:
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    typed = Typed(client.network.session())
    async with _listening(client, page, typed) as clock:
        try:
            if client.parameters.flows.login:
                words = {"email": email, "password": password}
                await steps.walk(client.parameters.flows.login, steps.Walk(client, page, typed.session, words))
            else:
                await page.goto(url, timeout=client.network.timeout_s * 1000)
                clock.start = time.monotonic()
                await _submit(page, email, password)
            typed.seconds = time.monotonic() - (clock.sent or clock.start)
        except (Error, steps.StepFailedError) as error:
            if not page.url.startswith(("http://", "https://")):
                await typed.session.close()
                return web.unopened(client, url, error)
            typed.error = str(error).splitlines()[0][:200]
        typed.url = page.url
        with suppress(Error):
            typed.said = await page.inner_text("body", timeout=steps.STEP_S * 1000)
    typed.stored = await page.context.storage_state()
    for cookie in typed.stored["cookies"]:
        typed.session.cookies.set(cookie["name"], cookie["value"], cookie["domain"], cookie["path"])
    return typed


@dataclass
class _Clock:
    start: float
    sent: float | None = None


@asynccontextmanager
async def _listening(client: Client, page: BrowserPage, typed: Typed) -> AsyncIterator[_Clock]:
    """Collect cookies, and the times and statuses of requests to the site that send something."""
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    clock = _Clock(time.monotonic())

    def sends(request: BrowserRequest) -> bool:
        return request.method not in ("GET", "HEAD", "OPTIONS") and client.network.scope.names(web.host_of(request.url))

    def sent(request: BrowserRequest) -> None:
        if sends(request):
            clock.sent = clock.sent or time.monotonic()

    async def heard(reply: BrowserResponse) -> None:
        if sends(reply.request):
            typed.statuses.append(reply.status)
        with suppress(Error):
            for header in await reply.headers_array():
                if header["name"].lower() == "set-cookie":
                    typed.set_cookies.extend(header["value"].split("\n"))

    page.on("request", sent)
    page.on("response", heard)
    try:
        yield clock
    finally:
        page.remove_listener("request", sent)
        page.remove_listener("response", heard)


async def type_user(page: BrowserPage, email: str) -> Locator | None:
    """Type the address where it belongs; gives that field, None where there is none."""
    for selector in USER_SELECTORS:
        user = page.locator(selector).locator("visible=true").first
        if await user.count():
            await user.fill(email)
            return user
    return None


async def _submit(page: BrowserPage, email: str, password: str) -> None:
    secret = page.locator("input[type=password]:visible").first
    await secret.wait_for(timeout=steps.STEP_S * 1000)
    await type_user(page, email)
    await secret.fill(password)
    await secret.press("Enter")
    await page.wait_for_function(
        "() => !document.querySelector('input[type=password]') || document.querySelector('[role=alert], .error')",
        timeout=steps.STEP_S * 1000,
    )
    await page.wait_for_load_state("domcontentloaded")
