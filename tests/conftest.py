import pytest

from launchready_lib import demo
from launchready_lib.client import Client


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
