"""What the zone file says of mail is checked too: names with records of their own, and every selector in it."""

from __future__ import annotations

import base64
from collections import Counter

import pytest
from audited import client_for
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dns_server import DnsServer, zone

from launchready_lib.checks.quick_audit import subdomains
from launchready_lib.checks.secure_edge import mail
from launchready_lib.names.published import MOST_NAMES, zone_mail
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio

PUBLIC = rsa.generate_private_key(65537, 1024).public_key()
KEY = base64.b64encode(
    PUBLIC.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
BASE = f"""
@ A 203.0.113.10
@ MX 10 mx
mx A 203.0.113.25
@ TXT "v=spf1 ip4:203.0.113.25 ~all"
pm._domainkey TXT "v=DKIM1; k=rsa; p={KEY}"
_dmarc TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@acme.example"
"""
MORE = f"""
bounce MX 10 feedback.mailer.example.
bounce TXT "v=spf1 include:spf.mailer.example ~all"
news TXT "v=spf1 ip4:203.0.113.25 -all"
_dmarc.news TXT "v=DMARC1; p=reject"
odd2025._domainkey.news TXT "v=DKIM1; k=rsa; p={KEY}"
k9z._domainkey CNAME k9z.mailer.example.
void MX 0 .
_dmarc.acme.example TXT "v=DMARC1; p=none"
*.wild TXT "v=spf1 +all"
"""
OTHERS = [
    zone("mailer.example.", f'spf TXT "v=spf1 ip4:198.51.100.0/28 -all"\nfeedback A 198.51.100.2\n'
         f'k9z TXT "v=DKIM1; k=rsa; p={KEY}"\n'),
    zone(".", "@ NS a.root.example.\n"),
]  # fmt: skip
DECLARED = {"from_domains": ["acme.example"], "dkim_selectors": {"acme.example": ["pm"]}, "senders": ["203.0.113.25"]}


async def judged(tmp_path, more: str = MORE, *, faults=None, **declared):
    (tmp_path / "zone.txt").write_text(BASE + more)
    zones = [zone("acme.example.", BASE + more), *OTHERS]
    async with DnsServer(zones, recursive=True, faults=faults) as server:
        sections = {"hosting": {"zone_file": "zone.txt"}, "authorization": None, "mail": DECLARED | declared}
        async with client_for(server.address, root=tmp_path, **sections) as client:
            records, ways = await mail.survey(client), await mail.transport(client)
        repeated = [question for question, times in Counter(server.questions).items() if times > 1]
    assert repeated == [] or faults
    verdicts = (mail.spf(records), mail.dkim(records), mail.dmarc(records), mail.in_transit(ways))
    return records, {verdict.check: verdict for verdict in verdicts}


def test_names_are_sorted_by_what_they_publish(tmp_path):
    (tmp_path / "zone.txt").write_text(BASE + MORE + '_mta-sts.in TXT "v=STSv1; id=1"\n')
    client = client_for("127.0.0.1:1", root=tmp_path, hosting={"zone_file": "zone.txt"})
    found = zone_mail(client, ["acme.example"])
    assert found.sending == ("bounce.acme.example", "news.acme.example")
    assert found.receiving == ("bounce.acme.example", "void.acme.example", "in.acme.example")
    assert found.selectors == {"acme.example": ("pm", "k9z"), "news.acme.example": ("odd2025",)}
    assert found.unseen() == []


async def test_a_healthy_zone_passes_and_every_selector_of_the_file_is_read(tmp_path):
    records, verdicts = await judged(tmp_path)
    assert {check: v.summary for check, v in verdicts.items() if v.status is not Status.PASS} == {}
    assert "bounce.acme.example" in verdicts["mail.spf"].summary
    keys = {key.name: key.state for each in records.dkim for key in each.keys}
    assert keys["k9z._domainkey.acme.example"] == keys["odd2025._domainkey.news.acme.example"] == "valid"
    assert "news.acme.example" in verdicts["mail.dmarc"].summary


@pytest.mark.parametrize(
    ("line", "check", "words"),
    [
        ('lists TXT "v=spf1 +all"', "mail.spf", "lists.acme.example"),
        ('lists TXT "v=spf1 -all"\nlists TXT "v=spf1 ~all"', "mail.spf", "lists.acme.example"),
        (f'old._domainkey TXT "v=DKIM1; k=rsa; p={KEY[:60]}"', "mail.dkim", "selector old of acme.example"),
        ('_dmarc.lists TXT "v=DMARC1; p=all"', "mail.dmarc", "lists.acme.example"),
        ('_dmarc.lists TXT "v=DMARC1; p=none"\n_dmarc.lists TXT "v=DMARC1; p=reject"', "mail.dmarc", "several"),
        ('_dmarc.lists TXT "v=DMARC1; p=none; rua=mailto:a@elsewhere.example"', "mail.dmarc", "elsewhere.example"),
        ("lists MX 10 nowhere", "mail.transport", "nowhere.acme.example, a mail host of lists.acme.example"),
        ('_smtp._tls.lists TXT "v=TLSRPTv1; rua=nobody"', "mail.transport", "lists.acme.example"),
    ],
    ids=["+all", "two SPF", "cut key", "bad policy", "two DMARC", "unauthorised reports", "no mail host", "bad TLSRPT"],
)
async def test_what_is_wrong_at_a_name_of_the_zone_file_is_found(tmp_path, line, check, words):
    _, verdicts = await judged(tmp_path, f"{MORE}{line}\n")
    assert verdicts[check].status is Status.FAIL
    assert words in verdicts[check].summary
    assert [c for c, v in verdicts.items() if v.status is Status.FAIL] == [check]


async def test_a_withdrawn_key_and_a_selector_without_one_are_no_fault_where_only_the_file_names_them(tmp_path):
    lines = 'gone._domainkey TXT "v=DKIM1; p="\nempty._domainkey CNAME nothing.mailer.example.\n'
    _, verdicts = await judged(tmp_path, MORE + lines)
    assert verdicts["mail.dkim"].status is Status.PASS


async def test_a_name_that_could_not_be_looked_up_is_unknown(tmp_path):
    faults = {f"{name}.acme.example": "servfail" for name in ("news", "_dmarc.news", "odd2025._domainkey.news")}
    _, verdicts = await judged(tmp_path, faults=faults)
    for check in ("mail.spf", "mail.dkim", "mail.dmarc"):
        assert verdicts[check].status is Status.UNKNOWN, check


async def test_too_many_names_are_said(tmp_path):
    lines = "".join(f'h{n} TXT "v=spf1 -all"\n' for n in range(MOST_NAMES + 2))
    _, verdicts = await judged(tmp_path, lines)
    assert verdicts["mail.spf"].status is Status.UNKNOWN
    assert "2 more names of the zone file that speak of mail not looked at" in verdicts["mail.spf"].reason


async def test_an_include_of_a_name_in_the_zone_file_that_anybody_may_buy_is_found(tmp_path):
    lines = 'lists TXT "v=spf1 include:spf.lapsed.example ~all"\n'
    (tmp_path / "zone.txt").write_text(BASE + lines)
    async with DnsServer([zone("acme.example.", BASE + lines), *OTHERS], recursive=True) as server:
        sections = {"hosting": {"zone_file": "zone.txt"}, "mail": DECLARED, "authorization": None}
        async with client_for(server.address, root=tmp_path, **sections) as client:
            found = subdomains.takeover(await subdomains.survey(client))
    assert found.status is Status.FAIL
    assert "spf.lapsed.example" in found.summary
