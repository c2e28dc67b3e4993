"""A repository's whole history as texts to look into: every object once, each line once, bounded in all directions."""

from launchready_lib.sources.history.objects import Index, Origin, Reach, index
from launchready_lib.sources.history.sightings import Seen, Sighting, look
from launchready_lib.sources.history.traces import Trace, traces

__all__ = ["Index", "Origin", "Reach", "Seen", "Sighting", "Trace", "index", "look", "traces"]
