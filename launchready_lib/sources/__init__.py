"""What others wrote and we only read: repositories, credentials, variables, locks, deploys, chats, logs.

Imports record, names, network and what lies below them; never the site.
"""

from __future__ import annotations

import functools
from typing import Any

import yaml

from launchready_lib.paths import PACKAGE


@functools.cache
def table(name: str) -> Any:
    """What one of our own data files says, as it stands there."""
    return yaml.load((PACKAGE / "data" / f"{name}.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
