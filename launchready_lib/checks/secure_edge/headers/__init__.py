"""Security headers and cookies: the tests of MDN's HTTP Observatory, on every page given and signed in too."""

from launchready_lib.checks.secure_edge.headers.cookies import cookies
from launchready_lib.checks.secure_edge.headers.csp import policy as csp
from launchready_lib.checks.secure_edge.headers.evidence import HeadersEvidence, survey
from launchready_lib.checks.secure_edge.headers.foreign import cors, integrity
from launchready_lib.checks.secure_edge.headers.isolation import framing, isolation
from launchready_lib.checks.secure_edge.headers.plain import disclosure, hsts, referrer, sniffing

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
