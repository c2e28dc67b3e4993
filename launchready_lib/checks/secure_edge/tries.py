"""Tries that must fail, at a login, signup or reset form: as its HTML sends them, or as its script was seen to."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from launchready_lib.site import forms, web

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.network import Response, Session
    from launchready_lib.site.browser_forms import Seen
    from launchready_lib.site.forms import Form, Page

LIMITS = (429, 403, 503)
_NOT_TRIED = (404, 405, 415, 419, 501)


class Way(Protocol):
    """How tries at one form are sent."""

    target: str  # the address that they go to

    async def send(self, session: Session) -> Response:
        """Send one try with made-up values."""

    def unlike(self, statuses: tuple[int | None, ...], answer: Response) -> str:
        """Why this answer is none to a try, judged before it is taken for a limit; empty where it is one."""

    def refused(self, statuses: tuple[int | None, ...], last: Response) -> str:
        """How each try was refused before anybody looked at it; empty where they were looked at."""


def made_up(client: Client) -> str:
    """An address that nobody has, known to the owner by the pattern of `accounts.new_email`."""
    pattern = client.parameters.accounts.new_email or f"launch-audit-{{n}}@{client.parameters.domain}"
    return pattern.replace("{n}", f"burst-{secrets.token_hex(6)}")


def password(name: str) -> str:
    """One that must fail: a wrong password for a login, a much too short one for a signup."""
    return "x" if name == "signup" else f"wrong-{secrets.token_hex(6)}"


def form_of(name: str, page: Page) -> Form | None:
    """The login, signup or reset form in a page's own HTML."""
    posted = [form for form in page.forms if form.method == "post" and form.user is not None]
    if name == "login":
        return next((form for form in posted if len(form.passwords) == 1), None)
    return next((form for form in posted if bool(form.passwords) == (name == "signup")), None)


class ByForm:
    """As a form of the page's own HTML sends them; each takes the form that came with the answer before."""

    def __init__(self, name: str, form: Form, page: str, email: str) -> None:
        self._name, self._form, self._email = name, form, email
        self.target = form.action
        parts = urlsplit(page)
        self._headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": page}

    async def send(self, session: Session) -> Response:
        """Send the form, filled in."""
        form, user, secret = self._form, self._form.user, password(self._name)
        named = {user.name: self._email} if user is not None else {}
        values = form.filled(**named, **{field.name: secret for field in form.passwords if field.name})
        sent = await session.request("POST", form.action, form=values, headers=self._headers, follow=3, paced=False)
        if sent.ok:
            self._form = form_of(self._name, forms.read(sent.text, sent.url)) or form
        return sent

    def unlike(self, statuses: tuple[int | None, ...], answer: Response) -> str:  # noqa: ARG002 - as `Way` has it
        """Every answer to a form is one."""
        return ""

    def refused(self, statuses: tuple[int | None, ...], last: Response) -> str:
        """All refused alike; with 400 only where no form comes back with it."""
        seen = set(statuses)
        if len(seen) != 1 or not seen & {400, *_NOT_TRIED, *LIMITS}:
            return ""
        if seen == {400} and form_of(self._name, forms.read(last.text, last.url)) is not None:
            return ""
        return f"each try at the {self._name} form was refused from the first on ({last.status}), for another reason"


class ByScript:
    """As a page's script was seen to send one; what the browser sent counts as the first."""

    def __init__(self, name: str, seen: Seen) -> None:
        self._name, self._seen, self._first = name, seen, True
        self.target = seen.url

    async def send(self, session: Session) -> Response:
        """Send the page's request again, a login with another password; first the one that the browser sent."""
        seen = self._seen
        if self._first:
            self._first = False
            for cookie in seen.cookies:
                session.cookies.set(*cookie)
            return seen.answer
        body = seen.with_password(password(self._name)) if self._name == "login" else seen.body
        return await session.request(seen.method, seen.url, content=body, headers=seen.headers, follow=3, paced=False)

    def unlike(self, statuses: tuple[int | None, ...], answer: Response) -> str:
        """The first repetition is answered otherwise than the page's own request: a token in it was for once only."""
        if len(statuses) != 2 or statuses[0] == statuses[1]:
            return ""
        if answer.status == 429 or web.is_challenge(answer) or not answer.ok:
            return ""
        return f"what the {self._name} page sends is not taken again ({statuses[1]} after {statuses[0]})"

    def refused(self, statuses: tuple[int | None, ...], last: Response) -> str:
        """All refused alike, the browser's own request too."""
        if len(set(statuses)) == 1 and last.status in (*_NOT_TRIED, *LIMITS):
            return f"what the {self._name} page sends was refused from the first try on ({last.status})"
        return ""
