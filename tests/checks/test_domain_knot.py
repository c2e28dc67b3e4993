"""Nameservers and DNSSEC with real knot servers behind them: a primary that signs, a secondary that transfers."""

from __future__ import annotations

import dns.asyncquery
import dns.message
import pytest
from audited import client_for
from dns_server import ROOT_ZONE, TLD_ZONE, dns_world, zone
from dns_signing import Key, signed
from knot import Knot, knot, needs_knot

from launchready_lib.checks.quick_audit import domain
from launchready_lib.record.findings import Status

pytestmark = [pytest.mark.anyio, pytest.mark.heavy, needs_knot]
ZONE = """@ NS ns1
@ NS ns2
ns1 A 198.51.100.53
ns2 A 198.51.100.54
@ A 203.0.113.10
@ MX 10 mail
mail A 203.0.113.25
www A 203.0.113.10
"""


async def evidence_of(first: Knot, second: Knot, tmp_path, *, ds: str | None, zone_file: str | None = None):
    """acme.example as knot serves it, below a root and a TLD signed in the test."""
    tld_key, root_key = Key(), Key()
    tld = signed(zone("example.", TLD_ZONE + (f"acme DS {ds}\n" if ds else "")), tld_key)
    root = signed(zone(".", f"{ROOT_ZONE}example. DS {tld_key.ds('example.')}\n"), root_key)
    (tmp_path / "root.ds").write_text(f". IN DS {root_key.ds('.')}\n")
    async with dns_world(root=root, tld=tld, domain=zone("acme.example.", ZONE)) as world:
        servers = {"198.51.100.53:53": first.address, "198.51.100.54:53": second.address}
        network = {"dnssec_anchor": "root.ds"}
        sections = {"site": {"canonical": "https://acme.example"}, "hosting": {"zone_file": zone_file}}
        async with client_for(
            world.resolver.address, world.connect_to | servers, root=tmp_path, network=network, **sections
        ) as client:
            found = await domain.survey(client)
    assert isinstance(found, domain.DomainEvidence), found
    return found


async def test_a_signing_primary_and_its_secondary_pass(tmp_path):
    with knot("acme.example", ZONE) as first, knot("acme.example", primary=first) as second:
        found = await evidence_of(first, second, tmp_path, ds=first.ds())
    assert domain.nameservers(found).status is Status.PASS, domain.nameservers(found)
    assert found.trust.state == "secure", found.trust
    assert domain.dnssec(found).status is Status.PASS


async def test_two_primaries_that_sign_by_themselves_are_found(tmp_path):
    with knot("acme.example", ZONE) as first, knot("acme.example", ZONE) as second:
        found = await evidence_of(first, second, tmp_path, ds=first.ds())
    assert (found.trust.state, found.trust.fault) == ("bogus", "ds")
    assert "198.51.100.54" in domain.dnssec(found).summary


async def test_a_ds_of_another_key_is_bogus(tmp_path):
    with knot("acme.example", ZONE) as first:
        found = await evidence_of(first, first, tmp_path, ds=Key().ds("acme.example."))
    assert (found.trust.state, domain.dnssec(found).status) == ("bogus", Status.FAIL)


async def test_signed_without_a_ds_is_insecure(tmp_path):
    with knot("acme.example", ZONE) as first:
        found = await evidence_of(first, first, tmp_path, ds=None)
    assert (found.trust.state, domain.dnssec(found).status) == ("insecure", Status.PASS)


async def test_signatures_of_two_days_fail(tmp_path):
    with knot("acme.example", ZONE, lifetime="2d") as first:
        found = await evidence_of(first, first, tmp_path, ds=first.ds())
    assert (found.trust.state, domain.dnssec(found).status) == ("secure", Status.FAIL)


DENIALS = {"NSEC": "nsec3: off", "NSEC3": "nsec3: on", "NSEC3 with opt-out": "nsec3: on; nsec3-opt-out: on"}


@pytest.mark.parametrize("policy", DENIALS.values(), ids=list(DENIALS))
@pytest.mark.parametrize("vouched", [False, True], ids=["no DS", "a DS"])
async def test_a_registry_that_knot_signs_proves_that_there_is_no_ds(tmp_path, policy, vouched):
    """The registry's own denial of existence, as knot makes it, is what tells insecure from bogus."""
    root_key = Key()
    with knot("acme.example", ZONE) as first:
        text = TLD_ZONE + (f"acme DS {first.ds()}\n" if vouched else "")
        with knot("example", text, policy=policy) as registry:
            root = signed(zone(".", f"{ROOT_ZONE}example. DS {registry.ds()}\n"), root_key)
            (tmp_path / "root.ds").write_text(f". IN DS {root_key.ds('.')}\n")
            found = await asked_of(first, registry, root, tmp_path)
            proof = await denial_of(registry)
    assert found.trust.state == ("secure" if vouched else "insecure"), found.trust
    assert ("without a DS record nobody checks that" in found.trust.detail) is not vouched
    assert {rdtype.name for rdtype in proof} == {"NSEC3" if "nsec3: on" in policy else "NSEC"}


@pytest.mark.parametrize("policy", DENIALS.values(), ids=list(DENIALS))
async def test_what_knot_proves_to_be_missing_validates_at_names_wildcards_and_between(tmp_path, policy):
    """No name has an AAAA record: each nameserver's proof of that is checked for every name of the zone file."""
    text = f"{ZONE}* A 203.0.113.10\nfar.below A 203.0.113.10\nlab NS ns.elsewhere.example.\n"
    asked = ["@", "www", "anything", "below", "far.below"]
    (tmp_path / "zone.txt").write_text("".join(f"{name} 300 IN AAAA 2001:db8::1\n" for name in asked))
    with knot("acme.example", text, policy=policy) as first:
        found = await evidence_of(first, first, tmp_path, ds=first.ds(), zone_file="zone.txt")
    states = {(a.name.removesuffix(".acme.example"), a.state) for a in found.others if a.rdtype == "AAAA"}
    assert states == {(name, "NODATA") for name in asked if name not in ("@", "www")}
    assert found.trust.state == "secure", found.trust


async def asked_of(first: Knot, registry: Knot, root, tmp_path):
    async with dns_world(root=root, domain=zone("acme.example.", ZONE)) as world:
        servers = {f"198.51.100.{n}:53": first.address for n in (53, 54)} | {"192.0.2.53:53": registry.address}
        options = {"network": {"dnssec_anchor": "root.ds"}, "site": {"canonical": "https://acme.example"}}
        places = world.connect_to | servers
        async with client_for(world.resolver.address, places, root=tmp_path, **options) as client:
            found = await domain.survey(client)
    assert isinstance(found, domain.DomainEvidence), found
    return found


async def denial_of(registry: Knot):
    """The types of the records that prove what is not there."""
    query = dns.message.make_query("nothing.example", "DS", want_dnssec=True)
    reply = await dns.asyncquery.udp(query, "127.0.0.1", port=registry.port, timeout=5)
    return {rrset.rdtype for rrset in reply.authority if rrset.rdtype.name.startswith("NSEC")}
