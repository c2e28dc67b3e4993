"""TLS on every public host: certificates in plain words, protocol versions, who may issue."""

from launchready_lib.checks.tls.evidence import TlsEvidence, survey
from launchready_lib.checks.tls.verdicts import certificate, issuance, problems, protocols

__all__ = ["TlsEvidence", "certificate", "issuance", "problems", "protocols", "survey"]
