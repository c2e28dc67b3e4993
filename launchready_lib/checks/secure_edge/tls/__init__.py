"""TLS on every public host and mail host: certificates in plain words, protocol versions, who may issue."""

from launchready_lib.checks.secure_edge.tls.evidence import TlsEvidence, survey
from launchready_lib.checks.secure_edge.tls.verdicts import certificate, issuance, problems, protocols

__all__ = ["TlsEvidence", "certificate", "issuance", "problems", "protocols", "survey"]
