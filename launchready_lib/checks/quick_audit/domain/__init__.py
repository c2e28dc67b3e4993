"""The client's domain: does it resolve everywhere alike, who answers for it, and does its DNSSEC chain hold."""

from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence, survey
from launchready_lib.checks.quick_audit.domain.verdicts import dnssec, nameservers, resolves

__all__ = ["DomainEvidence", "dnssec", "nameservers", "resolves", "survey"]
