"""DKIM signatures: the RFC's own messages verify, and nothing altered does."""

from __future__ import annotations

import base64

import pytest
from audited import client_for
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dns_server import DnsServer, zone
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge.mail import signatures
from launchready_lib.demo import mailbox as demo_mail
from launchready_lib.network import Answer

pytestmark = pytest.mark.anyio

# RFC 8463 appendix A: the same message signed with both algorithms.
RFC8463 = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.

"""
SIMPLE = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple;\x20
 d=football.example.com; i=@football.example.com;\x20
 q=dns/txt; s=brisbane; t=1518460054; h=from : to :\x20
 subject : date : message-id : from : subject : date;\x20
 bh=4bLNXImK9drULnmePzZNEBleUanJCX5PIsDIFoH4KTQ=;\x20
 b=9/dsDChY0YMTtD5Eyw3wx7x22BlSJP7M5ECbJ7GWrR45nXlTCGb8l0YB
 o0wBLR++X5LqmsxXaOYLLJe46l10AQ==
"""
PLAIN = RFC8463[RFC8463.index(b"From:") :]
RSA = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3F"
    "utACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
ED25519 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def key_zone(rsa_tags="v=DKIM1; k=rsa", rsa_key=RSA, name="football.example.com."):
    return zone(
        name,
        f'test._domainkey TXT "{rsa_tags}; p={rsa_key[:200]}" "{rsa_key[200:]}"\n'
        f'brisbane._domainkey TXT "v=DKIM1; k=ed25519; p={ED25519}"\n',
    )


async def verified(raw, zones=None, *, faults=None, now=None):
    async with (
        DnsServer(zones or [key_zone()], recursive=True, faults=faults) as server,
        client_for(server.address, network={"timeout_s": 1.0 if faults else 10.0}) as client,
    ):
        return await signatures.verify(client.network, raw, now=now)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["LF as in a Maildir", "CRLF"])
async def test_the_message_of_rfc_8463_verifies_with_both_algorithms(ends):
    found = await verified(RFC8463.replace(b"\n", ends))
    assert [(s.selector, s.algorithm, s.result) for s in found] == [
        ("brisbane", "ed25519-sha256", "pass"),
        ("test", "rsa-sha256", "pass"),
    ]


async def test_a_simple_signature_of_another_implementation_verifies():
    assert [s.result for s in await verified(SIMPLE + PLAIN[:-1] + b"\n")] == ["pass"]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ((b"hungry", b"angry"), "the text was altered on the way (bh=)"),
        ((b"dinner", b"supper"), "the signature does not fit the message and the key"),
        ((b"joe@football", b"jim@football"), "the signature does not fit the message and the key"),
    ],
    ids=["body", "subject", "author"],
)
async def test_an_altered_message_fails(change, detail):
    assert {(s.result, s.detail) for s in await verified(RFC8463.replace(*change))} == {("fail", detail)}


async def test_white_space_that_relaxed_forgives_does_not_break_it():
    assert {s.result for s in await verified(RFC8463.replace(b"Subject: Is dinner", b"SUBJECT:\tIs   dinner"))} == {
        "pass"
    }


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (b"v=1;", b"v=2;", "version"),
        (b"s=brisbane;", b"", "it has no s="),
        (b"a=ed25519-sha256", b"a=rsa-sha1", "no longer accept"),
        (b"h=from : to :\n subject : date : message-id : from : subject : date", b"h=to:subject", "not cover From"),
        (b"i=@football.example.com", b"i=@example.com", "another domain"),
        (b"t=1528637909", b"t=1528637909; x=1528637999", "expired"),
        (b"q=dns/txt", b"q=http", "not in DNS"),
        (b"s=brisbane", b"s=lost", "publishes no key"),
        (b"s=brisbane", b"s=test", "another kind"),
        (b"c=relaxed/relaxed", b"c=loose", "canonicalization"),
        (b"t=1528637909", b"l=99999", "length"),
        (b"v=1; a=ed", b"v=1; a=ed; a=ed", "twice"),
        (b"s=brisbane", b"s=" + b"x" * 70, "no DNS name"),
    ],
)
async def test_a_signature_that_cannot_be_verified_says_why(old, new, detail):
    first, second = await verified(RFC8463.replace(old, new, 1))
    assert first.result == "permerror"
    assert detail in first.detail
    assert second.result == "pass"


@pytest.mark.parametrize("fault", ["servfail", "silence", "garbage"])
async def test_a_key_that_could_not_be_looked_up_is_a_passing_error(fault):
    found = await verified(RFC8463, faults={"brisbane._domainkey.football.example.com": fault})
    assert [s.result for s in found] == ["temperror", "pass"]


async def test_a_key_for_one_domain_only_does_not_sign_for_its_subdomains():
    strict = RFC8463.replace(b"i=@football", b"i=@sub.football")
    found = await verified(strict, [key_zone(rsa_tags="v=DKIM1; k=rsa; t=s")])
    assert "t=s" in found[1].detail


async def test_what_harbor_club_signs_verifies(tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "s1.pem").write_bytes(pem)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    raw = demo_mail.sign(b"From: a@harborclub.example\r\nSubject:  x \r\n\r\nHello  you \r\n\r\n", tmp_path, "s1")
    data = base64.b64encode(public).decode()
    own = zone("harborclub.example.", f's1._domainkey TXT "v=DKIM1; p={data[:200]}" "{data[200:]}"\n')
    (found,) = await verified(raw, [own])
    assert (found.result, found.detail) == ("pass", "")


@given(st.binary(max_size=400))
def test_splitting_and_canonical_forms_take_any_bytes(raw):
    fields, body = signatures.split(raw)
    assert all(name == name.lower() for name, _ in fields)
    assert signatures.body_simple(body).endswith(b"\r\n")
    relaxed = signatures.body_relaxed(body)
    assert relaxed == signatures.body_relaxed(relaxed)


@given(
    st.lists(st.sampled_from(["v=1", "a=rsa-sha256", "b=AA==", "bh=AA==", "d=x.example", "h=from", "s=s", "l=9", "§"]))
)
async def test_any_signature_ends_in_a_result(parts):
    raw = b"DKIM-Signature: " + "; ".join(parts).encode() + b"\nFrom: a@x.example\n\nhello\n"

    class Silent:
        async def ask(self, name, rdtype):
            return Answer(name, rdtype, "", "NXDOMAIN")

    (found,) = await signatures.verify(Silent(), raw)
    assert found.result == "permerror"
