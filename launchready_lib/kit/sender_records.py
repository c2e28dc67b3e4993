"""The SPF record that lets a client's senders send: what is there, mended, and held against our own audit."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from launchready_lib.checks.secure_edge.mail import providers, spf_audit, spf_tree
from launchready_lib.checks.secure_edge.mail.spf import costliest
from launchready_lib.checks.secure_edge.mail.spf_tree import VOID, Node, Term
from launchready_lib.checks.secure_edge.mail.survey import DomainMail, MailEvidence
from launchready_lib.names.hosts import under
from launchready_lib.wording import listed

_LOST = ("SERVFAIL", "TIMEOUT")
_WIDE = {4: 8, 6: 19}


def mended(mail: MailEvidence, each: DomainMail) -> tuple[str, str] | None:
    """The record that one From domain should publish, and what is different in it.

    The record is empty where the founder has to decide first; None where the one there needs no change, or cannot be
    seen.
    """
    found = spf_audit.audit(each.spf)
    retained = [term for term in _terms(each.spf) if _stays(term)]
    missing = list(_missing(mail, each, retained))
    if each.spf.state in _LOST or not (found.problems or missing):
        return None
    if not each.spf.records and not mail.declared:
        return None
    terms = _each_once([*retained, *missing, *_closing(each.spf, retained)])
    text = " ".join(["v=spf1", *(term.raw for term in terms)])
    if len(terms) < 2:
        return "", f"name what sends for {each.domain}: mail.senders or mail.providers in the parameters"
    after = spf_audit.audit(Node(each.domain, "NOERROR", (text,), tuple(terms)))
    if after.problems:
        reasons = "; ".join(problem.text for problem in after.problems)
        blame = f" (costliest: {listed(costliest(after), most=3)})" if after.lookups > spf_audit.LOOKUPS else ""
        return "", f"no record can be written for you yet: {reasons}{blame}"
    return text, _difference(each, terms)


def _terms(node: Node) -> tuple[Term, ...]:
    """The terms of every SPF record of the name; those of several records without what they include."""
    if len(node.records) == 1:
        return node.terms
    return tuple(term for record in node.records for term in spf_tree.parse(record, node.name))


def _stays(term: Term) -> bool:
    """Whether a term may stay: readable, not closing, not naming nothing, not letting everybody in."""
    if term.error or term.name == "all" or not term.raw.isascii() or not term.raw.isprintable():
        return False
    if any(network.prefixlen < _WIDE[network.version] for network in term.networks):
        return False
    child = term.child
    if child is None:
        return not term.states or any(state not in VOID for state in term.states)
    if child.loop or (child.state in VOID and not child.records) or (not child.records and child.state not in _LOST):
        return False
    closing = spf_audit.last(child)
    return not (closing is not None and closing.qualifier == "+" and term.name == "include")


def _missing(mail: MailEvidence, each: DomainMail, retained: Iterable[Term]) -> Iterator[Term]:
    """Terms for the senders and providers that no record lets send; they go into the first domain's record."""
    if each is not mail.domains[0]:
        return
    retained = list(retained)
    for address in dict.fromkeys(sending.address for domain in mail.domains for sending in domain.sendings):
        elsewhere = any(s.result == "pass" for d in mail.domains[1:] for s in d.sendings if s.address == address)
        if not elsewhere and not any(_may_allow(term, address) for term in retained):
            yield from spf_tree.parse(f"v=spf1 {'ip6' if ':' in address else 'ip4'}:{address}", each.domain)
    targets = {term.target for term in (*retained, *(t for d in mail.domains[1:] for t in d.spf.terms)) if term.target}
    targets |= {term.target for d in mail.domains for node in d.spf.walk() for term in node.terms if term.target}
    for text in mail.providers:
        known = providers.called(text)
        if known is None or known.return_path == "own" or not known.includes:
            continue
        if not any(under(name, include) for name in targets for include in known.includes):
            yield from spf_tree.parse(f"v=spf1 include:{known.includes[0]}", each.domain)


def _may_allow(term: Term, address: str) -> bool:
    """Whether a term lets an address send, or could for all that was looked up."""
    if term.qualifier != "+" or term.name in ("all", "exp"):
        return False
    if term.child is not None:
        below = term.child.effective()
        return term.child.state in _LOST or any(_may_allow(found, address) for found in below)
    if term.networks:
        parsed = ipaddress.ip_address(address)
        return any(parsed.version == network.version and parsed in network for network in term.networks)
    return term.name in ("include", "redirect", "exists", "ptr") or (term.name in ("a", "mx") and not term.states)


def _closing(node: Node, retained: Iterable[Term]) -> tuple[Term, ...]:
    """The end: "-all" where every record ends so, nothing beside a redirect, else "~all"."""
    ends = [term for term in _terms(node) if term.name == "all" and not term.error]
    if not ends and any(term.name == "redirect" for term in retained):
        return ()
    strict = bool(ends) and all(term.qualifier == "-" for term in ends)
    return spf_tree.parse(f"v=spf1 {'-' if strict else '~'}all", node.name)


def _each_once(terms: Iterable[Term]) -> list[Term]:
    """Equal terms once, the redirect (one alone, and none beside an all) at the end."""
    found: dict[str, Term] = {}
    for term in terms:
        key = term.name if term.name in ("redirect", "exp") else term.raw.lower().removeprefix("+")
        found.setdefault(key, term)
    ordered = sorted(found.values(), key=lambda term: term.name in ("all", "redirect", "exp"))
    closed = any(term.name == "all" for term in ordered)
    return [term for term in ordered if not (closed and term.name == "redirect")]


def _difference(each: DomainMail, terms: Iterable[Term]) -> str:
    before = [term.raw for record in each.spf.records for term in spf_tree.parse(record, each.domain)]
    now = [term.raw for term in terms]
    parts = []
    if len(each.spf.records) > 1:
        parts.append(f"one record in place of {len(each.spf.records)}")
    if gone := [raw for raw in dict.fromkeys(before) if raw not in now]:
        parts.append(f"without {listed(gone)}")
    if new := [raw for raw in now if raw not in before]:
        parts.append(f"with {listed(new)}")
    return f"SPF of {each.domain}: {', '.join(parts) or 'the same terms'}"
