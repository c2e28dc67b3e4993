"""DNS records for the main names, the zone's nameservers, and what points to something that nobody holds."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from launchready_lib.checks.quick_audit.domain import DomainEvidence
from launchready_lib.checks.quick_audit.subdomains import SubdomainEvidence, claiming
from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer
from launchready_lib.kit.facts import Facts
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.kit.records import RecordSet, Removal, ZonePatch, join, of
from launchready_lib.names.hosts import under
from launchready_lib.network import Answer
from launchready_lib.wording import listed

_FAMILIES = ("A", "AAAA")
"""How a wild card's name was made one that can be asked for."""


def patches(
    facts: Facts,
    failures: Container[str],
    zone: DomainEvidence | None,
    subdomains: SubdomainEvidence | None,
) -> tuple[ZonePatch, ...]:
    """What to change in the client's zone for its names to lead where they should."""
    found: list[ZonePatch] = []
    if zone is not None:
        if "domain.resolves" in failures:
            names = dict.fromkeys((*zone.hosts, *(answer.name for answer in zone.others)))
            found.extend(of("domain.resolves", (p for host in names if (p := _host(facts, zone, host)))))
        if "domain.nameservers" in failures:
            found.extend(of("domain.nameservers", _nameservers(facts, zone)))
    if subdomains is not None and "subdomains.takeover" in failures:
        found.extend(of("subdomains.takeover", (_pointer(facts, p) for p in claiming.faulty(subdomains))))
    whole = join(facts.domain, f"{facts.domain}: names that lead where they should", found)
    return (whole,) if whole else ()


def _host(facts: Facts, zone: DomainEvidence, host: str) -> ZonePatch | None:
    """One name as every nameserver should hold it; None where all do."""
    direct = [answer for answer in zone.of(host) if answer.state in ("NOERROR", "NODATA", "NXDOMAIN")]
    views = {
        server: frozenset(
            (a.rdtype, a.chain[:1], frozenset(a.records)) for a in direct if a.server == server and _leads(a)
        )
        for server in {answer.server for answer in direct}
    }
    if not is_plain_name(host) or (len(set(views.values())) == 1 and any(views.values())):
        return None
    resolved = [answer for answer in zone.resolved if answer.name == host and _leads(answer)]
    source = resolved or [answer for answer in direct if _leads(answer)]
    if source:
        return _patch(facts, _records(facts, host, source), f"{host}, the same on every nameserver")
    return _absent(facts, zone, host) if host in zone.hosts else None


def _leads(answer: Answer) -> bool:
    return answer.state == "NOERROR" or bool(answer.chain)


def _absent(facts: Facts, zone: DomainEvidence, host: str) -> ZonePatch | None:
    """A main name that no nameserver knows: www follows the site, the bare domain copies its addresses."""
    living = [answer for answer in zone.resolved if answer.name != host and answer.records]
    names = {answer.name for answer in living}
    goal = facts.canonical if facts.canonical in names else next(iter(sorted(names)), None)
    if goal is None:
        note = f"{host} has no address, and no other of your names has one that could be copied"
        return ZonePatch(facts.domain, "", notes=(note,))
    if host != facts.domain:
        proxied = True if facts.edge == "cloudflare" else None
        sets: tuple[RecordSet, ...] = (RecordSet(host, "CNAME", (f"{goal}.",), f"{host} follows {goal}", proxied),)
        return ZonePatch(facts.domain, "", sets)
    return _patch(facts, _records(facts, host, [a for a in living if a.name == goal]), f"{host}, as {goal} has it")


def _records(facts: Facts, host: str, source: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    """Type -> contents: the alias where there is one within reach, else the addresses."""
    alias = next((answer.chain[0] for answer in source if answer.chain), None)
    if alias is not None and host != facts.domain:
        return {"CNAME": (f"{alias}.",)} if is_plain_name(alias) else {}
    return {family: tuple(r for a in source if a.rdtype == family for r in a.records) for family in _FAMILIES}


def _patch(facts: Facts, records: dict[str, tuple[str, ...]], why: str) -> ZonePatch | None:
    """Records of one name; in front of Cloudflare a zone holds the server's own address, marked as proxied."""
    host = why.partition(",")[0]
    addresses = [value for family in _FAMILIES for value in records.get(family, ())]
    if facts.edge == "cloudflare" and addresses and all(map(facts.at_edge, addresses)):
        own = [address for address in facts.origins if not facts.at_edge(address)]
        if not own:
            note = f"{host} has no record on every nameserver: copy its A record, proxy on, from where it has one"
            return ZonePatch(facts.domain, "", notes=(note,))
        records = {"A": tuple(a for a in own if ":" not in a), "AAAA": tuple(a for a in own if ":" in a)}
        sets = [RecordSet(host, rdtype, values, why, proxied=True) for rdtype, values in records.items() if values]
        return ZonePatch(facts.domain, "", tuple(sets))
    sets = [RecordSet(host, rdtype, values, why) for rdtype, values in records.items() if values]
    return ZonePatch(facts.domain, "", tuple(sets)) if sets else None


def _nameservers(facts: Facts, zone: DomainEvidence) -> Iterator[ZonePatch]:
    """The zone's NS records as the registry has them, where the two differ."""
    parent = zone.delegation.parent_set
    children = {frozenset(r.rstrip(".").lower() for r in a.records) for a in zone.ns if a.state == "NOERROR" and a.aa}
    if not parent or children <= {frozenset(parent)} or not all(map(is_plain_name, parent)):
        return
    why = f"the nameservers that the registry names: {listed(sorted(parent))}"
    yield ZonePatch(
        facts.domain, "", (RecordSet(facts.domain, "NS", tuple(f"{name}." for name in sorted(parent)), why),)
    )


def _pointer(facts: Facts, pointer: Pointer) -> ZonePatch:
    """A record that leads to something that nobody holds goes; a part of one is named."""
    owner = pointer.owner
    what = f"{owner} leads to {pointer.target}, which nobody holds"
    if pointer.kind in ("CNAME", "A", "NS") and owner != facts.domain and under(owner, facts.domain):
        return ZonePatch(facts.domain, "", removals=(Removal(owner, pointer.kind, what),))
    return ZonePatch(facts.domain, "", notes=(f"{what}: take it out of the {pointer.kind} of {owner}",))
