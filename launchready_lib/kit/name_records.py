"""Names that lead where they should: their DNS records, and redirects to the one address where the site lives."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence, leads
from launchready_lib.checks.quick_audit.redirects import RedirectEvidence
from launchready_lib.checks.quick_audit.subdomains import SubdomainEvidence, mapping
from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer
from launchready_lib.kit import stacks
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.kit.records import Change, RecordSet, Removal, ZonePatch, of, patched
from launchready_lib.kit.stacks import Facts
from launchready_lib.names.hosts import under
from launchready_lib.network import Answer, normal
from launchready_lib.wording import listed


def patches(
    facts: Facts, failures: Container[str], zone: DomainEvidence | None, subdomains: SubdomainEvidence | None
) -> tuple[ZonePatch, ...]:
    """What to change in the client's zone for its names to lead where they should."""
    found: list[tuple[str, str, Change]] = []
    if zone is not None and "domain.resolves" in failures:
        for host in dict.fromkeys((*zone.hosts, *(answer.name for answer in zone.others))):
            found += of(facts.domain, "domain.resolves", _host(facts, zone, host))
    if zone is not None and "domain.nameservers" in failures:
        found += of(facts.domain, "domain.nameservers", _nameservers(facts, zone))
    if subdomains is not None and "subdomains.takeover" in failures:
        pointers = (_pointer(facts, pointer) for pointer in mapping.faulty(subdomains))
        found += of(facts.domain, "subdomains.takeover", pointers)
    return patched("names that lead where they should", found)


def _host(facts: Facts, zone: DomainEvidence, host: str) -> list[Change]:
    """One name as every nameserver should hold it; nothing where all do."""
    direct = [answer for answer in zone.of(host) if answer.state in ("NOERROR", "NODATA", "NXDOMAIN")]
    views = {
        server: frozenset(
            (a.rdtype, a.chain[:1], frozenset(a.records)) for a in direct if a.server == server and leads(a)
        )
        for server in {answer.server for answer in direct}
    }
    if not is_plain_name(host) or (len(set(views.values())) == 1 and any(views.values())):
        return []
    resolved = [answer for answer in zone.resolved if answer.name == host and leads(answer)]
    if source := resolved or [answer for answer in direct if leads(answer)]:
        return _as_in(facts, host, source, f"{host}, the same on every nameserver")
    return _absent(facts, zone, host) if host in zone.hosts else []


def _absent(facts: Facts, zone: DomainEvidence, host: str) -> list[Change]:
    """A main name that no nameserver knows: www follows the site, the bare domain copies its addresses."""
    living = [answer for answer in zone.resolved if answer.name != host and answer.records]
    names = {answer.name for answer in living}
    goal = facts.canonical if facts.canonical in names else min(names, default=None)
    if goal is None:
        return [f"{host} has no address, and no other of your names has one that could be copied"]
    if host != facts.domain:
        proxied = True if facts.edge == "cloudflare" else None
        return [RecordSet(host, "CNAME", (f"{goal}.",), f"{host} follows {goal}", proxied)]
    return _as_in(facts, host, [a for a in living if a.name == goal], f"{host}, as {goal} has it")


def _as_in(facts: Facts, host: str, source: Iterable[Answer], why: str) -> list[Change]:
    """The alias that the answers show where there is one within reach, else their addresses.

    In front of Cloudflare a zone holds the server's own address, marked as proxied.
    """
    alias = next((answer.chain[0] for answer in source if answer.chain), None)
    if alias is not None and host != facts.domain:
        return [RecordSet(host, "CNAME", (f"{alias}.",), why)] if is_plain_name(alias) else []
    addresses = {family: [r for a in source if a.rdtype == family for r in a.records] for family in ("A", "AAAA")}
    shown, proxied = [*addresses["A"], *addresses["AAAA"]], None
    if facts.edge == "cloudflare" and shown and all(map(facts.at_edge, shown)):
        own = [address for address in facts.origins if not facts.at_edge(address)]
        if not own:
            return [f"{host} has no record on every nameserver: copy its A record, proxy on, from where it has one"]
        addresses = {"A": [a for a in own if ":" not in a], "AAAA": [a for a in own if ":" in a]}
        proxied = True
    return [RecordSet(host, family, tuple(found), why, proxied) for family, found in addresses.items() if found]


def _nameservers(facts: Facts, zone: DomainEvidence) -> Iterator[Change]:
    """The zone's NS records as the registry has them, where the two differ."""
    parent = zone.delegation.parent_set
    children = {frozenset(r.rstrip(".").lower() for r in a.records) for a in zone.ns if a.state == "NOERROR" and a.aa}
    if not parent or children <= {frozenset(parent)} or not all(map(is_plain_name, parent)):
        return
    why = f"the nameservers that the registry names: {listed(sorted(parent))}"
    yield RecordSet(facts.domain, "NS", tuple(f"{name}." for name in sorted(parent)), why)


def _pointer(facts: Facts, pointer: Pointer) -> Change:
    """A record that leads to something that nobody holds goes; a part of one is named."""
    owner = pointer.owner
    what = f"{owner} leads to {pointer.target}, which nobody holds"
    if pointer.kind in ("CNAME", "A", "NS") and owner != facts.domain and under(owner, facts.domain):
        return Removal(owner, pointer.kind, what)
    return f"{what}: take it out of the {pointer.kind} of {owner}"


@dataclass(frozen=True)
class RedirectPlan:
    """Which origins lead to which, such as http://acme.example to https://acme.example."""

    moves: tuple[tuple[str, str], ...] = ()
    fixes: tuple[str, ...] = ()


def plan(facts: Facts, failures: Container[str], hops: RedirectEvidence | None) -> RedirectPlan:
    """What failed, as moves; an empty plan where nothing did."""
    if hops is None:
        return RedirectPlan()
    moves: dict[str, str] = {}
    if "redirects.canonical" in failures:
        moves |= {f"{scheme}://{host}": facts.origin for host in facts.moved for scheme in ("http", "https")}
    if "redirects.https" in failures:
        asked = (normal(urlsplit(reply.url).hostname or "") for reply in hops.plain)
        foreign = set(hops.zone.names) - set(hops.zone.own)  # others run their servers
        for host in dict.fromkeys(name for name in asked if is_plain_name(name) and name not in foreign):
            moves.setdefault(f"http://{host}", facts.origin if host in facts.moved else f"https://{host}")
    fixes = tuple(check for check in ("redirects.https", "redirects.canonical") if check in failures)
    return RedirectPlan(tuple(moves.items()), fixes if moves else ())


def files(facts: Facts, redirects: RedirectPlan) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of each file that the plan needs."""
    if not redirects.moves:
        return
    moved = [(start.removeprefix("https://"), goal) for start, goal in redirects.moves if start.startswith("https:")]
    systems = [stack for stack in facts.stacks if moved or stack != "vercel"]  # Vercel leads to HTTPS by itself
    yield from stacks.printed(
        "redirects",
        stacks.files("redirects", systems),
        title="One encrypted address for members",
        moves=redirects.moves,
        hosts_moved=moved,
        https=any(start.startswith("http:") for start, _ in redirects.moves),
        hosts=listed((start.partition("://")[2] for start, _ in redirects.moves), most=20),
    )
