"""Harbor Club as the audit sees it: published names and addresses, through the one door to the network."""

import pytest

from launchready_lib import demo
from launchready_lib.checks.secure_edge import mail
from launchready_lib.checks.secure_edge.mail import records
from launchready_lib.client import Client
from launchready_lib.demo import names
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Purpose
from launchready_lib.record.findings import Status

pytestmark = [pytest.mark.anyio, pytest.mark.world]


@pytest.fixture(scope="module")
def world():
    with demo.start() as running:
        yield running


@pytest.fixture
async def client(world):
    world.only()
    async with Client.open(world.parameters_file) as opened:
        yield opened
    world.only()


async def read(client, host, **options):
    return await client.network.request("GET", f"https://{host}/", verify=True, **options)


@pytest.mark.parametrize("host", names.EDGE_HOSTS)
async def test_every_host_answers_at_the_edge_over_trusted_tls(client, host):
    answer = await read(client, host)
    assert (answer.state, answer.address, answer.error) == ("ok", names.EDGE_ADDRESS, None)
    assert answer.header("cf-ray")


@pytest.mark.parametrize(
    ("fault", "host", "address", "state"),
    [
        ("edge.proxied", names.API, names.ORIGIN_ADDRESS, "ok"),
        ("hosting.independent", names.APP, names.TUNNEL_ADDRESS, "ok"),
        ("tls.certificate", names.API, names.EDGE_ADDRESS, "tls"),
    ],
)
async def test_a_fault_of_one_host_leaves_the_others(world, client, fault, host, address, state):
    world.only(fault)
    for each in names.WEB_HOSTS:
        answer = await read(client, each)
        expected = (state, address) if each == host else ("ok", names.EDGE_ADDRESS)
        assert (answer.state, answer.address) == expected


async def test_an_expired_certificate_is_expired_at_the_origin_too(world, client):
    world.only("edge.proxied", "tls.certificate")
    answer = await read(client, names.API)
    assert (answer.state, answer.address) == ("tls", names.ORIGIN_ADDRESS)
    assert "expired" in answer.error


@pytest.mark.parametrize("server", names.NAMESERVERS.values())
async def test_nameservers_are_asked_at_their_published_addresses(client, server):
    answer = await client.network.ask(names.DOMAIN, "NS", server=server)
    assert answer.aa
    assert set(answer.records) == set(names.NAMESERVERS)


async def test_registration_data_and_the_control_look_up_answer(client):
    url = f"{client.parameters.network.rdap_url}domain/{names.DOMAIN}"
    answer = await client.network.request("GET", url, verify=True, purpose=Purpose.REGISTRATION)
    assert (answer.state, answer.status) == ("ok", 200)
    assert await client.network.control()


async def test_the_policy_for_mail_is_read_and_a_mail_host_beside_it_breaks_it(world, client):
    healthy = mail.in_transit(await mail.transport(client))
    assert healthy.status is Status.PASS, healthy
    assert f"MTA-STS of {names.DOMAIN} is in order" in healthy.summary
    assert any("mode: enforce" in str(row["record"]) for row in healthy.evidence)
    world.only("mail.transport")
    async with Client.open(world.parameters_file) as again:
        broken = mail.in_transit(await mail.transport(again))
    assert broken.status is Status.FAIL
    assert f"does not name its mail host {names.LOST_MAIL_HOST}" in broken.summary


async def test_the_policy_for_mail_is_served_by_its_own_host_alone(client):
    policy = f"https://{names.POLICY_HOST}/.well-known/mta-sts.txt"
    answer = await client.network.request("GET", policy, verify=True)
    assert (answer.status, answer.media_type) == (200, "text/plain")
    assert records.sts_policy(answer.text).covers(names.MAIL_HOST)
    elsewhere = await client.network.request("GET", policy.replace(names.POLICY_HOST, names.DOMAIN), verify=True)
    assert elsewhere.status == 404


async def test_the_mail_host_greets_at_its_published_address(client):
    connection = await client.network.connect(names.MAIL_HOST, 25)
    connection.settimeout(5)
    assert connection.recv(200).startswith(b"220 ")
    connection.close()


@pytest.mark.browser
async def test_a_browser_opens_the_site_with_no_certificate_error(client):
    async with client.network.browser() as browser:
        if isinstance(browser, Unavailable):
            pytest.skip(browser.reason)
        async with browser.context() as context:
            page = await context.new_page()
            answer = await page.goto(f"{names.CANONICAL}/")
            assert answer.status == 200
            assert page.url == f"{names.CANONICAL}/"
