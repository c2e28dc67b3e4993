"""How much we ask of whom: counts for the report, and the ceiling per host."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from launchready_lib.network.types import Refusal


@dataclass
class Traffic:
    """Requests sent per host, connections refused, and the pace of ordinary reads.

    Attributes:
        per_second: ceiling of ordinary reads of one host.
        requests: host -> requests sent so far (an HTTP request, a DNS question, a bare connection each count one).
        refused: what was not contacted, each once, in order.
    """

    per_second: float
    requests: Counter[str] = field(default_factory=Counter)
    refused: dict[Refusal, None] = field(default_factory=dict)
    _free_at: dict[str, float] = field(default_factory=dict)

    def count(self, host: str) -> None:
        """Count one request to a host."""
        self.requests[host] += 1

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refusal for the report."""
        self.refused[refusal] = None

    async def wait_turn(self, host: str) -> None:
        """Wait until one more read of this host stays under the ceiling; a burst of a second's worth is free."""
        now = asyncio.get_running_loop().time()
        due = max(self._free_at.get(host, 0.0), now - 1.0)
        self._free_at[host] = due + 1.0 / self.per_second
        if due > now:
            await asyncio.sleep(due - now)
