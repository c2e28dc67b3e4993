"""Harbor Club follows the payment provider's events once, in order, and only when they are genuine."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harbor_club import billing, event, signed

from launchready_lib.demo import names
from launchready_lib.demo.web import webhooks


def test_a_signed_event_changes_the_member_and_is_counted_once_also_eight_at_once(club):
    admin, sender = club.admin(), club.browser()
    secret, before = club.environment[names.WEBHOOK_SECRET], billing(admin)["payments"]
    request = signed(secret, event(club))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sender.ask("POST", "/webhooks/stripe", **request), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert billing(admin) == {"customer": "cus_HarborTestMember", "status": "active", "payments": before + 1}
    assert sender.ask("POST", "/webhooks/stripe", **signed(secret, event(club, "cancel"))).status_code == 200
    assert billing(admin)["status"] == "canceled"


def test_an_older_event_that_comes_late_does_not_undo_a_newer_one(club):
    admin, sender, now = club.admin(), club.browser(), int(time.time())
    secret = club.environment[names.WEBHOOK_SECRET]
    for name, created in (("cancel", now), ("activate", now - 60)):
        sender.ask("POST", "/webhooks/stripe", **signed(secret, event(club, name, created=created)))
    assert billing(admin)["status"] == "canceled"


@pytest.mark.parametrize(
    "case", ["unsigned", "other secret", "altered", "stale", "from the future", "other white space"]
)
def test_a_forged_event_is_refused_and_changes_nothing(club, case):
    admin, secret = club.admin(), club.environment[names.WEBHOOK_SECRET]
    before, happened = billing(admin), event(club)
    request = {
        "unsigned": lambda: {"content": json.dumps(happened).encode()},
        "other secret": lambda: signed("whsec_other", happened),
        "altered": lambda: signed(secret, happened, body=json.dumps(happened | {"livemode": True}).encode()),
        "stale": lambda: signed(secret, happened, age=400),
        "from the future": lambda: signed(secret, happened, age=-400),
        "other white space": lambda: signed(secret, happened, body=json.dumps(happened, indent=2).encode()),
    }[case]()
    assert club.browser().ask("POST", "/webhooks/stripe", **request).status_code == 400
    assert billing(admin) == before


@pytest.mark.parametrize(
    "signature", ["", "t=", "t=1,v1=", "v1=aa", "t=x,v1=aa", "t=²,v1=é", "," * 1000, "t=" + "9" * 5000]
)
def test_a_malformed_signature_is_never_genuine(signature):
    assert not webhooks.genuine(b"{}", signature, "whsec_x", 1.0)


@pytest.mark.parametrize("shape", [[], "x", {}, {"id": 1}, {"id": "a", "type": "b", "created": True, "data": {}}])
def test_a_signed_event_of_no_known_shape_is_refused(club, shape):
    request = signed(club.environment[names.WEBHOOK_SECRET], shape)
    assert club.browser().ask("POST", "/webhooks/stripe", **request).status_code == 400
