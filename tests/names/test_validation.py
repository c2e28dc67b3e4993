"""The chain of trust, over real servers with zones signed in the test, and what is read as an anchor."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataset
import dns.rdatatype
import dns.zone
import pytest
from audited import client_for
from dns_server import DOMAIN_ZONE, ROOT_ZONE, TLD_ZONE, dns_world, zone
from dns_signing import NOW, Key, signed, spoil, unsign
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.quick_audit import domain
from launchready_lib.names import anchors
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio
DAY = dt.timedelta(days=1)


@dataclass
class Signed:
    """Three signed zones, one below the other."""

    root: dns.zone.Zone
    tld: dns.zone.Zone
    domain: dns.zone.Zone
    anchor: str


def zones(*, ds: str | None = "right", signed_domain: bool = True, **times: dt.datetime) -> Signed:
    keys = {name: Key() for name in (".", "example.", "acme.example.")}
    apex = zone("acme.example.", DOMAIN_ZONE)
    if signed_domain:
        apex = signed(apex, keys["acme.example."], **times)
    named = {"right": keys["acme.example."], "wrong": Key()}.get(ds or "")
    tld_text = TLD_ZONE + (f"acme DS {named.ds('acme.example.')}\n" if named else "")
    tld = signed(zone("example.", tld_text), keys["example."])
    root = signed(zone(".", ROOT_ZONE + f"example. DS {keys['example.'].ds('example.')}\n"), keys["."])
    return Signed(root, tld, apex, f". IN DS {keys['.'].ds('.')}\n")


@contextlib.asynccontextmanager
async def trust(made: Signed, tmp_path, *, second: dns.zone.Zone | None = None, anchor: str | None = None, change=None):
    (tmp_path / "root.ds").write_text(anchor or made.anchor)
    async with dns_world(root=made.root, tld=made.tld, domain=made.domain, second=second) as world:
        if change:
            change(world)
        network = {"dnssec_anchor": "root.ds"}
        sections = {"network": network, "authorization": None}
        async with client_for(world.resolver.address, world.connect_to, root=tmp_path, **sections) as client:
            evidence = await domain.survey(client)
    assert isinstance(evidence, domain.DomainEvidence), evidence
    yield evidence, domain.dnssec(evidence)


async def judged(made: Signed, tmp_path, **options):
    async with trust(made, tmp_path, **options) as (evidence, verdict):
        return evidence.trust, verdict


async def test_a_signed_domain_validates_from_the_anchor_down(tmp_path):
    found, verdict = await judged(zones(), tmp_path)
    assert found.state == "secure", found
    assert verdict.status is Status.PASS
    assert abs(found.ends - (NOW + 20 * DAY)) < dt.timedelta(seconds=5)
    assert {row["zone"] for row in verdict.evidence} == {".", "example", "acme.example"}


async def test_an_unsigned_domain_with_no_ds_is_insecure_and_passes(tmp_path):
    found, verdict = await judged(zones(ds=None, signed_domain=False), tmp_path)
    assert (found.state, verdict.status) == ("insecure", Status.PASS)


async def test_a_signed_domain_that_the_registry_does_not_know_of_is_insecure_and_says_so(tmp_path):
    found, verdict = await judged(zones(ds=None), tmp_path)
    assert (found.state, verdict.status) == ("insecure", Status.PASS)
    assert "without a DS record nobody checks that" in verdict.summary


@pytest.mark.parametrize(
    ("made", "words", "fault"),
    [
        (lambda: zones(signed_domain=False), "the zone has no keys: it is not signed", "unsigned"),
        (lambda: zones(ds="wrong"), "none of the keys of acme.example is the one that its DS record", "ds"),
        (lambda: zones(inception=NOW - 9 * DAY, expiration=NOW - DAY), "its signature ended on", "expired"),
        (lambda: zones(inception=NOW + DAY, expiration=NOW + 9 * DAY), "its signature starts only on", "early"),
    ],
    ids=["DS without signatures", "DS of another key", "expired", "not yet valid"],
)
async def test_a_broken_chain_is_bogus_and_says_why(tmp_path, made, words, fault):
    found, verdict = await judged(made(), tmp_path)
    assert (found.state, found.fault, verdict.status) == ("bogus", fault, Status.FAIL)
    assert words in verdict.summary


async def test_a_record_changed_after_signing_is_bogus_and_named(tmp_path):
    made = zones()
    spoil(made.domain, "www", "A", "203.0.113.66")
    found, verdict = await judged(made, tmp_path)
    assert found.state == "bogus"
    assert "the A record of www.acme.example does not validate" in verdict.summary


async def test_a_record_without_its_signature_is_bogus(tmp_path):
    made = zones()
    unsign(made.domain, "@", "SOA")
    found, _ = await judged(made, tmp_path)
    assert (found.state, found.fault) == ("bogus", "unsigned")


async def test_signatures_that_end_tomorrow_fail_while_still_valid(tmp_path):
    found, verdict = await judged(zones(expiration=NOW + DAY), tmp_path)
    assert (found.state, verdict.status) == ("secure", Status.FAIL)
    assert "ends on" in verdict.summary


async def test_one_nameserver_with_stale_signatures_is_found(tmp_path):
    made = zones()
    key = Key()
    stale = signed(zone("acme.example.", DOMAIN_ZONE), key)
    found, verdict = await judged(made, tmp_path, second=stale)
    assert found.state == "bogus"
    assert "198.51.100.54" in verdict.summary


ACME = dns.name.from_text("acme.example.")


def without_proof(made: Signed) -> None:
    made.tld.delete_rdataset(ACME, dns.rdatatype.NSEC)


def proof_of_another_name(made: Signed) -> None:
    made.tld.replace_rdataset(ACME, dns.rdataset.from_text("IN", "NSEC", 300, "ns.nic.example. NS"))


def with_a_ds_taken_out(made: Signed) -> None:
    """The registry once had a DS record, and its own proof still says so."""
    other = zones()
    made.root, made.tld, made.anchor = other.root, other.tld, other.anchor
    made.tld.delete_rdataset(ACME, dns.rdatatype.DS)


@pytest.mark.parametrize(
    ("spoil_it", "words"),
    [
        (without_proof, "carries no proof of that"),
        (lambda made: unsign(made.tld, "acme.example.", "NSEC"), "its proof of that does not validate"),
        (proof_of_another_name, "its proof of that does not validate"),
        (with_a_ds_taken_out, "its own proof says that there is one"),
    ],
    ids=["no proof", "unsigned", "changed", "a DS left out"],
)
async def test_a_signed_registry_that_does_not_prove_the_missing_ds_is_bogus(tmp_path, spoil_it, words):
    made = zones(ds=None)
    spoil_it(made)
    found, verdict = await judged(made, tmp_path)
    assert (found.state, found.fault, verdict.status) == ("bogus", "denial", Status.FAIL), found
    assert words in verdict.summary


async def test_a_proof_that_only_a_resolver_left_out_is_unknown(tmp_path):
    made = zones(ds=None)
    without_proof(made)

    def refuse(world):
        world.tld.faults["acme.example/DS"] = "servfail"

    found, verdict = await judged(made, tmp_path, change=refuse)
    assert (found.state, verdict.status) == ("unknown", Status.UNKNOWN)


@pytest.mark.parametrize(
    "spoil_it",
    [
        lambda apex, www: apex.delete_rdataset(www, dns.rdatatype.NSEC),
        lambda apex, _: unsign(apex, "www", "NSEC"),
        lambda apex, www: apex.replace_rdataset(www, dns.rdataset.from_text("IN", "NSEC", 300, "zz.acme.example. NS")),
    ],
    ids=["none", "unsigned", "changed"],
)
async def test_a_missing_record_that_the_zone_does_not_prove_is_bogus(tmp_path, spoil_it):
    made = zones()
    spoil_it(made.domain, dns.name.from_text("www.acme.example."))
    found, verdict = await judged(made, tmp_path)
    assert (found.state, found.fault, verdict.status) == ("bogus", "denial", Status.FAIL), found
    assert "that www.acme.example has no AAAA record does not validate" in verdict.summary


def alike(public: dns.rdata.Rdata, number: int) -> dns.rdata.Rdata:
    """Another key under the same number (RFC 4034 appendix B): two octets change places with two others."""
    key = bytearray(public.key)
    one, other = 2 * number, 2 * number + 2
    key[one : one + 2], key[other : other + 2] = key[other : other + 2], key[one : one + 2]
    return public.replace(key=bytes(key))


async def test_many_keys_under_one_number_are_not_all_tried(tmp_path):
    key, made = Key(), zones()
    extra = [alike(key.public, number) for number in range(6)]
    assert {dns.dnssec.key_id(each) for each in extra} == {dns.dnssec.key_id(key.public)}
    apex = zone("acme.example.", DOMAIN_ZONE)
    apex.replace_rdataset(ACME, dns.rdataset.from_rdata_list(300, [key.public, *extra]))
    made.domain = signed(apex, key)
    found, verdict = await judged(made, tmp_path, anchor=f"acme.example. IN DS {key.ds('acme.example.')}\n")
    assert (found.state, verdict.status) == ("unknown", Status.UNKNOWN)
    assert "several keys under one number" in found.detail


async def test_without_the_anchor_in_use_an_unsigned_domain_needs_no_proof(tmp_path):
    made = zones(ds=None, signed_domain=False)
    without_proof(made)
    found, verdict = await judged(made, tmp_path, anchor=anchors.shipped())
    assert (found.state, verdict.status) == ("insecure", Status.PASS)


async def test_another_anchor_than_the_root_in_use_is_unknown_not_bogus(tmp_path):
    found, verdict = await judged(zones(), tmp_path, anchor=anchors.shipped())
    assert (found.state, verdict.status) == ("unknown", Status.UNKNOWN)
    assert "network.dnssec_anchor" in verdict.needs


async def test_a_registry_that_does_not_answer_for_ds_is_unknown(tmp_path):
    def refuse(world):
        for server in (world.tld, world.resolver):
            server.faults["acme.example/DS"] = "servfail"

    found, verdict = await judged(zones(), tmp_path, change=refuse)
    assert (found.state, verdict.status) == ("unknown", Status.UNKNOWN)
    assert "the DS records of acme.example could not be read (SERVFAIL)" in found.detail


async def test_an_anchor_for_the_domain_itself_is_enough(tmp_path):
    key = Key()
    made = zones(ds=None)
    made.domain = signed(zone("acme.example.", DOMAIN_ZONE), key)
    found, _ = await judged(made, tmp_path, anchor=f"acme.example. IN DS {key.ds('acme.example.')}\n")
    assert found.state == "secure"


async def test_an_unreadable_anchor_is_unknown_and_names_the_parameter(tmp_path):
    _, verdict = await judged(zones(), tmp_path, anchor="not a record at all")
    assert verdict.status is Status.UNKNOWN
    assert verdict.needs == "network.dnssec_anchor"


def test_the_shipped_anchor_holds_both_keys_of_the_root():
    found = anchors.read(anchors.shipped())
    assert [ds.key_tag for each in found.values() for ds in each] == [20326, 38696]


@given(st.text(max_size=200))
def test_any_text_is_an_anchor_or_an_anchor_error(text):
    with contextlib.suppress(ValueError):
        assert anchors.read(text)
