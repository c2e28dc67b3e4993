import fcntl
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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


ROOM = pytest.StashKey[tuple[IO[str], IO[str]]]()
"""Where several workers run, the locks by which they share the machine."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """A test marked `alone` times answers, and has the machine to itself; all others share it."""
    config, alone = item.config, item.get_closest_marker("alone") is not None
    if ROOM not in config.stash and hasattr(config, "workerinput"):
        name = f"launchready-tests-{config.workerinput['testrunuid']}"
        config.stash[ROOM] = tuple(
            (Path(tempfile.gettempdir()) / f"{name}.{end}").open("w") for end in ("gate", "room")
        )
    _enter(config, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    try:
        return (yield)
    finally:
        _become(config, fcntl.LOCK_UN)


def _enter(config, how):
    """Who waits at the gate for the room alone lets nobody else in."""
    if ROOM in config.stash:
        gate, room = config.stash[ROOM]
        fcntl.flock(room, fcntl.LOCK_UN)
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, how)
        fcntl.flock(gate, fcntl.LOCK_UN)


def _become(config, how):
    if ROOM in config.stash:
        fcntl.flock(config.stash[ROOM][1], how)


@pytest.fixture(scope="session")
def alone(pytestconfig):
    """The same for the making of a fixture: `with alone(): …`."""

    @contextmanager
    def held():
        _enter(pytestconfig, fcntl.LOCK_EX)
        try:
            yield
        finally:
            _become(pytestconfig, fcntl.LOCK_SH)

    return held


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
