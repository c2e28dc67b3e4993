"""edge.rate_limit: a dozen made-up logins, signups and resets meet a limit, and an honest member still gets in."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import secrets
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd

from launchready_lib.checks import check, forms, probe, web
from launchready_lib.checks.clauses import together
from launchready_lib.checks.signin import attempt
from launchready_lib.client import Client
from launchready_lib.findings import Row, Unavailable, Verdict, failed, passed, unknown

if TYPE_CHECKING:
    from launchready_lib.checks.forms import Form, Page
    from launchready_lib.checks.signin import Attempt
    from launchready_lib.network import Response, Session

TRIES = 12
WITHIN_S = 120.0
PAUSE_S = 10.0
USUAL_WAIT_S = 60.0
"""What a limit that names no time is taken to last."""
TARGETS = ("login", "signup", "reset")
_LIMITS = (429, 403, 503)
_NOT_TRIED = (400, 404, 405, 415, 419, 501)
_DROPS_AFTER = 3
_WORDS = re.compile(
    r"(?i)too many (?:\w+ ){0,3}(?:attempts|tries|requests)|try again (?:in|after) [\d#]|rate limit|slow down"
)
_LONGEST_S = 86_400.0


@dataclass(frozen=True)
class Burst:
    """What became of the tries at one form.

    Attributes:
        name: login, signup or reset; url: where it stands.
        statuses: of the answers, in order; None where none came.
        limit: how a limit showed; empty where none did.
        retry_after_s: what the limit told to wait; None where it told nothing.
        told: RateLimit headers as sent (draft-ietf-httpapi-ratelimit-headers), and those with x-.
        ended: when (time.monotonic).
        problem: why it could not be tried.
    """

    name: str
    url: str
    statuses: tuple[int | None, ...] = ()
    limit: str = ""
    retry_after_s: float | None = None
    told: str = ""
    ended: float = 0.0
    problem: Unavailable | None = None

    def row(self) -> Row:
        """The row that evidence shows."""
        return {
            "form": self.name,
            "address": self.url,
            "tries": len(self.statuses),
            "answers": ", ".join(str(status or "none") for status in self.statuses),
            "limit": self.limit or "none",
            "retry_after_s": self.retry_after_s,
            "headers": self.told,
            "note": self.problem.reason if self.problem else "",
        }


@dataclass(frozen=True)
class Honest:
    """A member with the right password, signing in after the burst: how long it took, in how many tries."""

    signed_in: bool = False
    seconds: float = 0.0
    tries: int = 0
    problem: Unavailable | None = None

    def row(self) -> Row:
        """The row that evidence shows."""
        note = self.problem.reason if self.problem else "signed in" if self.signed_in else "still shut out"
        return {
            "form": "login, by an honest member",
            "tries": self.tries,
            "seconds": round(self.seconds, 1),
            "note": note,
        }


@dataclass(frozen=True)
class BurstEvidence:
    """One burst a form, then the honest member."""

    bursts: tuple[Burst, ...]
    honest: Honest

    def frame(self) -> pd.DataFrame:
        """One row a form, and one for the honest member."""
        return pd.DataFrame([*(burst.row() for burst in self.bursts), self.honest.row()])


@probe
async def survey(client: Client) -> BurstEvidence | Unavailable:
    """Send up to a dozen made-up tries to each form, one after the other, each up to its first limit.

    Nothing in them belongs to anybody; `network.headers`, by which a site may let the audit pass, are left out.
    """
    if no := client.forbidden("rate_limit"):
        return no
    stranger = _as_stranger(client)
    try:
        bursts = [await _burst(stranger, name) for name in TARGETS]
        return BurstEvidence(tuple(bursts), await _honest(stranger, bursts))
    finally:
        if stranger is not client:
            client.network.traffic.requests.update(stranger.network.traffic.requests)
            client.network.traffic.refused.update(stranger.network.traffic.refused)
            await stranger.close()


def _as_stranger(client: Client) -> Client:
    """The same client, not recognised by its headers."""
    p = client.parameters
    if not p.network.headers:
        return client
    plain = p.model_copy(update={"network": p.network.model_copy(update={"headers": {}})})
    return Client(plain, root=client.root, release=client.release, environment=client.environment)


# --- the burst --------------------------------------------------------------------------------------------------------


async def _burst(client: Client, name: str) -> Burst:
    url = web.page(client, name)
    if isinstance(url, Unavailable):
        return Burst(name, "", problem=url)
    async with client.network.session() as session:
        opened = await session.request("GET", url, follow=web.HOPS)
        if opened.status == 429:
            return _ended(Burst(name, url), opened, "429 before the first try")
        if why := web.why_unseen(url, opened):
            return Burst(name, url, problem=why)
        form = _form(name, forms.read(opened.text, opened.url))
        if form is None:
            needs = f"site.pages.{name} with a form that works without script, or a try by hand"
            return Burst(name, url, problem=Unavailable(f"the {name} page has no form of its own to try", needs))
        return await _tried(session, Burst(name, url), form, opened.url, _made_up(client))


def _form(name: str, page: Page) -> Form | None:
    posted = [form for form in page.forms if form.method == "post" and form.user is not None]
    if name == "login":
        return next((form for form in posted if len(form.passwords) == 1), None)
    return next((form for form in posted if bool(form.passwords) == (name == "signup")), None)


def _made_up(client: Client) -> str:
    """An address that nobody has, known to the owner by the pattern of `accounts.new_email`."""
    pattern = client.parameters.accounts.new_email or f"launch-audit-{{n}}@{client.parameters.domain}"
    return pattern.replace("{n}", f"burst-{secrets.token_hex(6)}")


def _values(name: str, form: Form, email: str) -> dict[str, str]:
    """A try that must fail: a wrong password for a login, a much too short one for a signup."""
    password = "x" if name == "signup" else f"wrong-{secrets.token_hex(6)}"
    user = form.user
    named = {user.name: email} if user is not None else {}
    return form.filled(**named, **{field.name: password for field in form.passwords if field.name})


async def _tried(session: Session, burst: Burst, form: Form, page: str, email: str) -> Burst:
    parts = urlsplit(page)
    headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": page}
    first = ""
    for _ in range(TRIES):
        values = _values(burst.name, form, email)
        sent = await session.request("POST", form.action, form=values, headers=headers, follow=3, paced=False)
        answers = (*sent.history, sent)
        if sent.state == "blocked":
            return replace(burst, problem=web.why_unseen(form.action, sent))
        burst = replace(burst, statuses=(*burst.statuses, answers[0].status))
        if limit := _limit(burst, answers, first):
            return _ended(burst, next((a for a in answers if a.status in _LIMITS), sent), limit)
        if not sent.ok or (sent.status or 0) >= 500:
            reason = (
                f"the {burst.name} form stopped answering ({sent.error or sent.status}) at try {len(burst.statuses)}"
            )
            return replace(burst, problem=Unavailable(reason, web.AGAIN))
        first = first or sent.text
        form = _form(burst.name, forms.read(sent.text, sent.url)) or form
    return replace(_ended(burst, sent, ""), problem=_not_tried(burst, sent))


def _limit(burst: Burst, answers: tuple[Response, ...], first: str) -> str:
    """How a limit shows in the answers to one try; 403 and 503 only where earlier tries were answered otherwise."""
    last, earlier = answers[-1], set(burst.statuses[:-1])
    if any(web.is_challenge(answer) for answer in answers):
        return "a challenge"
    for answer in answers:
        if answer.status == 429 or (answer.status in _LIMITS and earlier and answer.status not in earlier):
            return str(answer.status)
    if last.state in ("reset", "timeout", "refused") and len(earlier - {None}) and len(burst.statuses) > _DROPS_AFTER:
        return f"no answer any more ({last.state})"
    said = _WORDS.search(last.text[:200_000])
    return f'the page says "{said[0]}"' if said and first and not _WORDS.search(first[:200_000]) else ""


def _ended(burst: Burst, answer: Response, limit: str) -> Burst:
    told = [f"{name}: {value[:80]}" for name, value in answer.headers if re.match(r"(?:x-)?ratelimit", name)]
    return replace(
        burst,
        limit=limit,
        retry_after_s=_seconds(answer.header("retry-after")) if limit else None,
        told="; ".join(told[:6]),
        ended=time.monotonic(),
    )


def _seconds(value: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110 section 10.2.3): a number, or a date."""
    if value is None:
        return None
    if number := re.fullmatch(r"\s*([0-9]{1,60})\s*", value):
        return min(float(number[1]), _LONGEST_S)
    try:
        left = (parsedate_to_datetime(value) - dt.datetime.now(dt.UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(left, 0.0), _LONGEST_S)


def _not_tried(burst: Burst, last: Response) -> Unavailable | None:
    """Why a dozen answers prove nothing: each try was refused before anybody looked at it."""
    statuses = set(burst.statuses)
    if len(statuses) != 1 or not statuses & {*_NOT_TRIED, *_LIMITS}:
        return None
    if statuses == {400} and _form(burst.name, forms.read(last.text, last.url)) is not None:
        return None
    reason = f"each try at the {burst.name} form was refused from the first on ({last.status}), for another reason"
    return Unavailable(reason, f"site.pages.{burst.name} with a form that works without script, or a try by hand")


# --- the honest member ------------------------------------------------------------------------------------------------


async def _honest(client: Client, bursts: list[Burst]) -> Honest:
    """Sign in with the member's account as soon as the limit lets one, for two minutes at most."""
    account = client.parameters.accounts.member
    if no := client.forbidden("login"):
        return Honest(problem=no)
    if account is None:
        return Honest(problem=Unavailable("no test account for a member is given", "accounts.member (email, password)"))
    password = client.secret(account.password)
    if isinstance(password, Unavailable):
        return Honest(problem=password)
    started = time.monotonic()
    met = any(burst.limit for burst in bursts)
    told = next((b.ended + b.retry_after_s for b in bursts if b.name == "login" and b.retry_after_s), None)
    tries = 0
    while True:
        tried = await attempt(client, account.email, password)
        if tried.session is not None:
            await tried.session.close()
        tries, now = tries + 1, time.monotonic()
        if tried.outcome == "in":
            return Honest(True, now - started, tries)
        left = started + WITHIN_S - now
        if left <= 0 or not (met and _may_be_limited(tried)):
            return Honest(False, now - started, tries, _why(tried))
        await asyncio.sleep(min(left, max(told - now, 0.5) if told is not None and told > now else PAUSE_S))


def _may_be_limited(tried: Attempt) -> bool:
    told = tried.outcome in ("limited", "error") or tried.status in _LIMITS or _WORDS.search(tried.said)
    return bool(told) or tried.missing is not None


def _why(tried: Attempt) -> Unavailable | None:
    """Why it is not known whether honest members get in; None where they are shut out."""
    if tried.missing is not None:
        return tried.missing
    if tried.outcome == "limited" or tried.status in _LIMITS or _WORDS.search(tried.said):
        return None
    why = tried.error or f"the answer was {tried.status}"
    return Unavailable(
        f"the member's test account could not sign in ({tried.outcome}: {why})", "a working accounts.member"
    )


def cooldown(evidence: BurstEvidence | Unavailable) -> dict[str, Any]:
    """Until when the limits that were met may hold, for `stage.record("cooldown", …)`: later stages wait for it."""
    bursts = () if isinstance(evidence, Unavailable) else evidence.bursts
    over = not isinstance(evidence, Unavailable) and evidence.honest.signed_in
    met = [b for b in bursts if b.limit and not (b.name == "login" and over)]
    now = time.monotonic()
    left = max(
        (b.ended + (USUAL_WAIT_S if b.retry_after_s is None else b.retry_after_s) - now for b in met), default=0.0
    )
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=max(left, 0.0))
    reason = f"the burst met limits at {web.listed(b.name for b in met)}" if met else "no limit is in force"
    return {"until": until.isoformat(timespec="milliseconds"), "reason": reason}


@check("edge.rate_limit")
def limited(evidence: BurstEvidence) -> Verdict:
    """Failing logins, signups and resets meet a limit or a challenge, and an honest member signs in soon after."""
    clauses = [_met(burst) for burst in evidence.bursts]
    if any(burst.limit for burst in evidence.bursts):
        clauses.append(_got_in(evidence.honest))
    return together("login, signup and reset each meet a limit, and an honest member signs in soon after", *clauses)


def _met(burst: Burst) -> Verdict:
    row = burst.row()
    if burst.problem is not None:
        return unknown(burst.problem.reason, needs=burst.problem.needs, evidence=[row])
    if burst.limit:
        tries = f"{len(burst.statuses)} tries" if burst.statuses else "earlier requests"
        return passed(f"{burst.name}: a limit after {tries} ({burst.limit})", evidence=[row])
    return failed(
        f"{burst.name}: {len(burst.statuses)} tries in a row from one address met no limit",
        evidence=[row],
        about=[burst.name],
    )


def _got_in(honest: Honest) -> Verdict:
    row = honest.row()
    if honest.signed_in:
        return passed(f"an honest member signed in after {honest.seconds:.0f} s", evidence=[row])
    if honest.problem is not None:
        reason = f"whether an honest member gets in after the limit was not seen: {honest.problem.reason}"
        return unknown(reason, needs=honest.problem.needs, evidence=[row])
    return failed(
        f"after the limit an honest member could not sign in for {WITHIN_S:g} s",
        evidence=[row],
        impact="one robot behind a shared address keeps the members there out",
        fix="Let the limit end within a minute or two, or put a challenge in its place",
        about=["honest member"],
    )
