"""Security headers and cookies: the tests of MDN's HTTP Observatory, on every page given and signed in too."""

from launchready_lib.checks.secure_edge.headers.cookies import cookies
from launchready_lib.checks.secure_edge.headers.cors import cors
from launchready_lib.checks.secure_edge.headers.csp import policy as csp
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, survey
from launchready_lib.checks.secure_edge.headers.framing import framing
from launchready_lib.checks.secure_edge.headers.integrity import integrity
from launchready_lib.checks.secure_edge.headers.isolation import isolation
from launchready_lib.checks.secure_edge.headers.plain import disclosure, referrer, sniffing
from launchready_lib.checks.secure_edge.headers.transport import hsts

__all__ = [
    "HeadersEvidence",
    "cookies",
    "cors",
    "csp",
    "disclosure",
    "framing",
    "hsts",
    "integrity",
    "isolation",
    "referrer",
    "sniffing",
    "survey",
]
