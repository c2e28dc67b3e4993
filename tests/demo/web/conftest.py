import pytest
from harbor_club import Club


@pytest.fixture(scope="session")
def club(tmp_path_factory):
    running = Club(tmp_path_factory.mktemp("harbor"))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def healthy(club):
    yield
    club.faults()
    for client in club.clients:
        client.http.close()
    club.clients.clear()
