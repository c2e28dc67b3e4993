"""The audit's own headers are a secret: they go over verified TLS, or to this machine, and nowhere else."""

from contextlib import asynccontextmanager

import pytest

from launchready_lib.evidence import Unavailable
from launchready_lib.network import Shot, browser
from launchready_lib.network.dial import Dialer
from tests import certificates
from tests.web_servers import DOMAIN, Reply, network, serving

pytestmark = pytest.mark.anyio

SECRET = {"X-Audit": "t0k3n"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def far(monkeypatch):
    """Nothing is on this machine."""

    async def is_near(*_args, **_options):
        return False

    monkeypatch.setattr(Dialer, "is_near", is_near)


@asynccontextmanager
async def site(folder=None, *, trusted=True):
    """A site, over TLS where a folder for its certificate is given, and a network that sends the secret."""
    context, more = None, {}
    if folder is not None:
        authority = certificates.issue("Test CA", ca=True)
        (folder / "ca.pem").write_bytes(authority.pem)
        context = certificates.context(folder, certificates.issue(DOMAIN, authority, names=[DOMAIN]), authority)
        more = {"ca_file": folder / "ca.pem"} if trusted else {}
    port = 80 if folder is None else 443
    async with (
        serving(lambda _: Reply("hello"), context=context) as served,
        network({f"{DOMAIN}:{port}": f"127.0.0.1:{served.port}"}, headers=SECRET, **more) as net,
    ):
        yield net, served


def told(served):
    return ["x-audit" in asked.headers for asked in served.asked]


@pytest.mark.parametrize(("way", "wire", "near"), [
    ("acme.example", "127.0.0.1:1", True),
    ("acme.example", "[::1]:1", True),
    ("acme.example", "192.0.2.1:80", False),
    ("other.example", "127.0.0.1:1", False),
], ids=["this machine", "by IPv6", "another", "out of scope"])  # fmt: skip
async def test_what_is_near(way, wire, near):
    async with network({f"{way}:80": wire}) as net:
        assert await net.dialer.is_near(way, 80) is near


async def test_this_machine_is_told_without_tls():
    async with site() as (net, served):
        await net.request("GET", f"http://{DOMAIN}/")
        await net.fire([Shot(0, f"http://{DOMAIN}/")])
    assert told(served) == [True, True]


@pytest.mark.usefixtures("far")
async def test_another_is_not_told_without_tls():
    async with site() as (net, served):
        assert (await net.request("GET", f"http://{DOMAIN}/")).text == "hello"
        await net.fire([Shot(0, f"http://{DOMAIN}/")])
    assert told(served) == [False, False]


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("verify", [False, True])
async def test_another_is_told_over_verified_tls(tmp_path, verify):
    async with site(tmp_path) as (net, served):
        assert (await net.request("GET", f"https://{DOMAIN}/", verify=verify)).text == "hello"
        await net.fire([Shot(0, f"https://{DOMAIN}/")])
    assert told(served) == [True, True]


@pytest.mark.usefixtures("far")
async def test_one_whose_certificate_is_not_trusted_is_read_without_it(tmp_path):
    async with site(tmp_path, trusted=False) as (net, served):
        for _ in range(2):
            assert (await net.request("GET", f"https://{DOMAIN}/")).text == "hello"
        assert (await net.request("GET", f"https://{DOMAIN}/", verify=True)).state == "tls"
        await net.fire([Shot(0, f"https://{DOMAIN}/")])
    assert told(served) == [False, False]


@pytest.mark.browser
@pytest.mark.skipif(browser.find_chromium() is None, reason="there is no Chromium")
@pytest.mark.parametrize("secure", [True, False], ids=["TLS", "no TLS"])
@pytest.mark.usefixtures("far")
async def test_the_browser_tells_another_over_tls_alone(tmp_path, secure):
    async with site(tmp_path if secure else None) as (net, served), net.browser() as chromium:
        assert not isinstance(chromium, Unavailable), chromium
        async with chromium.context() as context:
            page = await context.new_page()
            await page.goto(f"http{'s' if secure else ''}://{DOMAIN}/")
    assert set(told(served)) == {secure}
