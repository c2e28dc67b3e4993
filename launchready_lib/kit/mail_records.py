"""DNS records and files for mail: SPF mended, DMARC in its place, mail hosts, MTA-STS and TLS reports.

Where only the provider knows a DKIM key, the founder is told what to copy.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress

from launchready_lib.checks.secure_edge.mail import TransportEvidence, dmarc_discovery, providers, spf_audit, spf_tree
from launchready_lib.checks.secure_edge.mail import records as texts
from launchready_lib.checks.secure_edge.mail.dkim_keys import DkimDomain
from launchready_lib.checks.secure_edge.mail.dmarc_discovery import Discovery, DmarcRecord
from launchready_lib.checks.secure_edge.mail.spf import costliest
from launchready_lib.checks.secure_edge.mail.spf_tree import VOID, Node, Term
from launchready_lib.checks.secure_edge.mail.survey import DomainMail, MailEvidence
from launchready_lib.checks.secure_edge.mail.transport import DomainTransport
from launchready_lib.kit.model import KitFile
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.kit.records import Change, RecordSet, Removal, ZonePatch, of, patched
from launchready_lib.names.hosts import registered_domain, under
from launchready_lib.network import address_of
from launchready_lib.wording import listed

TRANSPORT = "mail.transport"
WEEK_S = 604_800
_LOST = ("SERVFAIL", "TIMEOUT")
_WIDE = {4: 8, 6: 19}
_FIRST = "v=DMARC1; p=none; rua=mailto:{address}"
_RISE = "read the reports, then raise p to quarantine and reject within some weeks"


def patches(
    mail: MailEvidence | None, ways: TransportEvidence | None, failures: Container[str], domain: str
) -> tuple[ZonePatch, ...]:
    """What to change in each zone that the From domains lie in; `domain`: the client's own."""
    found = [*(_authentication(mail, failures, domain) if mail is not None else ())]
    if ways is not None and TRANSPORT in failures:
        for way in ways.domains:
            changes = (*_mail_hosts(way), *_tls_reports(way), *_sts_record(way)) if is_plain_name(way.domain) else ()
            found += of(_zone(way.domain, domain), TRANSPORT, changes)
    return patched("the records that let mail arrive", found)


def _authentication(mail: MailEvidence, failures: Container[str], domain: str) -> Iterator[tuple[str, str, Change]]:
    for each in mail.domains:
        zone = _zone(each.domain, domain)
        if "mail.spf" in failures:
            yield from of(zone, "mail.spf", _spf(mail, each))
        if "mail.dmarc" in failures:
            yield from of(zone, "mail.dmarc", _dmarc(each.dmarc))
    if "mail.dkim" in failures:
        for signing in mail.dkim:
            yield from of(_zone(signing.domain, domain), "mail.dkim", _dkim(mail, signing))


def _zone(name: str, domain: str) -> str:
    return domain if under(name, domain) else registered_domain(name)


def _spf(mail: MailEvidence, each: DomainMail) -> Iterator[Change]:
    record, why = _mended(mail, each) or ("", "")
    others = f"; the other {len(each.spf.others)} TXT records stay" if each.spf.others else ""
    if record and is_plain_name(each.domain):
        yield RecordSet(each.domain, "TXT", (record, *each.spf.others), f"{why}{others}")
    elif why and is_plain_name(each.domain):
        yield why


def _dmarc(found: Discovery) -> Iterator[Change]:
    """One valid policy, with reports that arrive, where receivers look."""
    if found.lost or not is_plain_name(f"_dmarc.{found.domain}"):
        return
    record, why = _policy(found)
    if record is None:
        return
    yield RecordSet(f"_dmarc.{found.record.domain if found.record else found.domain}", "TXT", (record,), why)
    if found.misplaced:
        yield Removal(f"_dmarc.{found.misplaced.domain}", "TXT", "nobody looks here")


def _policy(found: Discovery) -> tuple[str | None, str]:
    own = f"dmarc@{registered_domain(found.domain)}"
    if found.record is not None and not found.record.error:
        return _reporting(found, found.record, own)
    if found.misplaced and not found.misplaced.error and found.misplaced.reports:
        where = f"_dmarc.{found.misplaced.domain}"
        return (
            found.misplaced.text,
            f"DMARC of {found.domain}, moved from {where}: most panels add the domain themselves",
        )
    several = [t for answer in found.asked[:1] for t in answer.records if t.startswith("v=DMARC1")]
    valid = [t for t in several if not dmarc_discovery.parse(found.domain, t).error]
    if len(several) > 1 and valid:
        best = max(valid, key=lambda t: len(dmarc_discovery.parse(found.domain, t).reports))
        return best, f"DMARC of {found.domain}: one record in place of {len(several)}"
    return _FIRST.format(address=own), f"DMARC of {found.domain}: create the mailbox {own}, {_RISE}"


def _reporting(found: Discovery, record: DmarcRecord, own: str) -> tuple[str | None, str]:
    """The record in force with reports that reach somebody."""
    deaf = [t.address for t in found.targets if t.refuses_mail or t.mail == "NXDOMAIN" or not t.permitted]
    if found.targets and len(deaf) < len(found.targets):
        return None, ""
    tags = [tag.strip() for tag in record.text.split(";") if tag.strip()]
    retained = [tag for tag in tags if tag.partition("=")[0].strip().lower() != "rua"]
    reason = f"{listed(deaf)} takes none" if deaf else "none were asked for"
    why = f"DMARC of {record.domain}: reports to {own} ({reason}); create that mailbox, {_RISE}"
    return "; ".join([*retained, f"rua=mailto:{own}"]), why


def _dkim(mail: MailEvidence, signing: DkimDomain) -> Iterator[str]:
    """A key cannot be invented: where to copy it from, and where to."""
    provider = listed(mail.providers) or "your mail provider"
    declared = any(key.declared for key in signing.keys)
    for key in signing.keys:
        if key.state in ("valid", "lost") or not (key.declared or (not declared and key.state == "broken")):
            continue
        if key.target and key.state == "missing":
            yield f'{key.name}. {key.detail}: take the CNAME that {provider} shows now for selector "{key.selector}"'
        else:
            line = f'{key.name}. 3600 IN TXT "v=DKIM1; k=rsa; p=<the key>"'
            yield f"{key.name} {key.detail}: copy the whole record that {provider} shows for this selector: {line}"


def policies(ways: TransportEvidence | None, failures: Container[str]) -> Iterator[KitFile]:
    """Each MTA-STS policy that has to name other mail hosts, or cannot be read."""
    for each in ways.domains if ways is not None and TRANSPORT in failures else ():
        if text := _sts_policy(each):
            yield KitFile(f"mail/{each.domain}/mta-sts.txt", text, (TRANSPORT,))


def _mail_hosts(each: DomainTransport) -> Iterator[Change]:
    """The MX records that lead to a host with an address."""
    dead = [h for h in each.hosts if not h.lost and (not h.addresses or address_of(h.name) or not h.reachable)]
    alive = [host for host in each.hosts if host not in dead and is_plain_name(host.name)]
    if not each.mx.records or not (dead or each.refuses):
        return
    if not alive:
        yield f"name the hosts of a mailbox that somebody reads in the MX records of {each.domain}"
        return
    gone = listed([host.name for host in dead]) or "the null MX"
    values = tuple(f"{host.preference} {host.name}." for host in alive)
    yield RecordSet(each.domain, "MX", values, f"mail hosts of {each.domain}, without {gone}")


def _tls_reports(each: DomainTransport) -> Iterator[Change]:
    published = [text for text in each.reports.records if texts.TLSRPT_START.match(text)]
    if not published or (len(published) == 1 and _reads(texts.tls_reports, published[0])):
        return
    address = f"tls-reports@{registered_domain(each.domain)}"
    why = f"TLS reports of {each.domain}: create the mailbox {address}"
    yield RecordSet(f"_smtp._tls.{each.domain}", "TXT", (f"v=TLSRPTv1; rua=mailto:{address}",), why)


def _sts_record(each: DomainTransport) -> Iterator[Change]:
    """One valid record, with another id where the policy changes, so that senders fetch it anew."""
    published = [text for text in each.sts.records if texts.STS_START.match(text)]
    policy = _sts_policy(each)
    valid = len(published) == 1 and _reads(texts.sts_id, published[0])
    if not published or (valid and not policy):
        return
    version = hashlib.sha256((policy or each.domain).encode()).hexdigest()[:20]
    why = f"MTA-STS of {each.domain}" + (": serve kit/mail/…/mta-sts.txt first" if policy else "")
    yield RecordSet(f"_mta-sts.{each.domain}", "TXT", (f"v=STSv1; id={version}",), why)


def _sts_policy(each: DomainTransport) -> str | None:
    """The policy file, in testing first; None where the one there will do, or none is published."""
    published = any(texts.STS_START.match(text) for text in each.sts.records)
    hosts = [host.name for host in each.hosts if host.addresses and is_plain_name(host.name)]
    if not published or not hosts or each.fetched is None or each.fetched.state == "blocked":
        return None
    try:
        standing = texts.sts_policy(each.fetched.text) if each.fetched.status == 200 else None
    except texts.RecordError:
        standing = None
    if standing is not None and (standing.mode == "none" or all(map(standing.covers, hosts))):
        return None
    mode = standing.mode if standing is not None else "testing"
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in hosts), f"max_age: {WEEK_S}"]
    return "\r\n".join(lines) + "\r\n"


def _reads(reader: Callable[[str], object], text: str) -> bool:
    with suppress(texts.RecordError):
        reader(text)
        return True
    return False


def _mended(mail: MailEvidence, each: DomainMail) -> tuple[str, str] | None:
    """The SPF record that one domain should publish (empty: the founder has to decide first), and what is new in it.

    None where the one there needs no change, or cannot be seen; what is returned is held against our own audit.
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
