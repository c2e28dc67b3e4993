"""tls.certificate, tls.protocols, tls.issuance: what is wrong with a host's TLS, in plain words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.tls.evidence import PROBLEMS, HostTls, TlsEvidence, other_rows, row
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.names.providers import table
from launchready_lib.record.findings import Status, Verdict, combine, failed, passed, unknown
from launchready_lib.site import web
from launchready_lib.site.certificates import Certificate, path
from launchready_lib.wording import brief

DAYS = 14
SHORT_LIFETIME_DAYS = 42
_SELF_SIGNED, _SELF_SIGNED_ABOVE = 18, 19
_NO_ISSUER = (2, 20, 21)
_DATES = (9, 10)
_WEAK = (66, 67, 68)
_CAA = re.compile(r'(\d+)\s+([A-Za-z0-9]+)\s+"?([^"]*)"?')
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_OLD = ("TLS 1.0", "TLS 1.1")
_FORWARD = re.compile(r"ECDHE|DHE|^TLS_")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a certificate."""

    kind: str  # its name, the same in every language of the report's readers
    text: str  # what is wrong, after "host: "
    fix: str  # what to do


def _problem(kind: str, *, fix: str = "fix", **facts: object) -> Problem:
    words, phrases = table(PROBLEMS)["problems"][kind], table(PROBLEMS)["phrases"]
    return Problem(kind, words["text"].format(**facts, **phrases), words[fix].format(**facts, **phrases))


def _day(moment: dt.datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def problems(host: HostTls, now: dt.datetime) -> tuple[Problem, ...]:
    """Everything wrong with one host's certificate; empty where nothing is, or nothing could be seen."""
    state, error, own = host.read.state, host.read.error, host.own
    if state == "plain":
        return (_problem("no encryption", error=error),)
    if state == "tls" and not host.malformed:
        return (_problem("no TLS", fix="mail_fix" if host.is_mail else "fix", port=host.port, error=error),)
    if own is None or state == "tls":
        return (_problem("malformed"),) if state in ("ok", "tls") else ()
    itself = _dates_and_names(own, host.host, now)
    found = (*itself, *_trust(host, own, now), *_chain(host), *_revoked(host, own))
    return tuple({problem.kind: problem for problem in reversed(found)}.values())[::-1]


def _revoked(host: HostTls, own: Certificate) -> Iterator[Problem]:
    """What the OCSP answer says; that there is none is no fault, unless the certificate demands one (RFC 7633)."""
    staple, reasons = host.staple, table(PROBLEMS)["no_staple"]
    if staple is None:
        return
    if staple.state == "revoked":
        yield _problem("revoked", when=f" on {_day(staple.revoked)}" if staple.revoked else "")
    elif own.must_staple and staple.state in reasons:
        yield _problem("must-staple", staple=reasons[staple.state])


def _dates_and_names(own: Certificate, host: str, now: dt.datetime) -> Iterator[Problem]:
    left = own.ends - now
    if left < dt.timedelta():
        days = -left.days - 1
        ago = "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"
        yield _problem("expired", ago=ago, day=_day(own.ends))
    elif own.starts > now:
        yield _problem("not yet valid", day=_day(own.starts))
    elif left < needed(own):
        yield _problem("ends soon", days=left.days, day=_day(own.ends))
    if not own.covers(host):
        names = brief(own.names) or f"{own.subject} (as common name only, which browsers ignore)"
        yield _problem("wrong name", names=names, host=host)


def needed(own: Certificate) -> dt.timedelta:
    """How much time must be left: 14 days, or a third of the lifetime where that is under 42 days."""
    return own.lifetime / 3 if own.lifetime < dt.timedelta(days=SHORT_LIFETIME_DAYS) else dt.timedelta(days=DAYS)


def _trust(host: HostTls, own: Certificate, now: dt.datetime) -> Iterator[Problem]:
    code = host.trusted.code
    if host.trusted.state != "tls" or code in (None, 0):
        return
    places, readers = path(host.chain), "senders that check" if host.is_mail else "browsers"
    if code == _SELF_SIGNED or (own.is_self_signed and code == _SELF_SIGNED_ABOVE):
        yield _problem("self-signed", refusal="strict senders refuse it" if host.is_mail else "browsers warn")
    elif code in _NO_ISSUER and len(places) == 1 and own.issuer_address:
        yield _problem("incomplete chain", issuer=own.issuer)
    elif code in (*_NO_ISSUER, _SELF_SIGNED_ABOVE):
        yield _problem("unknown issuer", issuer=host.chain[places[-1]].issuer, readers=readers)
    elif code in _DATES:
        if own.starts <= now <= own.ends:
            stale = next((c for c in host.chain[1:] if not c.starts <= now <= c.ends), None)
            yield _problem("stale chain", name=f" ({stale.subject})" if stale else "")
    elif code not in _WEAK or not any(c.weak_key or c.weak_signature for c in host.chain):
        yield _problem("not trusted", readers=readers, error=host.trusted.error)


def _chain(host: HostTls) -> Iterator[Problem]:
    places = path(host.chain)
    if list(places) != sorted(places):
        yield _problem("reversed chain")
    for each in (host.chain[place] for place in places):
        if each.weak_key:
            yield _problem("weak key", subject=each.subject, key=each.key)
        if each.weak_signature and not each.is_self_signed:
            yield _problem("weak signature", subject=each.subject, signature=each.signature)


@check("tls.certificate")
def certificate(tls: TlsEvidence) -> Verdict:
    """On every public host: trusted chain, right name, in date with time left, strong key and signature."""
    clauses: list[Verdict] = []
    missing = [*(why for host in tls.hosts if (why := host.unseen())), *tls.missing]
    good: list[Row] = []
    for host in tls.hosts:
        if host.unseen():
            continue
        found = problems(host, tls.now)
        facts = {**row(host, tls.now), "means": "; ".join(p.text for p in found) or "as it should be"}
        if found:
            clauses.append(
                failed(
                    f"{host.title}: {'; '.join(p.text for p in found)}",
                    evidence=[facts],
                    fix=f"{host.title}: {'; '.join(dict.fromkeys(p.fix for p in found))}",
                    about=[f"{host.title} {p.kind}" for p in found],
                )
            )
        elif host.own and host.own.must_staple and host.staple and host.staple.state == "unseen":
            reason = f"{host.title}: its certificate demands an OCSP answer with it, which travels encrypted here"
            clauses.append(unknown(reason, needs="a look with Firefox, which refuses it without one", evidence=[facts]))
        else:
            good.append(facts)
    if missing:
        clauses.append(web.unseen(missing))
    clauses += tls.zone.unseen()
    if good:
        clauses.append(_all_good(tls, good))
    if all(clause.about and "(mail)" in clause.about[0] for clause in clauses if clause.status is Status.FAIL):
        clauses = [replace(c, impact=table(PROBLEMS)["mail_impact"]) if c.status is Status.FAIL else c for c in clauses]
    return combine(*clauses) if clauses else web.unseen([_NOTHING])


def _all_good(tls: TlsEvidence, good: list[Row]) -> Verdict:
    soonest = min(good, key=lambda facts: int(facts["days_left"]))
    summary = f"{brief(str(facts['host']) for facts in good)}: trusted, for the right name, the first to end in "
    summary += f"{soonest['days_left']} days"
    late = [host.title for host in tls.hosts if host.own and host.own.is_overdue(tls.now)]
    if late:
        summary += f"; an automatic client would have renewed that of {brief(late)} by now"
    if tls.others:
        summary += f"; not looked at, for somebody else runs it: {brief(tls.others)} (mail)"
    return passed(summary, evidence=[*good, *other_rows(tls)])


_NOTHING = Unavailable("no public host has an address", "an address in DNS for the domain or site.canonical")


@check("tls.protocols")
def protocols(tls: TlsEvidence) -> Verdict:
    """TLS 1.2 and 1.3 only, with forward secrecy as agreed with a browser of today (RFC 8996, RFC 9325)."""
    clauses: list[Verdict] = []
    for host in tls.hosts:
        if why := host.unseen():
            clauses.append(web.unseen([why]))
            continue
        if host.is_mail:
            clauses += _mail_judged(host)
            continue
        accepted = [name for name, shake in host.versions.items() if shake.state == "ok"]
        facts: Row = {"host": host.host, "suite": host.read.cipher}
        facts |= {name: shake.state if shake.state == "ok" else shake.error for name, shake in host.versions.items()}
        clauses.append(_judged(host, accepted, facts))
    clauses += tls.zone.unseen()
    return _joined(clauses, "TLS 1.2 or newer only, with forward secrecy")


def _mail_judged(host: HostTls) -> Iterator[Verdict]:
    """Of a mail host, only that something modern is offered: old senders would else not encrypt at all."""
    if host.read.state != "ok":
        return  # that it does not encrypt is the certificate's verdict already
    facts: Row = {"host": host.title, "suite": host.read.cipher, host.read.version: "ok, the best of those offered"}
    if host.read.version in _OLD:
        summary = f"{host.title}: speaks no newer version than {host.read.version}"
        fix = "Allow TLS 1.2 and 1.3 in the mail server too (Postfix: smtpd_tls_protocols = >=TLSv1.2)"
        yield failed(summary, evidence=[facts], fix=fix, about=[host.title, host.read.version])
    else:
        yield passed(f"{host.title}: speaks {host.read.version}", evidence=[facts])


def _joined(clauses: list[Verdict], good: str) -> Verdict:
    """All clauses as one, with one sentence for the hosts that pass."""
    passing = [clause for clause in clauses if clause.status is Status.PASS]
    rest = [clause for clause in clauses if clause.status is not Status.PASS]
    if passing:
        rows = [row for clause in passing for row in clause.evidence]
        rest.append(passed(f"{brief(str(row['host']) for row in rows)}: {good}", evidence=rows))
    return combine(*rest) if rest else web.unseen([_NOTHING])


def _judged(host: HostTls, accepted: list[str], facts: Row) -> Verdict:
    old = [name for name in accepted if name in _OLD]
    fix = "Allow TLS 1.2 and 1.3 only (nginx: ssl_protocols TLSv1.2 TLSv1.3; Cloudflare: Minimum TLS Version 1.2)"
    if not accepted:
        return failed(f"{host.host}: no TLS ({host.read.error})", evidence=[facts], fix=fix, about=[host.host])
    if old:
        summary = f"{host.host}: still accepts {brief(old)}"
        return failed(summary, evidence=[facts], fix=fix, about=[host.host, *old])
    modern = [host.versions[name] for name in accepted]
    if closed := [shake.cipher for shake in modern if not _FORWARD.search(shake.cipher)]:
        return failed(
            f"{host.host}: agrees on {brief(closed)}, which has no forward secrecy",
            evidence=[facts],
            fix="Put suites with ECDHE first (nginx: ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20)",
            about=[host.host, *closed],
        )
    untried = [name for name in _OLD if host.versions[name].state in ("ours", "timeout")]
    if untried:
        return unknown(
            f"{host.host}: {brief(untried)} could not be tried ({host.versions[untried[0]].error})",
            needs="a run where OpenSSL still offers old versions",
            evidence=[facts],
        )
    return passed(f"{host.host}: {brief(accepted)} only, with forward secrecy", evidence=[facts])


def allowed_names(own: Certificate) -> tuple[str, ...]:
    """The CAA names of a certificate's issuer; empty where we do not know them."""
    known = table("certificate_authorities.yaml")["authorities"].get(own.organisation)
    if known is None and _DOMAIN.fullmatch(own.organisation.lower()):
        return (own.organisation.lower(),)
    return tuple(known or ())


@check("tls.issuance")
def issuance(tls: TlsEvidence) -> Verdict:
    """CAA records exist and allow the issuer in use (RFC 8659 §4)."""
    clauses = [_issued(host) for host in tls.hosts if host.own is not None and not is_private(host)]
    clauses += [web.unseen([why]) for host in tls.hosts if (why := host.unseen())]
    clauses += tls.zone.unseen()
    return _joined(clauses, "CAA records allow the issuer in use")


def is_private(host: HostTls) -> bool:
    """Whether it is a mail host whose certificate no public authority issued, which CAA does not concern."""
    return host.is_mail and host.trusted.state == "tls" and host.trusted.code in (_SELF_SIGNED, *_NO_ISSUER)


def _issued(host: HostTls) -> Verdict:
    own = host.own
    assert own is not None  # noqa: S101 - the caller leaves the others out
    answer = host.caa[-1] if host.caa else None
    asked = brief(a.name for a in host.caa)
    facts: Row = {"host": host.title, "issuer": f"{own.organisation or own.issuer}", "asked": asked}
    if answer is None or answer.state not in ("NOERROR", "NODATA", "NXDOMAIN"):
        what = answer.error or answer.state if answer else "not asked"
        return unknown(
            f"{host.host}: CAA could not be asked ({what})", needs="nameservers that answer", evidence=[facts]
        )
    names = allowed_names(own)
    zone, issuer = host.host.split(".", host.host.count(".") - 1)[-1], (names or ("letsencrypt.org",))[0]
    line = f'{zone}. IN CAA 0 issue "{issuer}"'
    if answer.state != "NOERROR" or not answer.records:
        summary = f"{host.host}: no CAA record, so any authority may issue for it"
        return failed(summary, evidence=[facts | {"records": "(none)"}], fix=f"Publish {line}", about=[host.host])
    facts |= {"records": "; ".join(answer.records[:10]), "at": answer.name}
    if not names:
        return unknown(
            f"{host.host}: which CAA name stands for {facts['issuer']} is not known here",
            needs="a look at that authority's documentation",
            evidence=[facts],
        )
    if any(value in names for value in _issuers(answer.records, wild=any(n.startswith("*.") for n in own.names))):
        return passed(f"{host.host}: CAA allows {facts['issuer']}", evidence=[facts])
    summary = f"{host.host}: CAA does not allow {facts['issuer']}, so its next renewal fails"
    return failed(summary, evidence=[facts], fix=f"Publish {line} beside the others", about=[host.host])


def _issuers(records: tuple[str, ...], *, wild: bool) -> list[str]:
    found = [(m[2].lower(), m[3].split(";")[0].strip().lower()) for record in records if (m := _CAA.match(record))]
    for_wild = [value for tag, value in found if tag == "issuewild"]
    return for_wild if wild and for_wild else [value for tag, value in found if tag == "issue"]
