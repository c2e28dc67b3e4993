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

    def test_answers_that_rotate_by_themselves_are_no_disagreement(self):
        answers = by_hand().answers
        moved = replace(answers[1], records=("203.0.113.11",))
        changed = (answers[0], moved, *answers[2:])
        assert domain.resolves(by_hand(answers=changed)).status is Status.FAIL
        again = (replace(answers[0], records=("203.0.113.12",)), moved)
        assert domain.resolves(by_hand(answers=changed, again=again)).status is Status.PASS

    @pytest.mark.parametrize(
        ("trust", "status"),
        [
            (Trust("insecure", "no DS"), Status.PASS),
            (Trust("secure", "valid", ends=NOW + dt.timedelta(days=10)), Status.PASS),
            (Trust("secure", "valid", ends=NOW + dt.timedelta(days=3)), Status.FAIL),
            (Trust("bogus", "its signature ended", "expired"), Status.FAIL),
            (Trust("unknown", "not followed"), Status.UNKNOWN),
            (Unavailable("no anchor", "network.dnssec_anchor"), Status.UNKNOWN),
        ],
        ids=["unsigned", "valid", "ends in three days", "bogus", "not followed", "no anchor"],
    )
    def test_dnssec_tells_its_states_apart(self, trust, status):
        assert domain.dnssec(by_hand(trust=trust)).status is status


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
