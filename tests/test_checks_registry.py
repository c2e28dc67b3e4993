"""Checks are registered by roadmap id, and whatever breaks in one is unknown and loud, never a pass."""

import re

import pytest

from launchready_lib import checks, roadmap
from launchready_lib.checks import REGISTRY, check, module_of, not_built, unjudged
from launchready_lib.checks.reduce_drag import latency
from launchready_lib.evidence import Unavailable, probe
from launchready_lib.record.findings import Status, passed

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _scratch():
    """Whatever a test registers is gone after it."""
    before = dict(checks.registered())
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def test_every_registered_check_is_one_of_the_roadmaps():
    assert set(checks.registered()) <= set(roadmap.load().checks)
    assert {module_of(name).rpartition(".checks")[0] for name in REGISTRY} == {"launchready_lib"}


def test_an_id_is_registered_once():
    check("latency.spike")(lambda: passed("x", evidence=[{}]))
    with pytest.raises(ValueError, match="registered twice"):
        check("latency.spike")(lambda: passed("x", evidence=[{}]))


def test_missing_evidence_is_unknown_for_its_reason_without_judging():
    judged = []
    asked = check("latency.spike")(lambda *evidence: judged.append(evidence))
    verdict = asked("one", Unavailable("it was closed", "a key"))
    assert (verdict.status, verdict.reason, verdict.needs) == (Status.UNKNOWN, "it was closed", "a key")
    assert (verdict.check, verdict.defect, judged) == ("latency.spike", False, [])
    assert asked(Unavailable("ours", "a fix", defect=True)).defect


def test_an_exception_in_a_check_is_unknown_a_defect_and_shows_its_place_but_not_its_words():
    @check("latency.spike")
    def breaks(_evidence):
        raise RuntimeError("the member's password is hunter2")

    verdict = breaks({})
    assert (verdict.status, verdict.defect, verdict.check) == (Status.UNKNOWN, True, "latency.spike")
    assert "RuntimeError at " in verdict.reason
    assert "hunter2" not in repr(verdict)


def test_the_place_is_the_line_of_ours_that_broke():
    verdict = latency.p95("no evidence at all")
    assert (verdict.status, verdict.defect) == (Status.UNKNOWN, True)
    assert re.search(r"AttributeError at latency\.py:\d+", verdict.reason)


def test_a_pass_without_evidence_is_a_defect_and_no_pass():
    verdict = check("latency.spike")(lambda: passed("fine", evidence=[]))()
    assert (verdict.status, verdict.defect) == (Status.UNKNOWN, True)


async def test_an_exception_in_a_probe_is_unavailable_and_a_defect():
    @probe
    async def survey(client):
        return client["missing"]

    found = await survey({})
    assert isinstance(found, Unavailable)
    assert found.defect
    assert "KeyError" in found.reason
    assert "test_checks_registry.survey" in found.reason


async def test_a_probe_passes_evidence_arguments_and_unavailability_through():
    @probe
    async def survey(client, *, more=0):
        return Unavailable("closed", "a key") if more else client

    assert await survey("evidence") == "evidence"
    assert await survey("evidence", more=1) == Unavailable("closed", "a key")
    assert survey.__name__ == "survey"


@pytest.mark.parametrize(
    ("make", "check_id", "words"),
    [
        (not_built, "latency.spike", "not built yet"),
        (unjudged, "latency.spike", "not built yet"),
        (unjudged, "latency.p95", "did not judge it"),
    ],
)
def test_what_was_not_judged_says_so(make, check_id, words):
    verdict = make(check_id)
    assert (verdict.status, verdict.check, verdict.defect) == (Status.UNKNOWN, check_id, False)
    assert words in verdict.reason
