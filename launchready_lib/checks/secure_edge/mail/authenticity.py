"""Whether mail is signed with a valid key (DKIM), and a policy is in force against forged mail (DMARC)."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.mail.dkim_keys import ADVISED_BITS, DkimDomain, DkimKey
from launchready_lib.checks.secure_edge.mail.dmarc_discovery import Discovery, ReportTarget, is_record
from launchready_lib.checks.secure_edge.mail.records import LOST, unanswered
from launchready_lib.checks.secure_edge.mail.survey import MailEvidence
from launchready_lib.evidence import Row
from launchready_lib.names.hosts import registered_domain
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.wording import listed


@check("mail.dkim")
def dkim(mail: MailEvidence) -> Verdict:
    """Each selector in use publishes a valid key of 1024 bits or more, or Ed25519 (RFC 6376, 8301, 8463)."""
    clauses = [_key(key) for each in mail.dkim for key in _in_use(each)]
    clauses += mail.zone.unseen()
    rows = [{"domain": e.domain, "selectors_tried": e.tried, "answers_to_any_name": e.wildcard} for e in mail.dkim]
    for domain in (each.domain for each in mail.domains if not _signs(mail, each.domain)):
        reason = f"no DKIM selector of {domain} is known, and none of the common ones is published"
        clauses.append(unknown(reason, needs=f"mail.dkim_selectors: {{{domain}: [...]}}", evidence=rows))
    return combine(*clauses, *mail.undeclared())


def _in_use(each: DkimDomain) -> list[DkimKey]:
    """The selectors that say anything: where one is not declared, a withdrawn key, or none, is no fault."""
    known = any(key.declared or key.listed for key in each.keys)
    found = [key for key in each.keys if key.listed or not known]
    telling = [key for key in found if key.state in ("valid", "broken") or (key.listed and key.state == "lost")]
    return [key for key in each.keys if key.declared or key in telling]


def _key(key: DkimKey) -> Verdict:
    row = [key.row()]
    name = f"selector {key.selector} of {key.domain}"
    if key.state == "lost":
        return unanswered(f"{name} {key.detail}", row)
    if key.state != "valid":
        return failed(f"{name} {key.detail}", evidence=row, fix=_fix(key), about=(key.name, key.state))
    notes = []
    if key.algorithm == "rsa" and key.bits is not None and key.bits < ADVISED_BITS:
        notes.append(f"{ADVISED_BITS} bits are advised")
    if key.testing:
        notes.append("take t=y off, receivers may disregard it as a test")
    more = f" ({listed(notes)})" if notes else ""
    return passed(f"{name} publishes a valid {key.algorithm} key of {key.bits} bits{more}", evidence=row)


def _fix(key: DkimKey) -> str:
    if key.target and key.state == "missing":
        line = f"{key.name}. IN CNAME"
        return f"Have the provider publish the key at {key.target}, or point {line} to the name it gives now"
    line = f'at most 255 characters: {key.name}. 3600 IN TXT "v=DKIM1; k=rsa; p=<the whole key>"'
    return f"Copy the record anew from the mail provider's settings, whole, in strings of {line}"


def _signs(mail: MailEvidence, domain: str) -> bool:
    """Whether some selector is known or found for a domain, or for one that aligns with it (RFC 9989 section 4.4)."""
    return any(
        key.declared or key.state in ("valid", "broken")
        for each in mail.dkim
        if registered_domain(each.domain) == registered_domain(domain)
        for key in each.keys
    )


@check("mail.dmarc")
def dmarc(mail: MailEvidence) -> Verdict:
    """A valid policy in force for every From domain (RFC 9989), with reports going somewhere authorised (RFC 9990)."""
    clauses = [_judge(each.dmarc) for each in mail.domains]
    clauses += [verdict for each in mail.others if (verdict := _own(each.dmarc))]
    return combine(*clauses, *mail.zone.unseen(), *mail.undeclared())


def _rows(found: Discovery) -> list[Row]:
    return [
        {
            "domain": found.domain,
            "policy": found.policy,
            "organizational_domain": found.organizational,
            "records": found.record.text[:1000] if found.record else None,
        },
        *(
            {"asked": answer.name, "state": answer.state, "records": " / ".join(answer.records)[:1000] or None}
            for answer in found.asked
            if answer.records or answer is found.asked[0] or answer.state in LOST
        ),
        *(
            {"reports_to": t.address, "permission": t.permission or "not needed", "mail_state": t.mail}
            for t in found.targets
        ),
    ]


def _judge(found: Discovery) -> Verdict:
    rows = _rows(found)
    if found.lost:
        names = listed(sorted({answer.name for answer in found.lost}))
        return unanswered(f"the DMARC policy of {found.domain} could not be looked up: {names} did not answer", rows)
    if found.record is None:
        return _absent(found, rows)
    if found.record.error:
        text = f"receivers take no policy from the DMARC record of {found.record.domain}: {found.record.error}"
        return failed(text, evidence=rows, fix=_publish(found.record.domain), about=(found.domain, "invalid"))
    return combine(_in_force(found, rows), _reports(found, rows))


def _own(found: Discovery) -> Verdict | None:
    """What a name of the zone file publishes for itself; None where it leaves that to the domain above."""
    rows, first = _rows(found), found.asked[0]
    if first.state in LOST:
        return unanswered(f"{first.name} could not be looked up ({first.state})", rows)
    if sum(map(is_record, first.records)) > 1:
        return _several(found, first.name, rows)
    if found.record is None or found.record.domain != found.domain:
        return None
    return _judge(found) if found.record.error or found.targets else _in_force(found, rows)


def _several(found: Discovery, name: str, rows: list[Row]) -> Verdict:
    text = f"{name} holds several DMARC records, so receivers use none of them"
    return failed(text, evidence=rows, fix="Keep one of them, delete the others", about=(found.domain, "two"))


def _absent(found: Discovery, rows: list[Row]) -> Verdict:
    if found.misplaced:
        place = f"_dmarc.{found.misplaced.domain}"
        text = f"the DMARC record of {found.domain} stands at {place}, where nobody looks"
        record = f'_dmarc.{found.domain}. 3600 IN TXT "{found.misplaced.text}"'
        fix = f"Move it (most DNS panels add the domain by themselves, so type only _dmarc as the name): {record}"
        more: Row = {"asked": place, "state": "NOERROR", "records": found.misplaced.text}
        return failed(text, evidence=[*rows, more], fix=fix, about=(found.domain, "misplaced"))
    if several := next((a for a in found.asked if sum(map(is_record, a.records)) > 1), None):
        return _several(found, several.name, rows)
    text = f"{found.domain} has no DMARC policy, so nobody is told of forged mail in its name"
    return failed(text, evidence=rows, fix=_publish(found.domain), about=(found.domain, "missing"))


def _publish(domain: str) -> str:
    return f'Publish _dmarc.{domain}. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'


def _in_force(found: Discovery, rows: list[Row]) -> Verdict:
    record = found.record
    where = "" if record is None or record.domain == found.domain else f", from {record.domain}"
    stage = ""
    if found.policy == "none":
        stage = ", a first stage: watch the reports, then go on to p=quarantine"
        if record and record.testing:
            stage = ", t=y still holds the policy back: a stage on the way"
    return passed(f"the DMARC policy of {found.domain} is {found.policy}{where}{stage}", evidence=rows)


def _reports(found: Discovery, rows: list[Row]) -> Verdict:
    domain = found.record.domain if found.record else found.domain
    if not found.targets:
        tag = found.record.text.rstrip("; ") if found.record else ""
        text = f"the DMARC record of {domain} asks for no reports, so nobody learns what the policy does"
        fix = f'Add reports: _dmarc.{domain}. 3600 IN TXT "{tag}; rua=mailto:dmarc@{domain}"'
        return failed(text, evidence=rows, fix=fix, about=(domain, "rua"))
    verdicts = [_target(domain, target, rows) for target in found.targets]
    return next((verdict for verdict in verdicts if verdict.status == "pass"), None) or combine(*verdicts)


def _target(domain: str, target: ReportTarget, rows: list[Row]) -> Verdict:
    destination = target.address.rpartition("@")[2]
    if target.refuses_mail or target.mail == "NXDOMAIN":
        text = f"DMARC reports of {domain} go to {target.address}, but {destination} takes no mail"
        fix = f"Name a mailbox that somebody reads in rua= of _dmarc.{domain}"
        return failed(text, evidence=rows, fix=fix, about=(domain, target.address))
    if target.permission in LOST or target.mail in LOST:
        reason = f"whether reports of {domain} arrive at {target.address} could not be looked up"
        return unknown(reason, needs="a second run", evidence=rows)
    if not target.permitted:
        line = f'{domain}._report._dmarc.{destination}. 3600 IN TXT "v=DMARC1"'
        text = f"{destination} has not agreed to take DMARC reports of {domain}, so receivers send none there"
        fix = f"Have {destination} publish {line}, or name a mailbox under {domain}"
        return failed(text, evidence=rows, fix=fix, about=(domain, target.address))
    return passed(f"reports go to {target.address}", evidence=rows)
