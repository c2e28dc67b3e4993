"""Each fault of Harbor Club, alone, turns its check red and nothing that it does not declare; with none, all are green.

The seven notebooks' own cells are run, against the real embedded client, with a browser and all.
"""

import asyncio
import inspect

import pytest
from cells import run_stage

from launchready_lib import checks, demo, roadmap
from launchready_lib.checks import pages
from launchready_lib.client import Client
from launchready_lib.demo.faults import FAULTS
from launchready_lib.findings import Status

pytestmark = [pytest.mark.world, pytest.mark.browser, pytest.mark.anyio]


@pytest.fixture(scope="module")
def club():
    with demo.start() as world:
        yield world


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A shorter quiet window gives the same verdicts on pages that a loopback server answers."""
    monkeypatch.setitem(inspect.unwrap(pages.survey).__kwdefaults__, "quiet_s", 1.0)


async def survey(world, folder):
    """Every finding of every stage, the stages side by side."""
    environment = dict(world.environment)

    async def stage(stage_id):
        client = Client.open(world.parameters_file)
        client.environment = {**client.environment, **environment}
        async with client:
            return await run_stage(stage_id, client, folder, {})

    found = await asyncio.gather(*map(stage, roadmap.load().stages))
    return {check: finding for each in found for check, finding in each.items()}


def told(findings, wanted):
    """The answers of the measuring checks that are not as wanted, with what was found."""
    return {
        check: f"{finding.status}: {finding.summary}"
        for check, finding in findings.items()
        if check in checks.REGISTRY and finding.status is not wanted.get(check, Status.PASS)
    }


async def test_without_faults_every_measuring_check_is_green(club, tmp_path):
    club.only()
    findings = await survey(club, tmp_path)
    assert set(findings) == set(roadmap.load().checks), "every check of the roadmap is judged once"
    assert told(findings, {}) == {}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
async def test_a_fault_turns_its_check_red_and_nothing_undeclared(fault, club, tmp_path, record_property):
    club.only(fault.check)
    try:
        findings = await survey(club, tmp_path)
    finally:
        club.only()
    wanted = {fault.check: Status.FAIL, **fault.also}
    assert told(findings, wanted) == {}
    record_property("covered", fault.check)


def test_every_measuring_check_has_its_fault():
    assert set(FAULTS) == set(checks.REGISTRY)
