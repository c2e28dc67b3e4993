"""The client's subdomains: do they answer what they should, and does none lead to something anybody may claim."""

from launchready_lib.checks.subdomains.claiming import takeover
from launchready_lib.checks.subdomains.mapping import mapped
from launchready_lib.checks.subdomains.survey import SubdomainEvidence, survey

__all__ = ["SubdomainEvidence", "mapped", "survey", "takeover"]
