"""The files that a running world writes for its auditor: parameters as a founder would give them, and the monitor's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

from launchready_lib.demo import names
from launchready_lib.demo.texts import filled
from launchready_lib.demo.web import database, repository
from launchready_lib.record.files import write_private


def published(dns: Mapping[str, int], web: Mapping[str, int], smtp: int, rdap: int) -> dict[str, int]:
    """Published address and port -> loopback port, from those of each part; `web` by edge_http and its like."""
    fronts = {
        names.EDGE_ADDRESS: "edge",
        names.TUNNEL_ADDRESS: "edge",
        names.ORIGIN_ADDRESS: "origin",
        names.FORMER_ADDRESS: "origin",
    }
    schemes = ((443, "https"), (80, "http"))
    ports = {f"{address}:{port}": web[f"{at}_{scheme}"] for address, at in fronts.items() for port, scheme in schemes}
    ports |= {f"{address}:53": port for address, port in dns.items()}
    return ports | {f"{names.MAIL_ADDRESS}:25": smtp, f"{names.RDAP_ADDRESS}:443": rdap}


def write(file: Path, release: str, on: Callable[[str], bool], *, resolver: int, ports: Mapping[str, int]) -> None:
    """Write the parameters of the world that lies around this file, as they are with the faults now on."""
    today = dt.datetime.now(dt.UTC).date()
    text = filled(
        "parameters.yaml",
        folder=str(file.parent),
        slug=names.SLUG,
        release=release,
        previous=repository.PREVIOUS,
        members=database.MEMBERS,
        today=today,
        launch_on=today + dt.timedelta(days=9),
        rotated_on=today - dt.timedelta(days=40),
        on=on,
        resolver=resolver,
        ports=ports,
    )
    write_private(file, text)
