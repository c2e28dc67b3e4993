"""The client's subdomains: do they answer what they should, and does none lead to something anybody may claim."""

from launchready_lib.checks.quick_audit.subdomains.mapping import SubdomainEvidence, mapped, survey, takeover

__all__ = ["SubdomainEvidence", "mapped", "survey", "takeover"]
