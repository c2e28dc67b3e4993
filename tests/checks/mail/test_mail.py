"""Mail checks over a real DNS server on loopback: SPF, DKIM and DMARC as zones publish them."""

from __future__ import annotations

import base64
import contextlib

import pytest
from audited import client_for
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from dns_server import DnsServer, zone
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.checks.secure_edge import mail
from launchready_lib.checks.secure_edge.mail import dkim_keys, dmarc_discovery, records, spf_audit, spf_tree
from launchready_lib.checks.secure_edge.mail.spf_tree import Node
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Answer
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio


def rsa_key(bits: int) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


KEY_2048, KEY_1024 = rsa_key(2048), rsa_key(1024)
# cryptography makes no key this small any more, so one is written down.
KEY_512 = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL5nkmEQRRjsOMJyCxRtyH7L2hQ3FK8Mj1QJZs2j7eGzFp1V0vX0KDuYH4cP"
    "MN3bEo3p3oXQZ0e4nJcW1J1s0K8CAwEAAQ=="
)
ED25519 = base64.b64encode(
    ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
).decode()


def txt(name: str, text: str) -> str:
    parts = " ".join(f'"{text[n : n + 250]}"' for n in range(0, len(text), 250))
    return f"{name} TXT {parts}\n"


SPF = txt("@", "v=spf1 ip4:203.0.113.25 include:spf.mailer.example ~all")
DKIM = txt("pm._domainkey", f"v=DKIM1; k=rsa; p={KEY_2048}")
DMARC = txt("_dmarc", "v=DMARC1; p=quarantine; rua=mailto:dmarc@acme.example")
MX = "@ MX 10 mx\nmx A 203.0.113.25\n"
GOOD = SPF + DKIM + DMARC + MX
MAIL = {"from_domains": ["acme.example"], "dkim_selectors": {"acme.example": ["pm"]}, "senders": ["203.0.113.25"]}
OTHERS = {
    "mailer.example.": txt("spf", "v=spf1 ip4:198.51.100.0/28 -all") + txt("open", "v=spf1 +all"),
    "reports.example.": "@ MX 10 mx\nmx A 198.51.100.2\n" + txt("acme.example._report._dmarc", "v=DMARC1"),
    "strict.example.": "@ MX 10 mx\nmx A 198.51.100.2\n",
    "silent.example.": "@ MX 0 .\n",
    ".": "@ NS a.root.example.\n",
}


async def evidence_of(text: str = GOOD, *, faults=None, others=None, **declared):
    zones = [zone("acme.example.", text), *(zone(o, t) for o, t in (OTHERS | (others or {})).items())]
    async with DnsServer(zones, recursive=True, faults=faults) as server:
        # Without silence nothing times out, however busy the machine is.
        network = {"timeout_s": 1.5 if "silence" in (faults or {}).values() else 10.0}
        async with client_for(server.address, mail=MAIL | declared, authorization=None, network=network) as client:
            found = await mail.survey(client)
        asked = [question[:2] for question in server.questions]
    assert not isinstance(found, Unavailable), found
    assert faults or len(asked) == len(set(asked)), "a question was asked twice"
    return found


async def test_a_well_kept_domain_passes_all_three():
    found = await evidence_of()
    for check in (mail.spf, mail.dkim, mail.dmarc):
        verdict = check(found)
        assert verdict.status is Status.PASS, verdict
    assert found.frame()["policy"].tolist() == ["quarantine"]
    assert [key.name for each in found.dkim for key in each.keys] == ["pm._domainkey.acme.example"]
    assert [row["term"] for row in spf_audit.audit(found.domains[0].spf).blame] == ["include:spf.mailer.example"]


@pytest.mark.parametrize("check", [mail.spf, mail.dkim, mail.dmarc])
async def test_without_from_domains_good_records_are_no_pass(check):
    verdict = check(await evidence_of(from_domains=[]))
    assert verdict.status is Status.UNKNOWN
    assert "mail.from_domains" in verdict.needs


@pytest.mark.parametrize("check", [mail.spf, mail.dkim, mail.dmarc])
@pytest.mark.parametrize("fault", ["servfail", "silence"])
async def test_failing_look_ups_are_unknown_never_missing(check, fault):
    names = ("acme.example/TXT", "pm._domainkey.acme.example", "_dmarc.acme.example")
    verdict = check(await evidence_of(faults=dict.fromkeys(names, fault)))
    assert verdict.status is Status.UNKNOWN


async def test_our_own_network_down_is_unknown():
    async with client_for("127.0.0.1:1", mail=MAIL) as client:
        found = await mail.survey(client)
    assert mail.spf(found).status is Status.UNKNOWN


def spf_zone(*records: str) -> str:
    return DKIM + DMARC + MX + "".join(txt("@", record) for record in records)


class TestSpf:
    @pytest.mark.parametrize(
        ("records", "words"),
        [
            ((), "acme.example has no SPF record"),
            (("v=spf1 ip4:203.0.113.25 -all", "v=spf1 -all"), "has 2 SPF records"),
            (("v=spf1 ip4:203.0.113.25 +all",), "ends in +all: anybody may send"),
            (("v=spf1 ip4:203.0.113.25 ?all",), "ends in ?all"),
            (("v=spf1 ip4:203.0.113.25",), "has no all at its end"),
            (("v=spf1 ip4:0.0.0.0/0 -all",), "ip4:0.0.0.0/0 in the SPF record of acme.example lets a large part"),
            (("v=spf1 ip4:203.0.113.25 ip4:0.0.0.0/1 -all",), "lets a large part of the internet send"),
            (("v=spf1 ip4:203.0.113.25 a:mx.acme.example/0 -all",), "lets a large part of the internet send"),
            (("v=spf1 ip4:203.0.113.25 include:open.mailer.example -all",), "open.mailer.example, which"),
            (("v=spf1 ip4:203.0.113.25 include:gone.example -all",), "names a domain without an SPF record"),
            (("v=spf1 ip4:203.0.113.25 ip4:203.0.113.300 -all",), "cannot be read at 'ip4:203.0.113.300'"),
            (("v=spf1 ip4:203.0.113.25 inculde:spf.mailer.example -all",), "cannot be read at 'inculde:"),
            (("v=spf1 a:x1.example a:x2.example a:x3.example ip4:203.0.113.25 -all",), "3 look-ups"),
            (("v=spf1 ip4:203.0.113.26 -all",), "203.0.113.25 really sends, but SPF does not let it: fail for"),
        ],
    )
    async def test_a_fault_fails_and_names_the_record(self, records, words):
        verdict = mail.spf(await evidence_of(spf_zone(*records)))
        assert verdict.status is Status.FAIL, verdict
        assert words in verdict.summary
        assert verdict.fix

    @pytest.mark.parametrize(
        "record",
        [
            "v=SpF1 ip4:203.0.113.25 -all",
            "v=spf1 redirect=spf2.acme.example",
            "v=spf1 ip4:203.0.113.25 include:%{i}._spf.mailer.example ~all",
            "v=spf1 mx -all",
            "v=spf1 ip4:203.0.113.25 -all include:gone.example",
        ],
        ids=["capitals", "redirect", "macro", "mx", "dead end behind all"],
    )
    async def test_a_legal_record_passes(self, record):
        extra = txt("spf2", "v=spf1 ip4:203.0.113.25 -all")
        verdict = mail.spf(await evidence_of(spf_zone(record) + extra))
        assert verdict.status is Status.PASS, verdict

    async def test_too_many_look_ups_name_what_to_drop_with_its_provider(self):
        many = " ".join(f"a:h{n}.acme.example" for n in range(10))
        hosts = "".join(f"h{n} A 203.0.113.9\n" for n in range(10))
        text = spf_zone(f"v=spf1 include:_spf.google.com {many} ip4:203.0.113.25 ~all") + hosts
        others = {"google.com.": txt("_spf", "v=spf1 a:_a.google.com ~all") + "_a A 192.0.2.9\n"}
        verdict = mail.spf(await evidence_of(text, others=others))
        assert "needs 12 look-ups, receivers stop at 10" in verdict.summary
        assert "costliest first: include:_spf.google.com (Google Workspace, 2)" in verdict.fix

    async def test_the_record_printed_for_two_makes_it_pass(self):
        found = await evidence_of(spf_zone("v=spf1 ip4:203.0.113.25 -all", "v=spf1 include:spf.mailer.example -all"))
        record = mail.spf(found).fix.partition('TXT "')[2].rstrip('"')
        terms = record.split()  # in the order of the answer, which is none
        assert (terms[0], set(terms[1:-1]), terms[-1]) == (
            "v=spf1",
            {"ip4:203.0.113.25", "include:spf.mailer.example"},
            "-all",
        )
        assert mail.spf(await evidence_of(spf_zone(record))).status is Status.PASS

    async def test_a_provider_that_no_record_names_fails(self):
        verdict = mail.spf(await evidence_of(providers=["google"], senders=[]))
        assert verdict.status is Status.FAIL
        assert "Add include:_spf.google.com" in verdict.fix

    @pytest.mark.parametrize(
        ("providers", "status"),
        [(["postmark"], Status.PASS), (["somebody else"], Status.UNKNOWN), ([], Status.UNKNOWN)],
        ids=["own bounce address", "not in the table", "none"],
    )
    async def test_what_covers_is_told_or_unknown(self, providers, status):
        assert mail.spf(await evidence_of(providers=providers, senders=[])).status is status

    async def test_an_include_that_does_not_answer_is_unknown(self):
        verdict = mail.spf(await evidence_of(faults={"spf.mailer.example": "servfail"}))
        assert verdict.status is Status.UNKNOWN
        assert "spf.mailer.example" in verdict.reason

    async def test_an_endless_chain_of_includes_ends(self):
        text = spf_zone("v=spf1 include:i0.acme.example -all")
        text += "".join(txt(f"i{n}", f"v=spf1 include:i{n + 1}.acme.example -all") for n in range(100))
        assert mail.spf(await evidence_of(text)).status is Status.FAIL

    async def test_a_loop_is_named(self):
        verdict = mail.spf(await evidence_of(spf_zone("v=spf1 include:acme.example -all")))
        assert "leads back to itself" in verdict.summary

    @given(st.text(st.characters(codec="latin-1"), max_size=120))
    def test_any_record_is_read_without_an_exception(self, text):
        terms = spf_tree.parse(f"v=spf1 {text}", "acme.example")
        spf_audit.audit(Node("acme.example", "NOERROR", (f"v=spf1 {text}",), terms))


class TestDkim:
    @pytest.mark.parametrize(
        ("record", "words"),
        [
            (f"v=DKIM1; k=rsa; p={KEY_2048}", "a valid rsa key of 2048 bits"),
            (f"v=DKIM1; k=rsa; p={KEY_1024}", "1024 bits (2048 bits are advised)"),
            (f"v=DKIM1; k=ed25519; p={ED25519}", "a valid ed25519 key of 256 bits"),
            (f"k=rsa; p={KEY_2048}", "a valid rsa key"),
            (f"v=DKIM1; t=y; p={KEY_2048}", "take t=y off"),
            (f"v=DKIM1; p={KEY_2048[:100]} {KEY_2048[100:]}", "a valid rsa key"),
        ],
        ids=["2048", "1024", "ed25519", "no version", "testing", "spaces"],
    )
    async def test_a_valid_key_passes(self, record, words):
        verdict = mail.dkim(await evidence_of(SPF + DMARC + MX + txt("pm._domainkey", record)))
        assert verdict.status is Status.PASS, verdict
        assert words in verdict.summary

    @pytest.mark.parametrize(
        ("records", "words"),
        [
            ([], "publishes no key"),
            ([f"v=DKIM1; p={KEY_2048[:120]}"], "cut off or altered when it was pasted"),
            ([f"v=DKIM1; p={KEY_2048[:121]}"], "is not base64"),
            (["v=DKIM1; p="], "was withdrawn"),
            (
                [f"v=DKIM1; k=rsa; p={KEY_512}"],
                "512 bits",
            ),
            ([f"v=DKIM1; k=ed25519; p={ED25519[:20]}"], "Ed25519 key of the wrong length"),
            ([f"v=DKIM1; k=dsa; p={KEY_2048}"], "names the key type"),
            ([f"v=DKIM1; h=sha1; p={KEY_2048}"], "only hashes that receivers no longer accept"),
            ([f"v=DKIM1; s=other; p={KEY_2048}"], "is not meant for e-mail"),
            ([f"v=dkim1; p={KEY_2048}"], "does not start with v=DKIM1"),
            ([f"k=rsa; v=DKIM1; p={KEY_2048}"], "does not start with v=DKIM1"),
            ([f"v=DKIM1; p={KEY_2048}; p={KEY_2048}"], "p= stands there twice"),
            ([f"v=DKIM1; p={KEY_2048}", f"v=DKIM1; p={KEY_1024}"], "holds 2 keys at once"),
            (["google-site-verification=x"], "is no DKIM key"),
        ],
    )
    async def test_a_key_that_receivers_cannot_use_fails(self, records, words):
        text = SPF + DMARC + MX + "".join(txt("pm._domainkey", record) for record in records)
        verdict = mail.dkim(await evidence_of(text))
        assert verdict.status is Status.FAIL, verdict
        assert f"selector pm of acme.example {words.split()[0]}"[:20] in verdict.summary
        assert words in verdict.summary

    async def test_a_key_behind_a_cname_counts_and_the_target_is_named(self):
        others = {"mailer.example.": txt("k", f"v=DKIM1; p={KEY_2048}") + OTHERS["mailer.example."]}
        text = SPF + DMARC + MX + "pm._domainkey CNAME k.mailer.example.\n"
        verdict = mail.dkim(await evidence_of(text, others=others))
        assert verdict.status is Status.PASS
        assert verdict.evidence[0]["handed_to"] == "k.mailer.example"
        verdict = mail.dkim(await evidence_of(text))
        assert "its CNAME leads to k.mailer.example, which holds none" in verdict.summary

    async def test_common_selectors_are_found_where_none_is_declared(self):
        text = SPF + DMARC + MX + txt("google._domainkey", f"v=DKIM1; p={KEY_2048}")
        verdict = mail.dkim(await evidence_of(text, dkim_selectors={}))
        assert verdict.status is Status.PASS
        assert "selector google of acme.example" in verdict.summary

    async def test_none_known_and_none_found_is_unknown(self):
        verdict = mail.dkim(await evidence_of(SPF + DMARC + MX, dkim_selectors={}))
        assert verdict.status is Status.UNKNOWN
        assert "mail.dkim_selectors: {acme.example: [...]}" in verdict.needs

    async def test_a_wildcard_proves_nothing(self):
        text = SPF + DMARC + MX + txt("*._domainkey", f"v=DKIM1; p={KEY_2048}")
        found = await evidence_of(text, dkim_selectors={})
        assert mail.dkim(found).status is Status.UNKNOWN
        assert found.dkim[0].wildcard

    async def test_a_selector_of_an_aligned_domain_signs_for_it(self):
        selectors = {"mail.acme.example": ["pm"]}
        text = SPF + DMARC + MX + txt("pm._domainkey.mail", f"v=DKIM1; p={KEY_2048}")
        assert mail.dkim(await evidence_of(text, dkim_selectors=selectors)).status is Status.PASS

    def test_a_bare_pkcs1_key_is_read(self):
        public = rsa.generate_private_key(65537, 2048).public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        found = dkim_keys.public_key("rsa", base64.b64encode(der).decode())
        assert isinstance(found, rsa.RSAPublicKey)
        assert found.key_size == 2048

    @given(st.text(max_size=200))
    def test_any_key_is_read_without_an_exception(self, text):
        answer = Answer("s._domainkey.acme.example", "TXT", "", "NOERROR", (f"v=DKIM1; {text}",))
        assert dkim_keys.read("acme.example", "s", answer, declared=True).state in ("broken", "revoked", "valid")


def dmarc_zone(*records: str, at: str = "_dmarc") -> str:
    return SPF + DKIM + MX + "".join(txt(at, record) for record in records)


class TestDmarc:
    @pytest.mark.parametrize(
        ("records", "words"),
        [
            ((), "acme.example has no DMARC policy"),
            (("v=DMARC1; p=reject",), "asks for no reports"),
            (("v=DMARC1; p=none",), "asks for no reports"),
            (("v=DMARC1; rua=;p=refuse",), "receivers take no policy from the DMARC record"),
            (("v=DMARC1; p=none; p=reject",), "p= stands there twice"),
            (("v=DMARC1; p=none; rua=mailto:a@strict.example",), "strict.example has not agreed"),
            (("v=DMARC1; p=none; rua=mailto:a@silent.example",), "silent.example takes no mail"),
            (("v=DMARC1; p=none; rua=mailto:a@gone.example",), "gone.example takes no mail"),
            (("v=DMARC1; p=none; rua=mailto:a@acme.example",) * 1 + ("v=DMARC1; p=reject",), "several DMARC records"),
            (("V=DMARC1; p=none",), "has no DMARC policy"),
        ],
    )
    async def test_a_policy_that_is_not_in_force_fails(self, records, words):
        verdict = mail.dmarc(await evidence_of(dmarc_zone(*records)))
        assert verdict.status is Status.FAIL, verdict
        assert words in verdict.summary
        assert verdict.fix

    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ("v=DMARC1; p=none; rua=mailto:a@acme.example", "is none, a first stage"),
            ("v = DMARC1 ; p = Reject; rua=mailto:a@acme.example!10m", "is reject"),
            ("v=DMARC1; p=reject; t=y; rua=mailto:a@acme.example", "is quarantine"),
            ("v=DMARC1; p=quarantine; t=y; rua=mailto:a@acme.example", "t=y still holds the policy back"),
            ("v=DMARC1; p=bogus; rua=mailto:a@acme.example", "is none"),
            ("v=DMARC1; p=reject; pct=100; xyz=1; rua=mailto:a@acme.example", "is reject"),
            ("v=DMARC1; p=reject; rua=mailto:a@reports.example", "reports go to a@reports.example"),
            ("v=DMARC1; p=reject; rua=mailto:a@strict.example,mailto:b@acme.example", "reports go to b@acme.example"),
        ],
    )
    async def test_a_policy_in_force_passes(self, record, words):
        verdict = mail.dmarc(await evidence_of(dmarc_zone(record)))
        assert verdict.status is Status.PASS, verdict
        assert words in verdict.summary

    async def test_stray_records_beside_it_are_ignored(self):
        text = dmarc_zone("v=spf1 -all", "some words", "v=DMARC1; p=reject; rua=mailto:a@acme.example")
        assert mail.dmarc(await evidence_of(text)).status is Status.PASS

    async def test_a_record_under_a_doubled_name_is_found(self):
        text = dmarc_zone("v=DMARC1; p=none; rua=mailto:a@acme.example", at="_dmarc.acme.example.acme.example.")
        verdict = mail.dmarc(await evidence_of(text))
        assert verdict.status is Status.FAIL
        assert "stands at _dmarc.acme.example.acme.example" in verdict.summary

    async def test_a_subdomain_takes_the_policy_of_the_organization(self):
        record = "v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:a@acme.example"
        text = dmarc_zone(record) + txt("mail", "v=spf1 -all")
        found = await evidence_of(text, from_domains=["mail.acme.example", "nothing.acme.example"])
        assert [each.dmarc.policy for each in found.domains] == ["quarantine", "none"]

    async def test_the_printed_record_makes_it_pass(self):
        verdict = mail.dmarc(await evidence_of(dmarc_zone()))
        line = verdict.fix.removeprefix("Publish ")
        assert mail.dmarc(await evidence_of(dmarc_zone() + line.replace("3600 IN ", "") + "\n")).status is Status.PASS


def answers(domain: str, **records: str) -> list[Answer]:
    """The answers of a walk; keys are domains with _ for dots."""
    published = {name.replace("_", "."): text for name, text in records.items()}
    return [
        Answer(f"_dmarc.{name}", "TXT", "", *(("NOERROR", (published[name],)) if name in published else ("NXDOMAIN",)))
        for name in dmarc_discovery.steps(domain)
    ]


class TestTreeWalk:
    def test_a_long_name_is_asked_eight_times_at_most(self):
        found = dmarc_discovery.steps("a.b.c.d.e.f.g.h.i.mail.example.com")
        assert found[0] == "a.b.c.d.e.f.g.h.i.mail.example.com"
        assert found[1] == "f.g.h.i.mail.example.com"
        assert len(found) == 8
        assert found[-1] == "com"

    @pytest.mark.parametrize(
        ("domain", "records", "organizational", "policy"),
        [
            ("a.mail.example.com", {"example_com": "v=DMARC1; p=reject"}, "example.com", "reject"),
            (
                "a.mail.example.com",
                {"mail_example_com": "v=DMARC1; p=none", "example_com": "v=DMARC1; p=reject"},
                "example.com",
                "reject",
            ),
            (
                "mail.example.com",
                {"mail_example_com": "v=DMARC1; p=none; psd=n", "example_com": "v=DMARC1; p=reject"},
                "mail.example.com",
                "none",
            ),
            ("shop.example.bank", {"bank": "v=DMARC1; p=reject; psd=y"}, "example.bank", "reject"),
            ("example.com", {}, "example.com", None),
        ],
        ids=["inherited", "between is passed over", "psd=n ends", "public suffix", "nothing"],
    )
    def test_the_organization_and_its_policy_are_found(self, domain, records, organizational, policy):
        found = dmarc_discovery.decide(domain, answers(domain, **records))
        assert (found.organizational, found.policy) == (organizational, policy)

    @given(st.text(max_size=200))
    def test_any_record_is_read_without_an_exception(self, text):
        dmarc_discovery.parse("acme.example", f"v=DMARC1;{text}")


@given(st.text(max_size=200))
def test_any_text_is_a_tag_list_or_a_tag_error(text):
    with contextlib.suppress(records.RecordError):
        assert all(name for name, _ in records.tags(text))
