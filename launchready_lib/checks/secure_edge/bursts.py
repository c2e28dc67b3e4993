"""edge.rate_limit: a dozen made-up logins, signups and resets meet a limit, and an honest member still gets in."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.tries import LIMITS, ByForm, ByScript, form_of, made_up, password
from launchready_lib.client import Client
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine_as, failed, passed, unknown
from launchready_lib.site import browser_forms, forms, web
from launchready_lib.site.signin import attempt
from launchready_lib.wording import brief

if TYPE_CHECKING:
    from launchready_lib.checks.secure_edge.tries import Way
    from launchready_lib.network import Response, Session
    from launchready_lib.site.browser_forms import Typist
    from launchready_lib.site.signin import Attempt

TRIES = 12
WITHIN_S = 120.0
PAUSE_S = 10.0
USUAL_WAIT_S = 60.0  # what a limit that names no time is taken to last
TARGETS = ("login", "signup", "reset")
_BY_HAND = "a try by hand"
_DROPS_AFTER = 3
_WORDS = re.compile(
    r"(?i)too many (?:\w+ ){0,3}(?:attempts|tries|requests)|try again (?:in|after) [\d#]|rate limit|slow down"
)
_LONGEST_S = 86_400.0


@dataclass(frozen=True)
class Burst:
    """What became of the tries at one form."""

    name: str  # login, signup or reset
    url: str  # where it stands
    statuses: tuple[int | None, ...] = ()  # of the answers, in order; None where none came
    limit: str = ""  # how a limit showed; empty where none did
    retry_after_s: float | None = None  # what the limit told to wait; None where it told nothing
    told: str = ""  # RateLimit headers as sent (draft-ietf-httpapi-ratelimit-headers), and those with x-
    ended: float = 0.0  # when (time.monotonic)
    problem: Unavailable | None = None  # why it could not be tried
    target: str = ""  # the address that the tries went to

    def row(self) -> Row:
        """The row that evidence shows."""
        return {
            "form": self.name,
            "address": self.url,
            "sent_to": self.target,
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
class BurstEvidence(Evidence):
    """One burst a form, then the honest member."""

    bursts: tuple[Burst, ...]
    honest: Honest

    def rows(self) -> Iterable[Row]:
        """One row a form, and one for the honest member."""
        return [*(burst.row() for burst in self.bursts), self.honest.row()]


@probe
async def survey(client: Client) -> BurstEvidence | Unavailable:
    """Send up to a dozen made-up tries to each form, one after the other, each up to its first limit.

    A form that works by script alone is typed into once in a browser, and the request that it sends is sent again.
    Nothing in them belongs to anybody; `network.headers`, by which a site may let the audit pass, are left out.
    """
    if no := client.forbidden("rate_limit"):
        return no
    p, stranger = client.parameters, client
    if p.network.headers:
        plain = p.model_copy(update={"network": p.network.model_copy(update={"headers": {}})})
        stranger = Client(plain, root=client.root, release=client.release, environment=client.environment)
    try:
        async with browser_forms.Typist(stranger) as typist:
            bursts = [await _burst(stranger, typist, name) for name in TARGETS]
        return BurstEvidence(tuple(bursts), await _honest(stranger, bursts))
    finally:
        if stranger is not client:
            client.network.traffic.requests.update(stranger.network.traffic.requests)
            client.network.traffic.refused.update(stranger.network.traffic.refused)
            await stranger.close()


async def _burst(client: Client, typist: Typist, name: str) -> Burst:
    url = web.page(client, name)
    if isinstance(url, Unavailable):
        return Burst(name, "", problem=url)
    async with client.network.session() as session:
        opened = await session.request("GET", url, follow=web.HOPS)
        if opened.status == 429:
            return _ended(Burst(name, url), opened, "429 before the first try")
        if why := web.why_unseen(url, opened):
            return Burst(name, url, problem=why)
        form, email = form_of(name, forms.read(opened.text, opened.url)), made_up(client)
        if form is not None:
            return await _tried(session, Burst(name, url), ByForm(name, form, opened.url, email))
        # A form that works by script alone is tried with the request that a real browser was seen to send.
        seen = await typist.type_in(name, url, email, password(name))
        if isinstance(seen, Unavailable):
            reason = f"the {name} page has no form of its own that works without script: {seen.reason}"
            return Burst(name, url, problem=Unavailable(reason, seen.needs))
        return await _tried(session, Burst(name, url), ByScript(name, seen))


async def _tried(session: Session, burst: Burst, way: Way) -> Burst:
    burst, first = replace(burst, target=way.target), ""
    for _ in range(TRIES):
        sent = await way.send(session)
        answers = (*sent.history, sent)
        if sent.state == "blocked":
            return replace(burst, problem=web.why_unseen(sent.url, sent))
        burst = replace(burst, statuses=(*burst.statuses, answers[0].status))
        if unlike := way.unlike(burst.statuses, answers[0]):
            return replace(burst, problem=Unavailable(unlike, _BY_HAND))
        if limit := _limit(burst, answers, first):
            return _ended(burst, next((a for a in answers if a.status in LIMITS), sent), limit)
        if not sent.ok or (sent.status or 0) >= 500:
            what, number = sent.error or sent.status, len(burst.statuses)
            reason = f"the {burst.name} form stopped answering ({what}) at try {number}"
            return replace(burst, problem=Unavailable(reason, web.AGAIN))
        first = first or sent.text
    refused = way.refused(burst.statuses, sent)
    needs = f"site.pages.{burst.name} with the form itself, or {_BY_HAND}"
    return replace(_ended(burst, sent, ""), problem=Unavailable(refused, needs) if refused else None)


def _limit(burst: Burst, answers: tuple[Response, ...], first: str) -> str:
    """How a limit shows in the answers to one try; 403 and 503 only where earlier tries were answered otherwise."""
    last, earlier = answers[-1], set(burst.statuses[:-1])
    if any(web.is_challenge(answer) for answer in answers):
        return "a challenge"
    for answer in answers:
        if answer.status == 429 or (answer.status in LIMITS and earlier and answer.status not in earlier):
            return str(answer.status)
    if last.state in ("reset", "timeout", "refused") and len(earlier - {None}) and len(burst.statuses) > _DROPS_AFTER:
        return f"no answer any more ({last.state})"
    said = _WORDS.search(last.text[:200_000])
    return f'the page says "{said[0]}"' if said and first and not _WORDS.search(first[:200_000]) else ""


def _ended(burst: Burst, answer: Response, limit: str) -> Burst:
    headers = [f"{name}: {value[:80]}" for name, value in answer.headers if re.match(r"(?:x-)?ratelimit", name)]
    return replace(
        burst,
        limit=limit,
        retry_after_s=_seconds(answer.header("retry-after")) if limit else None,
        told="; ".join(headers[:6]),
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
    until = next((b.ended + b.retry_after_s for b in bursts if b.name == "login" and b.retry_after_s), None)
    tries = 0
    while True:
        tried = await attempt(client, account.email, password)
        if tried.session is not None:
            await tried.session.close()
        tries, now = tries + 1, time.monotonic()
        if tried.outcome == "in":
            return Honest(True, now - started, tries)
        left = started + WITHIN_S - now
        may_end = _is_limited(tried) or tried.outcome == "error" or tried.missing is not None
        if left <= 0 or not (met and may_end):
            return Honest(False, now - started, tries, _why(tried))
        await asyncio.sleep(min(left, max(until - now, 0.5) if until is not None and until > now else PAUSE_S))


def _is_limited(tried: Attempt) -> bool:
    return tried.outcome == "limited" or tried.status in LIMITS or _WORDS.search(tried.said) is not None


def _why(tried: Attempt) -> Unavailable | None:
    """Why it is not known whether honest members get in; None where they are shut out."""
    if tried.missing is not None or _is_limited(tried):
        return tried.missing
    why = tried.error or f"the answer was {tried.status}"
    reason = f"the member's test account could not sign in ({tried.outcome}: {why})"
    return Unavailable(reason, "a working accounts.member")


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
    reason = f"the burst met limits at {brief(b.name for b in met)}" if met else "no limit is in force"
    return {"until": until.isoformat(timespec="milliseconds"), "reason": reason}


@check("edge.rate_limit")
def limited(evidence: BurstEvidence) -> Verdict:
    """Failing logins, signups and resets meet a limit or a challenge, and an honest member signs in soon after."""
    clauses = [_met(burst) for burst in evidence.bursts]
    if any(burst.limit for burst in evidence.bursts):
        clauses.append(_got_in(evidence.honest))
    return combine_as("login, signup and reset each meet a limit, and an honest member signs in soon after", *clauses)


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
