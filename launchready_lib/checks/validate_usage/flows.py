"""What members do in front of the app: sign in, again and again, and wrongly."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from launchready_lib import roadmap
from launchready_lib.checks import check
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site.signin import Attempt, attempt

TRIES = 10


@dataclass(frozen=True)
class LoginTrial(Evidence):
    """Repeated logins with a test account.

    Attributes:
        valid: tries with the right password.
        wrong_password: one try with the test account's address and a wrong password.
        nobody: one try with an address that has no account.
    """

    valid: tuple[Attempt, ...]
    wrong_password: Attempt
    nobody: Attempt

    def rows(self) -> list[Row]:
        """One row a try."""
        tries = [("right password", a) for a in self.valid]
        tries += [("wrong password", self.wrong_password), ("unknown address", self.nobody)]
        return [
            {
                "credentials": what,
                "outcome": "signed in" if a.outcome == "in" else a.outcome,
                "status": a.status,
                "seconds": round(a.seconds, 3),
                "way": a.way,
                "note": a.error or "",
            }
            for what, a in tries
        ]


@probe
async def login_trial(client: Client) -> LoginTrial | Unavailable:
    """Sign in with the member's test account several times, once wrongly, and once as nobody."""
    if no := client.forbidden("flows"):
        return no
    if (account := client.parameters.accounts.member) is None:
        return Unavailable("no test account for a member is given", "accounts.member (email, password)")
    if isinstance(password := client.secret(account.password), Unavailable):
        return password
    tries: list[Attempt] = []
    for _ in range(TRIES):
        tries.append(await _closed(client, account.email, password))
        if tries[-1].outcome in ("limited", "unclear"):
            break
    wrong = secrets.token_urlsafe(12)
    nobody = f"nobody-{secrets.token_hex(4)}@{account.email.rpartition('@')[2]}"
    return LoginTrial(tuple(tries), await _closed(client, account.email, wrong), await _closed(client, nobody, wrong))


async def _closed(client: Client, email: str, password: str) -> Attempt:
    tried = await attempt(client, email, password)
    if tried.session is not None:
        await tried.session.close()
    return tried


@check("flows.login")
def login(trial: LoginTrial) -> Verdict:
    """Repeated valid logins succeed at the target rate; wrong ones do not say which part was wrong (OWASP ASVS 2.2)."""
    return combine(_succeeds(trial), _discreet(trial))


def _succeeds(trial: LoginTrial) -> Verdict:
    limit = roadmap.load().targets["login_success_rate"].limit
    hidden = next((a for a in trial.valid if a.outcome in ("limited", "unclear")), None)
    if hidden is not None:
        reason = hidden.error or "it is not clear whether a login succeeded"
        needs = "site.core_reads or site.pages.dashboard, or flows.login with steps that end at an expect"
        if hidden.outcome == "limited":
            reason = f"the site limited our logins ({hidden.status or hidden.error})"
            needs = "an allowance for the audit by network.headers"
        return unknown(reason, needs=hidden.missing.needs if hidden.missing else needs, evidence=trial.rows())
    good = sum(a.outcome == "in" for a in trial.valid)
    rate = good / len(trial.valid)
    summary = f"{good} of {len(trial.valid)} logins with the right password succeeded"
    if rate < limit:
        impact = "members with the right password are turned away"
        return failed(summary, evidence=trial.rows(), measured=rate, impact=impact)
    return passed(summary, evidence=trial.rows(), measured=rate)


def _discreet(trial: LoginTrial) -> Verdict:
    wrong, nobody = trial.wrong_password, trial.nobody
    if "in" in (wrong.outcome, nobody.outcome):
        text = "a login with a wrong password succeeded"
        fix = "Compare the password's hash on every login, and refuse the session when it does not match."
        return failed(text, evidence=trial.rows(), impact="anybody can sign in as a member", fix=fix)
    if wrong.outcome != "refused" or nobody.outcome != "refused":
        unseen = next(tried for tried in (wrong, nobody) if tried.outcome != "refused")
        needs = "a login page that answers a wrong password, or an allowance for the audit by network.headers"
        reason = f"a wrong login was not plainly refused ({wrong.outcome}, {nobody.outcome})"
        return unknown(reason, needs=unseen.missing.needs if unseen.missing else needs, evidence=trial.rows())
    if (wrong.status, wrong.said) != (nobody.status, nobody.said):
        row = {
            "wrong_password": f"{wrong.status}: {_differing(wrong.said, nobody.said)}",
            "unknown_address": f"{nobody.status}: {_differing(nobody.said, wrong.said)}",
        }
        return failed(
            "a wrong password is told apart from an unknown address",
            evidence=[row],
            impact="strangers can find out who is a member, and attack those accounts",
            fix="Answer both with the same status and the same words, such as “E-mail or password is not right”.",
            effort_hours=1,
        )
    row = {"wrong_password": f"status {wrong.status}", "unknown_address": f"status {nobody.status}, the same words"}
    return passed("wrong ones are refused without saying which part was wrong", evidence=[row])


def _differing(said: str, other: str) -> str:
    """The words of one page from the first that the other does not have."""
    words, others = said.split(), other.split()
    pairs = enumerate(zip(words, others, strict=False))
    start = next((i for i, (a, b) in pairs if a != b), min(len(words), len(others)))
    return " ".join(words[max(0, start - 3) : start + 12])
