"""Whether the main names resolve over every nameserver alike, to addresses that answer."""

from __future__ import annotations

from collections.abc import Iterable

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence, leads
from launchready_lib.evidence import Row
from launchready_lib.network import Answer
from launchready_lib.record.findings import Verdict, combine, combine_as, failed, passed, unknown
from launchready_lib.wording import counted, listed


@check("domain.resolves")
def resolves(domain: DomainEvidence) -> Verdict:
    """Apex, www and the canonical host resolve everywhere alike (RFC 1034 section 4.2), and their addresses answer."""
    clauses = [_alike(domain, host) for host in domain.hosts]
    clauses += _alias_at_apex(domain)
    clauses += [clause for host in domain.hosts if (clause := _families(domain, host))]
    clauses += _of_the_zone_file(domain)
    if domain.reached:
        clauses.append(_accepting(domain))
    if domain.canonical is None:
        clauses.append(unknown("which address is the canonical one is not declared", needs="site.canonical"))
    names, servers = counted(len(domain.hosts), "name"), len({a.server for a in domain.answers})
    text = f"{names} resolve alike on {counted(servers, 'nameserver address', 'es')}, to addresses that answer"
    return combine_as(text, *clauses)


def _alike(domain: DomainEvidence, host: str) -> Verdict:
    resolver = [a for a in domain.resolved if a.name == host]
    direct = domain.of(host)
    rows = [domain.row(a) for a in (*(a for a in domain.answers if a.name == host), *resolver)]
    if not direct:
        return _by_resolver(domain, host, resolver, rows)
    servers = sorted({a.server for a in domain.answers if a.name == host})
    views = {server: {a.rdtype: a for a in direct if a.server == server} for server in servers}
    refusing = [s for s, view in views.items() if any(a.state == "SERVFAIL" for a in view.values())]
    missing = [s for s, view in views.items() if view and s not in refusing and not any(map(leads, view.values()))]
    named = {a.server: domain.server_name(a) for a in direct}
    if missing or refusing:
        who = listed([named[s] for s in (missing or refusing)])
        text = f"{host} does not exist at {who}" if missing else f"{who} does not answer for {host}"
        return failed(text, evidence=rows, fix=_publish(domain, host, direct), about=(host,))
    if different := _different(domain, host, direct):
        text = f"{host} has different {different} records depending on which nameserver is asked"
        return failed(text, evidence=rows, fix=_publish(domain, host, direct), about=(host, different))
    if not any(a.records for a in (*direct, *resolver)):
        return _outside(host, direct, resolver, rows)
    if silent := [s for s in servers if not views[s]]:
        who = listed(silent)
        return unknown(f"the nameserver at {who} did not answer for {host}", needs="a second run", evidence=rows)
    return passed(f"{host} resolves alike on {counted(len(servers), 'nameserver address', 'es')}", evidence=rows)


def _families(domain: DomainEvidence, host: str) -> Verdict | None:
    """Whether a host has an IPv4 address; None where it has none at all, or the look-up failed."""
    resolved = [a for a in domain.resolved if a.name == host]
    found = {a.rdtype for a in (*resolved, *domain.answers) if a.name == host and a.records}
    known = all(a.state in ("NOERROR", "NODATA") for a in resolved if a.rdtype == "A")
    if found == {"AAAA"} and known:
        text = f"{host} has an IPv6 address only, which members whose networks have IPv4 alone cannot reach"
        fix = f"Publish an A record for {host} beside the AAAA record, or an edge that answers both"
        return failed(text, evidence=[domain.row(a) for a in resolved], fix=fix, about=(host, "IPv4"))
    if "A" not in found:
        return None
    families = "IPv4 and IPv6" if "AAAA" in found else "IPv4 only, which everybody reaches"
    return passed(f"{host} has an IPv4 address", evidence=[{"name": host, "note": families}])


def _of_the_zone_file(domain: DomainEvidence) -> list[Verdict]:
    """Whether the other names of the zone file resolve alike; where they lead is the business of other checks."""
    clauses, alike = [], []
    names = dict.fromkeys(answer.name for answer in domain.others)
    for name in names:
        found = [answer for answer in domain.others if answer.name == name]
        rows = [domain.row(answer) for answer in found]
        heard = [answer for answer in found if answer.state != "TIMEOUT"]
        if not any(map(leads, heard)) and all(a.state in ("NXDOMAIN", "NODATA") for a in heard) and heard:
            alike += [{**row, "note": "gone from DNS since the zone file was made"} for row in rows[:1]]
            continue
        if problem := _apart(domain, name, heard):
            fix = _publish(domain, name, heard) if " does not exist at " in problem else None
            clauses.append(failed(problem, evidence=rows, fix=fix, about=(name,)))
        elif len(heard) < len(found):
            reason = f"not every nameserver answered for {name}"
            clauses.append(unknown(reason, needs="a second run", evidence=rows))
        else:
            alike += rows
    if domain.unasked:
        reason = f"{counted(domain.unasked, 'more name')} of the zone file not asked for"
        clauses.append(unknown(reason, needs="a zone file with the names in use"))
    if alike:
        clauses.append(passed(f"{counted(len(names), 'name')} of the zone file resolve alike", evidence=alike))
    return clauses


def _apart(domain: DomainEvidence, name: str, heard: list[Answer]) -> str | None:
    """How nameservers differ in their answers for one name; None where they do not."""
    lost = [a for a in heard if a.state == "SERVFAIL"] or [a for a in heard if not leads(a)]
    # One family may be missing on purpose: a name is missing only where a server has neither.
    lost = [a for a in lost if a.state == "SERVFAIL" or not any(leads(b) for b in heard if b.server == a.server)]
    if lost:
        who = listed(dict.fromkeys(domain.server_name(a) for a in lost))
        return f"{who} does not answer for {name}" if lost[0].state == "SERVFAIL" else f"{name} does not exist at {who}"
    if different := _different(domain, name, heard):
        return f"{name} has different {different} records depending on which nameserver is asked"
    return None


def _alias_at_apex(domain: DomainEvidence) -> list[Verdict]:
    """A CNAME at the zone's own name, where its SOA and NS stand (RFC 1034 section 3.6.2)."""
    aliased = [answer for answer in domain.of(domain.domain) if answer.chain]
    if not aliased:
        return []
    target = aliased[0].chain[0]
    text = f"{domain.domain} itself is an alias (CNAME to {target}), which hides its other records, mail among them"
    fix = (
        f"Replace the CNAME of {domain.domain} by the DNS host's ALIAS, ANAME or flattened record to {target}, or by "
        f"the A and AAAA records that the provider names; a CNAME may stay at www"
    )
    rows = [{**domain.row(answer), "alias_of": answer.chain[0]} for answer in aliased]
    return [failed(text, evidence=rows, fix=fix, about=(domain.domain, "apex alias"))]


def _by_resolver(domain: DomainEvidence, host: str, resolver: list[Answer], rows: list[Row]) -> Verdict:
    states = {a.state for a in resolver}
    if "NXDOMAIN" in states or states == {"NODATA"}:
        return failed(f"{host} does not resolve: it has no address", evidence=rows, about=(host,))
    if not domain.delegation.servers and domain.delegation.resolved.state == "NXDOMAIN":
        return failed(f"{domain.domain} is not delegated to any nameserver", evidence=rows, about=(domain.domain,))
    if "NOERROR" in states:
        reason = f"no nameserver answered us directly for {host}; a resolver did"
        return unknown(reason, needs="a run from a network that lets DNS out (port 53)", evidence=rows)
    reason = f"{host} could not be looked up ({listed(sorted(states)) or 'no answer'})"
    return unknown(reason, needs="a second run once its DNS answers", evidence=rows)


def _different(domain: DomainEvidence, host: str, direct: Iterable[Answer]) -> str | None:
    """The record type on which nameservers disagree; answers that change by themselves are no disagreement."""
    for rdtype in ("A", "AAAA"):
        answers = [a for a in direct if a.rdtype == rdtype]
        if len({(a.state == "NOERROR", a.chain, frozenset(a.records)) for a in answers}) <= 1:
            continue
        first = {a.server: set(a.records) for a in answers}
        second = [a for a in domain.again if (a.name, a.rdtype) == (host, rdtype) and a.state == "NOERROR"]
        rotating = any(set(a.records) != first.get(a.server) for a in second)
        if not (rotating and all(a.state == "NOERROR" for a in answers)):
            return rdtype
    return None


def _outside(host: str, direct: Iterable[Answer], resolver: list[Answer], rows: list[Row]) -> Verdict:
    """Where a name leads out of the zone, whether it arrives: only a resolver can tell."""
    target = next((a.chain[-1] for a in direct if a.chain), host)
    states = {a.state for a in resolver}
    if states and states <= {"NXDOMAIN", "NODATA"}:
        return failed(f"{host} leads to {target}, which has no address", evidence=rows, about=(host,))
    reason = f"{host} leads to {target}, which could not be looked up"
    return unknown(reason, needs="a second run once that name answers", evidence=rows)


def _publish(domain: DomainEvidence, host: str, direct: Iterable[Answer]) -> str | None:
    """The lines that every nameserver should hold, as the resolver or another nameserver has them."""
    resolved = [a for a in domain.resolved if a.name == host and a.state == "NOERROR"]
    source = resolved or [a for a in direct if a.state == "NOERROR"]
    lines = [f"{host}. 3600 IN {a.rdtype} {record}" for a in source for record in a.records]
    if alias := next((a.chain[0] for a in source if a.chain), None):
        lines = [f"{host}. 3600 IN CNAME {alias}."]
    return f"Publish the same on every nameserver: {'; '.join(dict.fromkeys(lines))}" if lines else None


def _accepting(domain: DomainEvidence) -> Verdict:
    rows = [each.row() for each in domain.reached]
    closed = [each for each in domain.reached if each.down]
    unseen = [each for each in domain.reached if not each.open and not each.down]
    clauses = []
    if domain.untried:
        reason = f"{counted(domain.untried, 'more address', 'es')} of the main names not tried"
        clauses.append(unknown(reason, needs="records that name the site's own servers only", evidence=rows))
    if closed:
        places = listed(f"{each.address} ({each.host})" for each in closed)
        text = f"{places} accepts no connection: {closed[0].error}, tried twice while our own network worked"
        clauses.append(failed(text, evidence=rows, about=[each.address for each in closed]))
    if unseen:
        places = listed(f"{each.address} ({each.host})" for each in unseen)
        clauses.append(unknown(f"{places} was not tried: {unseen[0].error}", needs=unseen[0].needs, evidence=rows))
    text = f"{counted(len(rows), 'address', 'es')} accept connections"
    return combine(*clauses) if clauses else passed(text, evidence=rows)
