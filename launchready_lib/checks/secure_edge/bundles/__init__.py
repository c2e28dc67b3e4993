"""exposure.bundles: no secret in anything that browsers are sent; keys that are public by design are told apart."""

from launchready_lib.checks.secure_edge.bundles.evidence import BundlesEvidence, Received
from launchready_lib.checks.secure_edge.bundles.reading import survey
from launchready_lib.checks.secure_edge.bundles.verdict import no_secrets

__all__ = ["BundlesEvidence", "Received", "no_secrets", "survey"]
