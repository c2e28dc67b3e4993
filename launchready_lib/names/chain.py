"""The links of a DNSSEC chain, as the servers of each zone show them: DS above every cut, keys below, signatures."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dns.dnssec
import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset

from launchready_lib.evidence import Row
from launchready_lib.names.anchors import DNSKEY
from launchready_lib.names.delegation import ROOT, Delegation, Nameserver
from launchready_lib.network import Answer, Network

RRset = dns.rrset.RRset
_MOST_ROWS = 60
# A hostile zone may publish signatures by the hundred, each of which would have to be tried.
_MOST_SIGNATURES = 8


@dataclass(frozen=True)
class Link:
    """One zone cut: the parent's answer for DS (None for the root), the zone's for DNSKEY (own zone: one a server).

    Where not `asked_parent`, the DS answer is the resolver's, which may leave proofs out.
    """

    zone: str
    ds: Answer | None
    keys: tuple[Answer, ...]
    asked_parent: bool = True


async def fetch(network: Network, delegation: Delegation) -> tuple[Link, ...]:
    """Ask for keys and DS records from the root to the client's: of the zones' servers, else the resolver with CD."""
    zones = [(zone.name, zone.servers) for zone in delegation.above]
    parents = [(), *(servers for _, servers in zones)]
    links = [_link(network, name, above, servers) for (name, servers), above in zip(zones, parents, strict=False)]
    own = _own(network, delegation.domain, parents[-1], delegation.servers)
    return tuple(await asyncio.gather(*links, own))


async def _link(network: Network, zone: str, parent: Sequence[Nameserver], servers: Sequence[Nameserver]) -> Link:
    ds, keys = await asyncio.gather(_ds(network, zone, parent), _first(network, zone, "DNSKEY", servers))
    return Link(zone, ds, (keys,), _asked(ds, parent))


async def _own(network: Network, zone: str, parent: Sequence[Nameserver], servers: Sequence[Nameserver]) -> Link:
    everywhere = asyncio.gather(*(network.ask(zone, "DNSKEY", server=s.address, dnssec=True) for s in servers))
    ds, keys = await asyncio.gather(_ds(network, zone, parent), everywhere)
    heard = tuple(answer for answer in keys if answer.state in ("NOERROR", "NODATA"))
    own = heard or (await network.ask(zone, "DNSKEY", dnssec=True, cd=True),)
    return Link(zone, ds, own, _asked(ds, parent))


def _asked(ds: Answer | None, parent: Sequence[Nameserver]) -> bool:
    return ds is not None and any(ds.server == server.address for server in parent)


async def _ds(network: Network, zone: str, parent: Sequence[Nameserver]) -> Answer | None:
    return None if zone == ROOT else await _first(network, zone, "DS", parent)


async def _first(network: Network, zone: str, rdtype: str, servers: Sequence[Nameserver]) -> Answer:
    for server in servers[:2]:
        answer = await network.ask(zone, rdtype, server=server.address, dnssec=True)
        if answer.state in ("NOERROR", "NODATA"):
            return answer
    return await network.ask(zone, rdtype, dnssec=True, cd=True)


def rrset_of(answer: Answer | None, rdtype: str) -> RRset | None:
    """The asked record set in an answer, at the asked name itself."""
    if answer is None or answer.message is None or answer.state != "NOERROR":
        return None
    kind = dns.rdatatype.from_text(rdtype)
    owner = dns.name.from_text(answer.name)
    return next((r for r in answer.message.answer if r.name == owner and r.rdtype == kind), None)


def signatures_of(answer: Answer | None, name: dns.name.Name | None, kind: dns.rdatatype.RdataType) -> list[Any]:
    """The RRSIG records over one record set in an answer; `name` None means the asked name."""
    if answer is None or answer.message is None:
        return []
    owner = dns.name.from_text(answer.name) if name is None else name
    return [
        rdata
        for rrset in answer.message.answer
        if rrset.name == owner and rrset.rdtype == dns.rdatatype.RRSIG and rrset.covers == kind
        for rdata in rrset
    ]


def signed_until(signatures: Iterable[Any]) -> list[dt.datetime]:
    """When each signature ends."""
    return [dt.datetime.fromtimestamp(s.expiration, dt.UTC) for s in signatures]


def rows(links: Sequence[Link]) -> Iterator[Row]:
    """Keys and DS records as seen, for the report; of the client's own zone, with the server."""
    seen: set[str] = set()
    for place, link in enumerate(links, 1):
        for answer, kind in ((link.ds, "DS"), *((each, "DNSKEY") for each in link.keys)):
            if answer is None:
                continue
            rrset = rrset_of(answer, kind)
            ends = min(signed_until(signatures_of(answer, None, dns.rdatatype.from_text(kind))), default=None)
            row: Row = {
                "zone": link.zone,
                "type": kind,
                "record": "; ".join(map(_short, list(rrset)[:8])) if rrset else f"none ({answer.state})",
                "signed_until": ends.isoformat() if ends else None,
                "server": answer.server if place == len(links) else None,
            }
            if (text := repr(row)) not in seen and len(seen) < _MOST_ROWS:
                seen.add(text)
                yield row


def _short(rdata: dns.rdata.Rdata) -> str:
    if isinstance(rdata, DNSKEY):
        return f"tag {dns.dnssec.key_id(rdata)}, algorithm {int(rdata.algorithm)}, flags {rdata.flags}"
    return str(rdata)


def problem(rrset: RRset, signatures: Sequence[Any], keys: RRset, now: dt.datetime) -> tuple[str, str] | None:
    """None where one signature over a record set validates (RFC 4035 section 5.3); else why not: clause, short name."""
    reasons: list[tuple[str, str]] = []
    for signature in signatures[:_MOST_SIGNATURES]:
        if signature.signer != keys.name:
            reasons.append((f"it is signed in the name of {text_of(signature.signer)}", "signer"))
            continue
        policy = dns.dnssec.allow_all_policy
        try:
            dns.dnssec.validate_rrsig(
                rrset, signature, {keys.name: keys.to_rdataset()}, now=now.timestamp(), policy=policy
            )
        except dns.exception.ValidationFailure as error:
            reasons.append(_reason(signature, str(error)))
        except (dns.exception.DNSException, ValueError, OverflowError) as error:
            reasons.append((f"its signature cannot be read ({type(error).__name__})", "malformed"))
        else:
            return None
    return reasons[0] if reasons else ("it carries no signature", "unsigned")


def _reason(signature: Any, error: str) -> tuple[str, str]:
    if error == "expired":
        return f"its signature ended on {_when(signature.expiration)}", "expired"
    if error == "not yet valid":
        return f"its signature starts only on {_when(signature.inception)}", "early"
    if error == "unknown key":
        return f"it is signed with key {signature.key_tag}, which the zone does not publish", "key"
    return "its signature does not match its content", "signature"


def _when(timestamp: int) -> str:
    return f"{dt.datetime.fromtimestamp(timestamp, dt.UTC):%Y-%m-%d %H:%M} UTC"


def text_of(name: dns.name.Name) -> str:
    """A name without its final dot; "." for the root."""
    return str(name.to_text(omit_final_dot=True)) or "."
