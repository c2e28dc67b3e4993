"""Whether the main names resolve alike, the nameservers answer with authority and agree, and the DNSSEC chain holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence, leads
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.network import Answer, normal
from launchready_lib.record.findings import Verdict, combine, combine_as, failed, passed, unknown
from launchready_lib.wording import counted, listed

SOON = dt.timedelta(days=3)


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
    if not (aliased := [answer for answer in domain.of(domain.domain) if answer.chain]):
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


@check("domain.nameservers")
def nameservers(domain: DomainEvidence) -> Verdict:
    """Two or more nameservers, all authoritative, same serial, parent and child NS sets equal (RFC 1912)."""
    rows = list(_server_rows(domain))
    if not domain.delegation.servers:
        return _no_servers(domain)
    if not domain.heard():
        reason = "no nameserver answered us directly"
        return unknown(reason, needs="a run from a network that lets DNS out (port 53)", evidence=rows)
    clauses = (_enough(domain, rows), _authoritative(domain, rows), _serials(domain, rows), _sets(domain, rows))
    names = listed(sorted({server.name for server in domain.delegation.servers}))
    return combine_as(f"{names} answer with authority, alike, as the registry delegates", *clauses)


def _no_servers(domain: DomainEvidence) -> Verdict:
    answer = domain.delegation.resolved
    row = domain.row(answer)
    if answer.state in ("NXDOMAIN", "NODATA"):
        return failed(f"{domain.domain} has no nameservers", evidence=[row], about=(domain.domain,))
    if answer.records:
        text = f"none of the nameservers of {domain.domain} has an address: {listed(answer.records)}"
        return failed(text, evidence=[row], about=answer.records)
    reason = f"the nameservers of {domain.domain} could not be looked up ({answer.state})"
    return unknown(reason, needs="a second run once its DNS answers", evidence=[row])


def _server_rows(domain: DomainEvidence) -> Iterator[Row]:
    soa = {a.server: a for a in domain.soa}
    ns = {a.server: a for a in domain.ns}
    for server in domain.delegation.servers:
        answer, names = soa.get(server.address), ns.get(server.address)
        yield {
            "nameserver": server.name,
            "address": server.address,
            "answers": _authority(answer),
            "serial": _serial(answer),
            "ns_records": ", ".join(sorted(names.records)) if names else None,
            "in_parent": None if domain.delegation.parent_set is None else server.name in domain.delegation.parent_set,
        }
    for name, state in domain.delegation.homeless:
        yield {"nameserver": name, "address": None, "answers": f"no address ({state})"}


def _authority(answer: Answer | None) -> str:
    if answer is None:
        return "not asked"
    if answer.state == "NOERROR" and answer.aa:
        return "authoritative"
    if answer.state in ("NOERROR", "NODATA", "NXDOMAIN"):
        return "not authoritative"
    return f"{answer.state}: {answer.error}" if answer.error else answer.state


def _serial(answer: Answer | None) -> str | None:
    fields = answer.records[0].split() if answer and answer.state == "NOERROR" and answer.records else []
    return fields[2] if len(fields) > 2 else None


def _enough(domain: DomainEvidence, rows: list[Row]) -> Verdict:
    by_name: dict[str, set[str]] = {}
    for server in domain.delegation.servers:
        by_name.setdefault(server.name, set()).add(server.address)
    distinct = {frozenset(addresses) for addresses in by_name.values()}
    if len(distinct) >= 2:
        return passed(f"{len(by_name)} nameservers on distinct addresses", evidence=rows)
    only = listed(sorted(by_name))
    text = f"only one nameserver: {only}" if len(by_name) == 1 else f"{only} stand on one and the same address"
    return failed(text, evidence=rows, about=sorted(by_name))


def _authoritative(domain: DomainEvidence, rows: list[Row]) -> Verdict:
    lame, unseen = {}, []
    for name in sorted({server.name for server in domain.delegation.servers}):
        found = [row for row in rows if row["nameserver"] == name]
        no_route = [":" in str(row["address"]) and "unreachable" in str(row["answers"]) for row in found]
        heard = [str(row["answers"]) for row, lost in zip(found, no_route, strict=True) if not lost]
        if not heard:
            unseen.append(name)
        elif wrong := next((text for text in heard if text != "authoritative"), None):
            lame[name] = wrong
    lame |= {name: f"no address ({state})" for name, state in domain.delegation.homeless}
    clauses = []
    if lame:
        name, text = next(iter(lame.items()))
        summary = f"{listed(lame)} does not answer for {domain.domain} with authority ({name}: {text})"
        fix = f"Load the zone on {listed(lame)}, or remove it from the NS records at the registrar and in the zone"
        clauses.append(failed(summary, evidence=rows, fix=fix, about=lame))
    if unseen:
        reason = f"{listed(unseen)} cannot be reached from this machine (no route to its address)"
        clauses.append(unknown(reason, needs="a run from a machine with IPv6", evidence=rows))
    return combine(*clauses) if clauses else passed("all answer with authority", evidence=rows)


def _serials(domain: DomainEvidence, rows: list[Row]) -> Verdict:
    serials = {serial for a in domain.soa if (serial := _serial(a))}
    if len(serials) > 1:
        text = f"the nameservers serve different versions of the zone (serials {listed(sorted(serials))})"
        newest = max(serials, key=int)
        behind = listed([r["nameserver"] for r in rows if r.get("serial") not in (None, newest)])
        fix = f"Have {behind} transfer the zone again, so that all serve serial {newest}"
        return failed(text, evidence=rows, fix=fix, about=(domain.domain, "serial"))
    if not serials:
        return unknown("no nameserver gave its SOA record", needs="a second run", evidence=rows)
    return passed(f"serial {next(iter(serials))} everywhere", evidence=rows)


def _sets(domain: DomainEvidence, rows: list[Row]) -> Verdict:
    parent = domain.delegation.parent_set
    children = {frozenset(normal(r) for r in a.records) for a in domain.ns if a.state == "NOERROR" and a.aa}
    if not children:
        return unknown("no nameserver gave its NS records", needs="a second run", evidence=rows)
    if len(children) > 1:
        return failed("the nameservers name different sets of nameservers", evidence=rows, about=(domain.domain, "ns"))
    if parent is None:
        reason = f"the servers of {domain.delegation.parent} did not say which nameservers they delegate to"
        return unknown(reason, needs="a run from a network that lets DNS out (port 53)", evidence=rows)
    child = next(iter(children))
    if parent != child:
        named = f"the registry delegates {domain.domain} to {listed(sorted(parent))}"
        text = f"{named}, but the zone itself names {listed(sorted(child))}"
        lines = "; ".join(f"{domain.domain}. 86400 IN NS {name}." for name in sorted(parent))
        fix = f"Set the same nameservers at the registrar and in the zone, for instance {lines}"
        return failed(text, evidence=rows, fix=fix, about=sorted(parent ^ child))
    return passed("parent and zone name the same nameservers", evidence=rows)


@check("domain.dnssec")
def dnssec(domain: DomainEvidence) -> Verdict:
    """The zone is unsigned with no DS, or its chain validates and no signature ends within three days (RFC 4035)."""
    if isinstance(trust := domain.trust, Unavailable):
        return unknown(trust.reason, needs=trust.needs)
    ends = f"{trust.ends:%Y-%m-%d %H:%M} UTC" if trust.ends else None
    rows = [*trust.rows, {"zone": domain.domain, "chain": trust.state, "detail": trust.detail, "signed_until": ends}]
    if trust.state == "bogus":
        fix = (
            f"Sign {domain.domain} anew with the key that the DS record names, or have the registrar remove the DS "
            f"record (then nobody validates, and the domain resolves again)"
        )
        text = f"DNSSEC is broken, so resolvers that validate refuse {domain.domain}: {trust.detail}"
        return failed(text, evidence=rows, fix=fix, about=(domain.domain, trust.fault))
    if trust.state == "unknown":
        return unknown(trust.detail, needs="network.dnssec_anchor, or a second run", evidence=rows)
    if trust.state == "secure" and trust.ends and trust.ends - domain.asked_at <= SOON:
        text = f"a DNSSEC signature of {domain.domain} ends on {ends}; then resolvers that validate refuse the domain"
        fix = f"Find out why the zone is not signed anew (at the DNS host, or the signer's timer) before {ends}"
        return failed(text, evidence=rows, fix=fix, about=(domain.domain, "soon"))
    if trust.state == "secure":
        return passed(f"DNSSEC: {trust.detail}, signatures last until {ends}", evidence=rows)
    return passed(f"DNSSEC is not in use: {trust.detail}", evidence=rows)
