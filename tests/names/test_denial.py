"""Proofs that a delegation has no DS record, made by hand with every part that may be wrong."""

from __future__ import annotations

import base64
import datetime as dt

import dns.dnssec
import dns.message
import dns.name
import dns.rrset
import pytest
from dns_signing import NOW, Key
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.names import denial
from launchready_lib.network import Answer

ZONE = dns.name.from_text("example.")
ACME = dns.name.from_text("acme.example.")
KEY = Key()
KEYS = dns.rrset.from_rdata(ZONE, 300, KEY.public)
DAY = dt.timedelta(days=1)


def signature(rrset: dns.rrset.RRset) -> dns.rrset.RRset:
    made = dns.dnssec.sign(rrset, KEY.private, ZONE, KEY.public, inception=NOW - DAY, expiration=NOW + DAY)
    return dns.rrset.from_rdata(rrset.name, 300, made)


def answer(*rrsets: dns.rrset.RRset) -> Answer:
    """The parent's answer for DS of acme.example: none, with these records as its proof."""
    message = dns.message.make_response(dns.message.make_query(ACME, "DS", want_dnssec=True))
    for rrset in rrsets:
        message.authority += [rrset, signature(rrset)]
    return Answer("acme.example", "DS", "192.0.2.53", "NODATA", aa=True, message=message)


def hashed(name: str | dns.name.Name, *, iterations: int = 0) -> bytes:
    return base64.b32hexdecode(dns.dnssec.nsec3_hash(dns.name.from_text(str(name)), None, iterations, 1))


def text(value: bytes) -> str:
    return base64.b32hexencode(value).decode().lower()


def near(value: bytes, step: int) -> bytes:
    return (int.from_bytes(value) + step).to_bytes(20)


def nsec3(owner: bytes, after: bytes, types: str, *, flags: int = 0, iterations: int = 0) -> dns.rrset.RRset:
    return dns.rrset.from_text(
        f"{text(owner)}.example.", 300, "IN", "NSEC3", f"1 {flags} {iterations} - {text(after)} {types}"
    )


def matching(types: str, **more: int) -> dns.rrset.RRset:
    own = hashed(ACME, iterations=more.get("iterations", 0))
    return nsec3(own, near(own, 9), types, **more)


def covering(flags: int) -> dns.rrset.RRset:
    own = hashed(ACME)
    return nsec3(near(own, -1), near(own, 1), "NS", flags=flags)


APEX = nsec3(hashed(ZONE), near(hashed(ZONE), 1), "NS SOA RRSIG DNSKEY NSEC3PARAM")


def nsec(types: str, owner: str = "acme.example.") -> dns.rrset.RRset:
    return dns.rrset.from_text(owner, 300, "IN", "NSEC", f"next.example. {types}")


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([nsec("NS RRSIG NSEC")], None),
        ([nsec("NS DS RRSIG NSEC")], "says that there is one"),
        ([nsec("NS SOA RRSIG NSEC")], "the child zone's"),
        ([nsec("A RRSIG NSEC")], "no delegation"),
        ([nsec("NS RRSIG NSEC", "other.example.")], "speaks of other.example"),
        ([matching("NS")], None),
        ([matching("NS DS RRSIG")], "says that there is one"),
        ([matching("NS SOA RRSIG")], "the child zone's"),
        ([matching("A RRSIG")], "no delegation"),
        ([APEX, covering(1)], None),
        ([APEX, covering(0)], "does not cover"),
        ([covering(1)], "does not lead to the name"),
        ([APEX], "does not cover"),
        ([matching("A", iterations=denial.MOST_ITERATIONS + 1)], None),
        ([], "no proof"),
    ],
)
def test_a_proof_holds_only_for_an_unsigned_delegation(records, why):
    found = denial.unproved(answer(*records), KEYS, NOW)
    assert found is None if why is None else why in found


def test_a_range_that_wraps_round_the_end_of_the_zone_covers_both_sides():
    own = hashed(ACME)
    round_it = nsec3(near(own, -1), near(own, -2), "NS", flags=1)
    assert denial.unproved(answer(APEX, round_it), KEYS, NOW) is None


def test_a_proof_made_for_a_wildcard_is_none():
    wild = nsec("NS RRSIG NSEC", "*.example.")
    moved = nsec("NS RRSIG NSEC")
    found = answer()
    found.message.authority += [moved, dns.rrset.from_rdata(ACME, 300, signature(wild)[0])]
    assert "does not validate" in denial.unproved(found, KEYS, NOW)


def test_a_proof_of_yesterday_is_none():
    assert "ended on" in denial.unproved(answer(nsec("NS")), KEYS, NOW + 2 * DAY)


def no_aaaa(name: str, *rrsets: dns.rrset.RRset) -> str | None:
    """What a zone's proof that a name has no AAAA record comes to."""
    given_ = answer(*rrsets)
    return denial.untyped(Answer(name, "AAAA", "192.0.2.53", "NODATA", aa=True, message=given_.message), KEYS, NOW)


def over(name: str, types: str = "A", *, flags: int = 0) -> dns.rrset.RRset:
    """The NSEC3 record that covers a name without naming it."""
    return nsec3(near(hashed(name), -1), near(hashed(name), 1), types, flags=flags)


def at(name: str, types: str) -> dns.rrset.RRset:
    return nsec3(hashed(name), near(hashed(name), 1), types)


WILD = "x.acme.example."


@pytest.mark.parametrize(
    ("name", "records", "why"),
    [
        ("acme.example", [nsec("A RRSIG NSEC")], None),
        ("acme.example", [nsec("A AAAA RRSIG NSEC")], "says that there is one"),
        ("acme.example", [nsec("CNAME RRSIG NSEC")], "says that there is one"),
        ("acme.example", [dns.rrset.from_text("a.example.", 300, "IN", "NSEC", "b.acme.example. A")], None),
        ("acme.example", [nsec("A RRSIG NSEC", "aa.example.")], "no such name at all"),
        ("acme.example", [nsec("A RRSIG NSEC", "zz.example.")], "speaks of zz.example"),
        ("acme.example", [nsec("A", "aa.example."), nsec("TXT", "*.example.")], None),
        ("acme.example", [nsec("A", "aa.example."), nsec("AAAA", "*.example.")], "says that there is one"),
        ("acme.example", [at("acme.example.", "A RRSIG")], None),
        ("acme.example", [at("acme.example.", "")], None),
        ("acme.example", [at("acme.example.", "AAAA RRSIG")], "says that there is one"),
        ("x.acme.example", [at("acme.example.", "A"), over(WILD), at("*.acme.example.", "TXT")], None),
        ("x.acme.example", [at("acme.example.", "A"), over(WILD), at("*.acme.example.", "AAAA")], "there is one"),
        ("x.acme.example", [at("acme.example.", "A"), over(WILD)], "no such name at all"),
        ("x.acme.example", [at("acme.example.", "A"), at("*.acme.example.", "TXT")], "does not cover"),
        ("x.acme.example", [at("acme.example.", "A"), over(WILD, flags=1)], None),
        ("x.acme.example", [over(WILD)], "does not lead to the name"),
        ("acme.example", [], "no proof"),
    ],
)
def test_a_missing_type_is_proved_by_name_by_hash_or_by_wildcard(name, records, why):
    found = no_aaaa(name, *records)
    assert found is None if why is None else why in found


@settings(deadline=None)  # of signatures made in the test, which a busy machine takes long over
@given(st.lists(st.tuples(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=40),
                          st.binary(min_size=1, max_size=40), st.integers(0, 255)), max_size=12))  # fmt: skip
def test_no_hashed_name_however_odd_is_a_crash(parts):
    """Owner names of any length, next hashes of any length, any flags; every signature is good."""
    rrsets = [
        dns.rrset.from_text(f"{label}.example.", 300, "IN", "NSEC3",
                            f"1 {flags} 0 - {base64.b32hexencode(after).decode().rstrip('=')} NS")
        for label, after, flags in parts
    ]  # fmt: skip
    for found in (denial.unproved(answer(*rrsets), KEYS, NOW), no_aaaa("x.acme.example", *rrsets)):
        assert found is None or found
