"""A validating resolver over the authoritative servers of this world: iterative, as RFC 1034 section 5.3.3 walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.name import Name
from dns.rdatatype import RdataType

from launchready_lib.demo.nameservice import validation
from launchready_lib.demo.nameservice.authority import PAYLOAD, Authority, problem, wants_dnssec
from launchready_lib.demo.nameservice.validation import Security, Trust

_MOST_REFERRALS = 12
_MOST_ALIASES = 8
_MOST_REMEMBERED = 4096
Section = tuple[dns.rrset.RRset, ...]


@dataclass(frozen=True)
class Resolution:
    """The end of a walk: what was answered and whether it can be trusted."""

    rcode: dns.rcode.Rcode
    answer: Section
    authority: Section
    security: Security


class Resolver:
    """Answers for every name of this world, as a provider's resolver does, and remembers until `forget`.

    What fails validation is SERVFAIL with the extended error 6 (RFC 8914), unless the asker disabled checking.
    """

    def __init__(self, servers: Mapping[str, Authority], root_server: str, anchor: str) -> None:
        """Servers by published address; the anchor is the content of the root's DS record."""
        self._servers, self._root = servers, root_server
        self._anchor = dns.rrset.from_text(dns.name.root, 0, "IN", "DS", anchor)
        self._resolutions: dict[tuple[Name, RdataType], Resolution] = {}
        self._trusts: dict[Name, Trust] = {}

    def forget(self) -> None:
        """Drop everything remembered, after zones have changed."""
        self._resolutions.clear()
        self._trusts.clear()

    async def respond(self, query: dns.message.Message) -> dns.message.Message:
        """Answer one question."""
        reply = dns.message.make_response(query, recursion_available=True, our_payload=PAYLOAD)
        if refusal := problem(query):
            reply.set_rcode(refusal)
            return reply
        reply.want_dnssec(wanted=wants_dnssec(query))
        reply.flags |= query.flags & dns.flags.CD
        question = query.question[0]
        found = await self.resolve(question.name, question.rdtype)
        if found.security is Security.BOGUS and not query.flags & dns.flags.CD:
            reply.set_rcode(dns.rcode.SERVFAIL)
            if query.edns >= 0:
                bogus = dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS)
                reply.use_edns(0, reply.ednsflags, PAYLOAD, options=[bogus])
            return reply
        reply.set_rcode(found.rcode)
        reply.answer = _shown(found.answer, query)
        reply.authority = _shown(found.authority, query)
        if found.security is Security.SECURE and (wants_dnssec(query) or query.flags & dns.flags.AD):
            reply.flags |= dns.flags.AD
        return reply

    async def resolve(self, name: Name, rdtype: RdataType) -> Resolution:
        """Walk to the end of a chain of aliases."""
        key = (name, rdtype)
        if key not in self._resolutions:
            if len(self._resolutions) >= _MOST_REMEMBERED:
                self._resolutions.clear()
            self._resolutions[key] = await self._follow(name, rdtype)
        return self._resolutions[key]

    async def _follow(self, name: Name, rdtype: RdataType) -> Resolution:
        found = await self._walk(name, rdtype)
        for _ in range(_MOST_ALIASES):
            target = _open_end(name, rdtype, found.answer)
            if target is None or found.rcode != dns.rcode.NOERROR:
                return found
            further = await self._walk(target, rdtype)
            found = replace(
                further, answer=(*found.answer, *further.answer), security=min(found.security, further.security)
            )
            if not further.answer:
                return found  # the end of the chain has nothing of this type
        return replace(found, rcode=dns.rcode.SERVFAIL)

    async def _walk(self, name: Name, rdtype: RdataType) -> Resolution:
        servers: Sequence[str] = (self._root,)
        trust = await self._trust(dns.name.root, self._anchor, servers)
        for _ in range(_MOST_REFERRALS):
            reply = await self._ask(servers, name, rdtype)
            if reply is None:
                break
            cut = _referral(reply)
            if cut is None:
                security = validation.security_of(reply, trust, name, rdtype)
                return Resolution(reply.rcode(), tuple(reply.answer), tuple(reply.authority), security)
            servers = [rdata.address for rrset in reply.additional for rdata in rrset if rrset.rdtype == RdataType.A]
            trust = await self._trust(cut, validation.delegation(trust, reply.authority, cut), servers)
        return Resolution(dns.rcode.SERVFAIL, (), (), Security.INSECURE)

    async def _ask(self, servers: Sequence[str], name: Name, rdtype: RdataType) -> dns.message.Message | None:
        """The first server's answer that is one; none where all are lame."""
        for address in servers:
            if (server := self._servers.get(address)) is not None:
                reply = await server.respond(dns.message.make_query(name, rdtype, want_dnssec=True))
                if reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    return reply
        return None

    async def _trust(self, zone: Name, signers: Trust | dns.rrset.RRset, servers: Sequence[str]) -> Trust:
        """What a zone's keys are worth, whose parent names these signers or says already that there are none."""
        if zone not in self._trusts:
            if isinstance(signers, dns.rrset.RRset):
                signers = validation.trust_of(zone, signers, await self._ask(servers, zone, RdataType.DNSKEY))
            self._trusts[zone] = signers
        return self._trusts[zone]


def _referral(reply: dns.message.Message) -> Name | None:
    if reply.flags & dns.flags.AA or reply.answer:
        return None
    return next((rrset.name for rrset in reply.authority if rrset.rdtype == RdataType.NS), None)


def _open_end(name: Name, rdtype: RdataType, answer: Section) -> Name | None:
    """The alias target that an answer leaves open."""
    aliases = {rrset.name: rrset[0].target for rrset in answer if rrset.rdtype == RdataType.CNAME}
    if rdtype == RdataType.CNAME or not aliases:
        return None
    for _ in range(len(aliases)):
        name = aliases.get(name, name)
    answered = any(rrset.name == name and rrset.rdtype == rdtype for rrset in answer)
    return None if answered else name


def _shown(section: Section, query: dns.message.Message) -> list[dns.rrset.RRset]:
    hidden = set() if wants_dnssec(query) else {RdataType.RRSIG, RdataType.NSEC} - {query.question[0].rdtype}
    return [rrset for rrset in section if rrset.rdtype not in hidden]
