"""What may be contacted: what the authorization and the connection fields name, and no private address by accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.network import Purpose, Scope, address_of, normal
from launchready_lib.network.dial import Dialer, Target
from launchready_lib.network.types import ConnectFailure, NameNotResolvedError, RefusedError, Traffic
from tests.web_servers import listening

pytestmark = pytest.mark.anyio

SCOPE = Scope(
    ("acme.example", "*.acme.example", "203.0.113.10", "198.51.100.0/24", "2001:db8::/32", "münchen.example"),
    services=frozenset({"imap.example", "10.0.0.9"}),
)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("acme.example", True),
        ("ACME.example.", True),
        ("a.b.acme.example", True),
        ("acme.example.evil.example", False),
        ("notacme.example", False),
        ("203.0.113.10", True),
        ("203.0.113.11", False),
        ("198.51.100.77", True),
        ("[2001:db8::7]", True),
        ("2001:db9::7", False),
        ("xn--mnchen-3ya.example", True),
        ("", False),
    ],
)
def test_names_addresses_and_networks_are_named_exactly(host, named):
    assert SCOPE.names(host) is named


def test_a_pattern_of_all_subdomains_does_not_name_the_domain_itself():
    assert not Scope(("*.acme.example",)).names("acme.example")


@pytest.mark.parametrize(
    ("scope", "host", "purpose", "refused"),
    [
        (SCOPE, "acme.example", Purpose.AUDIT, False),
        (SCOPE, "other.example", Purpose.AUDIT, True),
        (SCOPE, "imap.example", Purpose.AUDIT, True),
        (SCOPE, "imap.example", Purpose.SERVICE, False),
        (SCOPE, "acme.example", Purpose.SERVICE, True),
        (SCOPE, "cdn.example", Purpose.SUBRESOURCE, False),
        (SCOPE, "rdap.example", Purpose.REGISTRATION, False),
        (Scope(None), "acme.example", Purpose.AUDIT, True),
        (Scope(None), "cdn.example", Purpose.SUBRESOURCE, True),
        (Scope(None), "rdap.example", Purpose.REGISTRATION, False),
        (Scope(()), "acme.example", Purpose.AUDIT, True),
    ],
)
def test_each_purpose_has_its_own_rule(scope, host, purpose, refused):
    assert (scope.refusal(host, 443, purpose) is not None) is refused


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "2002:7f00:1::1", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_public_internet_are_private(address):
    assert Scope(("acme.example",)).private(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1"])
def test_addresses_of_the_public_internet_are_not(address):
    assert not Scope(()).private(address)


def test_a_private_address_that_is_named_is_allowed_for_that_purpose():
    assert not Scope(("127.0.0.0/8",)).private("127.0.0.5")
    assert SCOPE.private("10.0.0.9")
    assert not SCOPE.private("10.0.0.9", purpose=Purpose.SERVICE)


@given(st.text(max_size=60))
def test_any_text_is_no_error_as_a_host(text):
    normal(text)
    address_of(text)
    assert SCOPE.names(text) in (True, False)
    Scope((text,)).refusal(text, 1, Purpose.AUDIT)


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True))
def test_a_host_is_named_by_itself_and_by_its_parents_pattern(host):
    assert Scope((host,)).names(host.upper() + ".")
    assert Scope((f"*.{host}",)).names(f"x.{host}")


# --- dialing ----------------------------------------------------------------------------------------------------------


def dialer(addresses=(), connect_to=None, scope=SCOPE):
    async def resolve(_host):
        return tuple(addresses)

    return Dialer(scope, connect_to or {}, resolve, Traffic(10.0))


async def test_connect_to_goes_by_name_then_address_then_port():
    by = {
        "acme.example:443": "127.0.0.1:1",
        "203.0.113.10:443": "127.0.0.1:2",
        "*:443": "localhost:3",
        "*:80": "[::1]:4",
    }
    dial = dialer(["203.0.113.10", "198.51.100.5"], by)
    assert await dial.targets("acme.example", 443) == (Target("127.0.0.1", 1, "acme.example"),)
    found = await dial.targets("www.acme.example", 443)
    assert found == (Target("127.0.0.1", 2, "203.0.113.10"), Target("127.0.0.1", 3, "198.51.100.5"))
    assert {target.ip for target in await dial.targets("www.acme.example", 80)} == {"::1"}
    assert (await dial.targets("acme.example", 443, address="203.0.113.10"))[0].port == 2


async def test_a_name_that_leads_to_a_private_address_is_refused_and_recorded():
    dial = dialer(["127.0.0.1"])
    with pytest.raises(RefusedError, match="private address"):
        await dial.targets("acme.example", 443)
    assert [refusal.host for refusal in dial.traffic.refused] == ["acme.example"]


async def test_of_several_addresses_only_the_public_ones_are_tried():
    assert await dialer(["10.0.0.1", "1.1.1.1"]).targets("acme.example", 443) == (Target("1.1.1.1", 443, "1.1.1.1"),)


async def test_a_name_without_an_address_is_told_apart_from_a_refusal():
    with pytest.raises(NameNotResolvedError):
        await dialer().targets("acme.example", 443)
    assert await connect_state(dialer()) == "dns"
    assert await connect_state(dialer(["1.1.1.1"]), host="other.example") == "blocked"


async def connect_state(dial, host="acme.example"):
    found = await dial.connect(host, 443, timeout=3.0)
    if isinstance(found, ConnectFailure):
        return found.state
    found.close()
    return "open"


async def test_connections_end_in_the_right_state():
    async def quiet(_reader, _writer):
        pass

    async with listening(quiet) as port:
        assert await connect_state(dialer(connect_to={"acme.example:443": f"127.0.0.1:{port}"})) == "open"
    closed = dialer(connect_to={"acme.example:443": f"127.0.0.1:{port}"})
    assert await connect_state(closed) == "refused"
    assert closed.traffic.requests["acme.example"] == 1


async def test_the_next_address_is_tried_where_one_refuses():
    async def quiet(_reader, _writer):
        pass

    async with listening(quiet) as port:
        by = {"203.0.113.10:443": "127.0.0.1:1", "198.51.100.5:443": f"127.0.0.1:{port}"}
        assert await connect_state(dialer(["203.0.113.10", "198.51.100.5"], by)) == "open"
