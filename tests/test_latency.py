"""Latency figures mean what they say, and a sample that is not of a member's reads is no pass."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.quick_audit import latency
from launchready_lib.checks.reduce_drag import latency as loaded
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Timing
from launchready_lib.record.findings import Status
from launchready_lib.site.reads import Reads, Sample, _a_little_slow, quantile
from tests.web_servers import client

pytestmark = pytest.mark.anyio

times = st.lists(st.floats(0.1, 10_000), min_size=1, max_size=300)


@given(times, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_one_of_the_values_and_lies_within_its_interval(values, share):
    found = quantile(values, share)
    assert {found.low, found.value, found.high} <= set(values)
    assert found.low <= found.value <= found.high
    assert sum(value <= found.value for value in values) >= share * len(values) - 1e-6


def test_the_interval_holds_the_true_quantile_in_at_least_95_of_100_samples():
    dice = random.Random(7)
    intervals = [quantile([dice.random() for _ in range(100)], 0.95) for _ in range(600)]
    assert sum(found.low <= 0.95 <= found.high for found in intervals) >= 0.95 * 600


def test_there_is_no_quantile_of_nothing():
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.95)


def timing(number, ms, status=200, error=None):
    return Timing("https://acme.example/x", number / 10, ms, ms + 1, 0.0, 0.0, ms, 0 if error else status, 9, error)


def sample(*timings, name="dashboard", stopped=None):
    timed = tuple(dataclasses.replace(each, due_s=number / 10) for number, each in enumerate(timings))
    return Sample(name, f"https://acme.example/{name}", 3, 10, 100, timed, stopped=stopped)


def reads(*samples, our_network=None, login_s=0.2):
    return Reads(samples, (0.3, 0.4), 12.5, login_s, our_network)


QUICK, SLOW = timing(0, 40), timing(0, 900)


def test_the_worst_core_read_is_what_was_measured():
    verdict = loaded.p95(reads(sample(*[QUICK] * 100), sample(*[timing(0, 80)] * 100, name="profile")))
    assert (verdict.status, verdict.measured) == (Status.PASS, 81.0)
    assert {row["round_trip_ms"] for row in verdict.evidence} == {12.5}
    assert all(row["probe_adds_p50_ms"] and row["requests"] == 100 for row in verdict.evidence)


@pytest.mark.parametrize(("slow", "status"), [(5, Status.PASS), (6, Status.FAIL)], ids=["5 of 100", "6 of 100"])
def test_the_point_estimate_decides_and_an_interval_over_the_target_is_said(slow, status):
    verdict = loaded.p95(reads(sample(*[QUICK] * (100 - slow), *[SLOW] * slow)))
    assert verdict.status is status
    assert "the interval reaches over the target" in verdict.summary


def test_the_quicker_of_two_samples_counts_and_both_are_shown():
    verdict = loaded.p95(reads(sample(*[timing(0, 400)] * 100), sample(*[timing(0, 80)] * 100)))
    assert (verdict.status, verdict.measured, len(verdict.evidence)) == (Status.PASS, 81.0, 2)
    assert "sampled twice" in verdict.summary


def test_a_second_sample_that_was_cut_short_does_not_count():
    cut = sample(QUICK, QUICK, stopped="the site answered 429")
    assert loaded.p95(reads(sample(*[timing(0, 400)] * 100), cut)).status is Status.FAIL


@pytest.mark.parametrize(("ms", "again"), [(298, False), (299, True), (598, True), (599, False)])
def test_only_a_read_that_is_a_little_too_slow_is_sampled_again(ms, again):
    assert _a_little_slow(sample(*[timing(0, ms)] * 100)) is again


def test_response_time_counts_from_when_a_request_was_due():
    stalled = dataclasses.replace(QUICK, response_ms=700.0)
    assert loaded.p95(reads(sample(*[stalled] * 100))).measured == 700


def test_requests_that_failed_took_longer_than_any():
    verdict = loaded.p95(reads(sample(*[QUICK] * 95, *[timing(0, 5, status=500)] * 5)))
    assert (verdict.status, verdict.measured) == (Status.PASS, 41.0)
    (row,) = verdict.evidence
    assert row["p95_at_most_ms"] is None
    assert row["errors"] == "5 x status 500"


NOT_SEEN = {
    "fewer than a hundred": (reads(sample(*[QUICK] * 99)), "load.samples"),
    "a limit": (reads(sample(*[QUICK] * 30, timing(0, 1, 429), stopped="the site answered 429")), "network.headers"),
    "too much load": (reads(sample(*[QUICK] * 30, timing(0, 1, 503), stopped="it answered 503")), "network.headers"),
    "led to the login": (reads(sample(*[timing(0, 9, status=302)] * 100)), "site.core_reads"),
    "refused": (reads(sample(*[timing(0, 9, status=401)] * 100)), "site.core_reads"),
    "our network is down": (
        reads(sample(*[timing(0, 9, error="timed out")] * 5, stopped="5 of 5 requests failed"), our_network=False),
        "a machine whose network works",
    ),
    "out of scope": (reads(sample(stopped="authorization.hosts does not name it")), "authorization.hosts"),
    "too long": (reads(sample(*[QUICK] * 150, stopped="it took longer than 80 s")), "a second try"),
}


@pytest.mark.parametrize("case", NOT_SEEN)
def test_what_is_not_a_members_read_at_full_length_is_unknown(case):
    evidence, needs = NOT_SEEN[case]
    verdict = loaded.p95(evidence)
    assert verdict.status is Status.UNKNOWN
    assert needs in verdict.needs
    assert latency.quick(evidence).status is not Status.FAIL


@pytest.mark.parametrize(
    "failure", [timing(0, 5, status=500), timing(0, 9_000, error="Operation timed out")], ids=["500", "time-out"]
)
def test_errors_of_the_site_in_over_a_twentieth_fail_also_when_the_sample_was_stopped(failure):
    verdict = loaded.p95(reads(sample(*[QUICK] * 18, failure, failure, stopped="stopped"), our_network=True))
    assert verdict.status is Status.FAIL
    assert "2 of 20 requests" in verdict.summary


def test_an_unread_core_read_outweighs_a_quick_one_but_not_a_slow_one():
    unread = sample(*[timing(0, 9, status=401)] * 100, name="profile")
    assert loaded.p95(reads(sample(*[QUICK] * 100), unread)).status is Status.UNKNOWN
    assert loaded.p95(reads(sample(*[SLOW] * 100), unread)).status is Status.FAIL


@pytest.mark.parametrize(
    ("median_ms", "login_s", "status"),
    [(299, 0.799, Status.PASS), (300, 0.1, Status.FAIL), (10, 0.8, Status.FAIL)],
    ids=["both under", "read slow", "login slow"],
)
def test_quick_asks_for_the_median_read_and_the_login(median_ms, login_s, status):
    verdict = latency.quick(reads(sample(*[timing(0, median_ms)] * 20), login_s=login_s))
    assert (verdict.status, verdict.measured) == (status, median_ms)


def test_the_frame_has_a_row_a_request_and_its_columns_also_when_empty():
    frame = reads(sample(QUICK, SLOW)).frame()
    assert list(frame["response_ms"]) == [41, 901]
    assert list(reads().frame().columns) == list(frame.columns)


@pytest.mark.parametrize(
    ("sections", "needs"),
    [
        ({}, "authorization.allow: [load]"),
        ({"load": {"samples": 60}}, "load.samples: 100"),
        ({"load": {}}, "site.core_reads"),
        ({"site": {"core_reads": {"me": "/me"}}, "load": {"rate": 9}}, "accounts.member"),
    ],
    ids=["not allowed", "too few", "no reads", "no account"],
)
async def test_what_is_missing_is_named(sections, needs):
    allow = ["login", "load"] if sections else ["login"]
    authorization = {"granted_by": "x", "granted_on": "2026-01-01", "hosts": ["acme.example"], "allow": allow}
    async with client(authorization=authorization, **sections) as acme:
        found = await loaded.steady(acme)
    assert isinstance(found, Unavailable)
    assert needs in found.needs
    assert loaded.p95(found).status is Status.UNKNOWN


@pytest.mark.alone
@pytest.mark.world
async def test_harbor_club_is_quick_and_its_slow_reads_are_seen(world, harbor):
    verdict = latency.quick(await latency.unhurried(harbor))
    assert verdict.status is Status.PASS, verdict.summary
    world.switch("latency.p95", True)
    found = await loaded.steady(harbor)
    verdict = loaded.p95(found)
    assert verdict.status is Status.FAIL, verdict.summary
    dashboard, profile = found.samples
    assert verdict.measured == round(max(dashboard.p95().value, profile.p95().value), 1)
    assert len(dashboard.timings) == len(profile.timings) == 100
    assert sum(timing.service_ms > 850 for timing in dashboard.timings) >= 100 // 8
