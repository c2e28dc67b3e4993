"""MX, MTA-STS and TLS reporting: the grammars of RFC 8461 and RFC 8460, and whole domains over real DNS and HTTPS."""

from __future__ import annotations

import contextlib

import pytest
from audited import client_for
from dns_server import DnsServer, zone
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import mail
from launchready_lib.checks.secure_edge.mail import records
from launchready_lib.checks.secure_edge.mail.records import RecordError
from launchready_lib.record.findings import Status
from tests.certificates import context, issue
from tests.web_servers import Reply, listening, serving

pytestmark = pytest.mark.anyio

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.acme.example\r\nmx: *.mx.acme.example\r\nmax_age: 604800\r\n"
HOSTS = "@ MX 10 mail\nmail A 203.0.113.25\nmta-sts A 203.0.113.26\n"
STS = '_mta-sts TXT "v=STSv1; id=20260101"\n'


class TestGrammar:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
            ("v=STSv1;id=a", "a"),
            ("v=STSv1 ; id=a ; ", "a"),
            ("v=STSv1; id=a; x.y-z=1; id=b", "a"),
            (f"v=STSv1; id={'a' * 32}", "a" * 32),
        ],
    )
    def test_an_mta_sts_record_is_read(self, text, found):
        assert records.STS_START.match(text)
        assert records.sts_id(text) == found

    @pytest.mark.parametrize(
        "text",
        ["v=STSv1;", "v=STSv1; id=", "v=STSv1; id=a-b", f"v=STSv1; id={'a' * 33}", "v=STSv1; id = a", "v=STSv1;; id=a",
         "v=STSv1; ID=a", "v=STSv1; id=a b", "v=STSv1; =a", "v=STSv1; id=ä"],
    )  # fmt: skip
    def test_a_broken_mta_sts_record_is_refused(self, text):
        with pytest.raises(RecordError):
            records.sts_id(text)

    @pytest.mark.parametrize("text", ["V=STSv1; id=a", "v=stsv1; id=a", "v = STSv1; id=a", "v=STSv1", "v=spf1 -all"])
    def test_other_texts_are_no_mta_sts_record(self, text):
        assert not records.STS_START.match(text)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("v=TLSRPTv1;rua=mailto:reports@example.com", ("mailto:reports@example.com",)),
            ("v=TLSRPTv1; rua=https://r.example/v1/tlsrpt;", ("https://r.example/v1/tlsrpt",)),
            ("v=TLSRPTv1; rua=mailto:a@b.example , https://c.example:8443/x?y=1", ("mailto:a@b.example",
             "https://c.example:8443/x?y=1")),
            ("v=TLSRPTv1; ext=1; rua=mailto:a+b@c.example", ("mailto:a+b@c.example",)),
        ],
    )  # fmt: skip
    def test_a_reporting_record_is_read(self, text, found):
        assert records.TLSRPT_START.match(text)
        assert records.tls_reports(text) == found

    @pytest.mark.parametrize(
        "text",
        ["v=TLSRPTv1;", "v=TLSRPTv1; rua=", "v=TLSRPTv1; rua=a@b.example", "v=TLSRPTv1; rua=mailto:a", "v=TLSRPTv1; x",
         "v=TLSRPTv1; rua=http://a.example", "v=TLSRPTv1; rua=mailto:a@b.example,",
         "v=TLSRPTv1; RUA=mailto:a@b.example",
         "v=TLSRPTv1; rua=mailto:a@b.example!10m"],
    )  # fmt: skip
    def test_a_broken_reporting_record_is_refused(self, text):
        with pytest.raises(RecordError):
            records.tls_reports(text)

    def test_a_policy_is_read(self):
        policy = records.sts_policy(POLICY)
        assert (policy.mode, policy.max_age) == ("enforce", 604_800)
        assert [policy.covers(h) for h in ("MAIL.acme.example.", "a.mx.acme.example", "mx.acme.example",
                                           "a.b.mx.acme.example", "evil-mail.acme.example")] == [
            True, True, False, False, False]  # fmt: skip

    @pytest.mark.parametrize(
        "text",
        [
            "version: STSv1\nmode: none\nmax_age: 0",
            "mode: testing\nversion: STSv1\nmx: a.example\nmax_age: 31557600\nfuture: yes it is\n\n",
            "version: STSv1\nversion: STSv2\nmode:enforce\nmx:a.example\nmax_age:1",
        ],
        ids=["none needs no mx", "any order and unknown fields", "the first of repeated fields counts"],
    )
    def test_other_good_policies_are_read(self, text):
        assert records.sts_policy(text).max_age >= 0

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("version: STSv1\r\n", ""), ("STSv1", "STSv2"), ("enforce", "Enforce"), ("mode: enforce\r\n", ""),
            ("604800", "31557601"), ("604800", "1_000"), ("604800", "-1"), ("max_age: 604800", "max_age:"),
            ("mail.acme", "mail!acme"), ("*.mx", "mx.*"), ("mode:", "mode :"), ("mode", " mode"), ("mode:", "mode"),
            ("\r\nmode", "\r\r\nmode"), ("enforce", "enforce\x00"),
        ],
    )  # fmt: skip
    def test_a_broken_policy_is_refused(self, old, new):
        with pytest.raises(RecordError):
            records.sts_policy(POLICY.replace(old, new))

    @given(st.text(max_size=200))
    def test_any_text_is_read_or_refused(self, text):
        for read in (records.sts_id, records.tls_reports, records.sts_policy):
            with contextlib.suppress(RecordError):
                read(text)


@pytest.fixture(scope="module")
def authority():
    return issue("Test Root", ca=True)


@contextlib.asynccontextmanager
async def policy_host(authority, folder, reply=None, *, name="mta-sts.acme.example", handle=None):
    """The policy's own host on loopback, under a certificate of the test's authority: the network section for it."""
    (folder / "ca.pem").write_bytes(authority.pem)
    with_name = context(folder, issue(name, authority, names=(name,)))
    asked = []

    def answer(request):
        asked.append(request.target)
        return reply or Reply(POLICY, kind="text/plain")

    serving_it = listening(handle, context=with_name) if handle else serving(answer, context=with_name)
    async with serving_it as served:
        port = served if isinstance(served, int) else served.port
        yield {"ca_file": str(folder / "ca.pem"), "connect_to": {"203.0.113.26:443": f"127.0.0.1:{port}"}}
    assert set(asked) <= {"/.well-known/mta-sts.txt"}, "a redirect must not be followed (RFC 8461 section 3.3)"


async def judged(text, *, faults=None, network=None, **declared):
    zones = [zone("acme.example.", text), zone(".", "@ NS a.root.example.\n")]
    sections = {"mail": {"from_domains": ["acme.example"]} | declared}
    async with (
        DnsServer(zones, recursive=True, faults=faults) as server,
        client_for(
            server.address, network={"timeout_s": 1.0 if faults else 10.0} | (network or {}), **sections
        ) as client,
    ):
        found = await mail.transport(client)
        asked = [question[:2] for question in server.questions]
    assert faults or len(asked) == len(set(asked)), "a question was asked twice"
    return mail.in_transit(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HOSTS, "no MTA-STS is published"),
        ("@ A 203.0.113.5\n", "1 mail host can be found"),
        (HOSTS + '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:t@acme.example"\n', "1 mail host"),
        (HOSTS + '_mta-sts TXT "v=spf1 -all"\n_smtp._tls TXT "hello"\n', "no MTA-STS is published"),
    ],
    ids=["MX", "the domain itself where there is no MX", "TLS reporting", "stray TXT is ignored"],
)
async def test_mail_that_finds_its_way_passes(text, words):
    verdict = await judged(text)
    assert verdict.status is Status.PASS, verdict
    assert words in verdict.summary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@ MX 10 mial\n", "mial.acme.example, a mail host of acme.example, has no address"),
        ("@ MX 10 203.0.113.25.\n", "names the address 203.0.113.25"),
        ("@ MX 10 mail\nmail A 10.0.0.5\n", "has only private addresses"),
        ("@ MX 10 mail\nmail CNAME other\nother A 203.0.113.25\n", "is an alias"),
        ("@ MX 0 .\n", "takes none (a null MX)"),
        ("@ MX 0 .\n@ MX 10 mail\nmail A 203.0.113.25\n", "names mail hosts beside it"),
        ("@ TXT hello\n", "has no MX record and no address"),
        (HOSTS + STS + '_mta-sts TXT "v=STSv1; id=2"\n', "2 MTA-STS records"),
        (HOSTS + '_mta-sts TXT "v=STSv1; id=a-b"\n', "senders ignore the MTA-STS record"),
        (HOSTS + '_smtp._tls TXT "v=TLSRPTv1; rua=t@acme.example"\n', "senders ignore the TLS reporting record"),
        (HOSTS + '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:t@acme.example"\n' * 2 +
         '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:u@acme.example"\n', "2 TLS reporting records"),
    ],
)  # fmt: skip
async def test_what_loses_mail_fails(text, words):
    verdict = await judged(text)
    assert verdict.status is Status.FAIL, verdict
    assert words in verdict.summary
    assert verdict.fix


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Reply(POLICY, kind="text/plain"), None),
        (Reply(POLICY, kind="text/plain; charset=utf-8"), None),
        (Reply(POLICY.replace("mail.acme", "other.acme"), kind="text/plain"), "does not name its mail host mail.acme"),
        (Reply(POLICY.replace("enforce", "none").replace("mail.acme", "other.acme"), kind="text/plain"), None),
        (Reply("<html>hello</html>", kind="text/plain"), "senders ignore the MTA-STS policy"),
        (Reply(b"\xff\xfe\x00" * 2000, kind="text/plain"), "senders ignore the MTA-STS policy"),
        (Reply(POLICY, kind="text/html"), "comes as text/html"),
        (Reply(POLICY, 404, kind="text/plain"), "(status 404)"),
        (Reply("", 301, (("Location", "https://mta-sts.acme.example/policy.txt"),)), "(status 301)"),
    ],
)
async def test_the_policy_file_is_judged_as_senders_do(answer, words, authority, tmp_path):
    async with policy_host(authority, tmp_path, answer) as network:
        verdict = await judged(HOSTS + STS, network=network)
    assert verdict.status is (Status.FAIL if words else Status.PASS), verdict
    assert (words or "MTA-STS of acme.example is in order") in verdict.summary


async def test_a_policy_under_a_certificate_for_another_name_is_not_read(authority, tmp_path):
    async with policy_host(authority, tmp_path, name="acme.example") as network:
        verdict = await judged(HOSTS + STS, network=network)
    assert verdict.status is Status.FAIL, verdict
    assert "senders cannot read the MTA-STS policy of acme.example" in verdict.summary


async def cut_off(_reader, writer):
    writer.transport.abort()


async def say_nothing(reader, _writer):
    await reader.read()


@pytest.mark.parametrize("handle", [cut_off, say_nothing])
async def test_a_policy_host_that_does_not_answer_is_unknown(handle, authority, tmp_path):
    async with policy_host(authority, tmp_path, handle=handle) as network:
        verdict = await judged(HOSTS + STS, network={**network, "timeout_s": 1.0})
    assert verdict.status is Status.UNKNOWN, verdict
    assert verdict.needs == "a run while mta-sts.acme.example answers"


async def test_a_policy_host_that_refuses_is_unknown():
    verdict = await judged(HOSTS + STS, network={"connect_to": {"203.0.113.26:443": "127.0.0.1:1"}})
    assert verdict.status is Status.UNKNOWN, verdict


async def test_a_policy_host_without_an_address_fails_and_one_that_cannot_be_looked_up_is_unknown():
    absent = await judged(HOSTS.replace("mta-sts A 203.0.113.26\n", "") + STS)
    assert absent.status is Status.FAIL, absent
    assert "mta-sts.acme.example has no address" in absent.summary
    lost = await judged(HOSTS + STS, faults={"mta-sts.acme.example": "servfail"})
    assert lost.status is Status.UNKNOWN, lost


async def test_a_policy_that_may_not_be_read_is_unknown():
    zones = [zone("acme.example.", HOSTS + STS), zone(".", "@ NS a.root.example.\n")]
    sections = {"authorization": None, "mail": {"from_domains": ["acme.example"]}}
    async with DnsServer(zones, recursive=True) as server, client_for(server.address, **sections) as client:
        verdict = mail.in_transit(await mail.transport(client))
    assert verdict.status is Status.UNKNOWN
    assert verdict.needs == "authorization.hosts: [mta-sts.acme.example]"


@pytest.mark.parametrize(
    "name", ["acme.example/MX", "_mta-sts.acme.example", "_smtp._tls.acme.example", "mail.acme.example"]
)
@pytest.mark.parametrize("fault", ["servfail", "silence", "garbage"])
async def test_look_ups_that_fail_are_unknown_never_missing(name, fault):
    assert (await judged(HOSTS, faults={name: fault})).status is Status.UNKNOWN


@pytest.mark.parametrize("text", ["@ MX 0 .\n", "@ TXT hello\n"], ids=["null MX", "no mail host"])
async def test_a_domain_that_nobody_said_to_send_is_not_accused(text):
    verdict = await judged(text, from_domains=[])
    assert verdict.status is Status.UNKNOWN
    assert "mail.from_domains" in verdict.needs
