"""Harbor Club, the embedded client: a small membership community on loopback, with every fault switchable.

    with demo.start(release="prototype") as world:
        ...                                   # launchready run world.parameters_file, with world.environment
        world.only("mail.spf")

A world is one process that holds all its servers; see `names` for how its parts fit and `faults` for what can be wrong.

Imports record, names and what lies below them; nothing in it knows of notebooks or checks.
"""

from __future__ import annotations

from launchready_lib.demo.control import WorldGoneError
from launchready_lib.demo.faults import FAULTS, LAUNCH, PROTOTYPE, Fault
from launchready_lib.demo.names import SLUG
from launchready_lib.demo.world import STATE_VARIABLE, StartError, World, attach, for_notebook, start

__all__ = [
    "FAULTS",
    "LAUNCH",
    "PROTOTYPE",
    "SLUG",
    "STATE_VARIABLE",
    "Fault",
    "StartError",
    "World",
    "WorldGoneError",
    "attach",
    "for_notebook",
    "start",
]
