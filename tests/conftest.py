import fcntl
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hypothesis
import pytest

from launchready_lib import checks, demo, roadmap
from launchready_lib.client import Client

hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
"""The same cases in each run, however busy the machine; `--hypothesis-profile=default` looks for new ones."""
hypothesis.settings.load_profile("same")
hypothesis.settings.register_profile("thorough", max_examples=400, deadline=None)
"""New cases in each run, and more of them: `make test-all`."""


LONGEST = ("test_fault_matrix.py", "test_end_to_end.py")
"""Begun first, so that no worker is left with them at the end."""


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Where several workers run, a test that times answers has the machine to itself."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    run = Path(tempfile.gettempdir()) / f"launchready-tests-{item.config.workerinput['testrunuid']}"
    with _turn(run, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(run, *, alone):
    """Hold a lock with all others, or alone; who waits for it alone lets nobody else begin."""
    with ExitStack() as held:
        gate, room = (held.enter_context(run.with_suffix(end).open("w")) for end in (".gate", ".room"))
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def world():
    """Harbor Club, started once for all tests that want it as it is; see `_healthy_world`."""
    with demo.start() as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy_world(request):
    """Whatever a test switched on is off for the next one."""
    yield
    world = request.node.funcargs.get("world")
    if isinstance(world, demo.World):
        world.only()


@pytest.fixture
async def harbor(world):
    """Harbor Club as a client under audit, with the values of its variables."""
    async with Client.open(world.parameters_file) as client:
        client.environment = {**client.environment, **world.environment}
        yield client


def pytest_terminal_summary(terminalreporter):
    """Say for how many checks a real fault was seen to turn them red, and nothing else."""
    properties = (p for report in terminalreporter.getreports("passed") for p in report.user_properties)
    covered = {value for name, value in properties if name == "covered"}
    if covered:
        measuring = len(checks.registered())
        terminalreporter.write_line(
            f"{len(covered)} of {measuring} measuring checks are covered by a fault of their own; "
            f"{len(roadmap.load().checks) - measuring} of the roadmap are not built yet"
        )
