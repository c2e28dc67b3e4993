"""exposure.bundles: no secret in anything that browsers are sent; keys that are public by design are told apart."""

from launchready_lib.checks.secure_edge.bundles.evidence import BundlesEvidence, Received, no_secrets
from launchready_lib.checks.secure_edge.bundles.reading import survey

__all__ = ["BundlesEvidence", "Received", "no_secrets", "survey"]
