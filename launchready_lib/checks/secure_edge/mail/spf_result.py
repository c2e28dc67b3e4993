"""What a receiver makes of a sending address, by evaluating SPF over our own resolver (RFC 7208 section 4)."""

from __future__ import annotations

from typing import Any

import spftrace

from launchready_lib.checks.secure_edge.mail.spf_tree import texts
from launchready_lib.network import Network

_STATES = {"NODATA": "NOERROR"}


class _Resolver(spftrace.BaseResolver):  # type: ignore[misc]  # spftrace comes without types
    """Answers spftrace's look-ups through the one door."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        answer = await self._network.ask(name, rtype)
        if answer.state == "SERVFAIL" and (answer.error or "").startswith("not a DNS name"):
            return "NXDOMAIN", []  # RFC 7208 section 4.3: a malformed name is as one that does not exist
        if answer.state != "NOERROR":
            return _STATES.get(answer.state, answer.state), []
        if rtype == "TXT":
            return "NOERROR", list(texts(answer))
        if rtype == "MX":
            return "NOERROR", [record.rpartition(" ")[2].rstrip(".") for record in answer.records]
        return "NOERROR", [record.rstrip(".") for record in answer.records]


async def evaluate(network: Network, address: str, sender: str, helo: str = "") -> Any:
    """Evaluate SPF for an address that sends as `sender`; spftrace's Result, with `result` and the trace."""
    return await spftrace.Evaluator(_Resolver(network), spftrace.Limits()).evaluate(address, sender, helo)
