"""Credentials in text and files: found, told apart from what only looks like one, and never shown."""

from launchready_lib.sources.credentials.grammars import GRAMMARS, Markers, Match, Standing, find, likely
from launchready_lib.sources.credentials.scan import Credential, Hit, credential, gathered, rank, scan
from launchready_lib.sources.credentials.values import fingerprint, masked

__all__ = [
    "GRAMMARS",
    "Credential",
    "Hit",
    "Markers",
    "Match",
    "Standing",
    "credential",
    "find",
    "fingerprint",
    "gathered",
    "likely",
    "masked",
    "rank",
    "scan",
]
