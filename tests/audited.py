"""A client to audit, made of a mapping: what probes take in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launchready_lib.client import Client

AUTHORIZED = {
    "granted_by": "the founder",
    "granted_on": "2026-01-01",
    "hosts": ["acme.example", "*.acme.example"],
    "allow": [],
}


def client_for(
    resolver: str, connect_to: dict[str, str] | None = None, *, root: Path | None = None, **sections: Any
) -> Client:
    """A client acme.example whose resolver is at `resolver`; sections replace or add to the parameters."""
    network = {
        "nameservers": [resolver],
        "connect_to": connect_to or {},
        "timeout_s": 6.0,
        "requests_per_second": 1000,
        **sections.pop("network", {}),
    }
    parameters = {
        "name": "Acme",
        "domain": "acme.example",
        "release": "r1",
        "authorization": AUTHORIZED,
        "network": network,
        **sections,
    }
    parameters = {key: value for key, value in parameters.items() if value is not None}
    return Client.open(parameters, root=root or Path("/nonexistent"))
