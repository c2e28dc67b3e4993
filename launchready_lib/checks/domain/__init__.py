"""The client's domain: does it resolve everywhere alike, who answers for it, and does its DNSSEC chain hold."""

from launchready_lib.checks.domain.delegating import nameservers
from launchready_lib.checks.domain.evidence import NETWORK_DOWN, DomainEvidence, survey
from launchready_lib.checks.domain.resolving import resolves
from launchready_lib.checks.domain.signing import dnssec

__all__ = ["NETWORK_DOWN", "DomainEvidence", "dnssec", "nameservers", "resolves", "survey"]
