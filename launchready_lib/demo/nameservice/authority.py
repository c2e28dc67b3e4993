"""An authoritative nameserver's answers (RFC 1034 section 4.3.2, RFC 4035 section 3.1), without wildcards."""

from __future__ import annotations

from collections.abc import Iterable

import dns.btreezone
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
from dns.name import Name
from dns.rdatatype import RdataType

PAYLOAD = 1232
_LONGEST_CHAIN = 8


class Authority:
    """Answers from the zones it holds, which may be replaced between two questions."""

    def __init__(self) -> None:
        self._zones: dict[Name, dns.btreezone.Zone] = {}

    def serve(self, zones: Iterable[dns.btreezone.Zone]) -> None:
        """Replace everything it knows."""
        self._zones = {zone.origin: zone for zone in zones if zone.origin is not None}

    async def respond(self, query: dns.message.Message) -> dns.message.Message:
        """Answer one question."""
        reply = dns.message.make_response(query, our_payload=PAYLOAD)
        if refusal := problem(query):
            reply.set_rcode(refusal)
            return reply
        reply.want_dnssec(wanted=wants_dnssec(query))
        question = query.question[0]
        zone = self._zone_for(question.name, question.rdtype)
        if zone is None:
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            with zone.reader() as reader:
                _Lookup(reader.version, reply).answer(question.name, question.rdtype)
        return reply

    def _zone_for(self, name: Name, rdtype: RdataType) -> dns.btreezone.Zone | None:
        """The deepest zone that holds the name; for DS, the parent's side of a cut (RFC 4035 section 3.1.4.1)."""
        if rdtype == RdataType.DS and name != dns.name.root and any(name.parent().is_subdomain(o) for o in self._zones):
            name = name.parent()
        holding = (origin for origin in self._zones if name.is_subdomain(origin))
        deepest = max(holding, key=len, default=None)
        return None if deepest is None else self._zones[deepest]


def wants_dnssec(query: dns.message.Message) -> bool:
    """Whether the asker set the DO bit (RFC 3225)."""
    return bool(query.ednsflags & dns.flags.DO)


def problem(query: dns.message.Message) -> dns.rcode.Rcode | None:
    """Why a message is not a question that a server of ours answers."""
    if query.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if len(query.question) != 1:
        return dns.rcode.FORMERR
    if query.edns > 0:
        return dns.rcode.BADVERS
    question = query.question[0]
    if question.rdclass != dns.rdataclass.IN or question.rdtype in (RdataType.AXFR, RdataType.IXFR, RdataType.ANY):
        return dns.rcode.REFUSED
    return None


class _Lookup:
    """One question asked of one zone, written into `reply`."""

    def __init__(self, zone: dns.btreezone.ImmutableVersion, reply: dns.message.Message) -> None:
        self._zone, self._reply = zone, reply
        self._origin = zone.origin or dns.name.root
        self._signed = wants_dnssec(reply)

    def answer(self, name: Name, rdtype: RdataType) -> None:
        if cut := self._cut(name, rdtype):
            self._add(self._reply.authority, cut, RdataType.NS)
            if self._signed and self._add(self._reply.authority, cut, RdataType.DS) is None:
                self._prove_absent(cut)
            for server in self._zone.get_rdataset(cut, RdataType.NS, RdataType.NONE) or ():
                self._add(self._reply.additional, server.target, RdataType.A)
            return
        self._reply.flags |= dns.flags.AA
        for _ in range(_LONGEST_CHAIN):
            if self._add(self._reply.answer, name, rdtype) is not None:
                return
            alias = self._add(self._reply.answer, name, RdataType.CNAME)
            if alias is None:
                self._deny(name)
                return
            name = alias[0].target
            if not name.is_subdomain(self._origin) or self._cut(name, rdtype):
                return

    def _cut(self, name: Name, rdtype: RdataType) -> Name | None:
        """The highest delegation at or above a name, if any; a DS belongs to the parent and is answered here."""
        bounds = self._zone.bounds(name)
        return bounds.left if bounds.is_delegation and not (rdtype == RdataType.DS and bounds.is_equal) else None

    def _deny(self, name: Name) -> None:
        """NODATA or NXDOMAIN, of an alias's target too (RFC 2308, RFC 6604), with proof where signatures are wanted."""
        encloser = self._zone.bounds(name).closest_encloser
        self._add(self._reply.authority, self._origin, RdataType.SOA)
        if self._signed:
            self._prove_absent(name)
        if encloser != name:
            self._reply.set_rcode(dns.rcode.NXDOMAIN)
            if self._signed:
                self._prove_absent(dns.name.Name((b"*", *encloser.labels)))

    def _prove_absent(self, name: Name) -> None:
        """Add the NSEC that stands at a name or covers it; what lies below a delegation has none of its own."""
        before = self._zone.bounds(self._zone.bounds(name).left).left
        self._add(self._reply.authority, before, RdataType.NSEC)

    def _add(self, section: list[dns.rrset.RRset], name: Name, rdtype: RdataType) -> dns.rdataset.Rdataset | None:
        """Add a set of records, with its signature where one is wanted; returns it, if there is one."""
        found = self._zone.get_rdataset(name, rdtype, RdataType.NONE)
        signature = self._zone.get_rdataset(name, RdataType.RRSIG, rdtype) if self._signed else None
        for each in (found, signature):
            if found is not None and each is not None:
                rrset = dns.rrset.from_rdata_list(name, each.ttl, list(each))
                if rrset not in section:
                    section.append(rrset)
        return found
