"""Credentials in text and files: found, told apart from what only looks like one, and never shown.

`find` names what a provider's key looks like in any text; `scan` adds structured files and where a file stands.
"""

from launchready_lib.sources.credentials.grammars import GRAMMARS, Grammar, Markers, Match, Standing, find, likely
from launchready_lib.sources.credentials.scan import (
    Credential,
    Hit,
    credential,
    engine_hit,
    gathered,
    is_scanned,
    of_part,
    rank,
    scan,
)
from launchready_lib.sources.credentials.values import fingerprint, masked

__all__ = [
    "GRAMMARS",
    "Credential",
    "Grammar",
    "Hit",
    "Markers",
    "Match",
    "Standing",
    "credential",
    "engine_hit",
    "find",
    "fingerprint",
    "gathered",
    "is_scanned",
    "likely",
    "masked",
    "of_part",
    "rank",
    "scan",
]
