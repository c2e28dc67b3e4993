"""Whether the nameservers are enough, answer with authority and agree, and whether the DNSSEC chain holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.network import Answer, normal
from launchready_lib.record.findings import Verdict, combine, combine_as, failed, passed, unknown
from launchready_lib.wording import listed

SOON = dt.timedelta(days=3)


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
    if len(by_name) >= 2 and len(distinct) >= 2 and len(set.union(*by_name.values())) >= 2:
        return passed(f"{len(by_name)} nameservers on distinct addresses", evidence=rows)
    only = listed(sorted(by_name))
    text = f"only one nameserver: {only}" if len(by_name) == 1 else f"{only} stand on one and the same address"
    return failed(text, evidence=rows, about=sorted(by_name))


def _authoritative(domain: DomainEvidence, rows: list[Row]) -> Verdict:
    lame, unseen = {}, []
    for name in sorted({server.name for server in domain.delegation.servers}):
        found = [row for row in rows if row["nameserver"] == name]
        heard = [str(row["answers"]) for row in found if not _unreachable(row)]
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


def _unreachable(row: Row) -> bool:
    return ":" in str(row["address"]) and "unreachable" in str(row["answers"])


def _serials(domain: DomainEvidence, rows: list[Row]) -> Verdict:
    serials = {serial for a in domain.soa if (serial := _serial(a))}
    if len(serials) > 1:
        text = f"the nameservers serve different versions of the zone (serials {listed(sorted(serials))})"
        newest = max(serials, key=lambda s: int(s) if s.isdigit() else 0)
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
    trust = domain.trust
    if isinstance(trust, Unavailable):
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
