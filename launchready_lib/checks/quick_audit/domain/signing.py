"""Whether the domain's DNSSEC chain holds, and for how long."""

from __future__ import annotations

import datetime as dt

from launchready_lib.checks import check
from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Verdict, failed, passed, unknown

SOON = dt.timedelta(days=3)


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
