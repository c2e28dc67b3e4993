"""Every known name of the zone that points to another name, followed to its end."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from launchready_lib.client import Client
from launchready_lib.evidence import Row
from launchready_lib.names import providers
from launchready_lib.names.hosts import main_hosts, registered_domain, under
from launchready_lib.names.providers import Provider
from launchready_lib.names.published import zone_mail
from launchready_lib.names.zonefile import ZoneFile
from launchready_lib.network import Answer, DnsState, Network, Response, normal

_MOST_NAMES = 500
_MOST_ADDRESSES = 16
_MOST_INCLUDES = 40
_LOST = ("SERVFAIL", "TIMEOUT")
_INCLUDE = re.compile(r"(?i)(?:^|\s)[+?~-]?(?:include:|redirect=)([a-z0-9._-]+)(?=\s|$)")
_MAILTO = re.compile(r"(?i)mailto:[^@\s,;!]+@([a-z0-9._-]+)")


@dataclass(frozen=True)
class Pointer:
    """One record that makes a name of the client's depend on a name of somebody's."""

    owner: str  # the client's name; "*." and a name where a wildcard answers for every name below
    kind: str  # CNAME, A, NS, MX, SPF include, DMARC report; wildcard, for one that leads to an address of nobody known
    target: str  # the name (or address, for A) it leads to in the end
    chain: tuple[str, ...] = ()  # the names passed on the way, the target last
    state: DnsState = "NOERROR"  # of the target; for NS the worst answer of its servers for the zone
    registered: DnsState | None = None  # of the registrable part of a target that does not exist
    provider: str | None = None  # who runs the target, where the table knows it
    reply: Response | None = None  # what the owner's page answers, where only that tells whether it is claimed
    asked: str = ""  # the name that was asked for in a wildcard's place; empty where it was the owner itself

    def row(self) -> Row:
        """The pointer as evidence."""
        reply = self.reply
        return {
            "name": self.owner,
            "kind": self.kind,
            "leads_to": " -> ".join(self.chain) or self.target,
            "target_state": self.state,
            "domain_of_target": self.registered,
            "provider": providers.provider(self.provider).name if self.provider else None,
            "page": None if reply is None else str(reply.status or reply.state),
        }


async def follow_all(client: Client, zone: ZoneFile) -> tuple[Pointer, ...]:
    """Collect the pointers of the declared names and of the zone file, and look each target up."""
    network, domain = client.network, normal(client.parameters.domain)
    senders = [normal(d) for d in client.parameters.mail.from_domains] or [domain]
    owners = tuple(dict.fromkeys(_owners(client, zone, senders)))
    spoken = tuple(dict.fromkeys([domain, *senders, *zone_mail(client, [domain, *senders]).sending]))
    mail = tuple(dict.fromkeys([domain, *senders, *(n for n in zone.names("MX") if not n.startswith("*"))]))
    cuts = [r for r in zone.records if r.rdtype == "NS" and r.name != domain]
    found = await asyncio.gather(
        _names(network, owners),
        _exchangers(network, mail),
        _includes(network, spoken),
        _reports(network, spoken),
        _delegations(network, [(r.name, normal(r.text)) for r in cuts]),
        _own_servers(network, domain),
    )
    pointers = [pointer for group in found for pointer in group]
    # Policy hosts that nobody made exist only because a wildcard answers for them too.
    wild, made = {(p.kind, p.target) for p in pointers if p.asked}, set(zone.names("CNAME"))
    guessed = [p for p in pointers if p.owner.startswith("mta-sts.") and p.owner not in made]
    pointers = [p for p in pointers if p not in guessed or (p.kind, p.target) not in wild]
    pointers = await asyncio.gather(*(_registered(network, domain, pointer) for pointer in pointers))
    return tuple(await asyncio.gather(*(_page(network, pointer) for pointer in pointers)))


def _owners(client: Client, zone: ZoneFile, senders: Iterable[str]) -> Iterator[str]:
    p = client.parameters
    yield from main_hosts(p)
    yield from (normal(each.host) for each in p.site.subdomains.values())
    yield from (f"mta-sts.{sender}" for sender in senders)
    for sender, selectors in p.mail.dkim_selectors.items():
        yield from (f"{selector}._domainkey.{sender}" for selector in selectors)
    yield f"*.{normal(p.domain)}"
    yield from zone.names("CNAME", "A", "AAAA")


async def _names(network: Network, owners: Iterable[str]) -> list[Pointer]:
    async def one(owner: str) -> Pointer | None:
        # A name that nobody made shows where a wildcard leads; whoever claims that has every name there is.
        asked = owner.replace("*", f"launch-check-{secrets.token_hex(4)}", 1) if owner.startswith("*.") else ""
        answer = await network.ask(asked or owner, "A")
        if answer.chain:
            known = next((p for name in answer.chain if (p := providers.by_name(name))), None)
            found = Pointer(owner, "CNAME", answer.chain[-1], answer.chain, answer.state, asked=asked)
            return replace(found, provider=known.id) if known else found
        if answer.state in _LOST:
            return Pointer(owner, "CNAME", owner, (), answer.state, asked=asked)
        addresses = answer.records[:_MOST_ADDRESSES]
        known = next((p for address in addresses for p in providers.providers() if p.holds(address)), None)
        if known is not None and known.unclaimed is not None and known.unclaimed.by_page:
            return Pointer(owner, "A", addresses[0], provider=known.id, asked=asked)
        return Pointer(owner, "wildcard", addresses[0], asked=asked) if asked and addresses else None

    several = list(owners)[:_MOST_NAMES]
    return [pointer for pointer in await asyncio.gather(*(one(owner) for owner in several)) if pointer]


async def _exchangers(network: Network, domains: Iterable[str]) -> list[Pointer]:
    names = list(domains)
    answers = await asyncio.gather(*(network.ask(name, "MX") for name in names))
    pairs = [
        (name, target)
        for name, answer in zip(names, answers, strict=True)
        for record in answer.records[:20]
        if (target := normal(record.rpartition(" ")[2]))
    ]
    return [*await _looked_up(network, "MX", pairs, "A"), *_lost("MX", names, answers)]


async def _looked_up(
    network: Network, kind: str, pairs: Iterable[tuple[str, str]], rdtype: str, *, cd: bool = False
) -> list[Pointer]:
    """A pointer for each (owner, target), with the target's state."""
    pairs = list(pairs)
    answers = await asyncio.gather(*(network.ask(target, rdtype, cd=cd) for _, target in pairs))
    return [Pointer(owner, kind, target, (), a.state) for (owner, target), a in zip(pairs, answers, strict=True)]


async def _includes(network: Network, domains: Iterable[str]) -> list[Pointer]:
    """The SPF includes and redirects of the domains, and of what they include."""
    found: dict[str, Pointer] = {}
    waiting = [(domain, domain) for domain in domains]
    while waiting and len(found) < _MOST_INCLUDES:
        answers = await asyncio.gather(*(network.ask(name, "TXT") for _, name in waiting))
        following = []
        for (owner, name), answer in zip(waiting, answers, strict=True):
            if name != owner or answer.state in _LOST:
                found[name] = Pointer(owner, "SPF include", name, (), answer.state)
            for record in answer.records[:50]:
                if record[:6].lower() == "v=spf1":
                    following += [(owner, normal(each)) for each in _INCLUDE.findall(record[:4096])]
        waiting = [(o, n) for n, o in {n: o for o, n in following if n not in found}.items()][:_MOST_INCLUDES]
    return list(found.values())


async def _reports(network: Network, domains: Iterable[str]) -> list[Pointer]:
    names = list(domains)
    answers = await asyncio.gather(*(network.ask(f"_dmarc.{name}", "TXT") for name in names))
    targets = {
        (name, normal(target))
        for name, answer in zip(names, answers, strict=True)
        for record in answer.records[:20]
        if record[:8].lower() == "v=dmarc1"
        for target in _MAILTO.findall(record[:4096])[:20]
    }
    outside = sorted((name, target) for name, target in targets if not under(target, name))
    found = await _looked_up(network, "DMARC report", outside, "MX")
    return [*found, *_lost("DMARC report", names, answers)]


def _lost(kind: str, names: Iterable[str], answers: Iterable[Answer]) -> list[Pointer]:
    """A pointer to itself for each name whose own look-up failed: nobody knows where it leads."""
    return [Pointer(n, kind, n, (), a.state) for n, a in zip(names, answers, strict=True) if a.state in _LOST]


async def _own_servers(network: Network, domain: str) -> list[Pointer]:
    answer = await network.ask(domain, "NS", cd=True)
    servers = [(domain, server) for record in answer.records[:13] if not under(server := normal(record), domain)]
    found = await _looked_up(network, "NS", servers, "A", cd=True)
    # Whether they hold the zone is the business of domain.nameservers; here a failed look-up is no answer.
    return [replace(each, state="TIMEOUT") if each.state == "SERVFAIL" else each for each in found]


async def _delegations(network: Network, cuts: Iterable[tuple[str, str]]) -> list[Pointer]:
    """Zones of their own below the client's: whether the servers they are delegated to hold them."""

    async def one(zone: str, server: str) -> Pointer:
        located = await network.ask(server, "A")
        if not located.records:
            return Pointer(zone, "NS", server, (), located.state)
        answer = await network.ask(zone, "SOA", server=located.records[0])
        foreign = answer.state in ("NODATA", "NXDOMAIN") or (answer.state == "NOERROR" and not answer.aa)
        return Pointer(zone, "NS", server, (), "SERVFAIL" if foreign else answer.state)  # it does not hold the zone

    return list(await asyncio.gather(*(one(zone, server) for zone, server in list(cuts)[:_MOST_INCLUDES])))


async def _registered(network: Network, domain: str, pointer: Pointer) -> Pointer:
    """Ask for the registrable part of a target that does not exist."""
    if pointer.state != "NXDOMAIN" or under(pointer.target, domain):
        return pointer
    return replace(pointer, registered=(await network.ask(registered_domain(pointer.target), "NS")).state)


async def _page(network: Network, pointer: Pointer) -> Pointer:
    """Ask the owner's page where only that tells."""
    if pointer.provider is None or pointer.kind not in ("CNAME", "A") or pointer.state != "NOERROR":
        return pointer
    unclaimed = providers.provider(pointer.provider).unclaimed
    service = pointer.owner.partition(".")[0].startswith("_") or "._domainkey." in pointer.owner
    if service or unclaimed is None or not unclaimed.by_page:
        return pointer
    host = pointer.asked or pointer.owner
    reply = await network.request("GET", f"https://{host}/")
    if reply.state not in ("ok", "blocked"):
        reply = await network.request("GET", f"http://{host}/")
    return replace(pointer, reply=reply)


def looks_unclaimed(provider: Provider, reply: Response) -> bool:
    """Whether a page is the provider's own word that nobody has claimed the name."""
    signature = provider.unclaimed
    if signature is None or not reply.ok or (signature.status and reply.status not in signature.status):
        return False
    if signature.body and re.search(signature.body, reply.text[:100_000]):
        return True
    wanted = signature.header.items()
    return bool(wanted) and all(re.search(p, reply.header(name) or "", re.IGNORECASE) for name, p in wanted)
