"""What is said of SPF, DKIM, DMARC and mail's way, from evidence by hand: the words, at every boundary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launchready_lib.checks.secure_edge import mail
from launchready_lib.checks.secure_edge.mail.dkim_keys import DkimDomain, DkimKey
from launchready_lib.checks.secure_edge.mail.dmarc_discovery import Discovery, DmarcRecord, ReportTarget
from launchready_lib.checks.secure_edge.mail.spf_tree import Node, Term
from launchready_lib.checks.secure_edge.mail.survey import DomainMail, MailEvidence, Sending
from launchready_lib.checks.secure_edge.mail.transport import DomainTransport, MailHost, TransportEvidence
from launchready_lib.names.published import ZoneMail
from launchready_lib.network import Answer, Response
from launchready_lib.record.findings import Status

CUT = ZoneMail(cut=1)


def txt(name: str, *records: str, state: str = "") -> Answer:
    return Answer(name, "TXT", "ns", state or ("NOERROR" if records else "NXDOMAIN"), records)


# --- DKIM -------------------------------------------------------------------------------------------------------------

KEY = DkimKey("acme.example", "pm", True, "valid", algorithm="rsa", bits=2048)
GUESSED = replace(KEY, declared=False)
LISTED = replace(GUESSED, listed=True)


def spf_node(domain="acme.example", *terms, **more):
    return Node(domain, **({"state": "NOERROR", "records": ("v=spf1 -all",), "terms": terms} | more))


def policy(domain="acme.example", **more):
    text = "v=DMARC1; p=reject; rua=mailto:d@acme.example"
    record = DmarcRecord(domain, text, p="reject", reports=("d@acme.example",))
    given = {
        "asked": (txt(f"_dmarc.{domain}", text),),
        "organizational": domain,
        "record": record,
        "policy": "reject",
        "targets": (ReportTarget("d@acme.example", None, True, "NOERROR"),),
    }
    return Discovery(domain, **(given | more))


def domain_mail(domain="acme.example", spf=None, sendings=(), dmarc=None):
    return DomainMail(domain, spf or spf_node(domain, CLOSED), tuple(sendings), dmarc or policy(domain))


def evidence(*domains, dkim=(), providers=(), declared=True, **more):
    return MailEvidence(declared, domains or (domain_mail(),), tuple(dkim), tuple(providers), **more)


def keys(*found, domain="acme.example", **more):
    return mail.dkim(evidence(dkim=(DkimDomain(domain, found, 30),), **more))


CLOSED = Term("-all", "all", "-")
BROKEN = {"state": "broken", "detail": "holds a broken key", "algorithm": None, "bits": None}
WITHDRAWN = BROKEN | {"state": "revoked", "detail": "was withdrawn"}
GONE = BROKEN | {"state": "missing", "detail": "publishes no key"}
UNSEEN = BROKEN | {"state": "lost", "detail": "could not be looked up (TIMEOUT)"}


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ((KEY,), Status.PASS, "publishes a valid rsa key of 2048 bits"),
        ((replace(KEY, bits=2047),), Status.PASS, "2047 bits (2048 bits are advised)"),
        ((replace(KEY, algorithm="ed25519", bits=256),), Status.PASS, "a valid ed25519 key of 256 bits"),
        ((replace(KEY, testing=True),), Status.PASS, "bits (take t=y off"),
        ((replace(KEY, **UNSEEN),), Status.UNKNOWN, "selector pm of acme.example could not be looked up (TIMEOUT)"),
        ((replace(KEY, **BROKEN),), Status.FAIL, "selector pm of acme.example holds a broken key"),
        ((replace(KEY, **WITHDRAWN),), Status.FAIL, "was withdrawn"),
        ((replace(KEY, **GONE),), Status.FAIL, "publishes no key"),
        ((GUESSED,), Status.PASS, "a valid rsa key"),
        ((replace(GUESSED, **BROKEN),), Status.FAIL, "holds a broken key"),
        ((replace(GUESSED, **WITHDRAWN),), Status.UNKNOWN, "no DKIM selector of acme.example is known"),
        ((replace(GUESSED, **UNSEEN),), Status.UNKNOWN, "no DKIM selector of acme.example is known"),
        ((LISTED,), Status.PASS, "a valid rsa key"),
        ((replace(LISTED, **UNSEEN),), Status.UNKNOWN, "pm of acme.example could not be looked up"),
        ((replace(LISTED, **WITHDRAWN),), Status.UNKNOWN, "no DKIM selector of acme.example is known"),
        ((KEY, replace(GUESSED, selector="other", **BROKEN)), Status.PASS, "selector pm of acme.example"),
        ((KEY, replace(LISTED, selector="other", **BROKEN)), Status.FAIL, "selector other of acme.example"),
        ((LISTED, replace(GUESSED, selector="other", **BROKEN)), Status.PASS, "selector pm of acme.example"),
        ((), Status.UNKNOWN, "no DKIM selector of acme.example is known"),
    ],
)
def test_a_key_is_judged_as_far_as_somebody_says_that_it_is_in_use(found, status, words):
    verdict = keys(*found)
    assert verdict.status is status
    assert words in verdict.summary
    assert ("advised" in verdict.summary) is ("advised" in words)


def test_a_broken_key_is_put_right_where_it_stands():
    assert "in strings of at most 255 characters: pm._domainkey.acme.example." in keys(replace(KEY, **BROKEN)).fix
    handed = replace(KEY, target="k.mailer.example", **GONE)
    assert "Have the provider publish the key at k.mailer.example" in keys(handed).fix
    assert "in strings of" in keys(replace(handed, state="broken")).fix
    assert "in strings of" in keys(replace(KEY, **GONE)).fix


@pytest.mark.parametrize(
    ("domain", "key", "signs"),
    [
        ("mail.acme.example", KEY, True),
        ("elsewhere.example", KEY, False),
        ("acme.example", replace(KEY, **UNSEEN), True),
        ("acme.example", replace(GUESSED, **BROKEN), True),
        ("acme.example", replace(GUESSED, **GONE), False),
    ],
)
def test_a_domain_signs_where_a_key_of_its_own_or_an_aligned_one_is_known(domain, key, signs):
    verdict = mail.dkim(evidence(dkim=(DkimDomain(domain, (replace(key, domain=domain),), 30),)))
    assert ("no DKIM selector of acme.example is known" in f"{verdict.summary} {verdict.reason}") is not signs


def test_where_no_key_is_known_the_selectors_tried_are_shown():
    verdict = keys()
    assert verdict.evidence == ({"domain": "acme.example", "selectors_tried": 30, "answers_to_any_name": False},)


@pytest.mark.parametrize("check", [mail.dkim, mail.dmarc, mail.spf])
def test_what_was_not_declared_or_looked_at_leaves_good_records_unknown(check):
    good = {"dkim": (DkimDomain("acme.example", (KEY,)),), "providers": ("postmark",)}
    assert check(evidence(**good)).status is Status.PASS
    assert "mail.from_domains" in check(evidence(declared=False, **good)).needs
    assert "1 more name of the zone file" in check(evidence(zone=CUT, **good)).reason


# --- DMARC ------------------------------------------------------------------------------------------------------------

HERE = "_dmarc.acme.example"
RECORD = policy().record
INVALID = replace(RECORD, error="p= stands there twice")


def target(address="d@reports.example", permission="NOERROR", permitted=True, state="NOERROR", **more):
    return ReportTarget(address, permission, permitted, state, **more)


DISCOVERED = {
    "in force": (policy(), Status.PASS, "the DMARC policy of acme.example is reject; reports go to d@acme.example"),
    "from above": (
        policy("m.acme.example", record=RECORD),
        Status.PASS,
        "of m.acme.example is reject, from acme.example; reports",
    ),
    "none": (policy(policy="none"), Status.PASS, "is none, a first stage: watch the reports"),
    "held back to none": (
        policy(policy="none", record=replace(RECORD, testing=True)),
        Status.PASS,
        "is none, t=y still holds the policy back",
    ),
    "held back": (policy(policy="quarantine", record=replace(RECORD, testing=True)), Status.PASS, "is quarantine; rep"),
    "lost": (
        policy(record=None, policy=None, asked=(txt(HERE, state="TIMEOUT"), txt("_dmarc.example"))),
        Status.UNKNOWN,
        "could not be looked up: _dmarc.acme.example did not answer",
    ),
    "unreadable": (policy(record=INVALID), Status.FAIL, "policy from the DMARC record of acme.example: p= stands"),
    "absent": (policy(record=None, asked=(txt(HERE),)), Status.FAIL, "acme.example has no DMARC policy"),
    "misplaced": (
        policy(record=None, asked=(txt(HERE),), misplaced=replace(RECORD, domain="acme.example.acme.example")),
        Status.FAIL,
        "stands at _dmarc.acme.example.acme.example, where nobody looks",
    ),
    "two": (
        policy(record=None, asked=(txt(HERE, "v=DMARC1; p=none", "v=DMARC1; p=reject"),)),
        Status.FAIL,
        "_dmarc.acme.example holds several DMARC records",
    ),
    "two above": (
        policy(record=None, asked=(txt(HERE, "v=DMARC"), txt("_dmarc.example", *["v=DMARC1; p=none"] * 2))),
        Status.FAIL,
        "_dmarc.example holds several DMARC records",
    ),
    "one and a stray text": (
        policy(record=None, asked=(txt(HERE, "v=DMARC1; p=none", "v=spf1 -all"),)),
        Status.FAIL,
        "acme.example has no DMARC policy",
    ),
    "no reports": (policy(targets=()), Status.FAIL, "the DMARC record of acme.example asks for no reports"),
    "no mail there": (policy(targets=(target(refuses_mail=True),)), Status.FAIL, "but reports.example takes no mail"),
    "no such name": (policy(targets=(target(state="NXDOMAIN"),)), Status.FAIL, "but reports.example takes no mail"),
    "no MX record": (policy(targets=(target(state="NODATA"),)), Status.PASS, "reports go to d@reports.example"),
    "permission lost": (
        policy(targets=(target(permission="TIMEOUT", permitted=False),)),
        Status.UNKNOWN,
        "arrive at d@reports.example could not be looked up",
    ),
    "its mail hosts lost": (policy(targets=(target(state="SERVFAIL"),)), Status.UNKNOWN, "could not be looked up"),
    "no permission": (
        policy(targets=(target(permission="NXDOMAIN", permitted=False),)),
        Status.FAIL,
        "reports.example has not agreed to take DMARC reports of acme.example",
    ),
    "one of two": (policy(targets=(target(refuses_mail=True), target("e@b.example"))), Status.PASS, "to e@b.example"),
    "neither of two": (
        policy(targets=(target(refuses_mail=True), target("e@b.example", state="TIMEOUT"))),
        Status.FAIL,
        "but reports.example takes no mail",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DISCOVERED)
def test_what_the_walk_found_is_told(name):
    found, status, words = DISCOVERED[name]
    verdict = mail.dmarc(evidence(domain_mail(found.domain, dmarc=found)))
    assert verdict.status is status
    assert words in verdict.summary
    assert verdict.evidence[0]["organizational_domain"] == found.organizational
    assert verdict.evidence[0]["records"] == (found.record.text if found.record else None)


def test_the_first_look_up_and_each_that_tells_something_is_shown():
    asked = (txt(HERE), txt("_dmarc.a.example"), txt("_dmarc.b.example", state="TIMEOUT"), txt("_dmarc.example", "x"))
    verdict = mail.dmarc(
        evidence(domain_mail(dmarc=policy(record=None, asked=asked, targets=(target(permission=None),))))
    )
    shown = [row["asked"] for row in verdict.evidence if "asked" in row]
    assert shown == [HERE, "_dmarc.b.example", "_dmarc.example"]
    assert [row["records"] for row in verdict.evidence if "asked" in row] == [None, None, "x"]
    assert [row["permission"] for row in verdict.evidence if "permission" in row] == ["not needed"]


def test_the_fix_is_the_line_to_publish():
    def fix(**more):
        return mail.dmarc(evidence(domain_mail(dmarc=policy(**more)))).fix

    above = replace(RECORD, domain="example")
    assert 'Publish _dmarc.acme.example. 3600 IN TXT "v=DMARC1; p=none; rua' in fix(record=None, asked=(txt(HERE),))
    assert "Publish _dmarc.acme.example." in fix(record=INVALID)
    assert '_dmarc.example. 3600 IN TXT "v=DMARC1; p=none; rua' in fix(
        record=replace(above, text="v=DMARC1; p=none; "), targets=()
    )
    assert "name a mailbox under acme.example" in fix(targets=(target(permitted=False),))
    assert "acme.example._report._dmarc.reports.example." in fix(targets=(target(permitted=False),))


OTHERS = {
    "nothing of its own": (policy("b.example", record=RECORD), Status.PASS, None),
    "no record at all": (policy("b.example", record=None, asked=(txt("_dmarc.b.example"),)), Status.PASS, None),
    "a policy without reports": (policy("b.example", targets=()), Status.PASS, "policy of b.example is reject"),
    "reports that go nowhere": (
        policy("b.example", targets=(target(refuses_mail=True),)),
        Status.FAIL,
        "reports of b.example go to",
    ),
    "one that cannot be read": (
        policy("b.example", record=replace(RECORD, domain="b.example", error="odd"), targets=()),
        Status.FAIL,
        "the DMARC record of b.example: odd",
    ),
    "two": (
        policy("b.example", record=None, asked=(txt("_dmarc.b.example", "v=DMARC1; p=none", "v=DMARC1; p=none;"),)),
        Status.FAIL,
        "_dmarc.b.example holds several",
    ),
    "lost": (
        policy("b.example", asked=(txt("_dmarc.b.example", state="TIMEOUT"),)),
        Status.UNKNOWN,
        "_dmarc.b.example could not be looked up (TIMEOUT)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_of_other_names_of_the_zone_file_only_what_they_publish_is_judged(name):
    found, status, words = OTHERS[name]
    verdict = mail.dmarc(evidence(others=(domain_mail("b.example", dmarc=found),)))
    assert verdict.status is status
    assert ("b.example" in verdict.summary) is (words is not None)
    assert (words or "") in verdict.summary


# --- SPF --------------------------------------------------------------------------------------------------------------


def told(*terms, sendings=(), providers=("postmark",), domain="acme.example", **more):
    each = domain_mail(domain, spf_node(domain, *terms, **more), sendings)
    return evidence(each, providers=providers)


GOOD = Node("spf.mailer.example", "NOERROR", ("v=spf1 -all",), (CLOSED,))
INCLUDE = Term("include:spf.mailer.example", "include", target="spf.mailer.example", child=GOOD)
VOID = Term("a:x.example", "a", target="x.example", voids=1)


@pytest.mark.parametrize(
    ("found", "status", "words", "fix"),
    [
        (told(CLOSED), Status.PASS, "of acme.example is valid, 0 of 10 look-ups", None),
        (told(state="TIMEOUT", records=()), Status.UNKNOWN, "could not be looked up (TIMEOUT)", None),
        (told(state="NXDOMAIN", records=()), Status.FAIL, "has no SPF record", "Publish one SPF record, for instance"),
        (
            told(records=("v=spf1 a -all", "v=spf1 mx A ?all")),
            Status.FAIL,
            "has 2 SPF records",
            'delete the others: acme.example. 3600 IN TXT "v=spf1 a mx A -all"',
        ),
        (told(records=("v=spf1 a -all", "v=spf1 ~all")), Status.FAIL, "has 2", 'TXT "v=spf1 a ~all"'),
        (told(records=("v=spf1 a", "v=spf1 a")), Status.FAIL, "has 2", 'TXT "v=spf1 a ~all"'),
        (told(VOID, VOID, VOID, INCLUDE, CLOSED), Status.FAIL, "3 look-ups", "that name nothing: a:x.example"),
        (told(VOID, VOID, CLOSED), Status.PASS, "2 of 10 look-ups", None),
        (
            told(Term("ip4:192.0.2.1", "ip4")),
            Status.FAIL,
            "no all at its end",
            'End the record in ~all, later in -all: acme.example. 3600 IN TXT "v=spf1 ip4:192.0.2.1 ~all"',
        ),
        (told(Term("a", "a"), Term("?all", "all", "?")), Status.FAIL, "?all, which forbids nobody", '"v=spf1 a ~all"'),
        (told(Term("+all", "all")), Status.FAIL, "anybody may send", "in place of +all, and end the record in ~all"),
        (
            told(Term("ip4:x", error="no address"), CLOSED),
            Status.FAIL,
            "cannot be read at 'ip4:x'",
            "Correct or remove ip4:x in the SPF record of acme.example",
        ),
        (
            told(replace(INCLUDE, child=Node("spf.mailer.example", "SERVFAIL")), CLOSED),
            Status.UNKNOWN,
            "could not all be looked up: spf.mailer.example",
            None,
        ),
    ],
)
def test_a_record_is_judged_and_its_fix_says_what_to_publish(found, status, words, fix):
    verdict = mail.spf(found)
    assert verdict.status is status
    assert words in verdict.summary
    assert (fix or "") in (verdict.fix or "")
    assert verdict.evidence[0]["record"].startswith(("v=spf1", "none ("))


def test_too_many_look_ups_name_the_costliest_first():
    many = tuple(Term(f"a:h{n}.example", "a", target=f"h{n}.example") for n in range(9))
    assert mail.spf(told(*many, Term("mx", "mx"), CLOSED)).status is Status.PASS
    google = Node("_spf.google.com", "NOERROR", ("v=spf1 a -all",), (Term("a", "a"), CLOSED))
    costly = Term("include:_spf.google.com", "include", target="_spf.google.com", child=google)
    verdict = mail.spf(told(*many, costly, CLOSED))
    assert "needs 11 look-ups" in verdict.summary
    assert "costliest first: include:_spf.google.com (Google Workspace, 2), a:h0.example (1)" in verdict.fix


def test_where_no_domain_is_declared_a_missing_record_is_unknown_and_another_fault_is_not():
    missing = domain_mail(spf=spf_node(state="NXDOMAIN", records=()))
    verdict = mail.spf(evidence(missing, declared=False))
    assert verdict.status is Status.UNKNOWN
    assert "acme.example has no SPF record" in verdict.reason
    opened = domain_mail(spf=spf_node("acme.example", Term("+all", "all")))
    assert mail.spf(evidence(opened, declared=False)).status is Status.FAIL


@pytest.mark.parametrize(
    ("node", "status"),
    [
        (spf_node("b.example", state="NXDOMAIN", records=()), Status.PASS),
        (spf_node("b.example", state="TIMEOUT", records=()), Status.UNKNOWN),
        (spf_node("b.example", Term("+all", "all")), Status.FAIL),
    ],
)
def test_another_name_may_go_without_a_record_but_what_it_publishes_must_hold(node, status):
    verdict = mail.spf(evidence(providers=("postmark",), others=(domain_mail("b.example", node),)))
    assert verdict.status is status
    assert ("b.example" in verdict.summary) is (status is not Status.PASS)


@pytest.mark.parametrize(
    ("results", "status", "words"),
    [
        (("pass",), Status.PASS, "192.0.2.1 may send"),
        (("fail", "pass"), Status.PASS, "192.0.2.1 may send"),
        (("fail", "temperror"), Status.UNKNOWN, "whether 192.0.2.1 may send could not be told"),
        (("fail", "softfail"), Status.FAIL, "does not let it: fail for d0.example and softfail for d1.example"),
        (("none",), Status.FAIL, "does not let it: none for d0.example"),
    ],
)
def test_a_sender_must_pass_for_one_of_the_domains(results, status, words):
    domains = [domain_mail(f"d{n}.example", sendings=[Sending("192.0.2.1", r)]) for n, r in enumerate(results)]
    verdict = mail.spf(evidence(*domains))
    assert verdict.status is status
    assert words in verdict.summary


@pytest.mark.parametrize(("address", "kind"), [("192.0.2.1", "ip4:192.0.2.1"), ("2001:db8::1", "ip6:2001:db8::1")])
def test_the_fix_for_a_sender_names_its_kind_of_address(address, kind):
    assert kind in mail.spf(told(CLOSED, sendings=[Sending(address, "fail")], providers=())).fix


@pytest.mark.parametrize("result", ["none", "permerror"])
def test_what_a_broken_record_does_to_its_senders_is_said_with_the_record(result):
    sending = [Sending("192.0.2.1", result)]
    assert "really sends" not in mail.spf(told(state="NXDOMAIN", records=(), sendings=sending)).summary
    assert "really sends" in mail.spf(told(Term("+all", "all"), sendings=[Sending("192.0.2.1", "fail")])).summary


GOOGLE = replace(INCLUDE, target="_spf.google.com")


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (told(GOOGLE, CLOSED, providers=("google",)), Status.PASS, "Google Workspace is covered"),
        (told(replace(GOOGLE, child=spf_node("x", GOOGLE, CLOSED), target="x.example"), CLOSED, providers=("google",)),
         Status.PASS, "Google Workspace is covered"),
        (told(INCLUDE, CLOSED, providers=("google",)), Status.FAIL, "no SPF record lets Google Workspace send"),
        (told(INCLUDE, GOOGLE, CLOSED, providers=("google",)), Status.PASS, "Google Workspace is covered"),
        (told(CLOSED, providers=("postmark",)), Status.PASS, "Postmark sends with a bounce address of its own"),
        (told(CLOSED, providers=("nobody",)), Status.UNKNOWN, "which addresses nobody sends from is not known"),
        (told(CLOSED, providers=("nobody",), sendings=[Sending("192.0.2.1", "pass")]), Status.PASS, "may send"),
        (told(CLOSED, providers=()), Status.UNKNOWN, "which addresses or providers send is not declared"),
    ],
)  # fmt: skip
def test_a_provider_is_covered_by_an_include_or_needs_none(found, status, words):
    verdict = mail.spf(found)
    assert verdict.status is status
    assert words in verdict.summary


# --- mail's way -------------------------------------------------------------------------------------------------------

STS = "v=STSv1; id=1"
FILE = "version: STSv1\nmode: enforce\nmx: mail.acme.example\nmax_age: 86400\n"
MAIL_HOST = MailHost(10, "mail.acme.example", ("203.0.113.25",), ("NOERROR", "NODATA"))
NOWHERE = replace(MAIL_HOST, addresses=(), states=("NXDOMAIN", "NXDOMAIN"))


def reply(body=FILE, status=200, kind="text/plain", state="ok", error=None):
    given = (("content-type", kind),) if kind else ()
    return Response("GET", "https://mta-sts.acme.example/", state, status, given, body.encode(), error=error)


def way(*hosts, domain="acme.example", mx=None, sts=(), reports=(), refuses=False, **more):
    records = mx if mx is not None else tuple(f"{host.preference} {host.name}." for host in hosts)
    state = "NOERROR" if records else "NODATA"
    answers = txt(f"_mta-sts.{domain}", *sts), txt(f"_smtp._tls.{domain}", *reports)
    found = DomainTransport(domain, Answer(domain, "MX", "ns", state, records), hosts, refuses, *answers)
    return replace(found, **more)


def travels(*domains, declared=True, **more):
    return mail.in_transit(TransportEvidence(declared, domains, **more))


def strict(*texts, **more):
    return way(MAIL_HOST, sts=texts or (STS,), **({"fetched": reply()} | more))


ITSELF = replace(MAIL_HOST, preference=0, name="acme.example")
LOST_MX = Answer("acme.example", "MX", "ns", "TIMEOUT")
WAYS = {
    "a host": (way(MAIL_HOST), Status.PASS, "1 mail host can be found; no MTA-STS is published"),
    "two hosts": (way(MAIL_HOST, replace(MAIL_HOST, name="b.example")), Status.PASS, "2 mail hosts can be found"),
    "the domain itself": (way(ITSELF, mx=()), Status.PASS, "1 mail host can be found"),
    "an alias of the domain": (way(replace(ITSELF, alias=True), mx=()), Status.PASS, "1 mail host"),
    "MX lost": (replace(way(), mx=LOST_MX), Status.UNKNOWN, "could not be looked up (TIMEOUT)"),
    "a null MX": (way(mx=("0 .",), refuses=True), Status.FAIL, "it says that it takes none (a null MX)"),
    "a null MX beside": (way(MAIL_HOST, refuses=True), Status.FAIL, "and names mail hosts beside it"),
    "nothing": (way(replace(NOWHERE, name="acme.example"), mx=()), Status.FAIL, "has no MX record and no address"),
    "an address lost": (
        way(replace(NOWHERE, states=("TIMEOUT", "NODATA"))),
        Status.UNKNOWN,
        "the address of mail.acme.example could not be looked up",
    ),
    "its own address lost": (
        way(replace(ITSELF, addresses=(), states=("NODATA", "SERVFAIL")), mx=()),
        Status.UNKNOWN,
        "the address of acme.example could not be looked up",
    ),
    "half lost": (way(replace(MAIL_HOST, states=("NOERROR", "TIMEOUT"))), Status.PASS, "1 mail host"),
    "an address for a name": (way(replace(NOWHERE, name="203.0.113.25")), Status.FAIL, "the address 203.0.113.25"),
    "no address": (way(NOWHERE), Status.FAIL, "mail.acme.example, a mail host of acme.example, has no address"),
    "private": (way(replace(MAIL_HOST, reachable=False)), Status.FAIL, "has only private addresses"),
    "an alias": (way(replace(MAIL_HOST, alias=True)), Status.FAIL, "is an alias (CNAME)"),
    "the second of two": (way(MAIL_HOST, replace(NOWHERE, name="b.example")), Status.FAIL, "b.example, a mail host"),
    "a policy": (strict(), Status.PASS, "MTA-STS of acme.example is in order"),
    "two policies": (strict(STS, "v=STSv1; id=2"), Status.FAIL, "has 2 MTA-STS records"),
    "a policy without id": (strict("v=STSv1;"), Status.FAIL, "senders ignore the MTA-STS record of acme.example"),
    "not read": (strict(fetched=None), Status.UNKNOWN, "the MTA-STS policy at mta-sts.acme.example was not read"),
    "not allowed": (strict(fetched=reply(state="blocked")), Status.UNKNOWN, "was not read"),
    "no answer": (strict(fetched=reply(state="timeout", error="late")), Status.UNKNOWN, "did not answer (late)"),
    "no address for it": (
        strict(fetched=reply(state="dns"), place=(txt("a"), txt("a"))),
        Status.FAIL,
        "but mta-sts.acme.example has no address",
    ),
    "its address lost": (
        strict(fetched=reply(state="dns"), place=(txt("a"), txt("a", state="TIMEOUT"))),
        Status.UNKNOWN,
        "mta-sts.acme.example could not be looked up",
    ),
    "untrusted": (
        strict(fetched=reply(state="tls", error="bad name")),
        Status.FAIL,
        "cannot read the MTA-STS policy of acme.example (bad name)",
    ),
    "not found": (strict(fetched=reply(status=404)), Status.FAIL, "(status 404)"),
    "another type": (strict(fetched=reply(kind="text/html")), Status.FAIL, "comes as text/html, not"),
    "no type": (strict(fetched=reply(kind="")), Status.FAIL, "comes as no type, not"),
    "no policy": (strict(fetched=reply("hello")), Status.FAIL, "senders ignore the MTA-STS policy of acme.example"),
    "another host": (
        strict(fetched=reply(FILE.replace("mx: mail", "mx: other"))),
        Status.FAIL,
        "does not name its mail host mail.acme.example",
    ),
    "another host, off": (
        strict(fetched=reply(FILE.replace("mx: mail", "mx: other").replace("enforce", "none"))),
        Status.PASS,
        "in order",
    ),
    "reports": (way(MAIL_HOST, reports=("v=TLSRPTv1; rua=mailto:t@acme.example",)), Status.PASS, "1 mail host"),
    "two reports": (way(MAIL_HOST, reports=("v=TLSRPTv1; rua=mailto:t@a.example",) * 2), Status.FAIL, "2 TLS report"),
    "odd reports": (way(MAIL_HOST, reports=("v=TLSRPTv1; rua=t",)), Status.FAIL, "ignore the TLS reporting record"),
}  # fmt: skip
for rule in ("sts", "reports"):
    WAYS[f"{rule} lost"] = (
        replace(way(MAIL_HOST), **{rule: txt("_rule.acme.example", state="SERVFAIL")}),
        Status.UNKNOWN,
        "acme.example could not be looked up (SERVFAIL)",
    )


@pytest.mark.parametrize("name", WAYS)
def test_the_way_of_mail_is_judged(name):
    found, status, words = WAYS[name]
    verdict = travels(found)
    assert verdict.status is status
    assert words in verdict.summary
    assert bool(verdict.fix) is (status is Status.FAIL)


@pytest.mark.parametrize(
    ("found", "words"),
    [(way(mx=("0 .",), refuses=True), "whether it sends any is not declared"),
     (way(replace(NOWHERE, name="acme.example"), mx=()), "whether it sends mail is not declared")],
)  # fmt: skip
def test_a_domain_without_mail_is_unknown_where_nobody_says_that_it_sends(found, words):
    assert words in travels(found, declared=False).reason
    assert travels(way(MAIL_HOST, refuses=True), declared=False).status is Status.FAIL
    assert travels(way(MAIL_HOST), declared=False).status is Status.PASS


@pytest.mark.parametrize(
    ("other", "status", "words"),
    [
        (way(domain="b.example", mx=("0 .",), refuses=True), Status.PASS, "1 mail host can"),
        (way(replace(NOWHERE, name="b.example"), domain="b.example", mx=()), Status.PASS, "1 mail host can"),
        (way(MAIL_HOST, domain="b.example"), Status.PASS, "2 mail hosts can"),
        (way(MAIL_HOST, domain="b.example", refuses=True), Status.FAIL, "b.example says that it takes no mail"),
        (way(NOWHERE, domain="b.example"), Status.FAIL, "a mail host of b.example, has no address"),
        (replace(way(domain="b.example"), mx=LOST_MX), Status.UNKNOWN, "the mail hosts of b.example"),
        (replace(strict(), domain="b.example"), Status.PASS, "MTA-STS of b.example is in order"),
        (way(domain="b.example", mx=(), sts=(STS, STS)), Status.FAIL, "b.example has 2 MTA-STS"),
        (way(domain="b.example", mx=(), reports=("v=TLSRPTv1; rua=t",)), Status.FAIL, "reporting record of b.example"),
    ],
)
def test_of_other_names_what_they_publish_must_hold_and_they_need_not_take_mail(other, status, words):
    verdict = travels(way(MAIL_HOST), others=(other,))
    assert verdict.status is status
    assert words in verdict.summary
    assert "1 more name of the zone file" in travels(way(MAIL_HOST), zone=CUT).reason


def test_each_host_is_shown_with_its_own_row_and_a_policy_with_its_days():
    both = travels(way(MAIL_HOST, replace(NOWHERE, name="b.example")))
    assert both.evidence[0]["record"] == "MX 10 b.example"
    beside = travels(way(NOWHERE, mx=("0 .", "10 mail.acme.example."), refuses=True))
    assert [row["record"] for row in beside.evidence[:2]] == [
        "MX 0 . / MX 10 mail.acme.example.",
        "MX 10 mail.acme.example",
    ]


def test_what_dns_and_the_policy_host_answered_is_shown():
    def shown(found):
        return [row["record"] for row in travels(found).evidence if row["record"]]

    assert travels(way(MAIL_HOST)).evidence[0]["addresses"] == "203.0.113.25"
    assert travels(way(NOWHERE)).evidence[0]["addresses"] is None
    assert shown(replace(way(), mx=LOST_MX))[0] == "MX TIMEOUT"
    assert shown(way(mx=("0 .",), refuses=True))[0] == "MX 0 ."
    assert shown(way(MAIL_HOST))[1:] == ["_mta-sts: none (NXDOMAIN)", "_smtp._tls: none (NXDOMAIN)"]
    assert shown(way(MAIL_HOST, sts=("x", "y")))[1] == "_mta-sts: x / y"
    assert shown(strict())[2] == f"policy file: {FILE}"
    assert shown(strict(fetched=reply(status=404)))[0] == "_mta-sts: v=STSv1; id=1"
    assert "policy file: 404" in shown(strict(fetched=reply(status=404)))
    assert "policy file: bad name" in shown(strict(fetched=reply(state="tls", status=None, error="bad name")))
    reporting = way(MAIL_HOST, reports=("v=TLSRPTv1; rua=mailto:t@acme.example",))
    assert shown(reporting)[2] == "_smtp._tls: v=TLSRPTv1; rua=mailto:t@acme.example"
