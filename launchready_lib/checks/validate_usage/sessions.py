"""How sessions behave: whether leaving really ends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.network import Response
from launchready_lib.parameters.flows import RequestStep, Step
from launchready_lib.record.findings import Verdict, failed, passed, unknown
from launchready_lib.site import forms, steps, web
from launchready_lib.site.signin import SignedIn, sign_in

IN_BROWSER = "flows.logout in a browser"


@dataclass(frozen=True)
class LogoutTrial(Evidence):
    """One private address before and after signing out, with the same cookies replayed.

    Attributes:
        url: what was asked.
        way: how signing out was done.
        before, after, stranger: the statuses as a member, with the old cookies after signing out, and without any.
        signed_out: the status of signing out; None where there was no answer, or a browser's script did it.
    """

    url: str
    way: str
    before: int | None
    after: int | None
    stranger: int | None
    signed_out: int | None

    @property
    def left(self) -> bool:
        """Signing out came to its end."""
        return (self.signed_out is None and self.way == IN_BROWSER) or 0 < (self.signed_out or 0) < 400

    def rows(self) -> list[Row]:
        """One row a look."""
        look = f"GET {web.path_of(self.url)}"
        return [
            {"request": look, "as": "signed in", "status": self.before},
            {"request": self.way, "as": "signing out", "status": self.signed_out},
            {"request": look, "as": "the old session, replayed", "status": self.after},
            {"request": look, "as": "nobody", "status": self.stranger},
        ]


@probe
async def logout_trial(client: Client) -> LogoutTrial | Unavailable:
    """Sign in, sign out as the dashboard offers it, and replay the old cookies."""
    if no := client.forbidden("flows"):
        return no
    if isinstance(member := await sign_in(client), Unavailable):
        return member
    try:
        if isinstance(board := web.page(client, "dashboard"), Unavailable):
            return board
        private = next(iter(web.core_reads(client).values()), board)
        before = await member.session.request("GET", private, verify=True)
        cookies = {"Cookie": member.cookie_header(private)}
        seen = await member.session.request("GET", board, verify=True, follow=3)
        if isinstance(left := await _sign_out(client, member, seen), Unavailable):
            return left
        way, signed_out = left
        after = await client.network.request("GET", private, headers=cookies, verify=True)
        stranger = await client.network.request("GET", private, verify=True)
        return LogoutTrial(private, way, before.status, after.status, stranger.status, signed_out)
    finally:
        await member.session.close()


async def _sign_out(client: Client, member: SignedIn, board: Response) -> tuple[str, int | None] | Unavailable:
    """Sign out as declared, else as the dashboard offers it; gives the way and the status that it ended with."""
    declared = client.parameters.flows.logout
    if any(step.kind not in ("goto", "request", "expect") for step in declared):
        return await _walk_out(client, member, declared)
    if declared:
        return await _step_out(client, member, declared)
    if (door := forms.read(board.text, board.url).way_out()) is None:
        return Unavailable("no way to sign out was found on the dashboard", "flows.logout with the steps that sign out")
    if isinstance(door, str):
        left = await member.session.request("GET", door, verify=True, follow=web.HOPS)
        return f"GET {web.path_of(door)}", left.status
    headers = {"Origin": web.origin(client), "Referer": board.url}
    method = door.method.upper()
    left = await member.session.request(
        method, door.action, form=door.filled(), headers=headers, verify=True, follow=web.HOPS
    )
    return f"{method} {web.path_of(door.action)}", left.status


async def _step_out(client: Client, member: SignedIn, declared: Sequence[Step]) -> tuple[str, int | None]:
    way, status = "flows.logout", None
    for step in declared:
        wanted = step.request or (RequestStep(url=step.goto) if step.goto is not None else None)
        if wanted is None:
            continue
        left = await member.session.request(
            wanted.method,
            web.address(client, wanted.url),
            json=wanted.json_,
            form=wanted.form or None,
            headers=wanted.headers,
            verify=True,
            follow=web.HOPS,
        )
        way, status = f"{wanted.method} {wanted.url}", left.status
    return way, status


async def _walk_out(client: Client, member: SignedIn, declared: Sequence[Step]) -> tuple[str, int | None] | Unavailable:
    """Walk steps that only a browser can do, carrying the login along."""
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            return browser
        async with browser.context(storage_state=member.storage_state()) as context:
            walk = steps.Walk(client, await context.new_page(), member.session)
            try:
                await steps.walk(declared, walk)
            except steps.StepFailedError as error:
                needs = error.needs or "flows.logout with working steps"
                return Unavailable(f"flows.logout did not come to its end: {error}", needs)
    return IN_BROWSER, walk.status


@check("sessions.logout")
def logout(trial: LogoutTrial) -> Verdict:
    """After logout the server refuses the old session (OWASP ASVS 3.3.1)."""
    path, rows = web.path_of(trial.url), trial.rows()
    if trial.before != 200 or trial.stranger == 200:
        reason = f"{path} does not tell a member from a stranger ({trial.before} and {trial.stranger})"
        return unknown(reason, needs="site.core_reads with an address that only members can read", evidence=rows)
    if not trial.left:
        reason = f"signing out itself did not work ({trial.way} answered {trial.signed_out})"
        return unknown(reason, needs="flows.logout with the steps that sign out", evidence=rows)
    if trial.after == 200:
        return failed(f"after {trial.way} the old session still opens {path}", evidence=rows, about=[path])
    if trial.after is None or trial.after not in (trial.stranger, 401, 403):
        reason = f"the old session was answered with {trial.after or 'nothing'}, a stranger with {trial.stranger}"
        needs = "a second try, or site.core_reads with an address that answers strangers plainly"
        return unknown(reason, needs=needs, evidence=rows)
    return passed(f"after {trial.way} the old session is answered {trial.after}", evidence=rows)
