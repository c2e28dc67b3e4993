"""What is right of a billing webhook, judged from the events that were sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from launchready_lib.checks import check
from launchready_lib.checks.validate_usage.webhooks.events import AHEAD
from launchready_lib.checks.validate_usage.webhooks.trial import FOLLOW_S, BillingTrial, Delivery, RepeatTrial, State
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.wording import listed

ANSWER_S = 5.0
_LIMITS = (429, 503)


@check("webhooks.accepted")
def accepted(trial: BillingTrial) -> Verdict:
    """A correctly signed event answers 2xx within 5 s, and the member's state follows (docs.stripe.com/webhooks)."""
    clauses = [clause for sent in trial.genuine for clause in (_answered(sent), _followed(sent)) if clause]
    clauses += [unknown(m.reason, needs=m.needs) for m in trial.missing.values()]
    return replace(combine(*clauses), evidence=tuple(sent.row() for sent in trial.genuine))


def _answered(sent: Delivery) -> Verdict:
    rows, reply = [sent.row()], sent.response
    if reply.seconds > ANSWER_S and (reply.ok or reply.state == "timeout"):
        text = f"the {sent.event} event was answered {reply.status or 'nothing'} after {reply.seconds:.1f} s"
        return failed(f"{text}; the provider waits {ANSWER_S:g} s", evidence=rows, about=[sent.event])
    if hidden := _hidden(sent):
        return hidden
    if not sent.accepted:
        text = f"the {sent.event} event, correctly signed, was answered {reply.status}"
        return failed(text, evidence=rows, about=[sent.event])
    return passed(f"the {sent.event} event was taken in {reply.seconds:.2f} s", evidence=rows)


def _followed(sent: Delivery) -> Verdict | None:
    """Whether the state followed; None where the event was not taken."""
    if not sent.accepted:
        return None
    rows, before, after = [sent.row()], sent.before, sent.after
    if not isinstance(before, State) or not isinstance(after, State):
        return _unseen(f"what the {sent.event} event changed was not seen", before, after)
    if after.value != sent.wanted:
        text = f"{FOLLOW_S:g} s after the {sent.event} event the member was still {after.value}, not {sent.wanted}"
        return failed(text, evidence=rows, about=[sent.event])
    if before.value == sent.wanted:
        return unknown(
            f"the member was {after.value} before the {sent.event} event, so that it need not have changed anything",
            needs="captured events of both kinds under webhooks.billing.events",
        )
    return passed(f"the member went from {before.value} to {after.value}", evidence=rows)


@check("webhooks.forged")
def forged(trial: BillingTrial) -> Verdict:
    """Unsigned, wrongly signed, altered and stale events are refused, and change nothing (Standard Webhooks).

    One dated ahead is noted only: nobody without the secret can make it, and the providers' own libraries take it.
    """
    tried = [sent for sent in trial.forged if sent.sent_as != AHEAD]
    clauses = [_refused(sent) for sent in tried if not sent.accepted]
    if taken := [sent for sent in tried if sent.accepted]:
        text = f"events were accepted that were {listed(_WORDS[sent.sent_as] for sent in taken)}"
        clauses.append(failed(text, evidence=[sent.row() for sent in taken], about=[sent.sent_as for sent in taken]))
    if "stale" not in {sent.sent_as for sent in tried}:
        reason = f"signatures of the kind {trial.provider} carry no time, so that an old event looks like a new one"
        clauses.append(unknown(reason, needs="a signature that covers the time (provider: stripe or standard)"))
    clauses.append(_unchanged(trial, all_refused=not taken))
    if not any(sent.accepted for sent in trial.genuine):
        reason = "genuine events were not accepted either, so that a refusal says nothing"
        clauses.append(unknown(reason, needs="webhooks.billing.url, secret and events with which an event is accepted"))
    verdict = combine(*clauses)
    if any(sent.accepted for sent in trial.forged if sent not in tried):
        note = "; one dated ten minutes ahead was accepted, as the providers' own libraries do"
        verdict = replace(verdict, summary=verdict.summary + note)
    return replace(verdict, evidence=tuple(sent.row() for sent in trial.forged))


def _refused(sent: Delivery) -> Verdict:
    rows, status = [sent.row()], sent.response.status or 0
    if hidden := _hidden(sent):
        return hidden
    if 400 <= status < 500:
        return passed("forged events were refused", evidence=rows)
    return passed(f"one that was {_WORDS[sent.sent_as]} met {status} instead of a plain refusal", evidence=rows)


_WORDS = {
    "unsigned": "not signed",
    "wrong secret": "signed with another secret",
    "altered": "altered after signing",
    "other white space": "rewritten with other white space after signing",
    "stale": "ten minutes old",
}


def _unchanged(trial: BillingTrial, *, all_refused: bool) -> Verdict:
    before, after = trial.before, trial.after_forged
    if not isinstance(before, State) or not isinstance(after, State):
        return _unseen("whether forged events changed anything was not seen", before, after)
    row = {"before": before.value, "after": after.value, "payments": f"{before.counter} to {after.counter}"}
    if before == after:
        return passed("forged events changed nothing", evidence=[row])
    if all_refused:
        reason = f"the member changed from {before.value} to {after.value} while every forged event was refused"
        return unknown(reason, needs="a test member whom nobody else changes meanwhile", evidence=[row])
    text = f"forged events changed the member ({before.value} to {after.value})"
    if before.value == after.value:
        text = f"forged events were counted as payments ({before.counter} to {after.counter})"
    return failed(text, evidence=[row])


@check("webhooks.repeated")
def repeated(trial: RepeatTrial) -> Verdict:
    """An event that comes twice, or eight times at once, is accepted each time and counted once (docs.stripe.com)."""
    clauses = [
        _counted_once(trial.repeated, trial.before, trial.between, "sent twice"),
        _counted_once(trial.at_once, trial.between, trial.after, "sent eight times at once"),
    ]
    return replace(combine(*clauses), evidence=tuple(trial.rows()))


def _counted_once(
    sent: Sequence[Delivery], before: State | Unavailable, after: State | Unavailable, how: str
) -> Verdict:
    rows: list[Row] = [each.row() for each in sent]
    if not any(each.accepted for each in sent):
        reason = f"an event {how} was never accepted ({', '.join(str(each.response.status) for each in sent[:3])})"
        return unknown(reason, needs="webhooks.billing.url, secret and events with which an event is accepted")
    if not isinstance(before, State) or not isinstance(after, State):
        return _unseen(f"how often an event {how} counted was not seen", before, after)
    counted = (after.counter or 0) - (before.counter or 0)
    if counted > 1:
        return failed(f"an event {how} was counted {counted} times", evidence=rows, about=[how])
    if hidden := next((found for each in sent if (found := _hidden(each))), None):
        return hidden
    if turned_away := [each.response.status for each in sent if not each.accepted]:
        text = f"an event {how} was answered {turned_away[0]}, so that the provider goes on sending it"
        return failed(text, evidence=rows, about=[how])
    if counted != 1:
        reason = f"an event {how} was accepted but counted {counted} times"
        return unknown(reason, needs="webhooks.billing.state.counter that counts the payments of events.activate")
    return passed(f"an event {how} was counted once", evidence=rows)


def _hidden(sent: Delivery) -> Verdict | None:
    """Why an answer is not the endpoint's own; None where it is."""
    rows, reply = [sent.row()], sent.response
    if reply.status in _LIMITS:
        needs = "network.headers with a token that the site's limits let pass"
        return unknown(f"the webhook answered {reply.status} (a limit, or too much load)", needs=needs, evidence=rows)
    missing = web.why_unseen(reply.url, reply)
    return unknown(missing.reason, needs=missing.needs, evidence=rows) if missing else None


def _unseen(what: str, *states: State | Unavailable | None) -> Verdict:
    hidden = next(state for state in states if isinstance(state, Unavailable))
    return unknown(f"{what}: {hidden.reason}", needs=hidden.needs)
