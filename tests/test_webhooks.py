"""Billing events are signed as providers sign them, and what the app makes of them is judged without vacuous passes."""

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
import time
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.validate_usage import webhooks
from launchready_lib.checks.validate_usage.webhooks import events
from launchready_lib.checks.validate_usage.webhooks.trial import BillingTrial, Delivery, RepeatTrial, State
from launchready_lib.demo.web import webhooks as club
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.record.findings import Status
from tests.web_servers import Reply, client, serving

pytestmark = pytest.mark.anyio

CAPTURED = {"id": "evt_1", "type": "paid", "created": 7, "data": {"object": {"customer": "cus_9", "amount": 1.5}}}
URL = "https://acme.example/hook"
HOW = events.FORGERIES["stripe"]


# --- events -----------------------------------------------------------------------------------------------------------


def test_stripe_signs_the_time_and_the_raw_body():
    message = events.genuine(events.signer("stripe", "whsec_abc"), CAPTURED)
    at, signature = message.headers["Stripe-Signature"].removeprefix("t=").split(",v1=")
    expected = hmac.new(b"whsec_abc", f"{at}.".encode() + message.body, hashlib.sha256).hexdigest()
    assert signature == expected
    assert json.loads(message.body)["created"] == int(at)


def test_standard_webhooks_sign_id_time_and_body_with_the_decoded_secret():
    key = b"0123456789abcdef01234567"
    message = events.genuine(events.signer("standard", f"whsec_{base64.b64encode(key).decode()}"), CAPTURED)
    signed = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert message.headers["webhook-signature"] == f"v1,{expected}"


def test_a_bare_hmac_is_the_bodys():
    message = events.genuine(events.signer("hmac", "key"), CAPTURED)
    expected = hmac.new(b"key", message.body, hashlib.sha256).hexdigest()
    assert message.headers["X-Signature"] == expected
    assert message.headers["X-Hub-Signature-256"] == f"sha256={expected}"


def test_a_secret_that_is_not_base64_is_said_without_showing_it():
    found = events.signer("standard", "whsec_not*base64")
    assert isinstance(found, Unavailable)
    assert "not*base64" not in found.reason + found.needs


def test_a_genuine_event_has_an_id_and_a_time_of_its_own_and_is_else_as_captured():
    signer = events.signer("stripe", "whsec_abc")
    one, other = events.genuine(signer, CAPTURED), events.genuine(signer, CAPTURED)
    assert one.event_id != other.event_id
    assert json.loads(one.body)["id"] == one.event_id
    assert one.event_id.startswith("evt_")
    assert json.loads(one.body)["data"] == CAPTURED["data"]


@pytest.mark.parametrize("how", HOW)
def test_a_strict_receiver_refuses_every_forgery_and_takes_the_genuine_event(how):
    signer = events.signer("stripe", "whsec_abc")

    def takes(message):
        return club.genuine(message.body, message.headers.get("Stripe-Signature", ""), "whsec_abc", time.time())

    assert takes(events.genuine(signer, CAPTURED))
    assert not takes(events.forged(signer, CAPTURED, how))


@pytest.mark.parametrize(("provider", "secret"), [("stripe", "x"), ("standard", "whsec_aGFyYm9y"), ("hmac", "x")])
def test_a_forged_body_is_an_event_still(provider, secret):
    bodies = {
        how: events.forged(events.signer(provider, secret), CAPTURED, how).body for how in events.FORGERIES[provider]
    }
    assert {json.loads(body)["data"]["object"]["customer"] for body in bodies.values()} == {"cus_9"}
    assert json.loads(bodies["altered"])["altered"]
    assert (b"\n" in bodies["other white space"]) != (b"\n" in bodies["unsigned"])


@pytest.mark.parametrize(
    ("event", "customer"),
    [
        ({"data": {"object": {"customer": "cus_1"}}}, "cus_1"),
        ({"data": {"object": {"customer": {"id": "cus_2", "customer": "x"}}}}, "cus_2"),
        ({"data": {"customer_id": "c3"}}, "c3"),
        ({"customer": "", "data": {"customer": 5}}, None),
        ([{"customer": "c"}], None),
        ({}, None),
    ],
    ids=["stripe", "expanded", "by id", "not a name", "a list", "nobody"],
)
def test_whom_an_event_is_about(event, customer):
    assert events.customer_of(event) == customer


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["id", "created", "timestamp", "data", "x"]), json_values))
def test_any_object_can_be_made_fresh_and_signed(captured):
    message = events.genuine(events.signer("stripe", "whsec_x"), captured)
    assert set(json.loads(message.body)) == set(captured)
    assert events.customer_of(captured) is None or isinstance(events.customer_of(captured), str)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"{", "is not JSON"), (b"\xff\xfe{}", "is not JSON"), (b"[1]", "holds no event"), (b" " * 2_000_000, "too large"),
     (b"[" * 100_000, "is not JSON"), (None, "could not be read")],
    ids=["broken", "not text", "a list", "huge", "deep", "missing"],
)  # fmt: skip
def test_an_event_file_that_is_none_is_named(tmp_path, content, why):
    file = tmp_path / "paid.json"
    if content is not None:
        file.write_bytes(content)
    found = events.read(file, "webhooks.billing.events.activate")
    assert why in found.reason
    assert "paid.json" in found.reason
    assert "webhooks.billing.events.activate" in found.needs


# --- verdicts ---------------------------------------------------------------------------------------------------------


def answer(status=200, seconds=0.1, **more):
    return Response("POST", URL, more.pop("state", "ok"), status=status, seconds=seconds, **more)


def silent(state="timeout", seconds=10.0):
    return Response("POST", URL, state, seconds=seconds, error="no answer")


IN, OUT = State("active", 1), State("canceled", 1)


def trial(
    activate=None, cancel=None, *, forged=400, future=400, before=OUT, after_forged=OUT, missing=(), provider="stripe"
):
    activate = activate or Delivery("activate", "genuine", answer(), OUT, IN, "active")
    cancel = cancel or Delivery("cancel", "genuine", answer(), IN, OUT, "canceled")
    replies = {how: answer(forged) if isinstance(forged, int) else forged for how in events.FORGERIES[provider]}
    if "from the future" in replies:
        replies["from the future"] = answer(future)
    return BillingTrial(
        genuine=tuple(sent for sent in (activate, cancel) if sent.event not in missing),
        forged=tuple(Delivery("activate", how, reply) for how, reply in replies.items()),
        missing={kind: Unavailable(f"no event to {kind}", f"webhooks.billing.events.{kind}") for kind in missing},
        before=before,
        after_forged=after_forged,
        after=OUT,
        provider=provider,
    )


def activated(reply=None, before=OUT, after=IN):
    return Delivery("activate", "genuine", reply or answer(), before, after, "active")


@pytest.mark.parametrize("seconds", [0.1, 5.0])
def test_events_that_are_taken_within_five_seconds_and_followed_pass(seconds):
    verdict = webhooks.accepted(trial(activated(answer(seconds=seconds))))
    assert verdict.status is Status.PASS
    assert [row["state_after"] for row in verdict.evidence] == ["active", "canceled"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (activated(answer(400)), "answered 400"),
        (activated(answer(302)), "answered 302"),
        (activated(answer(500)), "answered 500"),
        (activated(answer(200, seconds=5.2)), "after 5.2 s"),
        (activated(silent()), "answered nothing after 10.0 s"),
        (activated(after=OUT), "still canceled, not active"),
    ],
    ids=["refused", "led away", "broke", "slow", "silent", "not followed"],
)
def test_an_event_that_is_not_taken_or_not_followed_fails(sent, words):
    verdict = webhooks.accepted(trial(sent))
    assert verdict.status is Status.FAIL
    assert words in verdict.summary


NO_STATE = Unavailable("where the member's state shows is not given", "webhooks.billing.state")


@pytest.mark.parametrize(
    ("evidence", "needs"),
    [
        (trial(activated(before=NO_STATE, after=NO_STATE)), "webhooks.billing.state"),
        (trial(activated(before=NO_STATE)), "webhooks.billing.state"),
        (trial(activated(after=NO_STATE)), "webhooks.billing.state"),
        (trial(activated(before=IN)), "both kinds"),
        (trial(activated(answer(429))), "network.headers"),
        (trial(activated(silent("refused", 0.0))), "the site answering"),
        (trial(activated(silent("timeout", 3.0))), "the site answering"),
        (trial(missing=("cancel",)), "webhooks.billing.events.cancel"),
    ],
    ids=["no state", "none before", "none after", "nothing to change", "limited", "down", "short patience",
         "no such event"],
)  # fmt: skip
def test_what_was_not_seen_of_a_genuine_event_is_unknown(evidence, needs):
    verdict = webhooks.accepted(evidence)
    assert verdict.status is Status.UNKNOWN
    assert needs in verdict.needs


def test_forged_events_that_are_refused_and_change_nothing_pass():
    verdict = webhooks.forged(trial())
    assert (verdict.status, verdict.summary) == (
        Status.PASS,
        "forged events were refused; forged events changed nothing",
    )
    assert [row["sent_as"] for row in verdict.evidence] == list(HOW)


@pytest.mark.parametrize("how", [how for how in HOW if how != "from the future"])
def test_one_forged_event_that_is_accepted_fails(how):
    whole = trial()
    forged = tuple(dataclasses.replace(d, response=answer()) if d.sent_as == how else d for d in whole.forged)
    verdict = webhooks.forged(dataclasses.replace(whole, forged=forged))
    assert verdict.status is Status.FAIL
    assert verdict.about == (how,)


def test_an_event_dated_ahead_is_noted_and_no_failure():
    verdict = webhooks.forged(trial(future=200))
    assert verdict.status is Status.PASS
    assert "dated ten minutes ahead was accepted" in verdict.summary


def test_an_error_instead_of_a_refusal_is_noted():
    verdict = webhooks.forged(trial(forged=500))
    assert verdict.status is Status.PASS
    assert "met 500 instead of a plain refusal" in verdict.summary


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (trial(forged=200, after_forged=IN), Status.FAIL, "changed the member (canceled to active)"),
        (trial(forged=200, after_forged=State("canceled", 6)), Status.FAIL, "counted as payments (1 to 6)"),
        (trial(after_forged=IN), Status.UNKNOWN, "while every forged event was refused"),
        (trial(after_forged=IN, future=200), Status.UNKNOWN, "while every forged event was refused; one dated ten"),
        (trial(before=NO_STATE), Status.UNKNOWN, "was not seen"),
        (trial(after_forged=NO_STATE), Status.UNKNOWN, "was not seen"),
        (trial(activated(answer(404)), Delivery("cancel", "genuine", answer(404))), Status.UNKNOWN, "says nothing"),
        (trial(activated(answer(404))), Status.PASS, "forged events changed nothing"),
        (trial(forged=429), Status.UNKNOWN, "a limit"),
        (trial(forged=silent("reset")), Status.UNKNOWN, "did not answer"),
        (trial(provider="hmac"), Status.UNKNOWN, "an old event looks like a new one"),
        (trial(provider="hmac", forged=200), Status.FAIL, "accepted"),
    ],
    ids=["changed", "counted", "somebody else", "still somebody else", "no state", "none after", "all refused",
         "one refused", "limited", "cut off", "no time", "bare"],
)  # fmt: skip
def test_a_refusal_counts_only_where_it_says_something(evidence, status, words):
    verdict = webhooks.forged(evidence)
    assert verdict.status is status
    assert words in verdict.summary
    assert ("dated ten minutes ahead" in verdict.summary) is any(
        d.sent_as == HOW[-1] and d.accepted for d in evidence.forged
    )


def repeat(statuses=(200, 200), at_once=(200,) * 8, counts=(0, 1, 2)):
    before, between, after = (c if isinstance(c, Unavailable) else State("active", c) for c in counts)
    sent = [tuple(Delivery("activate", "repeated", answer(s)) for s in each) for each in (statuses, at_once)]
    return RepeatTrial(*sent, before, between, after)


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (repeat(), Status.PASS, "counted once"),
        (repeat(counts=(0, 2, 3)), Status.FAIL, "sent twice was counted 2 times"),
        (repeat(counts=(0, 1, 9)), Status.FAIL, "at once was counted 8 times"),
        (repeat(statuses=(200, 409)), Status.FAIL, "answered 409"),
        (repeat(counts=(0, 0, 0)), Status.UNKNOWN, "counted 0 times"),
        (repeat(statuses=(400, 400), at_once=(400,) * 8), Status.UNKNOWN, "at once was never accepted (400, 400, 400)"),
        (repeat(at_once=(200, *[429] * 7)), Status.UNKNOWN, "429"),
        (repeat(counts=(0, NO_STATE, 2)), Status.UNKNOWN, "was not seen"),
        (repeat(counts=(NO_STATE, 1, 2)), Status.UNKNOWN, "was not seen"),
    ],
    ids=["once", "twice", "eight times", "refused again", "not at all", "refused", "limited", "unseen", "unseen first"],
)  # fmt: skip
def test_a_repeated_event_is_accepted_and_counted_once(evidence, status, words):
    verdict = webhooks.repeated(evidence)
    assert verdict.status is status
    assert words in verdict.summary
    assert len(evidence.frame()) == 10


# --- the probe --------------------------------------------------------------------------------------------------------

BILLING = {"url": "/hook", "provider": "stripe", "secret": "${ACME_HOOK}"}
FLOWS = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": ["login", "flows"]}


@pytest.mark.parametrize(
    ("sections", "needs"),
    [
        ({}, "authorization.allow: [flows]"),
        ({"authorization": FLOWS}, "webhooks.billing"),
        ({"authorization": FLOWS, "webhooks": {"billing": {"url": "/hook", "provider": "stripe"}}}, "billing.secret"),
        ({"authorization": FLOWS, "webhooks": {"billing": BILLING}}, "the environment variable ACME_HOOK"),
    ],
    ids=["not allowed", "no webhook", "no secret", "variable not set"],
)
async def test_what_is_missing_is_named(sections, needs):
    async with client(**sections) as acme:
        found = await webhooks.billing_trial(acme)
    assert needs in found.needs
    assert webhooks.accepted(found).status is webhooks.forged(found).status is Status.UNKNOWN


async def test_files_that_are_no_events_are_all_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    billing = BILLING | {"events": {"activate": "a.json", "cancel": "b.json"}}
    async with client(root=tmp_path, authorization=FLOWS, webhooks={"billing": billing}) as acme:
        acme.environment = {"ACME_HOOK": "whsec_x"}
        found = await webhooks.billing_trial(acme)
    assert "a.json is not JSON" in found.reason
    assert "b.json could not be read" in found.reason


async def both(harbor):
    found = await webhooks.billing_trial(harbor)
    assert isinstance(found, BillingTrial), found
    return found, {each.check: each.status for each in (webhooks.accepted(found), webhooks.forged(found))}


async def test_what_an_event_dated_ahead_changes_is_no_change_by_a_forged_one(monkeypatch):
    """The official libraries take an event dated ahead: an app that acts on it refused all that can be forged."""
    monkeypatch.setattr(webhooks.trial, "SETTLE_S", 0.0)
    monkeypatch.setattr(webhooks.trial, "_next_second", lambda: asyncio.sleep(0))
    member = {"state": "canceled"}
    kinds = {"activate": "active", "cancel": "canceled"}

    def site(asked):
        if asked.method == "GET":
            return Reply(json.dumps(member), kind="application/json")
        at = int(asked.headers.get("stripe-signature", "t=0,").removeprefix("t=").partition(",")[0])
        if not club.genuine(asked.body, asked.headers.get("stripe-signature", ""), "whsec_x", max(at, time.time())):
            return Reply("no", 400)
        member["state"] = kinds[json.loads(asked.body)["type"]]
        return Reply("ok")

    state = {"url": "/me", "field": "state", "active": "active", "inactive": "canceled"}
    sections = {"site": {"canonical": "http://acme.example"}, "webhooks": {"billing": BILLING | {"state": state}}}
    async with serving(site) as served, client(served.port, **sections) as acme:
        captured = {kind: CAPTURED | {"type": kind} for kind in kinds}
        watcher = types.SimpleNamespace(session=acme.network)
        billing = acme.parameters.webhooks.billing
        signer = events.signer("stripe", "whsec_x")
        found = await webhooks.trial._billing(webhooks.trial.Endpoint(acme, billing, signer, captured, {}, watcher))
    assert [sent.sent_as for sent in found.forged if sent.accepted] == ["from the future"]
    assert webhooks.forged(found).status is webhooks.accepted(found).status is Status.PASS
    assert found.after.value == "canceled"


@pytest.mark.world
@pytest.mark.parametrize(
    ("fault", "red"),
    [(None, None), ("webhooks.accepted", "webhooks.accepted"), ("webhooks.forged", "webhooks.forged")],
)
async def test_harbor_clubs_webhook_is_judged_and_its_member_left_as_found(world, harbor, monkeypatch, fault, red):
    monkeypatch.setattr(webhooks.trial, "FOLLOW_S", 0.5)
    world.only(*([fault] if fault else []))
    found, statuses = await both(harbor)
    assert statuses == {
        check: Status.FAIL if check == red else Status.PASS for check in ("webhooks.accepted", "webhooks.forged")
    }
    assert found.before.value == found.after.value == "canceled"


@pytest.mark.world
@pytest.mark.parametrize("fault", [False, True], ids=["healthy", "fault"])
async def test_harbor_club_counts_a_repeated_event_once_unless_it_does_not(world, harbor, fault):
    world.switch("webhooks.repeated", fault)
    verdict = webhooks.repeated(await webhooks.repeat_trial(harbor))
    assert verdict.status is (Status.FAIL if fault else Status.PASS)
