"""Security headers and cookies: the tests of MDN's HTTP Observatory, on every page given and signed in too."""

from launchready_lib.checks.headers.cookies import cookies
from launchready_lib.checks.headers.cors import cors
from launchready_lib.checks.headers.csp import policy as csp
from launchready_lib.checks.headers.evidence import HeadersEvidence, survey
from launchready_lib.checks.headers.framing import framing
from launchready_lib.checks.headers.integrity import integrity
from launchready_lib.checks.headers.isolation import isolation
from launchready_lib.checks.headers.plain import disclosure, referrer, sniffing
from launchready_lib.checks.headers.transport import hsts

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
