"""Forms typed into in a real browser: a login that needs one, and a form by script alone, for the request it sends."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self
from urllib.parse import quote_plus

from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.site import steps, web

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from playwright.async_api import Locator, StorageState
    from playwright.async_api import Page as BrowserPage
    from playwright.async_api import Request as BrowserRequest
    from playwright.async_api import Response as BrowserResponse

    from launchready_lib.client import Client
    from launchready_lib.network import Browser, Session, Stopped

USER_SELECTORS = (
    "input[autocomplete~=username], input[autocomplete~=email]",
    "input[type=email]",
    "input[name*=mail i], input[name*=user i], input[id*=mail i], input[id*=user i]",
)
ENTER_S, CLICK_S = 2.0, 5.0  # From a key, and from a click, to the request that it causes
LONGEST_S = 60.0  # For one page with all its steps: a script may keep the browser busy for ever
LARGEST = 200_000
_NOT_OURS = re.compile(r":|host$|connection$|content-length$|cookie$|accept-encoding$|proxy-|keep-alive$")
_BUTTONS = "form button:visible, form input[type=submit]:visible, button:visible, [role=button]:visible"
_SAYS = re.compile(
    r"log ?in|sign ?(in|up)|continue|next|submit|send|reset|register|create|join|anmelden|weiter", re.IGNORECASE
)


@dataclass
class Typed:
    """What typing a login led to."""

    session: Session  # holds the cookies that the browser ended with
    url: str = ""  # where it ended
    said: str = ""  # what the page says then
    seconds: float = 0.0  # from the first request that sent something, or the first keystroke, to the page that follows
    statuses: list[int] = field(default_factory=list)  # of the requests to the site that sent something, in order
    set_cookies: list[str] = field(default_factory=list)
    stored: StorageState | None = None  # what the browser had stored at the end
    error: str | None = None  # why the steps did not come to their end; None where they did
    kept: Unavailable | None = None  # whom it wanted to lead to, or to send, where our own limits stopped it
    sent_at: float | None = None  # the clock at the first request that sent something


async def type_in(client: Client, url: str, email: str, password: str) -> Typed | Unavailable:
    """Type these credentials into the login page, or walk `flows.login`, in a fresh profile."""
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            return browser
        async with browser.context() as context:
            return await _type(client, await context.new_page(), url, email, password)


async def _type(client: Client, page: BrowserPage, url: str, email: str, password: str) -> Typed | Unavailable:
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    typed, start, failure = Typed(client.network.session()), time.monotonic(), None
    with _listening(client, page, typed), client.network.guard.watching() as stopped:
        try:
            if client.parameters.flows.login:
                words = {"email": email, "password": password}
                await steps.walk(client.parameters.flows.login, steps.Walk(client, page, typed.session, words))
            else:
                await page.goto(url, timeout=client.network.timeout_s * 1000)
                start = time.monotonic()
                await _log_in(client, page, email, password)
            typed.seconds = time.monotonic() - (typed.sent_at or start)
        except (Error, steps.StepFailedError) as error:
            failure = error
            typed.error = str(error).splitlines()[0][:200]
        typed.kept = _kept(stopped, failure, any_sent=not typed.statuses)
        if not page.url.startswith(("http://", "https://")):
            await typed.session.close()
            return typed.kept or web.unopened(client, url, failure or TimeoutError())
        typed.url = page.url
        with suppress(Error):
            typed.said = await page.inner_text("body", timeout=steps.STEP_S * 1000)
    typed.stored = await page.context.storage_state()
    for cookie in typed.stored["cookies"]:
        typed.session.cookies.set(cookie["name"], cookie["value"], cookie["domain"], cookie["path"])
    return typed


def _kept(stopped: Iterable[Stopped], error: Exception | None, *, any_sent: bool) -> Unavailable | None:
    """Whom the page wanted to lead to, where our own limits are why typing did not come to its end."""
    needs = getattr(error, "needs", "")
    return web.kept_in(stopped, any_sent=any_sent) or (Unavailable(str(error), needs) if needs else None)


def _listening(client: Client, page: BrowserPage, typed: Typed) -> AbstractContextManager[None]:
    """Collect cookies, and the times and statuses of requests to the site that send something."""
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    def sends(request: BrowserRequest) -> bool:
        return request.method not in ("GET", "HEAD", "OPTIONS") and client.network.scope.names(web.host_of(request.url))

    def sent(request: BrowserRequest) -> None:
        if sends(request):
            typed.sent_at = typed.sent_at or time.monotonic()

    async def heard(reply: BrowserResponse) -> None:
        if sends(reply.request):
            typed.statuses.append(reply.status)
        with suppress(Error):
            for header in await reply.headers_array():
                if header["name"].lower() == "set-cookie":
                    typed.set_cookies.extend(header["value"].split("\n"))

    return steps.listening(page, request=sent, response=heard)


async def _type_user(page: BrowserPage, email: str) -> Locator | None:
    """Type the address where it belongs; gives that field, None where there is none."""
    for selector in USER_SELECTORS:
        user = page.locator(selector).locator("visible=true").first
        if await user.count():
            await user.fill(email)
            return user
    return None


async def _log_in(client: Client, page: BrowserPage, email: str, password: str) -> None:
    secret = page.locator("input[type=password]:visible").first
    await secret.wait_for(timeout=steps.STEP_S * 1000)
    await steps.may_type(client, secret, password)
    await _type_user(page, email)
    await secret.fill(password)
    await secret.press("Enter")
    await page.wait_for_function(
        "() => !document.querySelector('input[type=password]') || document.querySelector('[role=alert], .error')",
        timeout=steps.STEP_S * 1000,
    )
    await page.wait_for_load_state("domcontentloaded")


@dataclass(frozen=True)
class Seen:
    """The request that a page sent when it was typed into, and what it was answered."""

    method: str
    url: str
    headers: Mapping[str, str]  # those of the page's own request, without what belongs to one connection
    body: bytes
    typed: str  # the password that was typed
    answer: Response
    cookies: tuple[tuple[str, str, str, str], ...] = field(default=(), repr=False)  # name, value, domain, path

    def with_password(self, other: str) -> bytes:
        """The body with another password in the place of the one typed; the same where the page hid it."""
        return self.body.replace(self.typed.encode(), other.encode())


class Typist:
    """One browser for all forms, started when the first needs it; `async with` ends it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stack = AsyncExitStack()
        self._browser: Browser | Unavailable | None = None

    async def type_in(self, name: str, url: str, email: str, password: str) -> Seen | Unavailable:
        """Type into the login, signup or reset page at this address, or walk `flows.login`, and watch what is sent.

        The values must be nobody's. Unavailable where there is no browser, no place to type, or nothing is sent.
        """
        if self._browser is None:
            self._browser = await self._stack.enter_async_context(self._client.network.browser())
        if isinstance(self._browser, Unavailable):
            return self._browser
        async with self._browser.context() as context:
            try:
                async with asyncio.timeout(LONGEST_S):
                    return await _watched(self._client, await context.new_page(), name, url, email, password)
            except TimeoutError:
                reason = f"the {name} page was busy with itself for {LONGEST_S:g} s when it was typed into"
                return Unavailable(reason, f"site.pages.{name} with a page that answers, or a try by hand")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _watched(
    client: Client, page: BrowserPage, name: str, url: str, email: str, password: str
) -> Seen | Unavailable:
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    flow = client.parameters.flows.login if name == "login" else ()
    why = "nothing was sent"
    with _sends(page, email) as sent, client.network.guard.watching() as stopped:
        try:
            if flow:
                words = {"email": email, "password": password}
                walk = steps.walk(flow, steps.Walk(client, page, client.network.session(), words))
                await _until(sent, asyncio.ensure_future(walk))
            else:
                await page.goto(url, timeout=client.network.timeout_s * 1000)
                await _submit(page, await _fill(client, page, email, password), sent)
        except (Error, steps.StepFailedError) as error:
            if kept := _kept(stopped, error, any_sent=False):
                return kept
            if not page.url.startswith(("http://", "https://")):
                return web.unopened(client, url, error)
            why = f"nothing was sent ({str(error).splitlines()[0].partition(' at http')[0][:200]})"
        if not sent.done():
            if kept := web.kept_in(stopped, any_sent=True):
                return kept
            needs = f"site.pages.{name} with the form itself" + (", or flows.login" if name == "login" else "")
            return Unavailable(f"{why} when the {name} page was typed into", f"{needs}, or a try by hand")
        return await _seen(client, sent.result(), name, password)


@contextmanager
def _sends(page: BrowserPage, email: str) -> Iterator[asyncio.Future[BrowserRequest]]:
    """The first request that carries the address typed."""
    found: asyncio.Future[BrowserRequest] = asyncio.get_running_loop().create_future()
    needles = tuple(each.encode() for each in (email, quote_plus(email)))

    def asked(request: BrowserRequest) -> None:
        body = request.post_data_buffer or b""
        if not found.done() and request.method != "GET" and any(needle in body for needle in needles):
            found.set_result(request)

    with steps.listening(page, request=asked):
        yield found


async def _until(sent: asyncio.Future[BrowserRequest], walk: asyncio.Future[None]) -> None:
    """Walk until something was sent: what a flow expects after a login does not come with a made-up one."""
    either: set[asyncio.Future[BrowserRequest] | asyncio.Future[None]] = {sent, walk}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if walk.done():
            walk.result()
    finally:
        walk.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await walk


async def _fill(client: Client, page: BrowserPage, email: str, password: str) -> Locator:
    """Type the address, the password wherever one is asked for, and what else is demanded; gives the last field."""
    await page.locator(", ".join(USER_SELECTORS)).locator("visible=true").first.wait_for(timeout=steps.STEP_S * 1000)
    await page.evaluate("() => { for (const form of document.forms) form.noValidate = true }")
    last = await _type_user(page, email) or page.locator("input").first
    for other in await page.locator("input[required]:visible").all():
        if await other.get_attribute("type") in (None, "text") and not await other.input_value():
            await other.fill("Launch Audit")
        elif await other.get_attribute("type") == "checkbox":
            await other.check()
    for secret in await page.locator("input[type=password]:visible").all():
        await steps.may_type(client, secret, password)
        await secret.fill(password)
        last = secret
    return last


async def _submit(page: BrowserPage, last: Locator, sent: asyncio.Future[BrowserRequest]) -> None:
    """Press Enter in the last field; where that sends nothing, the button that says so."""
    await last.press("Enter")
    await asyncio.wait({sent}, timeout=ENTER_S)
    if sent.done():
        return
    button = page.locator(_BUTTONS).filter(has_text=_SAYS).first
    if await button.count():
        await button.click(timeout=CLICK_S * 1000)
        await asyncio.wait({sent}, timeout=CLICK_S)


async def _seen(client: Client, request: BrowserRequest, name: str, typed: str) -> Seen | Unavailable:
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    host = web.host_of(request.url)
    if not client.network.scope.names(host):
        reason = f"the {name} page sends what is typed to {host}, so the limits there are {host}'s own"
        return Unavailable(reason, f"a look at the limits in its settings, or {web.name_host(host)}")
    headers: Mapping[str, str] = {}
    answer = Response(request.method, request.url, "timeout", error="no answer came to the browser")
    with suppress(Error, TimeoutError):
        async with asyncio.timeout(client.network.timeout_s):
            headers = await request.all_headers()
            if (came := await request.response()) is not None:
                received = tuple((each["name"].lower(), each["value"]) for each in await came.headers_array())
                answer = Response(request.method, request.url, "ok", status=came.status, headers=received)
                answer = replace(answer, body=(await came.body())[:LARGEST])
    own = {key: value for key, value in headers.items() if not _NOT_OURS.match(key.lower())}
    held = await request.frame.page.context.cookies()
    cookies = tuple((each["name"], each["value"], each["domain"], each["path"]) for each in held)
    return Seen(request.method, request.url, own, request.post_data_buffer or b"", typed, answer, cookies)
