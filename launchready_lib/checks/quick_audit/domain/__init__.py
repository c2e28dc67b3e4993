"""The client's domain: does it resolve everywhere alike, who answers for it, and does its DNSSEC chain hold."""

from launchready_lib.checks.quick_audit.domain.delegating import dnssec, nameservers
from launchready_lib.checks.quick_audit.domain.evidence import DomainEvidence, survey
from launchready_lib.checks.quick_audit.domain.resolving import resolves

__all__ = ["DomainEvidence", "dnssec", "nameservers", "resolves", "survey"]
