"""An authoritative nameserver's answers (RFC 1034 section 4.3.2, RFC 4035 section 3.1), without wildcards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone
from dns.name import Name
from dns.rdatatype import RdataType

PAYLOAD = 1232
_LONGEST_CHAIN = 8


class Authority:
    """Answers from the zones it holds, which may be replaced between two questions."""

    def __init__(self, zones: Iterable[dns.zone.Zone] = ()) -> None:
        self._zones: dict[Name, dns.zone.Zone] = {}
        self.serve(zones)

    def serve(self, zones: Iterable[dns.zone.Zone]) -> None:
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
            _Lookup(zone, reply, signed=wants_dnssec(query)).answer(question.name, question.rdtype)
        return reply

    def _zone_for(self, name: Name, rdtype: RdataType) -> dns.zone.Zone | None:
        """The deepest zone that holds the name; for DS, the parent's side of a cut (RFC 4035 section 3.1.4.1)."""
        origin = name
        if rdtype == RdataType.DS and name != dns.name.root and any(name.parent().is_subdomain(o) for o in self._zones):
            origin = name.parent()
        while origin not in self._zones:
            if origin == dns.name.root:
                return None
            origin = origin.parent()
        return self._zones[origin]


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

    def __init__(self, zone: dns.zone.Zone, reply: dns.message.Message, *, signed: bool) -> None:
        self._zone = zone
        self._origin: Name = zone.origin or dns.name.root
        self._reply = reply
        self._signed = signed

    def answer(self, name: Name, rdtype: RdataType) -> None:
        if cut := self._cut(name, rdtype):
            self._refer(cut)
            return
        self._reply.flags |= dns.flags.AA
        for _ in range(_LONGEST_CHAIN):
            if self._zone.get_node(name) is None:
                self._deny(name)
                return
            if self._add(self._reply.answer, name, rdtype):
                return
            alias = self._zone.get_rdataset(name, RdataType.CNAME)
            if alias is None or not self._add(self._reply.answer, name, RdataType.CNAME):
                self._deny(name)
                return
            name = alias[0].target
            if not name.is_subdomain(self._origin) or self._cut(name, rdtype):
                return

    def _cut(self, name: Name, rdtype: RdataType) -> Name | None:
        """The highest delegation at or above a name, if any; a DS belongs to the parent and is answered here."""
        found = None
        while name != self._origin:
            delegated = self._zone.get_rdataset(name, RdataType.NS) is not None
            if delegated and not (rdtype == RdataType.DS and found is None and self._is_question(name)):
                found = name
            name = name.parent()
        return found

    def _is_question(self, name: Name) -> bool:
        return bool(name == self._reply.question[0].name)

    def _refer(self, cut: Name) -> None:
        self._add(self._reply.authority, cut, RdataType.NS)
        if self._signed and not self._add(self._reply.authority, cut, RdataType.DS):
            self._prove_absent(cut)
        for server in self._zone.find_rdataset(cut, RdataType.NS):
            self._add(self._reply.additional, server.target, RdataType.A)

    def _deny(self, name: Name) -> None:
        """NODATA or NXDOMAIN, of an alias's target too (RFC 2308, RFC 6604), with proof where signatures are wanted."""
        exists = any(each.is_subdomain(name) for each in self._zone)
        if not exists:
            self._reply.set_rcode(dns.rcode.NXDOMAIN)
        self._add(self._reply.authority, self._origin, RdataType.SOA)
        if self._signed:
            self._prove_absent(name)
            if not exists:
                self._prove_absent(dns.name.Name((b"*", *self._encloser(name).labels)))

    def _encloser(self, name: Name) -> Name:
        while not any(each.is_subdomain(name) for each in self._zone):
            name = name.parent()
        return name

    def _prove_absent(self, name: Name) -> None:
        """Add the NSEC that stands at a name or covers it."""
        secure = [owner for owner in self._zone if self._zone.get_rdataset(owner, RdataType.NSEC) is not None]
        before = [owner for owner in secure if owner <= name]
        if before:
            self._add(self._reply.authority, max(before), RdataType.NSEC)

    def _add(self, section: list[dns.rrset.RRset], name: Name, rdtype: RdataType) -> bool:
        rdataset = self._zone.get_rdataset(name, rdtype)
        if rdataset is None:
            return False
        for each in (rdataset, *self._signatures(name, rdtype)):
            rrset = dns.rrset.from_rdata_list(name, each.ttl, list(each))
            if rrset not in section:
                section.append(rrset)
        return True

    def _signatures(self, name: Name, rdtype: RdataType) -> Iterator[dns.rdataset.Rdataset]:
        if self._signed:
            signatures = self._zone.get_rdataset(name, RdataType.RRSIG, covers=rdtype)
            if signatures is not None:
                yield signatures
