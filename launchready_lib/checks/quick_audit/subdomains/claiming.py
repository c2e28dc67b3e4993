"""Whether a name of the client's leads to something that nobody has claimed or registered."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.subdomains.mapping import SubdomainEvidence
from launchready_lib.checks.quick_audit.subdomains.pointers import Pointer, looks_unclaimed
from launchready_lib.evidence import Unavailable
from launchready_lib.names import providers
from launchready_lib.names.hosts import registered_domain, under
from launchready_lib.network import Response
from launchready_lib.record.findings import Status, Verdict, combine, failed, passed, unknown
from launchready_lib.wording import counted

_IMPACT = (
    "whoever claims it shows what they like under your name, reads cookies meant for your domain, or takes its mail"
)


@check("subdomains.takeover")
def takeover(subdomains: SubdomainEvidence) -> Verdict:
    """No name in the zone points to something unclaimed or unregistered; dangling and claimable are told apart."""
    verdicts = [found for pointer in subdomains.pointers if (found := _judge(subdomains.domain, pointer))]
    if isinstance(subdomains.zone, Unavailable):
        verdicts.append(unknown(subdomains.zone.reason, needs=subdomains.zone.needs))
    else:
        needs = "a whole hosting.zone_file"
        verdicts += [unknown(f"in the zone file, {problem}", needs=needs) for problem in subdomains.zone.problems]
    rows = [pointer.row() for pointer in subdomains.pointers]
    rows = rows or [{"name": subdomains.domain, "kind": "none", "leads_to": None}]
    text = f"{counted(len(rows), 'name')} that point elsewhere lead to something that is claimed"
    return combine(*verdicts, passed(text, evidence=rows))


def faulty(subdomains: SubdomainEvidence) -> tuple[Pointer, ...]:
    """The pointers that make the check fail."""
    judged = ((pointer, _judge(subdomains.domain, pointer)) for pointer in subdomains.pointers)
    return tuple(pointer for pointer, verdict in judged if verdict and verdict.status is Status.FAIL)


def _judge(domain: str, pointer: Pointer) -> Verdict | None:
    """What is wrong with, or unknown of, one pointer; None where it is sound."""
    if pointer.kind == "NS":
        return _delegated(pointer)
    if pointer.state in ("SERVFAIL", "TIMEOUT"):
        what = "it" if pointer.target == pointer.owner else pointer.target
        reason = f"where {pointer.owner} leads is not known: {what} could not be looked up ({pointer.state})"
        return unknown(reason, needs="a second run once that name answers", evidence=[pointer.row()])
    if pointer.state == "NXDOMAIN":
        return None if under(pointer.target, domain) else _missing(pointer)
    return _by_page(pointer, pointer.reply) if pointer.reply is not None else None


def _missing(pointer: Pointer) -> Verdict | None:
    """A target outside the client's own domain that does not exist."""
    owned = registered_domain(pointer.target)
    if pointer.registered == "NXDOMAIN":
        leads = f"the {pointer.kind} of {pointer.owner} leads to {pointer.target}"
        return _failed(pointer, f"{leads}, but anybody may buy {owned}: it is not registered")
    if pointer.registered in ("SERVFAIL", "TIMEOUT"):
        reason = f"{pointer.owner} leads to {pointer.target}, which does not exist; is {owned} registered?"
        return unknown(reason, needs="a second run", evidence=[pointer.row()])
    if pointer.kind != "CNAME":
        return None  # a missing mail or report host in a registered domain is broken, but not for the taking
    known = providers.provider(pointer.provider) if pointer.provider else None
    if known and known.unclaimed and known.unclaimed.nxdomain:
        return _failed(pointer, f"{pointer.owner} leads to {pointer.target}, which {_claimable(known)}")
    text = f"{pointer.owner} leads to {pointer.target}, which does not exist: whoever gets it gets yours"
    return _failed(pointer, text)


def _by_page(pointer: Pointer, reply: Response) -> Verdict | None:
    known = providers.provider(pointer.provider or "")
    if looks_unclaimed(known, reply):
        text = f"{pointer.owner} leads to {known.name} ({pointer.target}), where it {_claimable(known)}"
        return _failed(pointer, text)
    if reply.state == "blocked":
        reason = f"{pointer.owner} leads to {known.name}; its page was not asked: {reply.error}"
        return unknown(reason, needs=f"authorization.hosts: [{pointer.owner}]", evidence=[pointer.row()])
    if not reply.ok:
        reason = f"{pointer.owner} leads to {known.name}, but its page does not answer: {reply.error}"
        return unknown(reason, needs="a second run, or a look into the account there", evidence=[pointer.row()])
    return None


def _claimable(known: providers.Provider) -> str:
    if known.unclaimed and known.unclaimed.verified:
        proof = f"{known.name} asks for proof of owning the domain, so a stranger cannot take it at once"
        return f"belongs to nobody; {proof}"
    return f"belongs to nobody: anybody with an account at {known.name} may claim it"


def _delegated(pointer: Pointer) -> Verdict | None:
    leads = f"{pointer.owner} is delegated to {pointer.target}"
    match pointer.state, pointer.registered:
        case "NXDOMAIN", "NXDOMAIN":
            owned = registered_domain(pointer.target)
            return _failed(pointer, f"{leads}, but anybody may buy {owned}: it is not registered")
        case "NXDOMAIN", _:
            return _failed(pointer, f"{leads}, which does not exist")
        case "TIMEOUT", _:
            reason = f"{pointer.target}, which {pointer.owner} is delegated to, did not answer"
            return unknown(reason, needs="a second run", evidence=[pointer.row()])
        case "SERVFAIL", _:
            host = providers.dns_host([pointer.target])
            anybody = f"anybody with an account at {host.name} may create it there" if host and host.claimable else ""
            return _failed(pointer, f"{leads}, which does not know the zone: {anybody or 'nobody holds it'}")
    return None


def _failed(pointer: Pointer, text: str) -> Verdict:
    kind = "TXT" if pointer.kind in ("SPF include", "DMARC report") else pointer.kind
    part = "the part that names " if kind == "TXT" else ""
    record = f"{pointer.owner}. IN {kind} … {pointer.target}"
    fix = f"Remove {part}{pointer.target} ({record}), or claim it again in an account of your own"
    about = (pointer.owner, pointer.kind, pointer.target)
    return failed(text, evidence=[pointer.row()], impact=_IMPACT, fix=fix, about=about)
