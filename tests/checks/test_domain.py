"""Domain checks over a real DNS server on loopback, and over evidence made by hand."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from dataclasses import replace

import dns.rdataset
import dns.zone
import pytest
from audited import client_for
from dns_server import DOMAIN_ZONE, TLD_ZONE, DnsServer, DnsWorld, dns_world, zone

from launchready_lib.checks.quick_audit import domain
from launchready_lib.checks.quick_audit.domain import DomainEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.kit import name_records
from launchready_lib.kit.stacks import Facts
from launchready_lib.names.delegation import Delegation, Nameserver, Zone
from launchready_lib.names.validation import Trust
from launchready_lib.names.zone_hosts import MOST_QUESTIONS
from launchready_lib.network import Answer
from launchready_lib.record.findings import Status
from launchready_lib.site.web import Reach

pytestmark = pytest.mark.anyio
SITE = {"canonical": "https://acme.example"}


@contextlib.asynccontextmanager
async def listening():
    """Somebody who accepts connections: a loopback "host:port"."""

    async def close(_reader, writer):
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def surveyed(world: DnsWorld, *, web: bool = True, **sections):
    """The evidence of acme.example in this world."""
    async with contextlib.AsyncExitStack() as stack:
        place = await stack.enter_async_context(listening()) if web else "127.0.0.1:1"
        connect_to = {**world.connect_to, "203.0.113.10:443": place, "203.0.113.10:80": place}
        sections = {"site": SITE, **sections}
        client = await stack.enter_async_context(client_for(world.resolver.address, connect_to, **sections))
        yield await domain.survey(client)


IMPATIENT = {"timeout_s": 1.5}


async def verdict(check, world_options=None, change=None, **options):
    if change:
        options.setdefault("network", IMPATIENT)
    async with dns_world(**(world_options or {})) as world:
        if change:
            change(world)
        async with surveyed(world, **options) as evidence:
            return check(evidence)


def without(line: str, text: str = DOMAIN_ZONE) -> dns.zone.Zone:
    assert f"\n{line}\n" in text
    return zone("acme.example.", text.replace(f"\n{line}\n", "\n"))


async def test_a_healthy_domain_passes_all_three():
    async with dns_world() as world, surveyed(world) as evidence:
        for check in (domain.resolves, domain.nameservers, domain.dnssec):
            found = check(evidence)
            assert found.status is Status.PASS, found
        assert {"name", "type", "nameserver", "state", "answer"} == set(evidence.frame().columns)


async def test_more_addresses_than_are_connected_to_are_said():
    async with dns_world() as world, surveyed(world) as evidence:
        found = domain.resolves(replace(evidence, untried=3))
    assert found.status is Status.UNKNOWN
    assert "3 more addresses of the main names not tried" in found.reason


async def test_no_question_is_asked_twice_of_the_same_server():
    async with dns_world() as world, surveyed(world):
        for server in (world.root, world.tld, world.first, world.second, world.resolver):
            assert len(server.questions) == len(set(server.questions))


class TestResolves:
    async def test_a_name_missing_at_one_nameserver_fails_and_names_both(self):
        found = await verdict(domain.resolves, {"second": without("www A 203.0.113.10")})
        assert found.status is Status.FAIL
        assert "www.acme.example does not exist at ns2.acme.example" in found.summary
        assert "www.acme.example. 3600 IN A 203.0.113.10" in (found.fix or "")

    async def test_different_addresses_at_two_nameservers_fail(self):
        other = zone("acme.example.", DOMAIN_ZONE.replace("www A 203.0.113.10", "www A 203.0.113.99"))
        found = await verdict(domain.resolves, {"second": other})
        assert found.status is Status.FAIL
        assert "different A records" in found.summary

    async def test_one_family_missing_at_one_nameserver_fails(self):
        both = zone("acme.example.", DOMAIN_ZONE + "www AAAA 2001:db8::10\n")
        found = await verdict(domain.resolves, {"domain": both, "second": zone("acme.example.", DOMAIN_ZONE)})
        assert "different AAAA records" in found.summary

    async def test_a_nameserver_that_refuses_the_name_fails(self):
        def refuse(world):
            world.second.faults["*"] = "refused"

        found = await verdict(domain.resolves, change=refuse)
        assert found.status is Status.FAIL
        assert "does not answer for" in found.summary

    async def test_a_silent_nameserver_leaves_it_unknown(self):
        def silence(world):
            world.second.faults["*"] = "silence"

        found = await verdict(domain.resolves, change=silence)
        assert found.status is Status.UNKNOWN
        assert "198.51.100.54" in found.reason

    async def test_closed_ports_fail_while_the_control_look_up_works(self):
        found = await verdict(domain.resolves, web=False)
        assert found.status is Status.FAIL
        assert "203.0.113.10 (acme.example) accepts no connection" in found.summary

    async def test_without_authorization_the_connections_are_unknown(self):
        found = await verdict(domain.resolves, authorization=None)
        assert found.status is Status.UNKNOWN
        assert "authorization" in found.needs

    async def test_without_a_canonical_address_it_is_unknown(self):
        found = await verdict(domain.resolves, site={})
        assert (found.status, found.needs) == (Status.UNKNOWN, "site.canonical")

    async def test_a_name_that_leads_out_of_the_zone_is_followed(self):
        cdn = zone("cdn.example.", "acme A 203.0.113.10\n")
        text = DOMAIN_ZONE.replace("www A 203.0.113.10", "www CNAME acme.cdn.example.")
        found = await verdict(domain.resolves, {"domain": zone("acme.example.", text), "others": [cdn]})
        assert found.status is Status.PASS, found

    async def test_an_alias_at_the_apex_fails_though_it_resolves(self):
        cdn = dns.zone.from_text("@ SOA n. h. 1 1 1 1 1\nacme A 203.0.113.10", "cdn.example.", check_origin=False)
        text = DOMAIN_ZONE.replace("@ A 203.0.113.10", "")
        aliased = zone("acme.example.", text)
        # A loader refuses what careless servers serve: the alias is put in behind its back.
        alias = dns.rdataset.from_text("IN", "CNAME", 300, "acme.cdn.example.")
        aliased.nodes[aliased.origin].rdatasets.append(alias)
        found = await verdict(domain.resolves, {"domain": aliased, "others": [cdn]})
        assert found.status is Status.FAIL
        assert "acme.example itself is an alias (CNAME to acme.cdn.example)" in found.summary

    async def test_a_name_that_leads_nowhere_outside_fails(self):
        cdn = zone("cdn.example.", "other A 203.0.113.10\n")
        text = DOMAIN_ZONE.replace("www A 203.0.113.10", "www CNAME acme.cdn.example.")
        found = await verdict(domain.resolves, {"domain": zone("acme.example.", text), "others": [cdn]})
        assert found.status is Status.FAIL
        assert "www.acme.example leads to acme.cdn.example, which has no address" in found.summary

    async def test_large_answers_come_over_tcp(self):
        def cut(world):
            world.first.faults["*"] = "truncate"

        assert (await verdict(domain.resolves, change=cut)).status is Status.PASS


class TestNetworkDown:
    @pytest.mark.parametrize("check", [domain.resolves, domain.nameservers, domain.dnssec])
    async def test_everything_is_unknown(self, check):
        async with client_for("127.0.0.1:1", site=SITE) as client:
            evidence = await domain.survey(client)
        assert isinstance(evidence, Unavailable)
        assert not evidence.defect
        assert check(evidence).status is Status.UNKNOWN


class TestNameservers:
    async def test_an_older_copy_of_the_zone_fails(self):
        older = zone("acme.example.", "@ SOA ns1 hostmaster 0 3600 600 86400 300\n" + DOMAIN_ZONE)
        found = await verdict(domain.nameservers, {"second": older})
        assert found.status is Status.FAIL
        assert "different versions of the zone (serials 0 and 1)" in found.summary
        assert "ns2.acme.example" in found.fix

    @pytest.mark.parametrize("fault", ["servfail", "refused", "silence", "lame", "garbage"])
    async def test_a_server_without_authority_fails(self, fault):
        def break_second(world):
            world.second.faults["*"] = fault

        found = await verdict(domain.nameservers, change=break_second)
        assert found.status is Status.FAIL
        assert "ns2.acme.example does not answer for acme.example with authority" in found.summary

    async def test_one_nameserver_is_not_enough(self):
        single = zone("acme.example.", DOMAIN_ZONE.replace("@ NS ns2\n", ""))
        tld = zone("example.", TLD_ZONE.replace("acme NS ns2.acme\n", ""))
        found = await verdict(domain.nameservers, {"domain": single, "tld": tld})
        assert "only one nameserver: ns1.acme.example" in found.summary

    async def test_two_names_of_one_address_are_one_nameserver(self):
        text = DOMAIN_ZONE.replace("198.51.100.54", "198.51.100.53")
        tld = zone("example.", TLD_ZONE.replace("198.51.100.54", "198.51.100.53"))
        found = await verdict(domain.nameservers, {"domain": zone("acme.example.", text), "tld": tld})
        assert found.status is Status.FAIL
        assert "one and the same address" in found.summary

    async def test_different_sets_in_registry_and_zone_fail(self):
        text = DOMAIN_ZONE + "@ NS ns3\nns3 A 198.51.100.54\n"
        found = await verdict(domain.nameservers, {"domain": zone("acme.example.", text)})
        assert found.status is Status.FAIL
        assert "the registry delegates acme.example to ns1.acme.example and ns2.acme.example" in found.summary
        assert "ns3.acme.example" in found.about

    async def test_all_silent_is_unknown_while_the_resolver_still_answers(self):
        def silence(world):
            world.first.faults["*"] = world.second.faults["*"] = "silence"

        found = await verdict(domain.nameservers, change=silence)
        assert found.status is Status.UNKNOWN
        assert "port 53" in found.needs

    async def test_a_parent_that_cannot_be_asked_leaves_the_comparison_unknown(self):
        def silence(world):
            world.tld.faults["*"] = "silence"

        found = await verdict(domain.nameservers, change=silence)
        assert found.status is Status.UNKNOWN
        assert "example did not say" in found.reason

    async def test_a_nameserver_without_address_fails(self):
        tld = zone("example.", TLD_ZONE.replace("acme NS ns2.acme", "acme NS ns2.gone"))
        found = await verdict(domain.nameservers, {"tld": tld})
        assert found.status is Status.FAIL
        assert "ns2.gone.example" in found.summary


NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
SERVERS = (Nameserver("ns1.acme.example", "198.51.100.53"), Nameserver("ns2.acme.example", "198.51.100.54"))
SOA = "ns1.acme.example. hostmaster.acme.example. 7 1 1 1 1"


def by_hand(**changes) -> DomainEvidence:
    """A healthy domain, as the survey would give it."""
    names = {"ns1.acme.example", "ns2.acme.example"}
    hosts = ("acme.example", "www.acme.example")
    answers = tuple(
        Answer(host, kind, s.address, *(("NOERROR", ("203.0.113.10",)) if kind == "A" else ("NODATA",)), aa=True)
        for host in hosts
        for kind in ("A", "AAAA")
        for s in SERVERS
    )
    evidence = DomainEvidence(
        domain="acme.example",
        hosts=hosts,
        canonical="acme.example",
        delegation=Delegation(
            "acme.example",
            (Zone(".", ()), Zone("example", ())),
            frozenset(names),
            Answer("acme.example", "NS", "", "NOERROR", tuple(names)),
            SERVERS,
            (),
        ),
        soa=tuple(Answer("acme.example", "SOA", s.address, "NOERROR", (SOA,), aa=True) for s in SERVERS),
        ns=tuple(Answer("acme.example", "NS", s.address, "NOERROR", tuple(names), aa=True) for s in SERVERS),
        answers=answers,
        resolved=tuple(replace(a, server="") for a in answers[::2]),
        reached=(Reach("acme.example", "203.0.113.10", "open"),),
        trust=Trust("insecure", "there is no DS record for acme.example"),
        asked_at=NOW,
    )
    return replace(evidence, **changes)


class TestByHand:
    @pytest.mark.parametrize("check", [domain.resolves, domain.nameservers, domain.dnssec])
    def test_healthy_evidence_passes(self, check):
        assert check(by_hand()).status is Status.PASS

    @staticmethod
    def only_ipv6(host: str) -> tuple[tuple[Answer, ...], ...]:
        """The nameservers' and the resolver's answers, where one host has no IPv4 address."""

        def swapped(answer: Answer) -> Answer:
            if answer.name != host:
                return answer
            if answer.rdtype == "A":
                return replace(answer, state="NODATA", records=())
            return replace(answer, state="NOERROR", records=("2001:db8::10",))

        healthy = by_hand()
        return tuple(map(swapped, healthy.answers)), tuple(map(swapped, healthy.resolved))

    @pytest.mark.parametrize("host", ["acme.example", "www.acme.example"])
    def test_a_host_without_an_ipv4_address_fails(self, host):
        answers, resolved = self.only_ipv6(host)
        found = domain.resolves(by_hand(answers=answers, resolved=resolved))
        assert found.status is Status.FAIL
        assert f"{host} has an IPv6 address only" in found.summary
        assert found.about == (host, "IPv4")

    def test_a_host_without_an_ipv6_address_passes_and_says_so(self):
        rows = domain.resolves(by_hand()).evidence
        assert {"name": "www.acme.example", "note": "IPv4 only, which everybody reaches"} in rows

    def test_an_ipv4_look_up_that_failed_is_no_missing_family(self):
        answers, resolved = self.only_ipv6("www.acme.example")
        lost = tuple(
            replace(a, state="SERVFAIL") if (a.name, a.rdtype) == ("www.acme.example", "A") else a for a in resolved
        )
        assert "IPv6 address only" not in domain.resolves(by_hand(answers=answers, resolved=lost)).summary

    @pytest.mark.parametrize("state", ["refused", "timeout", "reset"])
    def test_a_dead_address_fails(self, state):
        found = domain.resolves(by_hand(reached=(Reach("acme.example", "203.0.113.10", state, "closed"),)))
        assert found.status is Status.FAIL

    @pytest.mark.parametrize("state", ["unreachable", "blocked", "unmeasured"])
    def test_an_address_that_we_could_not_try_is_unknown(self, state):
        found = domain.resolves(by_hand(reached=(Reach("acme.example", "2001:db8::1", state, "no route"),)))
        assert found.status is Status.UNKNOWN
        assert "2001:db8::1 (acme.example) was not tried: no route" in found.reason

    def test_answers_that_rotate_by_themselves_are_no_disagreement(self):
        answers = by_hand().answers
        moved = replace(answers[1], records=("203.0.113.11",))
        changed = (answers[0], moved, *answers[2:])
        assert domain.resolves(by_hand(answers=changed)).status is Status.FAIL
        again = (replace(answers[0], records=("203.0.113.12",)), moved)
        assert domain.resolves(by_hand(answers=changed, again=again)).status is Status.PASS

    @pytest.mark.parametrize(
        ("trust", "status", "words"),
        [
            (Trust("insecure", "no DS"), Status.PASS, "DNSSEC is not in use: no DS"),
            (Trust("secure", "valid", ends=NOW + dt.timedelta(days=10)), Status.PASS, "DNSSEC: valid, signatures last"),
            (Trust("secure", "valid", ends=NOW + dt.timedelta(days=3)), Status.FAIL, "ends on 2026-11-27 00:00 UTC"),
            (Trust("bogus", "its signature ended", "expired"), Status.FAIL, "its signature ended"),
            (Trust("unknown", "not followed"), Status.UNKNOWN, "not followed"),
            (Unavailable("no anchor", "network.dnssec_anchor"), Status.UNKNOWN, "no anchor"),
        ],
        ids=["unsigned", "valid", "ends in three days", "bogus", "not followed", "no anchor"],
    )
    def test_dnssec_tells_its_states_apart(self, trust, status, words):
        found = domain.dnssec(by_hand(trust=trust))
        assert found.status is status
        assert words in found.summary


WWW, APP, FIRST, SECOND = "www.acme.example", "app.acme.example", *(f"{s.name} ({s.address})" for s in SERVERS)
STATES = ("NODATA", "NXDOMAIN", "SERVFAIL", "TIMEOUT")


def said(text: str, name: str, rdtype: str = "A", server: str = "") -> Answer:
    """An answer in short: the aliases passed on the way, then an address or a state."""
    *chain, last = text.split()
    state, records = (last, ()) if last in STATES else ("NOERROR", (last,))
    return Answer(name, rdtype, server, state, records, tuple(chain), aa=True)


def told(first: str, second: str, resolver: str | None = None, *, name: str = WWW, rdtype: str = "A"):
    """The evidence's answers, where each nameserver and the resolver say this of a name; it has no other family."""
    other = "AAAA" if rdtype == "A" else "A"

    def both(text: str, server: str) -> tuple[Answer, Answer]:
        *chain, last = text.split()
        without = " ".join((*chain, last if last in ("NXDOMAIN", "TIMEOUT") else "NODATA"))
        return said(text, name, rdtype, server), said(without, name, other, server)

    direct = (*both(first, SERVERS[0].address), *both(second, SERVERS[1].address))
    if name == APP:
        return {"others": direct}
    healthy = by_hand()
    resolved = () if resolver is None else both(resolver, "")
    return {
        "answers": (*(a for a in healthy.answers if a.name != name), *direct),
        "resolved": (*(a for a in healthy.resolved if a.name != name), *resolved),
    }


OURS, TOO = "203.0.113.11", "203.0.113.12"
PUBLISH = "Publish the same on every nameserver: "


class TestResolvesByHand:
    """Which answers of two nameservers and the resolver mean what, for a main name and for one of the zone file."""

    @pytest.mark.parametrize(
        ("answers", "status", "words", "fix"),
        [
            ((OURS, OURS, OURS), Status.PASS, "2 names resolve alike on 2 nameserver addresses", None),
            (
                (OURS, "NXDOMAIN", OURS),
                Status.FAIL,
                f"{WWW} does not exist at {SECOND}",
                f"{PUBLISH}{WWW}. 3600 IN A {OURS}",
            ),
            (
                ("NODATA", OURS, "SERVFAIL"),
                Status.FAIL,
                f"{WWW} does not exist at {FIRST}",
                f"{PUBLISH}{WWW}. 3600 IN A {OURS}",
            ),
            ((OURS, "SERVFAIL", "SERVFAIL"), Status.FAIL, f"{SECOND} does not answer for {WWW}", PUBLISH),
            (("NXDOMAIN", "SERVFAIL", "SERVFAIL"), Status.FAIL, f"{WWW} does not exist at {FIRST}", None),
            (
                (f"a.example b.example {OURS}", "NXDOMAIN", f"a.example b.example {OURS}"),
                Status.FAIL,
                f"{WWW} does not exist at {SECOND}",
                f"{PUBLISH}{WWW}. 3600 IN CNAME a.example.",
            ),
            ((OURS, TOO, OURS), Status.FAIL, f"{WWW} has different A records", PUBLISH),
            ((OURS, "TIMEOUT", OURS), Status.UNKNOWN, "the nameserver at 198.51.100.54 did not answer", None),
            (("TIMEOUT", "TIMEOUT", OURS), Status.UNKNOWN, f"no nameserver answered us directly for {WWW}", None),
            (("TIMEOUT", "TIMEOUT", "NXDOMAIN"), Status.FAIL, f"{WWW} does not resolve: it has no address", None),
            (("TIMEOUT", "TIMEOUT", "NODATA"), Status.FAIL, f"{WWW} does not resolve: it has no address", None),
            (("TIMEOUT", "TIMEOUT", "TIMEOUT"), Status.UNKNOWN, f"{WWW} could not be looked up (TIMEOUT)", None),
            (("TIMEOUT", "TIMEOUT"), Status.UNKNOWN, f"{WWW} could not be looked up (no answer)", None),
            (
                ("a.example b.example NODATA", "a.example b.example NODATA", "NXDOMAIN"),
                Status.FAIL,
                f"{WWW} leads to b.example, which has no address",
                None,
            ),
            (
                ("b.example NODATA", "b.example NODATA", "SERVFAIL"),
                Status.UNKNOWN,
                f"{WWW} leads to b.example, which could not be looked up",
                None,
            ),
            (("b.example NODATA", "b.example NODATA"), Status.UNKNOWN, "b.example, which could not be looked up", None),
        ],
    )
    def test_of_a_main_name(self, answers, status, words, fix):
        found = domain.resolves(by_hand(**told(*answers)))
        assert found.status is status
        assert words in found.summary
        assert (found.fix or "").startswith(fix) if fix else found.fix is None
        if status is Status.FAIL:
            about = {row["name"] for row in found.evidence[: 4 + 2 * (len(answers) > 2)]}
            assert about == {WWW}, "its own rows come first"

    @pytest.mark.parametrize(
        ("answers", "status", "words", "fix"),
        [
            ((OURS, OURS), Status.PASS, "resolve alike", None),
            (("NXDOMAIN", "NODATA"), Status.PASS, "resolve alike", None),
            ((OURS, "NXDOMAIN"), Status.FAIL, f"{APP} does not exist at {SECOND}", f"{PUBLISH}{APP}. 3600 IN A {OURS}"),
            ((OURS, TOO), Status.FAIL, f"{APP} has different A records", None),
            ((OURS, "SERVFAIL"), Status.FAIL, f"{SECOND} does not answer for {APP}", None),
            (("NXDOMAIN", "SERVFAIL"), Status.FAIL, f"{SECOND} does not answer for {APP}", None),
            ((OURS, "TIMEOUT"), Status.UNKNOWN, f"not every nameserver answered for {APP}", None),
            (("TIMEOUT", "TIMEOUT"), Status.UNKNOWN, f"not every nameserver answered for {APP}", None),
        ],
    )
    def test_of_another_name_of_the_zone_file(self, answers, status, words, fix):
        gone = [said("NXDOMAIN", "gone.acme.example", server=s.address) for s in SERVERS]
        found = domain.resolves(by_hand(others=(*gone, *told(*answers, name=APP)["others"])))
        assert found.status is status
        assert words in found.summary
        assert found.fix == fix
        notes = [row["name"] for row in found.evidence if "gone from DNS" in str(row.get("note"))]
        assert notes == ["gone.acme.example", *([APP] if answers == ("NXDOMAIN", "NODATA") else [])]
        if status is not Status.PASS:
            assert {row["name"] for row in found.evidence[:4]} == {APP}, "its own rows come first"

    def test_a_domain_without_delegation_fails_where_the_registry_knows_it_not(self):
        silent = told("TIMEOUT", "TIMEOUT", "SERVFAIL")
        delegation = replace(by_hand().delegation, resolved=said("NXDOMAIN", "acme.example", "NS"))
        found = domain.resolves(by_hand(**silent, delegation=replace(delegation, servers=())))
        assert found.status is Status.FAIL
        assert "acme.example is not delegated to any nameserver" in found.summary
        assert domain.resolves(by_hand(**silent, delegation=delegation)).status is Status.UNKNOWN
        lost = replace(delegation, servers=(), resolved=said("SERVFAIL", "acme.example", "NS"))
        assert domain.resolves(by_hand(**silent, delegation=lost)).status is Status.UNKNOWN

    def test_an_ipv6_family_on_which_they_differ_is_named(self):
        found = domain.resolves(by_hand(**told("2001:db8::1", "2001:db8::2", "2001:db8::1", rdtype="AAAA")))
        assert f"{WWW} has different AAAA records" in found.summary

    def test_an_ipv6_only_host_fails_though_other_look_ups_did(self):
        changes = told("2001:db8::1", "2001:db8::1", "SERVFAIL", rdtype="AAAA")
        resolved = tuple(
            replace(a, state="SERVFAIL", records=()) if a.name == "acme.example" else a for a in changes["resolved"]
        )
        found = domain.resolves(by_hand(**{**changes, "resolved": resolved}))
        assert f"{WWW} has an IPv6 address only" in found.summary
        assert {row["name"] for row in found.evidence[:2]} == {WWW}

    def test_an_alias_at_the_apex_is_named_by_its_first_target(self):
        alias = f"a.example b.example {OURS}"
        found = domain.resolves(by_hand(**told(alias, alias, alias, name="acme.example")))
        assert "(CNAME to a.example)" in found.summary
        assert {row["alias_of"] for row in found.evidence[:2]} == {"a.example"}

    @pytest.mark.parametrize(
        ("again", "status"),
        [
            ((said("203.0.113.13", WWW, server=SERVERS[0].address),), Status.PASS),
            ((said(OURS, WWW, server=SERVERS[0].address),), Status.FAIL),
            ((said("203.0.113.13", "acme.example", server=SERVERS[0].address),), Status.FAIL),
            ((said("SERVFAIL", WWW, server=SERVERS[0].address),), Status.FAIL),
        ],
        ids=["its own changes", "stays", "another name's changes", "could not be asked again"],
    )
    def test_only_addresses_that_change_by_themselves_excuse_a_difference(self, again, status):
        assert domain.resolves(by_hand(**told(OURS, TOO, OURS), again=again)).status is status

    def test_changing_addresses_do_not_excuse_a_family_that_one_nameserver_lacks(self):
        changes = told("2001:db8::1", "2001:db8::1", "2001:db8::1", rdtype="AAAA")
        answers = tuple(
            said(OURS, WWW, server=a.server) if (a.name, a.rdtype, a.server) == (WWW, "A", SERVERS[0].address) else a
            for a in changes["answers"]
        )
        again = (said(TOO, WWW, server=SERVERS[0].address),)
        found = domain.resolves(by_hand(**{**changes, "answers": answers}, again=again))
        assert f"{WWW} has different A records" in found.summary


class TestNameserversByHand:
    """What makes a set of nameservers sound."""

    @staticmethod
    def soa(*texts: str, error: str | None = None, **changes) -> tuple[Answer, ...]:
        """What each nameserver answers for the SOA: a state, or a record."""
        healthy = by_hand().soa
        return tuple(
            replace(a, state=text, records=(), error=error, **changes)
            if text in STATES
            else replace(a, records=(text,), **changes)
            for a, text in zip(healthy, texts, strict=False)
        )

    def test_each_address_is_a_row_with_what_it_answered(self):
        first, _ = domain.nameservers(by_hand()).evidence[:2]
        assert first == {
            "nameserver": "ns1.acme.example",
            "address": "198.51.100.53",
            "answers": "authoritative",
            "serial": "7",
            "ns_records": "ns1.acme.example, ns2.acme.example",
            "in_parent": True,
        }
        delegation = replace(by_hand().delegation, parent_set=None)
        unseen = domain.nameservers(by_hand(delegation=delegation, ns=by_hand().ns[1:])).evidence
        assert {row["in_parent"] for row in unseen} == {None}
        assert [row["ns_records"] for row in unseen[:2]] == [None, "ns1.acme.example, ns2.acme.example"]

    @pytest.mark.parametrize(
        ("changes", "status", "words"),
        [
            ({"soa": soa("NODATA", SOA)}, Status.FAIL, "(ns1.acme.example: not authoritative)"),
            ({"soa": soa(SOA, SOA, aa=False)}, Status.FAIL, "(ns1.acme.example: not authoritative)"),
            ({"soa": soa(SOA, "SERVFAIL")}, Status.FAIL, "(ns2.acme.example: SERVFAIL)"),
            ({"soa": soa(SOA, "SERVFAIL", error="REFUSED")}, Status.FAIL, "(ns2.acme.example: SERVFAIL: REFUSED)"),
            (
                {"soa": soa(SOA, "SERVFAIL", error="unreachable")},
                Status.FAIL,
                "ns2.acme.example: SERVFAIL: unreachable",
            ),
            ({"soa": soa(SOA)}, Status.FAIL, "(ns2.acme.example: not asked)"),
            ({"soa": soa("ns1 admin", "ns1 admin")}, Status.UNKNOWN, "no nameserver gave its SOA record"),
            ({"soa": soa("ns1 admin 6", SOA)}, Status.FAIL, "different versions of the zone (serials 6 and 7)"),
            ({"ns": (by_hand().ns[0], replace(by_hand().ns[1], records=("x.",), aa=False))}, Status.PASS, "alike"),
            ({"ns": (by_hand().ns[0], replace(by_hand().ns[1], records=("x.",)))}, Status.FAIL, "name different sets"),
        ],
    )
    def test_of_their_answers(self, changes, status, words):
        found = domain.nameservers(by_hand(**changes))
        assert found.status is status
        assert words in found.summary

    @pytest.mark.parametrize(("older", "newer"), [(9, 10), (7, 8), (99, 100)])
    def test_who_serves_an_older_version_is_to_transfer_the_newest(self, older, newer):
        soa = self.soa(*(SOA.replace(" 7 ", f" {serial} ") for serial in (newer, older)))
        found = domain.nameservers(by_hand(soa=soa))
        assert found.fix == f"Have ns2.acme.example transfer the zone again, so that all serve serial {newer}"

    @pytest.mark.parametrize(
        ("addresses", "lost", "status", "words"),
        [
            (("ns1 198.51.100.53", "ns1 198.51.100.54"), (), Status.FAIL, "only one nameserver: ns1.acme.example"),
            (("ns1 198.51.100.53", "ns2 198.51.100.53"), (), Status.FAIL, "stand on one and the same address"),
            (("ns1 198.51.100.53", "ns2 2001:db8::54"), ("2001:db8::54",), Status.UNKNOWN, "ns2.acme.example cannot"),
            (("ns1 198.51.100.53", "ns2 198.51.100.54", "ns2 2001:db8::54"), ("2001:db8::54",), Status.PASS, "alike"),
            (("ns1 198.51.100.53", "ns2 2001:db8::54"), (), Status.PASS, "alike"),
            (("ns1 198.51.100.53", "ns2 198.51.100.54"), ("198.51.100.54",), Status.FAIL, "ns2.acme.example does not"),
        ],
        ids=["one name", "one address", "no way to its only address", "no way to one address", "IPv6", "IPv4 lost"],
    )
    def test_of_their_addresses(self, addresses, lost, status, words):
        servers = tuple(Nameserver(f"{name}.acme.example", ip) for name, ip in (a.split() for a in addresses))
        soa = tuple(
            Answer("acme.example", "SOA", s.address, "TIMEOUT", error="the network is unreachable")
            if s.address in lost
            else replace(by_hand().soa[0], server=s.address)
            for s in servers
        )
        found = domain.nameservers(by_hand(delegation=replace(by_hand().delegation, servers=servers), soa=soa))
        assert found.status is status
        assert words in found.summary

    @pytest.mark.parametrize(
        ("resolved", "status", "words"),
        [
            ("NXDOMAIN", Status.FAIL, "acme.example has no nameservers"),
            ("NODATA", Status.FAIL, "acme.example has no nameservers"),
            ("ns1.acme.example", Status.FAIL, "none of the nameservers of acme.example has an address: ns1.acme.ex"),
            ("SERVFAIL", Status.UNKNOWN, "the nameservers of acme.example could not be looked up (SERVFAIL)"),
        ],
    )
    def test_where_there_is_none(self, resolved, status, words):
        answer = said(resolved, "acme.example", "NS")
        found = domain.nameservers(by_hand(delegation=replace(by_hand().delegation, servers=(), resolved=answer)))
        assert found.status is status
        assert words in found.summary


async def test_a_server_answering_late_still_counts():
    async with dns_world() as world:
        world.first.delay = 0.2
        async with surveyed(world) as evidence:
            assert domain.nameservers(evidence).status is Status.PASS


async def test_the_resolver_alone_failing_is_unknown_not_missing():
    async with dns_world() as world:
        world.first.faults["*"] = world.second.faults["*"] = "silence"
        world.resolver.faults["www.acme.example"] = "servfail"
        async with surveyed(world, network=IMPATIENT) as evidence:
            found = domain.resolves(evidence)
    assert found.status is Status.UNKNOWN
    assert "SERVFAIL" in found.reason


def test_the_server_answers_over_both_transports_on_one_port():
    async def both() -> set[int]:
        async with DnsServer([zone("a.example.", "@ A 192.0.2.1")]) as server:
            return {server.port, server._tcp.sockets[0].getsockname()[1]}

    assert len(asyncio.run(both())) == 1


class TestZoneFile:
    """The other names of the zone file are asked of every nameserver too."""

    EXPORT = DOMAIN_ZONE.replace("\n@ NS ns1\n@ NS ns2", "\n") + "left A 203.0.113.9\n*.wild A 203.0.113.9\n"
    """`left` is in the file and no longer in DNS."""

    async def judged(self, tmp_path, export: str = EXPORT, **world):
        (tmp_path / "zone.txt").write_text(export)
        return await verdict(domain.resolves, world, root=tmp_path, hosting={"zone_file": "zone.txt"})

    async def test_names_that_resolve_alike_or_are_gone_pass(self, tmp_path):
        found = await self.judged(tmp_path)
        assert found.status is Status.PASS, found
        notes = {row["name"]: row.get("note") for row in found.evidence if row["name"] != "acme.example"}
        assert "gone from DNS" in notes["left.acme.example"]
        assert notes["app.acme.example"] is None
        assert "wild" not in str(notes)

    @pytest.mark.parametrize(
        ("line", "instead", "words"),
        [
            ("app A 203.0.113.10", "", "app.acme.example does not exist at ns2.acme.example (198.51.100.54)"),
            ("app A 203.0.113.10", "app A 203.0.113.66", "app.acme.example has different A records"),
        ],
        ids=["missing", "different"],
    )
    async def test_a_name_that_one_nameserver_has_otherwise_fails(self, tmp_path, line, instead, words):
        second = zone("acme.example.", DOMAIN_ZONE.replace(f"\n{line}\n", f"\n{instead}\n"))
        found = await self.judged(tmp_path, second=second)
        assert found.status is Status.FAIL
        assert words in found.summary

    async def test_the_kit_prints_the_records_of_names_that_one_nameserver_lacks_and_leaves_out_what_is_gone(
        self, tmp_path
    ):
        (tmp_path / "zone.txt").write_text(self.EXPORT)
        second = zone("acme.example.", DOMAIN_ZONE.replace("\napp A 203.0.113.10\n", "\n"))
        facts = Facts("acme.example", "acme.example", ("acme.example", "www.acme.example"))
        options = {"root": tmp_path, "hosting": {"zone_file": "zone.txt"}}
        async with dns_world(second=second) as world, surveyed(world, **options) as evidence:
            (patch,) = name_records.patches(facts, ["domain.resolves"], evidence, None)
        assert [(each.name, each.rdtype, each.values) for each in patch.sets] == [
            ("app.acme.example", "A", ("203.0.113.10",)),
            ("api.acme.example", "CNAME", ("app.acme.example.",)),
        ]

    async def test_a_nameserver_that_fails_for_one_name_only_is_named(self, tmp_path):
        (tmp_path / "zone.txt").write_text(self.EXPORT)

        def refuse(world):
            world.second.faults["app.acme.example"] = "servfail"

        options = {"root": tmp_path, "hosting": {"zone_file": "zone.txt"}}
        found = await verdict(domain.resolves, change=refuse, **options)
        assert found.status is Status.FAIL
        assert "ns2.acme.example (198.51.100.54) does not answer for app.acme.example" in found.summary

    async def test_more_names_than_are_asked_for_are_said(self, tmp_path):
        found = await self.judged(tmp_path, "".join(f"h{n} A 203.0.113.9\n" for n in range(MOST_QUESTIONS + 5)))
        assert found.status is Status.UNKNOWN
        assert "5 more names of the zone file not asked for" in found.reason

    async def test_no_question_is_asked_twice(self, tmp_path):
        (tmp_path / "zone.txt").write_text(self.EXPORT)
        async with dns_world() as world:
            async with surveyed(world, root=tmp_path, hosting={"zone_file": "zone.txt"}):
                pass
            for server in (world.first, world.second, world.resolver):
                assert len(server.questions) == len(set(server.questions))
