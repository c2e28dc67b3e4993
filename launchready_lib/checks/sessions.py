"""How sessions behave: whether leaving really ends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from launchready_lib.checks import check, forms, probe, web
from launchready_lib.checks.signin import SignedIn, sign_in
from launchready_lib.findings import Row, Unavailable, Verdict, failed, passed, unknown

if TYPE_CHECKING:
    from launchready_lib.client import Client
    from launchready_lib.network import Response


@dataclass(frozen=True)
class LogoutTrial:
    """One private address before and after signing out, with the same cookies replayed.

    Attributes:
        url: what was asked.
        way: how signing out was done.
        before, after, stranger: the statuses as a member, with the old cookies after signing out, and without any.
        same_body: the answer after signing out still shows what the member saw before.
    """

    url: str
    way: str
    before: int | None
    after: int | None
    stranger: int | None
    signed_out: int | None
    same_body: bool

    def rows(self) -> list[Row]:
        """One row a look."""
        return [
            {"request": f"GET {web.path_of(self.url)}", "as": "signed in", "status": self.before},
            {"request": self.way, "as": "signing out", "status": self.signed_out},
            {"request": f"GET {web.path_of(self.url)}", "as": "the old session, replayed", "status": self.after},
            {"request": f"GET {web.path_of(self.url)}", "as": "nobody", "status": self.stranger},
        ]

    def frame(self) -> pd.DataFrame:
        """One row a look, for the notebook."""
        return pd.DataFrame(self.rows())


@probe
async def logout_trial(client: Client) -> LogoutTrial | Unavailable:
    """Sign in, sign out as the dashboard offers it, and replay the old cookies."""
    if no := client.forbidden("flows"):
        return no
    member = await sign_in(client)
    if isinstance(member, Unavailable):
        return member
    try:
        return await _leave(client, member)
    finally:
        await member.session.close()


async def _leave(client: Client, member: SignedIn) -> LogoutTrial | Unavailable:
    board = web.page(client, "dashboard")
    if isinstance(board, Unavailable):
        return board
    private = next(iter(web.core_reads(client).values()), board)
    before = await member.session.request("GET", private, verify=True)
    cookies = {"Cookie": member.cookie_header(private)}
    seen = await member.session.request("GET", board, verify=True, follow=3)
    way, left = await _sign_out(client, member, seen)
    if left is None:
        return Unavailable("no way to sign out was found on the dashboard", "flows.logout")
    after = await client.network.request("GET", private, headers=cookies, verify=True)
    stranger = await client.network.request("GET", private, verify=True)
    return LogoutTrial(
        url=private,
        way=way,
        before=before.status,
        after=after.status,
        stranger=stranger.status,
        signed_out=left.status,
        same_body=bool(before.body) and before.body == after.body,
    )


async def _sign_out(client: Client, member: SignedIn, board: Response) -> tuple[str, Response | None]:
    declared = client.parameters.flows.logout
    if declared:
        left = None
        way = "flows.logout"
        for step in declared:
            if step.goto is not None:
                left = await member.session.request("GET", web.address(client, step.goto), verify=True)
                way = f"GET {step.goto}"
            elif step.request is not None:
                wanted = step.request
                left = await member.session.request(
                    wanted.method,
                    web.address(client, wanted.url),
                    json=wanted.json_,
                    form=wanted.form or None,
                    headers=wanted.headers,
                    verify=True,
                )
                way = f"{wanted.method} {wanted.url}"
        return way, left
    door = forms.read(board.text, board.url).way_out()
    if isinstance(door, forms.Form):
        headers = {"Origin": web.origin(client), "Referer": board.url}
        left = await member.session.request(
            door.method.upper(), door.action, form=door.filled(), headers=headers, verify=True
        )
        return f"{door.method.upper()} {web.path_of(door.action)}", left
    if door is None:
        return "", None
    return f"GET {web.path_of(door)}", await member.session.request("GET", door, verify=True)


@check("sessions.logout")
def logout(trial: LogoutTrial) -> Verdict:
    """After logout the server refuses the old session (OWASP ASVS 3.3.1)."""
    if trial.before != 200 or trial.stranger == 200:
        return unknown(
            f"{web.path_of(trial.url)} does not tell a member from a stranger ({trial.before} and {trial.stranger})",
            needs="site.core_reads with an address that only members can read",
            evidence=trial.rows(),
        )
    if trial.signed_out is None or trial.signed_out >= 400:
        return unknown(
            f"signing out itself did not work ({trial.way} answered {trial.signed_out})",
            needs="flows.logout with the steps that sign out",
            evidence=trial.rows(),
        )
    if trial.after == 200:
        return failed(
            f"after {trial.way} the old session still opens {web.path_of(trial.url)}",
            evidence=trial.rows(),
            about=[web.path_of(trial.url)],
        )
    if trial.after is None or trial.after >= 500:
        return unknown(
            f"the old session was answered with {trial.after or 'nothing'}", needs="a second try", evidence=trial.rows()
        )
    return passed(f"after {trial.way} the old session is answered {trial.after}", evidence=trial.rows())
