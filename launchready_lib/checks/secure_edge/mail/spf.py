"""Whether every From domain has one valid SPF record that covers its senders and is closed at the end."""

from __future__ import annotations

from collections.abc import Iterable

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.mail import providers, spf_audit
from launchready_lib.checks.secure_edge.mail.records import LOST, unanswered
from launchready_lib.checks.secure_edge.mail.spf_audit import Problem, SpfAudit
from launchready_lib.checks.secure_edge.mail.survey import DomainMail, MailEvidence
from launchready_lib.evidence import Row
from launchready_lib.names.hosts import under
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.wording import listed


@check("mail.spf")
def spf(mail: MailEvidence) -> Verdict:
    """One valid record per sending domain, at most 10 look-ups, covering the senders, closed at the end (RFC 7208)."""
    clauses = [_published(mail, each) for each in mail.domains]
    # Names of the zone file may go without a record; what they publish must hold.
    clauses += [_published(mail, each) for each in mail.others if each.spf.records or each.spf.state in LOST]
    clauses += mail.zone.unseen()
    return combine(*clauses, *([_covering(mail)] if mail.declared else mail.undeclared()))


def _rows(each: DomainMail, found: SpfAudit) -> list[Row]:
    head: Row = {
        "domain": each.domain,
        "record": " / ".join(each.spf.records) or f"none ({each.spf.state})",
        "lookups": found.lookups,
        "void": found.voids,
    }
    senders: list[Row] = [{"domain": each.domain, "sender": s.address, "result": s.result} for s in each.sendings]
    return [head, *({"domain": each.domain, **row} for row in found.blame), *senders]


def _published(mail: MailEvidence, each: DomainMail) -> Verdict:
    found = spf_audit.audit(each.spf)
    rows = _rows(each, found)
    if each.spf.state in LOST:
        return unanswered(f"the SPF record of {each.domain} could not be looked up ({each.spf.state})", rows)
    if problems := [p for p in found.problems if mail.declared or p.kind != "missing"]:
        clauses = [
            failed(p.text, evidence=rows, fix=_fix(each, found, p), about=(each.domain, *p.about)) for p in problems
        ]
        return combine(*clauses)
    if not each.spf.records:
        return unknown(f"{each.domain} has no SPF record", needs="mail.from_domains, if it sends mail", evidence=rows)
    if found.lost:
        names = listed(sorted({name for name, _ in found.lost}))
        reason = f"what the SPF record of {each.domain} names could not all be looked up: {names}"
        return unknown(reason, needs="a second run once those names answer", evidence=rows)
    return passed(f"the SPF record of {each.domain} is valid, {found.lookups} of 10 look-ups", evidence=rows)


def _fix(each: DomainMail, found: SpfAudit, problem: Problem) -> str:
    if problem.kind == "missing":
        return f"Publish one SPF record, for instance {_line(each.domain, 'v=spf1 <what your provider says> ~all')}"
    if problem.kind == "two":
        record = _line(problem.about[0], _merged(each))
        return f"Keep one record that holds the terms of all, delete the others: {record}"
    if problem.kind == "lookups":
        return f"Remove what you do not use; costliest first: {listed(costliest(found))}. Do not flatten the record"
    if problem.kind == "voids":
        return f"Remove the terms that name nothing: {listed([r['term'] for r in found.blame if r['void']])}"
    if problem.kind == "closing":
        terms = " ".join(term.raw for term in each.spf.terms if term.name not in ("all", "redirect"))
        return f"End the record in ~all, later in -all: {_line(each.domain, f'v=spf1 {terms} ~all')}"
    if problem.kind == "open":
        return f"Name only the addresses that send for you, in place of {problem.about[-1]}, and end the record in ~all"
    return f"Correct or remove {problem.about[-1]} in the SPF record of {problem.about[0]}"


def _merged(each: DomainMail) -> str:
    """One record that holds the terms of every SPF record of a domain, closed at the end."""
    terms = [term for record in each.spf.records for term in record.split()[1:]]
    distinct = dict.fromkeys(term for term in terms if term.lower().lstrip("+-~?") != "all")
    closing = "-all" if "-all" in terms and "~all" not in terms else "~all"
    return f"v=spf1 {' '.join(distinct)} {closing}"


def costliest(found: SpfAudit) -> list[str]:
    """The terms by what they cost, with the provider's name where it is known."""
    rows = sorted(found.blame, key=lambda row: -int(row["lookups"]))
    return [f"{r['term']} ({', '.join(filter(None, [r['provider'], str(r['lookups'])]))})" for r in rows]


def _line(domain: str, record: str) -> str:
    return f'{domain}. 3600 IN TXT "{" ".join(record.split())}"'


def _covering(mail: MailEvidence) -> Verdict:
    """Each declared sender passes for one of the domains, and each declared provider is named by a record."""
    if clauses := [*_senders(mail), *_providers(mail)]:
        return combine(*clauses)
    return unknown("which addresses or providers send is not declared", needs="mail.senders or mail.providers")


def _senders(mail: MailEvidence) -> Iterable[Verdict]:
    results: dict[str, dict[str, str]] = {}
    for each in mail.domains:
        broken = bool(spf_audit.audit(each.spf).problems)
        for sending in each.sendings:
            # What a missing or broken record does to its senders is said with the record.
            if not (broken and sending.result in ("none", "permerror")):
                results.setdefault(sending.address, {})[each.domain] = sending.result
    for address, by_domain in results.items():
        rows = [{"domain": domain, "sender": address, "result": result} for domain, result in by_domain.items()]
        if "pass" in by_domain.values():
            yield passed(f"{address} may send", evidence=rows)
        elif "temperror" in by_domain.values():
            yield unknown(f"whether {address} may send could not be told", needs="a second run", evidence=rows)
        else:
            results_by_domain = listed([f"{result} for {domain}" for domain, result in by_domain.items()])
            kind = "ip6" if ":" in address else "ip4"
            fix = f"Add the include of the provider that runs it, or {kind}:{address}, before the all"
            text = f"{address} really sends, but SPF does not let it: {results_by_domain}"
            yield failed(text, evidence=rows, fix=fix, about=(address,))


def _providers(mail: MailEvidence) -> Iterable[Verdict]:
    names = {term.target for each in mail.domains for node in each.spf.walk() for term in node.terms if term.target}
    measured = any(each.sendings for each in mail.domains)
    for text in mail.providers:
        known = providers.called(text)
        row: Row = {"provider": text, "includes": ", ".join(known.includes) if known else None}
        if known and any(under(name, include) for name in names for include in known.includes):
            yield passed(f"{known.name} is covered", evidence=[row])
        elif known and known.return_path == "own":
            summary = f"{known.name} sends with a bounce address of its own, so it needs no include"
            yield passed(summary, evidence=[{**row, "bounce_address": "the provider's or a subdomain's"}])
        elif known and known.includes:
            domain = mail.domains[0].domain
            fix = f"Add include:{known.includes[0]} before the all in the SPF record of {domain}"
            yield failed(f"no SPF record lets {known.name} send", evidence=[row], fix=fix, about=(known.name,))
        elif not measured:
            reason = f"which addresses {text} sends from is not known here"
            yield unknown(reason, needs="mail.senders (the addresses that really send)", evidence=[row])
