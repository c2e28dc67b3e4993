"""What is said of a host's TLS, from evidence by hand: the words, at every boundary."""

import datetime as dt
from dataclasses import replace

import pytest

from launchready_lib.checks.secure_edge import tls
from launchready_lib.checks.secure_edge.tls.evidence import HostTls, TlsEvidence
from launchready_lib.checks.secure_edge.tls.handshake import MAIL_PORT, Handshake
from launchready_lib.checks.secure_edge.tls.stapling import Staple
from launchready_lib.checks.secure_edge.tls.verdicts import needed
from launchready_lib.evidence import Unavailable
from launchready_lib.names.zone_hosts import ZoneHosts
from launchready_lib.network import Answer
from launchready_lib.record.findings import Status
from launchready_lib.site.certificates import Certificate

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
OK = Handshake("ok", code=0, cipher="ECDHE-RSA-AES128-GCM-SHA256", version="TLS 1.3")
REFUSED = Handshake("tls", "refused")
OWN = Certificate(
    subject="acme.example",
    issuer="E7",
    organisation="Let's Encrypt",
    names=("acme.example",),
    starts=NOW - 10 * DAY,
    ends=NOW + 80 * DAY,
    key="RSA 2048",
    signature="sha256",
    weak_key=False,
    weak_signature=False,
    is_self_signed=False,
    issuer_address=False,
    subject_id="own",
    issuer_id="middle",
)
ABOVE = replace(OWN, subject="E7", issuer="Test Root", subject_id="middle", issuer_id="root")
ROOT = replace(OWN, subject="Test Root", issuer="Test Root", subject_id="root", issuer_id="root", is_self_signed=True)
SELF_SIGNED = replace(OWN, is_self_signed=True, issuer_id="own")
VERSIONS = {"TLS 1.0": REFUSED, "TLS 1.1": REFUSED, "TLS 1.2": OK, "TLS 1.3": replace(OK, cipher="TLS_AES_128")}
ALLOWED = Answer("acme.example", "CAA", "ns", "NOERROR", ('0 issue "letsencrypt.org"',))


def host(own=OWN, *above, code=0, error="", name="acme.example", **more):
    trusted = OK if code == 0 else Handshake("tls", error, code)
    given = {"versions": VERSIONS, "caa": (ALLOWED,)} | more
    return HostTls(name, given.pop("read", OK), trusted, chain=(own, *above) if own else (), **given)


def mail(*chain, **more):
    return replace(host(*chain, name="mx.acme.example", **more), port=MAIL_PORT)


def ended(state, error, **more):
    """A host whose handshake ended otherwise."""
    shake = Handshake(state, error)
    return replace(host(None, read=shake, **more), trusted=shake)


def of(*hosts, **more):
    return TlsEvidence(hosts, NOW, **more)


# --- tls.certificate --------------------------------------------------------------------------------------------------

WRONG = {
    "a second ago": (host(replace(OWN, ends=NOW - SECOND)), "its certificate expired today (24 November 2026)"),
    "a day ago": (host(replace(OWN, ends=NOW - DAY - SECOND)), "expired yesterday (23 November 2026)"),
    "two days ago": (host(replace(OWN, ends=NOW - 2 * DAY - SECOND)), "expired 2 days ago (22 November 2026)"),
    "not yet": (host(replace(OWN, starts=NOW + SECOND)), "is not valid before 24 November 2026"),
    "at this moment": (host(replace(OWN, ends=NOW)), "ends in 0 days (24 November 2026)"),
    "soon": (
        host(replace(OWN, starts=NOW - 30 * DAY, ends=NOW + 14 * DAY - SECOND)),
        "ends in 13 days (8 December 2026)",
    ),
    "another name": (
        host(replace(OWN, names=("a.example", "b.example"))),
        "its certificate is for a.example and b.example",
    ),
    "no names": (host(replace(OWN, names=())), "for acme.example (as common name only, which browsers ignore)"),
    "self-signed": (host(SELF_SIGNED, code=18), "is self-signed, so browsers warn"),
    "self-signed, told of as above it": (host(SELF_SIGNED, code=19), "is self-signed, so browsers warn"),
    "a strange root": (host(OWN, ABOVE, ROOT, code=19), "comes from Test Root, an issuer that browsers do not know"),
    "a strange issuer": (host(OWN, ABOVE, code=20), "comes from Test Root, an issuer that browsers do not know"),
    "a strange issuer, not sent": (host(OWN, code=21), "comes from E7, an issuer that browsers do not know"),
    "an issuer not sent": (
        host(replace(OWN, issuer_address=True), code=2),
        "the chain is incomplete: the certificate of its issuer (E7) is not sent along",
    ),
    "a strange issuer that could be had": (
        host(replace(OWN, issuer_address=True), ABOVE, code=20),
        "comes from Test Root, an issuer",
    ),
    "an issuer out of date": (
        host(OWN, replace(ABOVE, ends=NOW - SECOND), code=10),
        "a certificate above its own is out of date (E7)",
    ),
    "an issuer not yet valid": (
        host(OWN, ABOVE, replace(ROOT, starts=NOW + SECOND), code=9),
        "out of date (Test Root)",
    ),
    "an issuer out of date, not sent": (host(OWN, ABOVE, code=10), "a certificate above its own is out of date"),
    "refused otherwise": (host(code=23, error="it is revoked"), "browsers refuse its certificate: it is revoked"),
    "refused as weak, by whatever we cannot see": (
        host(code=66, error="weak"),
        "browsers refuse its certificate: weak",
    ),
    "reversed": (host(OWN, ROOT, ABOVE), "the chain is reversed"),
    "a weak key": (
        host(replace(OWN, weak_key=True, key="RSA 1024"), code=66),
        "key of acme.example is weak (RSA 1024)",
    ),
    "a weak key above": (host(OWN, replace(ABOVE, weak_key=True), code=67), "the key of E7 is weak (RSA 2048)"),
    "a weak signature": (host(OWN, replace(ABOVE, weak_signature=True), code=68), "the signature of E7 is weak"),
    "unreadable": (replace(host(None), malformed=1), "its certificate cannot be read"),
    "unreadable, so our library ends it": (ended("tls", "bad", malformed=1), "its certificate cannot be read"),
    "no TLS": (ended("tls", "not TLS"), "port 443 does not speak TLS (not TLS)"),
    "revoked": (host(staple=Staple("revoked", revoked=NOW - DAY)), "was revoked on 23 November 2026"),
    "revoked, nobody says when": (host(staple=Staple("revoked")), "its certificate was revoked"),
    "must-staple": (
        host(replace(OWN, must_staple=True), staple=Staple("none")),
        "fresh OCSP answer with it, but none is",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_of_a_certificate_is_named_alone_and_in_full(name):
    wrong, words = WRONG[name]
    found = tls.certificate(of(wrong))
    assert found.status is Status.FAIL
    assert words in f"{found.summary}$"
    assert found.summary.count(";") == 0
    assert found.fix.startswith("acme.example: ")
    assert found.impact is None
    assert len(found.about) == 1


RIGHT = {
    "as it should be": host(OWN, ABOVE, ROOT),
    "fourteen days left": host(replace(OWN, starts=NOW - 30 * DAY, ends=NOW + 14 * DAY)),
    "valid from now": host(replace(OWN, starts=NOW)),
    "a third of a short life left": host(replace(OWN, starts=NOW - 4 * DAY, ends=NOW + 2 * DAY)),
    "a root's own weak signature": host(OWN, ABOVE, replace(ROOT, weak_signature=True)),
    "a handshake that broke off": replace(host(), trusted=Handshake("reset", "reset", 20)),
    "refused without a code": replace(host(), trusted=Handshake("tls", "alert", None)),
    "refused with the code of none": replace(host(), trusted=Handshake("tls", "alert", 0)),
    "no answer, and none demanded": host(staple=Staple("none")),
    "an answer, as demanded": host(replace(OWN, must_staple=True), staple=Staple("good")),
    "an answer not asked for": host(replace(OWN, must_staple=True)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_certificate_without_fault_passes(name):
    found = tls.certificate(of(RIGHT[name]))
    assert found.status is Status.PASS
    assert "acme.example: trusted, for the right name, the first to end in" in found.summary
    assert found.evidence[0]["means"] == "as it should be"
    assert ";" not in found.summary


@pytest.mark.parametrize(("own", "days"), [(6, 2), (41, 41 / 3), (42, 14), (90, 14)])
def test_how_much_time_must_be_left(own, days):
    assert needed(replace(OWN, starts=NOW, ends=NOW + own * DAY)) == days * DAY


def test_dates_that_the_browser_refuses_are_told_once():
    assert [p.kind for p in tls.problems(host(replace(OWN, ends=NOW - DAY), code=10), NOW)] == ["expired"]
    assert [p.kind for p in tls.problems(host(replace(OWN, starts=NOW + DAY), code=9), NOW)] == ["not yet valid"]
    for moment in ({"starts": NOW}, {"ends": NOW}):
        assert "stale chain" in [p.kind for p in tls.problems(host(replace(OWN, **moment), code=9), NOW)]
    above = replace(ABOVE, ends=NOW), replace(ROOT, starts=NOW)
    assert "out of date" in tls.problems(host(OWN, *above, code=10), NOW)[0].text
    assert "(" not in tls.problems(host(OWN, *above, code=10), NOW)[0].text


@pytest.mark.parametrize(
    ("one", "words", "fix"),
    [
        (mail(SELF_SIGNED, code=18), "strict senders refuse it", "Let's Encrypt"),
        (mail(code=20), "an issuer that senders that check do not know", "Let's Encrypt"),
        (replace(ended("tls", "odd", name="mx.acme.example"), port=25), "port 25 does not speak TLS (odd)", "STARTTLS"),
        (
            replace(ended("plain", "no STARTTLS", name="mx.acme.example"), port=25),
            "in the open: no STARTTLS",
            "STARTTLS",
        ),
    ],
)
def test_of_a_mail_host_senders_are_told_and_what_it_means_for_mail(one, words, fix):
    found = tls.certificate(of(one, host()))
    assert found.status is Status.FAIL
    assert words in found.summary
    assert fix in found.fix
    assert "members write to you" in found.impact
    beside_another = tls.certificate(of(one, host(replace(OWN, ends=NOW))))
    assert beside_another.impact is None


def test_where_all_is_well_the_first_to_end_is_named_and_whoever_is_late_or_left_out():
    late = host(replace(OWN, names=("b.example",), starts=NOW - 70 * DAY, ends=NOW + 20 * DAY), name="b.example")
    found = tls.certificate(of(late, host(), others=("mx.elsewhere.example",)))
    assert "the first to end in 20 days" in found.summary
    assert "would have renewed that of b.example by now" in found.summary
    assert "somebody else runs it: mx.elsewhere.example (mail)" in found.summary
    assert found.evidence[-1]["host"] == "mx.elsewhere.example (mail)"


LEFT = {
    "a host that does not answer": (
        of(ended("timeout", "no answer", name="b.example"), host()),
        "https://b.example/ did not answer",
    ),
    "a domain whose mail hosts are not known": (of(host(), missing=(Unavailable("lost", "nameservers"),)), "lost"),
    "names of the zone file": (of(host(), zone=ZoneHosts(cut=2)), "2 more names of the zone file were not read"),
    "an answer that travels encrypted": (
        of(host(), host(replace(OWN, must_staple=True), staple=Staple("unseen"))),
        "demands an OCSP answer",
    ),
    "no host at all": (of(), "no public host has an address"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_could_not_be_seen_leaves_the_certificates_unknown(name):
    evidence, words = LEFT[name]
    found = tls.certificate(evidence)
    assert found.status is Status.UNKNOWN
    assert words in found.reason
    assert len(found.evidence) >= sum(one.own is not None for one in evidence.hosts)


# --- tls.protocols ----------------------------------------------------------------------------------------------------

SPOKEN = {
    "new ones": ({}, Status.PASS, "acme.example: TLS 1.2 or newer only, with forward secrecy"),
    "none": (dict.fromkeys(VERSIONS, REFUSED), Status.FAIL, "no TLS"),
    "an old one": ({"TLS 1.1": OK}, Status.FAIL, "still accepts TLS 1.1"),
    "no forward secrecy": (
        {"TLS 1.2": replace(OK, cipher="AES128-SHA")},
        Status.FAIL,
        "agrees on AES128-SHA, which has no forward secrecy",
    ),
    "an old one untried": ({"TLS 1.0": Handshake("ours", "none")}, Status.UNKNOWN, "1.0 could not be tried (none)"),
    "an old one unanswered": ({"TLS 1.1": Handshake("timeout", "late")}, Status.UNKNOWN, "could not be tried (late)"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOKEN)
def test_versions_and_suites_are_judged_as_agreed_on(name):
    versions, status, words = SPOKEN[name]
    found = tls.protocols(of(host(versions=VERSIONS | versions)))
    assert found.status is status
    assert words in found.summary
    assert len(found.evidence) == 1
    shown = {name: found.evidence[0][name] for name in VERSIONS}
    assert shown == {n: "ok" if s.state == "ok" else s.error for n, s in (VERSIONS | versions).items()}


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [
        ("TLS 1.1", Status.FAIL, "mx.acme.example (mail): speaks no newer version than TLS 1.1"),
        ("TLS 1.2", Status.PASS, "acme.example and mx.acme.example (mail)"),
    ],
)
def test_a_mail_host_must_only_offer_something_new(version, status, words):
    found = tls.protocols(of(host(), mail(read=replace(OK, version=version))))
    assert found.status is status
    assert words in found.summary


def test_a_mail_host_that_does_not_encrypt_is_the_certificates_matter():
    assert tls.protocols(of(host(), replace(ended("plain", "no"), port=25))).status is Status.PASS


@pytest.mark.parametrize("judge", [tls.protocols, tls.issuance])
def test_hosts_after_one_that_does_not_answer_are_judged_too(judge):
    away = ended("timeout", "no answer", name="a.example")
    old = host(versions=VERSIONS | {"TLS 1.0": OK}, caa=(replace(ALLOWED, records=('0 issue ";"',)),))
    found = judge(of(away, mail(), old))
    assert (found.status, found.about[0]) == (Status.FAIL, "acme.example")
    found = judge(of(away, host()))
    assert found.status is Status.UNKNOWN
    assert "https://a.example/ did not answer" in found.reason
    assert [row["host"] for row in found.evidence] == ["acme.example"]
    assert "2 more names" in judge(of(host(), zone=ZoneHosts(cut=2))).reason
    assert "no public host" in judge(of()).reason


# --- tls.issuance -----------------------------------------------------------------------------------------------------


def caa(*records, state="NOERROR", error=""):
    return Answer("acme.example", "CAA", "ns", state, records, error=error)


ASKED = {
    "allowed": ((ALLOWED,), Status.PASS, "CAA records allow the issuer in use"),
    "allowed after another": ((caa('0 issue "a.example"', '0 issue "LetsEncrypt.org ; x=y"'),), Status.PASS, ""),
    "not allowed": ((caa('0 issue "a.example"'),), Status.FAIL, "does not allow Let's Encrypt, so its next"),
    "only for wildcards": ((caa('0 issue ";"', '0 issuewild "letsencrypt.org"'),), Status.FAIL, "does not allow"),
    "something else": ((caa("0 iodef mailto:a@b.example", "nonsense"),), Status.FAIL, "does not allow"),
    "none": ((caa(state="NODATA"),), Status.FAIL, "no CAA record, so any authority may issue for it"),
    "an empty answer": ((caa(),), Status.FAIL, "no CAA record"),
    "no such name": ((caa(state="NXDOMAIN"),), Status.FAIL, "no CAA record"),
    "an error": ((caa(state="SERVFAIL", error="it broke"),), Status.UNKNOWN, "could not be asked (it broke)"),
    "a state": ((caa(state="TIMEOUT"),), Status.UNKNOWN, "could not be asked (TIMEOUT)"),
    "not asked": ((), Status.UNKNOWN, "could not be asked (not asked)"),
    "the last one counts": ((caa(state="NODATA"), ALLOWED), Status.PASS, ""),
    "a failure on the way": ((ALLOWED, caa(state="TIMEOUT")), Status.UNKNOWN, "TIMEOUT"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_caa_says_of_the_issuer(name):
    answers, status, words = ASKED[name]
    found = tls.issuance(of(host(caa=answers)))
    assert found.status is status
    assert words in found.summary
    assert found.evidence[0]["issuer"] == "Let's Encrypt"
    if status is Status.FAIL:
        assert '''acme.example. IN CAA 0 issue "letsencrypt.org"''' in found.fix


def test_the_line_to_publish_names_the_domain_and_the_authority():
    for name, organisation, line in (
        ("a.b.acme.example", "Amazon", 'acme.example. IN CAA 0 issue "amazon.com"'),
        ("acme.example", "Nobody Knows", 'acme.example. IN CAA 0 issue "letsencrypt.org"'),
        ("acme.example", "CA.Nobody.example", 'acme.example. IN CAA 0 issue "ca.nobody.example"'),
    ):
        own = replace(OWN, organisation=organisation)
        found = tls.issuance(of(host(own, name=name, caa=(caa(state="NODATA"),))))
        assert found.fix == f"Publish {line}"
        assert found.evidence[0]["records"] == "(none)"


def test_an_issuer_is_called_by_its_organisation_or_else_by_its_name():
    for organisation in ("Nobody Knows", ""):
        found = tls.issuance(of(host(replace(OWN, organisation=organisation))))
        assert found.status is Status.UNKNOWN
        assert f"which CAA name stands for {organisation or 'E7'} is not known" in found.reason


def test_at_most_ten_records_are_shown_and_all_are_read():
    records = (*(f'0 issue "a{n}.example"' for n in range(10)), '0 issue "letsencrypt.org"')
    found = tls.issuance(of(host(caa=(caa(*records),))))
    assert found.status is Status.PASS
    assert found.evidence[0]["records"].count(";") == 9


def test_one_star_among_the_names_goes_by_issuewild_where_it_stands():
    both = replace(OWN, names=("acme.example", "*.acme.example"))
    found = tls.issuance(of(host(both, caa=(caa('0 issue "letsencrypt.org"', '0 issuewild ";"'),))))
    assert found.status is Status.FAIL
    assert tls.issuance(of(host(both))).status is Status.PASS


@pytest.mark.parametrize(
    ("one", "judged"),
    [
        (mail(SELF_SIGNED, code=18), False),
        (mail(code=20), False),
        (mail(code=66), True),
        (replace(mail(), trusted=Handshake("reset", "reset", 20)), True),
        (host(SELF_SIGNED, code=18), True),
    ],
)
def test_caa_does_not_concern_a_mail_host_that_no_public_authority_certified(one, judged):
    assert tls.issuance(of(one, host(name="b.example"))).summary.startswith(one.title) is judged
