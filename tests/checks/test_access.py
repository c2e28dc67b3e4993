"""Registration data and the access list, over a real RDAP answer and over evidence made by hand."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from audited import client_for
from dns_server import DnsServer, zone
from hypothesis import given
from hypothesis import strategies as st
from web_server import Reply, Request, redirect, web_server

from launchready_lib.checks.handover import access, registration
from launchready_lib.checks.handover.access import SYSTEMS, AccessEntry, AccessList
from launchready_lib.checks.handover.registration import Registered, RegistrationEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Answer, Response
from launchready_lib.record.findings import Status

pytestmark = pytest.mark.anyio
NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
BODY = {
    "objectClassName": "domain",
    "ldhName": "ACME.EXAMPLE",
    "status": ["client transfer prohibited", "clientDeleteProhibited"],
    "events": [
        {"eventAction": "registration", "eventDate": "2024-01-01T00:00:00Z"},
        {"eventAction": "expiration", "eventDate": "2027-09-01T00:00:00Z"},
    ],
    "nameservers": [{"ldhName": "NS2.acme.example"}, {"ldhName": "ns1.acme.example"}],
    "secureDNS": {"delegationSigned": True},
    "entities": [
        {
            "roles": ["registrar"],
            "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Acme Names, Inc."]]],
        }
    ],
}


def rdap(body: object = BODY, status: int = 200) -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(status, text, {"content-type": "application/rdap+json"})


def record(**changes) -> Registered | Unavailable:
    body = json.dumps(BODY | changes).encode()
    return registration.read(
        "acme.example", Response("GET", "https://rdap.example/domain/acme.example", "ok", 200, body=body)
    )


class TestSurvey:
    async def asked(self, answer, **network):
        zones = [zone(".", "@ NS a.root.example.\nrdap.example. A 192.0.2.80\nacme.example. NS ns1.acme.example.\n")]
        async with DnsServer(zones, recursive=True) as resolver, web_server(answer) as web:
            # Certificates are not the question here, so the registry is asked over plain HTTP.
            given_network = {"rdap_url": "http://rdap.example/", **network}
            async with client_for(
                resolver.address, web.connect_to("192.0.2.80"), network=given_network, authorization=None
            ) as client:
                return await registration.survey(client)

    async def test_the_registry_is_asked_without_an_authorization(self):
        found = await self.asked(lambda request: rdap() if request.target == "/domain/acme.example" else rdap({}, 404))
        assert isinstance(found, RegistrationEvidence)
        assert found.registered.registrar == "Acme Names, Inc."
        assert "registrar" in found.frame()["fact"].tolist()

    async def test_a_redirect_to_another_service_is_followed(self):
        def answer(request: Request) -> Reply:
            return redirect("/second/domain/acme.example", 302) if request.target.startswith("/domain") else rdap()

        found = await self.asked(answer)
        assert isinstance(found.registered, Registered)

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (rdap({}, 404), "does not know acme.example"),
            (rdap({}, 429), "answered 429"),
            (rdap("<html>"), "not JSON"),
            (rdap([]), "not about a domain"),
            (rdap(BODY | {"ldhName": "other.example"}), "another domain"),
            (None, "did not answer"),
        ],
        ids=["404", "429", "not JSON", "not an object", "another domain", "nothing"],
    )
    async def test_no_usable_answer_is_unavailable_with_the_reason(self, reply, words):
        found = await self.asked(lambda _: reply)
        assert isinstance(found.registered, Unavailable)
        assert words in found.registered.reason

    async def test_a_suffix_without_a_known_service_names_the_parameter(self):
        found = await self.asked(lambda _: rdap(), rdap_url=None)
        assert found.registered.needs == "network.rdap_url"

    @pytest.mark.parametrize(("domain", "known"), [("acme.com", True), ("acme.co.uk", True), ("acme.example", False)])
    def test_the_bootstrap_copy_knows_common_suffixes(self, domain, known):
        assert (registration.service_for(domain) is not None) == known


class TestReading:
    def test_statuses_are_read_in_both_spellings(self):
        found = record(status=["clientTransferProhibited", "Server Hold"])
        assert (found.locks, found.holds) == (("client transfer prohibited",), ("server hold",))

    def test_what_the_registry_does_not_say_is_none(self):
        found = record(events=[], entities=[], secureDNS={}, nameservers=None, status=None)
        assert (found.expires, found.registrar, found.signed, found.nameservers) == (None, None, None, ())

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=10),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*BODY, "roles", "x"]), inner),
            max_leaves=30,
        )
    )
    def test_any_json_is_read_without_an_exception(self, body):
        reply = Response("GET", "https://rdap.example/", "ok", 200, body=json.dumps(body).encode())
        registration.read("acme.example", reply)


OWN_NS = Answer("acme.example", "NS", "", "NOERROR", ("ns1.acme.example", "ns2.acme.example"))


def evidence(registered: Registered | Unavailable | None = None, ns: Answer = OWN_NS) -> RegistrationEvidence:
    found = registered if registered is not None else record()
    return RegistrationEvidence("acme.example", found, ns, NOW)


def listing(auto_renew: bool | None = True, **entries: AccessEntry | None) -> AccessList:
    """An access list with everything in order, but for the entries given."""
    full = {name: AccessEntry(name, "Acme Names", "founder", "cto", True) for name in SYSTEMS}
    kept = {name: entry for name, entry in (full | entries).items() if entry is not None}
    return AccessList("acme.example", kept, auto_renew)


class TestHandoverDns:
    def test_a_domain_in_order_passes(self):
        found = access.dns(evidence(), listing())
        assert found.status is Status.PASS, found

    @pytest.mark.parametrize("names", [(), ("ns1.acme.example", "ns9.acme.example")], ids=["none given", "one alike"])
    def test_nameservers_that_the_registry_does_not_give_or_gives_in_part_are_no_fault_here(self, names):
        assert access.dns(evidence(replace(record(), nameservers=names)), listing()).status is Status.PASS

    @pytest.mark.parametrize(
        ("state", "records", "shown"),
        [("NOERROR", ("1 13 2 AB",), "a DS record"), ("NODATA", (), "no DS record"), ("SERVFAIL", (), "SERVFAIL")],
    )
    def test_what_dns_says_of_dnssec_stands_beside_what_the_registry_says(self, state, records, shown):
        given = replace(evidence(), ds=Answer("acme.example", "DS", "", state, records))
        assert {"fact": "DNSSEC in DNS", "value": shown} in given.rows()
        assert access.dns(given, listing()).status is Status.PASS

    @pytest.mark.parametrize(
        ("registered", "words"),
        [
            (replace(record(), domain="acme.club", statuses=("active",)), "is not locked"),
            (replace(record(), expires=NOW + dt.timedelta(days=30)), "expires on 2026-12-24, in 30 days"),
            (replace(record(), expires=NOW), "expires on 2026-11-24, in 0 days"),
            (replace(record(), expires=NOW - dt.timedelta(days=3)), "expired on"),
            (replace(record(), statuses=("client transfer prohibited", "client hold")), "is on client hold"),
            (replace(record(), statuses=("server transfer prohibited", "redemption period")), "redemption period"),
            (replace(record(), registrar="Somebody Else LLC"), "the registry names Somebody Else LLC as registrar"),
            (replace(record(), nameservers=("a.parked.example", "b.parked.example")), "moved on one side only"),
        ],
        ids=[
            "unlocked",
            "expiring",
            "expiring today",
            "expired",
            "hold",
            "redemption",
            "another registrar",
            "other nameservers",
        ],
    )
    def test_what_the_registry_says_against_it_fails(self, registered, words):
        found = access.dns(evidence(registered), listing())
        assert found.status is Status.FAIL, found
        assert words in found.summary

    @pytest.mark.parametrize(
        ("registered", "needs"),
        [
            (Unavailable("no service", "network.rdap_url"), "attestations.handover.dns"),
            (replace(record(), expires=None), "attestations.handover.dns"),
            (replace(record(), registrar=None), "attestations.handover.dns"),
            (replace(record(), domain="acme.de", statuses=("active",)), "attestations.handover.dns"),
        ],
        ids=["no data", "no expiry date", "no registrar", "a country registry without locks"],
    )
    def test_what_the_registry_does_not_say_is_unknown_with_the_attestation_that_fills_it(self, registered, needs):
        found = access.dns(evidence(registered), listing())
        assert found.status is Status.UNKNOWN
        assert needs in found.needs

    @pytest.mark.parametrize(
        ("owner", "status"),
        [
            ("founder", Status.PASS),
            ("Anna Berg, co-founder", Status.PASS),
            ("anna@acme.example", Status.PASS),
            ("dev@agency.example", Status.FAIL),
            ("cto", Status.FAIL),
            (None, Status.UNKNOWN),
        ],
    )
    def test_the_domain_is_the_founders(self, owner, status):
        entry = AccessEntry("registrar", "Acme Names", owner, "cto", True)
        assert access.dns(evidence(), listing(registrar=entry)).status is status

    @pytest.mark.parametrize(("auto_renew", "status"), [(False, Status.FAIL), (None, Status.UNKNOWN)])
    def test_the_domain_renews_by_itself(self, auto_renew, status):
        assert access.dns(evidence(), listing(auto_renew)).status is status

    @pytest.mark.parametrize(
        ("servers", "cloudflare", "status"),
        [
            (("amy.ns.cloudflare.com", "bob.ns.cloudflare.com"), "Cloudflare", Status.PASS),
            (("amy.ns.cloudflare.com", "bob.ns.cloudflare.com"), "none", Status.FAIL),
            (("ns-1.awsdns-01.com", "ns-2.awsdns-02.net"), "AWS", Status.PASS),
            (("ns1.smallhost.example", "ns2.smallhost.example"), "Smallhost", Status.PASS),
            (("ns1.acme.example", "ns2.smallhost.example"), "Smallhost", Status.PASS),
            (("ns1.acme.example", "ns2.smallhost.example"), "none", Status.FAIL),
            (("amy.ns.cloudflare.com", "bob.ns.cloudflare.com"), None, Status.FAIL),
        ],
    )
    def test_the_dns_host_is_on_the_access_list(self, servers, cloudflare, status):
        ns = replace(OWN_NS, records=servers)
        entry = AccessEntry("cloudflare", cloudflare, "founder", "cto", True)
        assert (
            access.dns(evidence(replace(record(), nameservers=servers), ns), listing(cloudflare=entry)).status is status
        )

    @pytest.mark.parametrize(
        ("entry", "needs"),
        [
            (AccessEntry("registrar", None, "founder", "cto", True), "access.registrar.provider"),
            (AccessEntry("registrar", "Acme Names", None, "cto", True), "access.registrar.owner"),
            (None, "access.registrar.provider"),
        ],
        ids=["no provider", "no owner", "no entry"],
    )
    def test_what_the_list_does_not_say_of_the_registrar_is_unknown_and_named(self, entry, needs):
        found = access.dns(evidence(), listing(registrar=entry))
        assert found.status is Status.UNKNOWN
        assert needs in found.needs

    def test_without_any_access_list_it_is_unknown(self):
        assert access.dns(evidence(), AccessList("acme.example", {})).status is Status.UNKNOWN

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("NAMECHEAP INC", "Namecheap", True),
            ("GoDaddy.com, LLC", "godaddy", True),
            ("Name.com, Inc.", "name.com", True),
            ("Amazon Registrar, Inc.", "AWS", True),
            ("Cloudflare, Inc.", "Namecheap", False),
            ("Acme, Inc.", "", False),
        ],
    )
    def test_company_names_are_compared_without_their_legal_forms(self, one, other, same):
        assert access.same_company(one, other) is same


class TestHandoverAccess:
    def test_a_full_list_passes_as_attested(self):
        found = access.access(listing())
        assert (found.status, found.source) == (Status.PASS, "attested")

    def test_a_password_alone_fails(self):
        entry = AccessEntry("database", "Fly", "cto", None, False)
        found = access.access(listing(database=entry))
        assert found.status is Status.FAIL
        assert "the database is reached with a password alone" in found.summary

    def test_one_person_named_twice_fails(self):
        found = access.access(listing(hosting=AccessEntry("hosting", "Fly", "cto", "CTO ", True)))
        assert "only cto reaches the hosting" in found.summary

    @pytest.mark.parametrize(("provider", "place"), [("Fly", "at Fly"), (None, "at the hosting")])
    def test_the_fix_says_where(self, provider, place):
        for entry in (
            AccessEntry("hosting", provider, "a", "b", False),
            AccessEntry("hosting", provider, "a", "A", True),
        ):
            assert place in access.access(listing(hosting=entry)).fix

    @pytest.mark.parametrize(
        ("entry", "needs"),
        [
            (AccessEntry("analytics", "Plausible", "founder", None, True), "access.analytics.second"),
            (AccessEntry("analytics", "Plausible", "founder", "cto", None), "access.analytics.two_factor"),
            (None, "access.analytics"),
        ],
        ids=["no second person", "no word on two factors", "no entry"],
    )
    def test_what_is_not_written_down_is_unknown_and_named(self, entry, needs):
        found = access.access(listing(analytics=entry))
        assert found.status is Status.UNKNOWN
        assert needs in found.needs

    def test_no_list_at_all_is_unknown(self):
        assert access.access(AccessList("acme.example", {})).status is Status.UNKNOWN

    def test_the_list_is_read_from_the_parameters(self):
        entries = {"registrar": {"provider": "Acme Names", "owner": "founder", "auto_renew": True}}
        client = client_for("127.0.0.1:1", access=entries)
        found = access.declared(client)
        assert found.auto_renew is True
        assert list(found.entries) == ["registrar"]
        assert len(found.frame()) == len(SYSTEMS)
