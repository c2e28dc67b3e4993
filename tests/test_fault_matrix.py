"""Each fault of Harbor Club, alone, turns its check red and nothing that it does not declare; with none, all are green.

The notebooks' own cells are run, against the real embedded client, with a browser and all: those that judge what the
fault declares, and what they use; where heavy tests are run, those of all seven stages. Of these the cells that take
long (the browser, load, bursts, hundreds of file names) are run for the faults that change what the site serves.
"""

import asyncio

import pytest
from cells import run_stage

from launchready_lib import checks, demo, roadmap
from launchready_lib.checks.quick_audit import pages
from launchready_lib.checks.stabilize_deployment import drill
from launchready_lib.checks.validate_usage.webhooks import trial
from launchready_lib.client import Client
from launchready_lib.command import where
from launchready_lib.demo.faults import FAULTS
from launchready_lib.record.findings import Status

pytestmark = [pytest.mark.world, pytest.mark.browser, pytest.mark.anyio]

LOAD = {"reduce_drag"}
"""Times answers, so it runs after the others."""
TIMED = {"latency.quick", "latency.p95", "pages.interactive", "queries.slow"}
"""May be red once because this machine was busy: they, and what had no answer in time, are looked at once more."""
WHOLE = {"pages-phone", "load-steady", "latency-reads"}
"""Pages in a phone's browser, and many answers timed."""
CONTENTS = {"tls-contents", "exposure-bundles"}
"""The same pages in a desktop's browser, and the scripts that it loaded."""
SLOW = {*WHOLE, *CONTENTS, "exposure-files", "burst", "mail-delivery"}
PAYMENTS = {"webhooks-events", "webhooks-again"}
"""Waits to see what becomes of an event."""
CLIENT_CODE = {"build-answer", "environments-start"}
"""Runs what is tracked in the checkout."""
PICTURES = {"kit", "deployment-map"}
"""Judge nothing, and need every cell above them: run without faults only."""
CHECKOUT = ("build.", "deploy.", "environment.", "overbuild.", "rollback.", "secrets.")
"""Faults in what is tracked in the checkout, or lies beside it."""
NAMES_TRIED = {"exposure.files", "hosting.production", "subdomains.mapped", "redirects.canonical"}
"""Faults for which the hundreds of file names are asked for too."""
ASIDE = (
    *("handover.", "logs.", "mail.", "queries."),
    *("domain.nameservers", "domain.dnssec", "subdomains.takeover", "tls.issuance"),
)
"""Faults in what pages do not show: names, the registry, logs, the access list, what happens after signing in."""
UNSEEN_BY_PAGES = ("edge.", "headers.", "hosting.", "tls.", "redirects.", "exposure.", "subdomains.")
"""Faults in answers that no page gets slower by; `headers.csp` is not among them, for it may stop a script."""


def skipped(fault):
    """The cells that need not run for a fault, for it cannot reach what they look at; its own always run."""
    own = {"mail.delivered": {"mail-delivery"}, "mail.transport": {"mail-delivery"}, "edge.rate_limit": {"burst"}}
    if fault.startswith(CHECKOUT):
        skip = SLOW | PAYMENTS
    elif fault.startswith(("webhooks.", "sessions.")):
        skip = CLIENT_CODE | SLOW
    elif fault.startswith(ASIDE):
        skip = CLIENT_CODE | SLOW | PAYMENTS
    else:
        skip = CLIENT_CODE | {"mail-delivery", "burst"}
        skip |= set() if fault in NAMES_TRIED else {"exposure-files"}
        if fault.startswith(UNSEEN_BY_PAGES) and fault != "headers.csp":
            skip |= WHOLE | PAYMENTS | (CONTENTS if fault.startswith(("edge.", "headers.")) else set())
    return skip - own.get(fault, set())


@pytest.fixture(scope="module")
def club():
    with demo.start() as world:
        yield world


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Shorter waits give the same verdicts on a loopback server that answers at once."""
    monkeypatch.setattr(pages, "QUIET_S", 1.0)
    monkeypatch.setattr(drill, "POLL_S", 0.1)
    monkeypatch.setattr(trial, "SETTLE_S", 0.1)


async def survey(world, folder, skip=frozenset(), cells=None):
    """The findings of these cells by stage, else of all; the stages side by side but for those that time answers."""
    stages = cells or dict.fromkeys(roadmap.load().stages)

    async def stage(stage_id):
        client = Client.open(world.parameters_file)
        client.environment = {**client.environment, **world.environment}
        async with client:
            return await run_stage(stage_id, client, folder, {}, skip=skip, cells=stages[stage_id])

    found = await asyncio.gather(*(stage(name) for name in stages.keys() - LOAD))
    for name in stages.keys() & LOAD:
        found.append(await stage(name))
    return {check: finding for each in found for check, finding in each.items()}


def told(findings, wanted):
    """The answers of the measuring checks that are not as wanted, with what was found."""
    return {
        check: f"{finding.status}: {finding.summary}"
        for check, finding in findings.items()
        if check in checks.REGISTRY
        and finding.reason != checks.unjudged(check).reason
        and finding.status is not wanted.get(check, Status.PASS)
    }


async def judged(world, folder, faults, wanted, **limits):
    """The findings, and those not as wanted: what only was slow or unanswered gets a second look."""
    world.only(*faults)
    findings = await survey(world, folder, **limits)
    unwanted = told(findings, wanted)
    if unwanted and all(check in TIMED or findings[check].status is Status.UNKNOWN for check in unwanted):
        world.only("logs.request_ids")  # begins the logs anew: a slow query would stay in them
        world.only(*faults)
        findings = await survey(world, folder, **limits)
        unwanted = told(findings, wanted)
    return findings, unwanted


@pytest.mark.alone
async def test_without_faults_every_measuring_check_is_green(club, tmp_path):
    findings, unwanted = await judged(club, tmp_path, (), {})
    assert set(findings) == set(roadmap.load().checks), "every check of the roadmap is judged once"
    assert [c for c in checks.REGISTRY if findings[c].reason == checks.unjudged(c).reason] == []
    assert unwanted == {}


async def turned_red(fault, club, folder, **limits):
    """Switch a fault on, and see that its check fails and that no answer given is undeclared.

    What is timed counts where the machine is the test's own (`alone`): for faults of speed.
    """
    wanted = {fault.check: Status.FAIL, **fault.also}
    try:
        findings, unwanted = await judged(club, folder, (fault.check,), wanted, **limits)
    finally:
        club.only()
    assert findings[fault.check].status is Status.FAIL
    busy = set() if fault.check in TIMED else TIMED
    assert {check: said for check, said in unwanted.items() if check not in busy} == {}


FAULT = pytest.mark.parametrize(
    "fault", [pytest.param(f, id=name, marks=[pytest.mark.alone] * (name in TIMED)) for name, f in FAULTS.items()]
)


@FAULT
async def test_a_fault_turns_its_check_red(fault, club, tmp_path, record_property):
    cells = {}
    for check in (fault.check, *fault.also):
        found = {place.rpartition(" ")[2] for place in where.places(check)["cell"]}
        cells.setdefault(roadmap.load().checks[check].stage, set()).update(found)
    await turned_red(fault, club, tmp_path, cells=cells)
    record_property("covered", fault.check)


@pytest.mark.heavy
@FAULT
async def test_a_fault_turns_nothing_undeclared_red(fault, club, tmp_path):
    await turned_red(fault, club, tmp_path, skip=PICTURES | skipped(fault.check))


def test_every_measuring_check_has_its_fault():
    assert set(FAULTS) == set(checks.registered())
