"""Signing in: with the login form as plain HTTP where it has one, in a real browser where it needs one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from launchready_lib.checks import forms, probe, steps, web
from launchready_lib.findings import Unavailable

if TYPE_CHECKING:
    from playwright.async_api import Page as BrowserPage
    from playwright.async_api import Response as BrowserResponse
    from playwright.async_api import StorageState, StorageStateCookie

    from launchready_lib.client import Client
    from launchready_lib.network import Response, Session

Outcome = Literal["in", "refused", "limited", "error", "unclear"]
_USER_SELECTORS = (
    "input[autocomplete~=username], input[autocomplete~=email]",
    "input[type=email]",
    "input[name*=mail i], input[name*=user i], input[id*=mail i], input[id*=user i]",
)
_LIMITS = (429, 503)


@dataclass(frozen=True)
class Attempt:
    """One try at signing in.

    Attributes:
        outcome: in; refused (the credentials were not taken); limited (429 or 503); error (a 5xx or no answer);
            unclear.
        seconds: from sending the form to the page that follows.
        status: of the answer to the form; None where it never came.
        said: what the page says to a person then, without the address typed.
        set_cookies: raw Set-Cookie lines seen, from the login page on.
        session: holds the cookies; signed in where outcome is "in".
        stored: what the browser had stored, where one signed in (Playwright's storage state).
    """

    outcome: Outcome
    seconds: float
    status: int | None
    said: str
    set_cookies: tuple[str, ...] = ()
    session: Session | None = field(default=None, compare=False, repr=False)
    way: str = "form"
    error: str | None = None
    stored: StorageState | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class SignedIn:
    """A test account signed in; `session` sends its requests.

    Attributes:
        role: member or admin.
        seconds: what signing in took, from sending the form.
        set_cookies: raw Set-Cookie lines, as set at login.
        url: the login page's address.
        stored: what the browser had stored, where one signed in.
    """

    role: str
    session: Session = field(compare=False, repr=False)
    seconds: float
    set_cookies: tuple[str, ...]
    url: str
    stored: StorageState | None = field(default=None, compare=False, repr=False)

    def cookie_header(self, url: str) -> str:
        """The Cookie header that a browser would send to this address."""
        parts = urlsplit(url)
        pairs = [
            f"{cookie.name}={cookie.value}"
            for cookie in self.session.cookies.jar
            if _domain_matches(parts.hostname or "", cookie.domain) and _path_matches(parts.path or "/", cookie.path)
            if not cookie.secure or parts.scheme == "https"
        ]
        return "; ".join(pairs)

    def storage_state(self) -> StorageState:
        """What carries this login into a browser: `browser.context(storage_state=...)`."""
        if self.stored is not None:
            return self.stored
        cookies: list[StorageStateCookie] = [
            {
                "name": cookie.name,
                "value": cookie.value or "",
                "domain": cookie.domain,
                "path": cookie.path,
                "expires": float(cookie.expires or -1),
                "httpOnly": cookie.has_nonstandard_attr("HttpOnly"),
                "secure": cookie.secure,
                "sameSite": "Lax",
            }
            for cookie in self.session.cookies.jar
        ]
        return {"cookies": cookies, "origins": []}


def _domain_matches(host: str, domain: str) -> bool:
    """Whether a cookie of this domain, with a leading dot unless it is of one host only, goes to a host."""
    return host == domain or (domain.startswith(".") and f".{host}".endswith(domain))


def _path_matches(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


@probe
async def sign_in(client: Client, role: str = "member") -> SignedIn | Unavailable:
    """Sign in once with a test account of the parameters.

    The caller closes `session`. Unavailable without permission, account or password variable, or where it does not
    succeed.
    """
    if no := client.forbidden("login"):
        return no
    account = getattr(client.parameters.accounts, role)
    if account is None:
        return Unavailable(f"no test account for {role} is given", f"accounts.{role} (email, password)")
    password = client.secret(account.password)
    if isinstance(password, Unavailable):
        return password
    tried = await attempt(client, account.email, password)
    if tried.outcome != "in" or tried.session is None:
        if tried.session is not None:
            await tried.session.close()
        why = tried.error or f"the answer was {tried.status}"
        return Unavailable(
            f"the test account for {role} could not sign in ({tried.outcome}: {why})",
            f"a working login for accounts.{role}, or flows.login where the form is unusual",
        )
    login = web.page(client, "login")
    url = login if isinstance(login, str) else web.address(client, "/login")
    return SignedIn(role, tried.session, tried.seconds, tried.set_cookies, url, tried.stored)


async def attempt(client: Client, email: str, password: str) -> Attempt:
    """Try to sign in with these credentials, in a fresh session that the caller closes."""
    login = web.page(client, "login")
    url = login if isinstance(login, str) else web.address(client, "/login")
    if client.parameters.flows.login:
        return await _in_browser(client, url, email, password)
    session = client.network.session()
    opened = await session.request("GET", url, verify=True, follow=3)
    if not opened.ok or opened.status is None or opened.status >= 400:
        error = opened.error or f"the login page answered {opened.status}"
        return Attempt(_outcome_of(opened), 0.0, opened.status, "", session=session, error=error)
    form = forms.read(opened.text, opened.url).login_form()
    if form is None or form.method != "post":
        await session.close()
        return await _in_browser(client, url, email, password)
    user = form.user
    assert user is not None  # noqa: S101 - login_form gives only forms with one
    values = form.filled(**{user.name: email, form.passwords[0].name: password})
    sent = await session.request(
        "POST", form.action, form=values, headers=_as_from(opened.url), verify=True, follow=5, paced=False
    )
    cookies = tuple(line for r in (*opened.history, opened, *sent.history, sent) for line in r.all("set-cookie"))
    seconds = sum(r.seconds for r in (*sent.history, sent))
    first = (*sent.history, sent)[0]
    said = _said(forms.read(sent.text, sent.url).text, email)
    if not sent.ok or (first.status or 0) >= 500 or first.status in _LIMITS:
        return Attempt(_outcome_of(first), seconds, first.status, said, cookies, session, error=sent.error)
    outcome = await _signed_in(client, session, sent)
    if outcome == "refused" and not sent.history and forms.read(sent.text, sent.url).login_form() is None:
        outcome = "unclear"
    return Attempt(outcome, seconds, first.status, said, cookies, session)


def _as_from(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": url}


def _outcome_of(reply: Response) -> Outcome:
    return "limited" if reply.status in _LIMITS else "error"


async def _signed_in(client: Client, session: Session, landed: Response) -> Outcome:
    """Whether a session is a member's, by what strangers do not get: a core read, else the dashboard."""
    for url in list(web.core_reads(client).values())[:1]:
        mine = await session.request("GET", url, verify=True)
        if mine.ok and mine.status == 200:
            stranger = await client.network.request("GET", url, verify=True)
            if stranger.status != 200:
                return "in"
        elif mine.status in (401, 403) or (mine.status or 0) // 100 == 3:
            return "refused"
    board = web.page(client, "dashboard")
    seen = landed if isinstance(board, Unavailable) else await session.request("GET", board, verify=True, follow=3)
    if not seen.ok or seen.status != 200:
        return "refused"
    read = forms.read(seen.text, seen.url)
    if read.login_form() is not None:
        return "refused"
    if isinstance(board, str) and urlsplit(seen.url).path == urlsplit(board).path:
        stranger = await client.network.request("GET", board, verify=True)
        return "in" if stranger.status != 200 or stranger.body != seen.body else "unclear"
    return "in" if read.way_out() is not None else "unclear"


def _said(text: str, email: str) -> str:
    """What a page says, without the address that was typed and without tokens that differ each time."""
    without = text.replace(email, "…")
    return re.sub(r"\b[0-9a-f]{8,}\b|\d+", "#", without)[:2000]


async def _in_browser(client: Client, url: str, email: str, password: str) -> Attempt:
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            return Attempt("unclear", 0.0, None, "", way="browser", error=f"{browser.reason}; it needs {browser.needs}")
        async with browser.context() as context:
            page = await context.new_page()
            return await _type_in(client, page, url, email, password)


async def _type_in(client: Client, page: BrowserPage, url: str, email: str, password: str) -> Attempt:
    from playwright.async_api import Error  # noqa: PLC0415 - only where a browser runs

    lines: list[str] = []
    statuses: list[int] = []
    session = client.network.session()
    async with _listening(page, lines, statuses):
        start = await page.evaluate("performance.now()")
        try:
            if client.parameters.flows.login:
                walk = steps.Walk(client, page, session, {"email": email, "password": password})
                await steps.walk(client.parameters.flows.login, walk)
            else:
                await page.goto(url, timeout=client.network.timeout_s * 1000)
                start = await page.evaluate("performance.now()")
                await _submit(page, email, password)
        except (Error, steps.StepFailedError) as error:
            said = _said(await page.inner_text("body"), email)
            outcome: Outcome = "limited" if set(statuses) & set(_LIMITS) else "refused"
            text = str(error).splitlines()[0][:200]
            return Attempt(outcome, 0.0, None, said, tuple(lines), session, "browser", text)
        seconds = max(0.0, (await page.evaluate("performance.now()") - start) / 1000)
        said = _said(await page.inner_text("body"), email)
    stored = await page.context.storage_state()
    for cookie in stored["cookies"]:
        session.cookies.set(cookie["name"], cookie["value"], cookie["domain"], cookie["path"])
    landed = await session.request("GET", page.url, verify=True, follow=3)
    outcome = await _signed_in(client, session, landed)
    status = statuses[-1] if statuses else None
    return Attempt(outcome, seconds, status, said, tuple(lines), session, "browser", stored=stored)


@asynccontextmanager
async def _listening(page: BrowserPage, lines: list[str], statuses: list[int]) -> AsyncIterator[None]:
    """Collect raw Set-Cookie lines and the statuses of requests that send something."""

    async def heard(reply: BrowserResponse) -> None:
        if reply.request.method == "POST":
            statuses.append(reply.status)
        for header in await reply.headers_array():
            if header["name"].lower() == "set-cookie":
                lines.extend(header["value"].split("\n"))

    page.on("response", heard)
    yield
    page.remove_listener("response", heard)


async def _submit(page: BrowserPage, email: str, password: str) -> None:
    secret = page.locator("input[type=password]:visible").first
    await secret.wait_for(timeout=steps.STEP_S * 1000)
    for selector in _USER_SELECTORS:
        user = page.locator(selector).locator("visible=true").first
        if await user.count():
            await user.fill(email)
            break
    await secret.fill(password)
    await secret.press("Enter")
    await page.wait_for_function(
        "() => !document.querySelector('input[type=password]') || document.querySelector('[role=alert], .error')",
        timeout=steps.STEP_S * 1000,
    )
    await page.wait_for_load_state("domcontentloaded")
