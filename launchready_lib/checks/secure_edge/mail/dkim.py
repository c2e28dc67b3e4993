"""Whether each DKIM selector in use publishes a valid key."""

from __future__ import annotations

from launchready_lib.checks import check
from launchready_lib.checks.secure_edge.mail.dkim_keys import ADVISED_BITS, DkimDomain, DkimKey
from launchready_lib.checks.secure_edge.mail.spf import UNDECLARED
from launchready_lib.checks.secure_edge.mail.survey import MailEvidence
from launchready_lib.evidence import Row
from launchready_lib.names.hosts import registered_domain
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.wording import listed


@check("mail.dkim")
def dkim(mail: MailEvidence) -> Verdict:
    """Each selector in use publishes a valid key of 1024 bits or more, or Ed25519 (RFC 6376, 8301, 8463)."""
    clauses = [verdict for each in mail.dkim for verdict in _keys(each)]
    clauses += mail.zone.unseen()
    clauses += [_unsigned(mail, each.domain) for each in mail.domains if not _signs(mail, each.domain)]
    if not mail.declared:
        clauses.append(unknown(UNDECLARED.format(mail.domains[0].domain), needs="mail.from_domains"))
    return combine(*clauses)


def _keys(each: DkimDomain) -> list[Verdict]:
    known = any(key.declared or key.listed for key in each.keys)
    return [_key(key) for key in each.keys if key.declared or _counts(key, known=known)]


def _counts(key: DkimKey, *, known: bool) -> bool:
    """Whether a selector that is not declared says anything: a withdrawn key, or none, is no fault there."""
    return key.state in ("valid", "broken", "lost") if key.listed else not known and key.state in ("valid", "broken")


def _key(key: DkimKey) -> Verdict:
    row = [key.row()]
    name = f"selector {key.selector} of {key.domain}"
    if key.state == "lost":
        return unknown(f"{name} {key.detail}", needs="a second run once its DNS answers", evidence=row)
    if key.state != "valid":
        text = f"{name} {key.detail}"
        return failed(text, evidence=row, fix=_fix(key), about=(key.name, key.state))
    notes = []
    if key.algorithm == "rsa" and key.bits is not None and key.bits < ADVISED_BITS:
        notes.append(f"{ADVISED_BITS} bits are advised")
    if key.testing:
        notes.append("take t=y off, receivers may disregard it as a test")
    more = f" ({listed(notes)})" if notes else ""
    return passed(f"{name} publishes a valid {key.algorithm} key of {key.bits} bits{more}", evidence=row)


def _fix(key: DkimKey) -> str:
    if key.target and key.state == "missing":
        return (
            f"Have the provider publish the key at {key.target}, or point {key.name}. IN CNAME to the name it gives now"
        )
    line = f'{key.name}. 3600 IN TXT "v=DKIM1; k=rsa; p=<the whole key>"'
    return (
        f"Copy the record anew from the mail provider's settings, whole, in strings of at most 255 characters: {line}"
    )


def _signs(mail: MailEvidence, domain: str) -> bool:
    """Whether some selector is known or found for a domain, or for one that aligns with it (RFC 9989 section 4.4)."""
    return any(
        key.declared or key.state in ("valid", "broken")
        for each in mail.dkim
        if registered_domain(each.domain) == registered_domain(domain)
        for key in each.keys
    )


def _unsigned(mail: MailEvidence, domain: str) -> Verdict:
    rows: list[Row] = [
        {"domain": e.domain, "selectors_tried": e.tried, "answers_to_any_name": e.wildcard} for e in mail.dkim
    ]
    reason = f"no DKIM selector of {domain} is known, and none of the common ones is published"
    return unknown(reason, needs=f"mail.dkim_selectors: {{{domain}: [...]}}", evidence=rows)
