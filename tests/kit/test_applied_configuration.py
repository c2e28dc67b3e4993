"""What the kit prints for nginx and Caddy, included as it is in a real server, turns the finding green."""

import httpx
import pytest
from fronts import caddy, nginx
from kit_bench import answering, exposing, hammering, hiding, moving, opened, protocols

from launchready_lib.checks.reduce_drag import caching
from launchready_lib.checks.secure_edge import headers
from launchready_lib.checks.secure_edge.headers.cookies import shared_by
from launchready_lib.demo import names
from launchready_lib.kit import guard_files, stacks
from launchready_lib.site import signin

pytestmark = [pytest.mark.world, pytest.mark.anyio]

CASES = {
    "headers.hsts": answering,
    "headers.csp": answering,
    "headers.framing": answering,
    "headers.sniffing": answering,
    "headers.referrer": answering,
    "headers.isolation": answering,
    "headers.cors": answering,
    "headers.disclosure": answering,
    "headers.cookies": answering,
    "redirects.https": moving,
    "redirects.canonical": moving,
    "exposure.files": exposing,
}
BY_THE_APP = {"headers.cookies"}
"""What Caddy cannot do: its file says where in the app."""


@pytest.fixture(autouse=True)
def _every_system(monkeypatch):
    monkeypatch.setattr(stacks, "used", lambda **_: stacks.ALL)


@pytest.mark.parametrize("check", [check for check, survey in CASES.items() if survey is not exposing])
async def test_the_printed_nginx_configuration_turns_a_fault_green(check, world, tmp_path):
    world.only(check)
    async with opened(world) as client:
        failures, files = await CASES[check](client)
    assert check in failures
    with nginx(world, tmp_path, files) as front:
        async with front.client(world, tmp_path) as client:
            failures, _ = await CASES[check](client)
    assert check not in failures


@pytest.mark.parametrize("serve", [nginx, caddy])
@pytest.mark.parametrize("survey", [answering, moving, exposing])
async def test_faults_together_are_mended_by_the_same_files(serve, survey, world, tmp_path):
    together = {check for check, each in CASES.items() if each is survey}
    together -= BY_THE_APP if serve is caddy else set()
    world.only(*together)
    async with opened(world) as client:
        failures, files = await survey(client)
    assert set(failures) == together
    with serve(world, tmp_path, files) as front:
        async with front.client(world, tmp_path) as client:
            failures, files = await survey(client)
    assert (failures, files) == ({}, {})


async def _shared(client):
    """What of a member's caches may keep for others, and how long a member's browser may keep the style sheet."""
    member = await signin.sign_in(client)
    answers = await headers.survey(client, member)
    found = [view.title for view in (*answers.seen(), *answers.reads) if view.signed_in and shared_by(view)]
    files = await caching.survey(client, member)
    return found, min(caching.kept_for(file.response) for file in files.assets if file.fingerprinted)


@pytest.mark.parametrize("serve", [nginx, caddy])
async def test_members_pages_are_kept_for_nobody_else_and_files_as_before(serve, world, tmp_path):
    world.only("headers.cookies")
    async with opened(world) as client:
        assert "dashboard (signed in)" in (await _shared(client))[0]
        _, files = await answering(client)
    with serve(world, tmp_path, files) as front:
        async with front.client(world, tmp_path) as client:
            found, kept = await _shared(client)
    assert found == []
    assert kept >= caching.THIRTY_DAYS_S


async def test_old_encryption_is_switched_off(world, tmp_path):
    old = "ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;"
    with nginx(world, tmp_path, {}, tls=old) as front:
        async with front.client(world, tmp_path) as client:
            failures, files = await protocols(client)
    assert set(failures) == {"tls.protocols"}
    with nginx(world, tmp_path, files, tls=old) as front:
        async with front.client(world, tmp_path) as client:
            failures, _ = await protocols(client)
    assert failures == {}


async def test_a_server_that_takes_the_printed_networks_answers_the_edge_alone(world, tmp_path):
    world.only("edge.origin_hidden")
    async with opened(world) as client:
        failures, files = await hiding(client)
    assert set(failures) == {"edge.origin_hidden"}
    with nginx(world, tmp_path, files, address=names.ORIGIN_ADDRESS) as front:
        async with front.client(world, tmp_path) as client:
            failures, _ = await hiding(client)
    assert failures == {}
    loopback = stacks.Facts(names.DOMAIN, names.DOMAIN, (), edge="cloudflare", edge_networks=("127.0.0.0/8",))
    files = {each.name: each.text for each in guard_files.origin(loopback, {"edge.origin_hidden"})}
    with nginx(world, tmp_path, files) as front:
        async with httpx.AsyncClient(verify=False) as browser:
            answer = await browser.get(f"https://127.0.0.1:{front.https}/", headers={"Host": names.DOMAIN})
    assert answer.status_code == 200


async def test_the_printed_limit_stops_a_burst_and_lets_an_honest_member_in(world, tmp_path):
    world.only("edge.rate_limit")
    async with opened(world) as client:
        failures, files = await hammering(client)
    assert set(failures) == {"edge.rate_limit"}
    with nginx(world, tmp_path, files) as front:
        async with front.client(world, tmp_path) as client:
            failures, _ = await hammering(client)
    assert failures == {}
