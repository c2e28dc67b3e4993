"""Signing in: with the login form as plain HTTP where it has one, in a real browser where it needs one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from launchready_lib.evidence import Unavailable, probe
from launchready_lib.site import browser_forms, forms, web

if TYPE_CHECKING:
    from playwright.async_api import StorageState, StorageStateCookie

    from launchready_lib.client import Client
    from launchready_lib.network import Response, Session

Outcome = Literal["in", "refused", "limited", "error", "unclear"]
_LIMITS = (429, 503)


@dataclass(frozen=True)
class Attempt:
    """One try at signing in."""

    outcome: Outcome  # limited: 429 or 503; error: a 5xx or no answer
    seconds: float  # from sending the form to the page that follows
    status: int | None  # of the answer to the form; None where it never came
    said: str  # what the page says to a person then, without the address typed
    set_cookies: tuple[str, ...] = ()  # raw Set-Cookie lines seen, from the login page on
    session: Session | None = field(default=None, compare=False, repr=False)
    way: str = "form"
    error: str | None = None
    stored: StorageState | None = field(default=None, compare=False, repr=False)
    missing: Unavailable | None = None  # why the login page, or the answer to its form, was not seen


class Member(Protocol):
    """A signed-in test account, for probes that only send requests as one."""

    @property
    def session(self) -> Session:
        """Sends requests with the member's cookies."""


@dataclass(frozen=True)
class SignedIn:
    """A test account signed in; `session` sends its requests."""

    role: str  # member or admin
    session: Session = field(compare=False, repr=False)
    seconds: float  # what signing in took, from sending the form
    set_cookies: tuple[str, ...]  # raw Set-Cookie lines, as set at login
    url: str  # the login page's address
    stored: StorageState | None = field(default=None, compare=False, repr=False)

    def cookie_header(self, url: str) -> str:
        """The Cookie header that a browser would send to this address."""
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path or "/"
        pairs = [
            f"{cookie.name}={cookie.value}"
            for cookie in self.session.cookies.jar
            if host == cookie.domain or (cookie.domain.startswith(".") and f".{host}".endswith(cookie.domain))
            if path == cookie.path or path.startswith(cookie.path.removesuffix("/") + "/")
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


def _login_page(client: Client) -> str:
    return web.address(client, client.parameters.site.pages.get("login", "/login"))


@probe
async def sign_in(client: Client, role: str = "member") -> SignedIn | Unavailable:
    """Sign in once with a test account of the parameters; the caller closes `session`."""
    if no := client.forbidden("login"):
        return no
    if (account := getattr(client.parameters.accounts, role)) is None:
        return Unavailable(f"no test account for {role} is given", f"accounts.{role} (email, password)")
    if isinstance(password := client.secret(account.password), Unavailable):
        return password
    tried = await attempt(client, account.email, password)
    if tried.outcome != "in" or tried.session is None:
        if tried.session is not None:
            await tried.session.close()
        if tried.missing is not None:
            return tried.missing
        why = tried.error or f"the answer was {tried.status}"
        reason = f"the test account for {role} could not sign in ({tried.outcome}: {why})"
        return Unavailable(reason, f"a working login for accounts.{role}, or flows.login where the form is unusual")
    return SignedIn(role, tried.session, tried.seconds, tried.set_cookies, _login_page(client), tried.stored)


async def attempt(client: Client, email: str, password: str) -> Attempt:
    """Try to sign in with these credentials, in a fresh session that the caller closes."""
    url = _login_page(client)
    if client.parameters.flows.login:
        return await _in_browser(client, url, email, password)
    session = client.network.session()
    opened = await session.request("GET", url, verify=True, follow=3)
    if missing := web.why_unseen(url, opened):
        return Attempt("unclear", 0.0, opened.status, "", session=session, error=missing.reason, missing=missing)
    if opened.status is None or opened.status >= 400:
        error = f"the login page answered {opened.status}"
        return Attempt(_outcome_of(opened), 0.0, opened.status, "", session=session, error=error)
    form = forms.read(opened.text, opened.url).login_form()
    if form is None or form.method != "post":
        await session.close()
        return await _in_browser(client, url, email, password)
    user = form.user
    assert user is not None  # noqa: S101 - login_form gives only forms with one
    values = form.filled(**{user.name: email, form.passwords[0].name: password})
    parts = urlsplit(opened.url)
    headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": opened.url}
    sent = await session.request("POST", form.action, form=values, headers=headers, verify=True, follow=5, paced=False)
    answers = (*sent.history, sent)
    cookies = tuple(line for r in (*opened.history, opened, *answers) for line in r.all("set-cookie"))
    first, seconds = answers[0], sum(r.seconds for r in answers)
    missing = web.why_unseen(form.action, sent)
    if missing and (not sent.ok or web.is_challenge(sent)):
        outcome: Outcome = "error" if sent.state == "timeout" else "unclear"
        return Attempt(outcome, seconds, first.status, "", cookies, session, error=missing.reason, missing=missing)
    landed = forms.read(sent.text, sent.url)
    said = _said(landed.text, email)
    if (first.status or 0) >= 500 or first.status in _LIMITS:
        return Attempt(_outcome_of(first), seconds, first.status, said, cookies, session)
    outcome = await _signed_in(client, session, sent)
    if outcome == "refused" and not sent.history and landed.login_form() is None:
        outcome = "unclear"
    return Attempt(outcome, seconds, first.status, said, cookies, session)


def _outcome_of(reply: Response) -> Outcome:
    return "limited" if reply.status in _LIMITS else "error"


async def _signed_in(client: Client, session: Session, landed: Response) -> Outcome:
    """Whether a session is a member's, by what strangers do not get: a core read, else the dashboard."""
    for url in list(web.core_reads(client).values())[:1]:
        mine = await session.request("GET", url, verify=True)
        if mine.ok and mine.status == 200:
            stranger = await client.network.request("GET", url, verify=True)
            if stranger.ok and stranger.status != 200:
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
        return "in" if stranger.ok and (stranger.status, stranger.body) != (200, seen.body) else "unclear"
    return "in" if read.way_out() is not None else "unclear"


def _said(text: str, email: str) -> str:
    """What a page says, without the address that was typed and without tokens that differ each time."""
    return re.sub(r"\b[0-9a-f]{8,}\b|\d+", "#", text.replace(email, "…"))[:2000]


async def _in_browser(client: Client, url: str, email: str, password: str) -> Attempt:
    if isinstance(typed := await browser_forms.type_in(client, url, email, password), Unavailable):
        return Attempt("unclear", 0.0, None, "", way="browser", error=typed.reason, missing=typed)
    said, cookies = _said(typed.said, email), tuple(typed.set_cookies)
    status = typed.statuses[-1] if typed.statuses else None
    outcome: Outcome
    if typed.error is None:
        landed = await typed.session.request("GET", typed.url, verify=True, follow=3)
        outcome = await _signed_in(client, typed.session, landed)
    elif any(each in _LIMITS for each in typed.statuses):
        outcome = "limited"
    else:
        outcome = "unclear" if status is None else "error" if status >= 500 else "refused"
    kept = None if outcome == "in" else typed.kept
    outcome, error = ("unclear", kept.reason) if kept else (outcome, typed.error)
    return Attempt(outcome, typed.seconds, status, said, cookies, typed.session, "browser", error, typed.stored, kept)
