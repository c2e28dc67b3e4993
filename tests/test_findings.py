"""Verdicts keep the three answers apart; ranking and the decision follow the head of roadmap.yaml."""

import dataclasses
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib import roadmap
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import (
    Decision,
    Finding,
    Status,
    Verdict,
    combine,
    decide,
    failed,
    finding,
    passed,
    ranked,
    unknown,
)
from launchready_lib.roadmap import Severity

CATALOGUE = roadmap.load()
ROW = {"seen": 1}
statuses = st.sampled_from([Status.PASS, Status.FAIL, Status.UNKNOWN])


def clause(status, number=0):
    if status is Status.PASS:
        return passed(f"good {number}", evidence=[{"n": number}], measured=float(number))
    if status is Status.FAIL:
        return failed(f"bad {number}", evidence=[{"n": number}], about=[str(number)], effort_hours=number)
    return unknown(f"unseen {number}", needs=f"this {number}", evidence=[{"n": number}])


def found(check, status):
    return finding(dataclasses.replace(clause(status, 1), check=check), CATALOGUE, judged_at="2026-11-24T00:00:00Z")


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [passed, failed])
def test_pass_and_fail_need_evidence(make):
    with pytest.raises(ValueError, match="needs evidence"):
        make("so it is", evidence=[])


@pytest.mark.parametrize(("reason", "needs"), [("", "x"), ("x", "")])
def test_unknown_needs_a_reason_and_what_would_make_it_known(reason, needs):
    with pytest.raises(ValueError, match="must say why"):
        unknown(reason, needs=needs)


def test_a_row_is_a_copy_and_stays_what_was_observed():
    row = {"a": 1}
    verdict = passed("x", evidence=[row])
    row["a"] = 2
    assert verdict.evidence == ({"a": 1},)


@given(st.lists(statuses, min_size=1, max_size=6))
def test_clauses_join_as_the_roadmap_says_and_lose_no_row(wanted):
    verdict = combine(*(clause(status, number) for number, status in enumerate(wanted)))
    if Status.FAIL in wanted:
        assert verdict.status is Status.FAIL
    elif Status.UNKNOWN in wanted:
        assert verdict.status is Status.UNKNOWN
    else:
        assert verdict.status is Status.PASS
    assert sorted(row["n"] for row in verdict.evidence) == list(range(len(wanted)))
    for number, status in enumerate(wanted):
        words = clause(status, number).summary
        assert (words in verdict.summary) == (status is verdict.status)
    if verdict.status is Status.UNKNOWN:
        assert all(f"this {n}" in verdict.needs for n, status in enumerate(wanted) if status is Status.UNKNOWN)


@given(st.lists(statuses, min_size=1, max_size=5))
def test_the_order_of_clauses_changes_no_answer(wanted):
    answers = {combine(*(clause(status) for status in order)).status for order in itertools.permutations(wanted)}
    assert len(answers) == 1


def test_no_clauses_are_an_error_and_no_pass():
    with pytest.raises(ValueError, match="at least one clause"):
        combine()


def test_joined_failures_add_their_hours_and_name_what_they_are_about_once():
    verdict = combine(clause(Status.FAIL, 2), clause(Status.FAIL, 3), clause(Status.FAIL, 3))
    assert (verdict.effort_hours, verdict.about) == (8, ("2", "3"))


def test_a_verdict_is_attested_only_where_all_of_it_is():
    word = passed("vouched", evidence=[ROW], source="attested")
    assert combine(word, word).source == "attested"
    assert combine(clause(Status.PASS), word).source == "measured"


def test_a_defect_in_one_clause_is_a_defect_of_all():
    assert combine(clause(Status.PASS), dataclasses.replace(clause(Status.UNKNOWN), defect=True)).defect


# --- findings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["mail.spf", "latency.p95", "domain.resolves"])
@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL, Status.UNKNOWN])
def test_a_finding_survives_the_record_as_it_is(check, status):
    original = found(check, status)
    if original.target is None:
        original = dataclasses.replace(original, measured=None)  # a figure travels only beside its target
    assert Finding.from_json(json.loads(json.dumps(original.to_json()))) == original


def test_what_a_failure_leaves_out_comes_from_the_catalogue():
    entry = CATALOGUE.checks["mail.spf"]
    bare = finding(Verdict(Status.FAIL, "x", (ROW,), check="mail.spf"), CATALOGUE, judged_at="")
    assert (bare.impact, bare.fix, bare.effort_hours) == (entry.why, entry.fix, entry.effort)
    told = failed("x", evidence=[ROW], impact="i", fix="f", effort_hours=9, references=["https://r.example"])
    said = finding(dataclasses.replace(told, check="mail.spf"), CATALOGUE, judged_at="")
    assert (said.impact, said.fix, said.effort_hours, said.references) == ("i", "f", 9, ("https://r.example",))


def test_only_a_failure_asks_for_anything_and_only_a_measurement_has_a_time():
    good, open_ = found("mail.spf", Status.PASS), found("mail.spf", Status.UNKNOWN)
    assert (good.impact, good.fix, good.effort_hours, good.fingerprint) == (None,) * 4
    assert (open_.source, open_.measured_at, open_.fix) == ("none", None, None)
    assert (good.source, good.measured_at) == ("measured", "2026-11-24T00:00:00Z")


def test_a_fingerprint_is_of_the_check_and_what_it_is_about_in_any_order():
    def mark(check, *about):
        verdict = dataclasses.replace(failed("words differ each time", evidence=[ROW], about=about), check=check)
        return finding(verdict, CATALOGUE, judged_at="").fingerprint

    assert mark("mail.spf", "a", "b") == mark("mail.spf", "b", "a")
    assert len({mark("mail.spf"), mark("mail.spf", "a"), mark("mail.spf", "ab"), mark("mail.dkim")}) == 4


def test_a_target_stands_beside_what_was_measured():
    body = found("latency.p95", Status.PASS).to_json()
    assert (body["measured"], body["target"]) == (1.0, 300)
    assert "target" not in found("mail.spf", Status.PASS).to_json()


def test_nothing_to_show_shows_itself():
    frame = Unavailable("it was closed", "a key").frame()
    assert frame.to_dict("records") == [{"nothing_to_show": "it was closed", "needs": "a key"}]


# --- ranking and decision ---------------------------------------------------------------------------------------------

some_findings = st.dictionaries(st.sampled_from(sorted(CATALOGUE.checks)), statuses, max_size=12).map(
    lambda chosen: [found(check, status) for check, status in chosen.items()]
)


@given(some_findings, st.randoms())
def test_failures_come_first_then_severity_then_least_effort_whatever_the_order_before(findings, dice):
    shuffled = findings[:]
    dice.shuffle(shuffled)
    order = ranked(shuffled)
    assert order == ranked(findings)
    keys = [
        (
            [Status.FAIL, Status.UNKNOWN, Status.PASS].index(each.status),
            list(Severity).index(each.severity),
            each.effort_hours or 0,
        )
        for each in order
    ]
    assert keys == sorted(keys)


@given(some_findings)
def test_the_decision_is_that_of_the_head_of_roadmap_yaml(findings):
    def decisive(each):
        entry = CATALOGUE.checks[each.check]
        return entry.severity is Severity.BLOCKER or entry.bar is not None

    failures = [each for each in findings if each.status is Status.FAIL]
    open_ = [each for each in findings if each.status is Status.UNKNOWN]
    if any(map(decisive, failures)):
        expected = Decision.NO_GO
    elif any(map(decisive, open_)) or any(each.severity is Severity.HIGH for each in failures):
        expected = Decision.CONDITIONAL
    else:
        expected = Decision.GO
    assert decide(findings, CATALOGUE) is expected


@pytest.mark.parametrize(
    ("check", "status", "expected"),
    [
        ("latency.p95", Status.FAIL, Decision.NO_GO),
        ("redirects.canonical", Status.FAIL, Decision.NO_GO),
        ("latency.p95", Status.UNKNOWN, Decision.CONDITIONAL),
        ("pages.interactive", Status.FAIL, Decision.CONDITIONAL),
        ("pages.interactive", Status.UNKNOWN, Decision.GO),
        ("headers.csp", Status.FAIL, Decision.GO),
    ],
    ids=["blocker", "bar", "blocker unknown", "high", "high unknown", "medium"],
)
def test_one_answer_among_passes_decides(check, status, expected):
    others = [found(each, Status.PASS) for each in CATALOGUE.checks if each != check]
    assert decide([*others, found(check, status)], CATALOGUE) is expected


def test_what_the_founder_declared_away_counts_neither_way():
    declared = dataclasses.replace(found("latency.p95", Status.PASS), status=Status.NOT_APPLICABLE)
    assert decide([declared], CATALOGUE) is Decision.GO
