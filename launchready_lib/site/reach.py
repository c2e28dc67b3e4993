"""Whether published addresses and hosts answer, told apart from what our own side hinders."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from launchready_lib.evidence import Row, Unavailable
from launchready_lib.network import ConnectFailure, Network, Response, normal
from launchready_lib.record.findings import Verdict, unknown

if TYPE_CHECKING:
    from launchready_lib.client import Client

PAUSE_S = 0.5
NETWORK_DOWN = Unavailable(
    "our own network does not answer: even the root's nameservers could not be looked up",
    "a working network connection, or network.nameservers",
)
DOWN = ("refused", "timeout", "reset", "unreachable")
SILENT = (*DOWN, "dns", "blocked")
"""How a name that nobody declared answers where it serves no web page to the outside."""
_CLOSED = ("refused", "timeout", "reset")
_NEEDS = {
    "blocked": "authorization.hosts (or network.connect_to for a private address)",
    "unreachable": "a run from a machine that has a route to it (IPv6, for an IPv6 address)",
}


@dataclass(frozen=True)
class Reach:
    """What became of connecting to one address, on the site's ports."""

    host: str
    address: str
    state: str  # "open" where one port accepts connections, else how the first port failed, the second time
    error: str = ""  # one plain sentence unless open

    @property
    def open(self) -> bool:
        """It accepts connections."""
        return self.state == "open"

    @property
    def down(self) -> bool:
        """Both tries were refused, timed out or cut off: measured, not hindered by us."""
        return self.state in _CLOSED

    @property
    def needs(self) -> str:
        """What would let us try."""
        return _NEEDS.get(self.state, "a second run")

    def row(self) -> Row:
        """The try as evidence."""
        return {"name": self.host, "address": self.address, "connection": self.state, "detail": self.error or None}


async def reach(client: Client, places: Iterable[tuple[str, str]]) -> tuple[Reach, ...]:
    """Connect to each (host, address), twice where the first try fails."""
    found = await asyncio.gather(*(_reach(client, host, address) for host, address in places))
    if any(each.down for each in found) and not await client.network.control():
        ours = "our own network stopped answering meanwhile"
        return tuple(replace(each, state="unmeasured", error=ours) if each.down else each for each in found)
    return tuple(found)


async def _reach(client: Client, host: str, address: str) -> Reach:
    site = urlsplit(client.parameters.site.canonical or "")
    own = site.port if site.hostname and normal(site.hostname) == host else None
    ports = (own,) if own and own not in (80, 443) else (443, 80)
    failures: list[ConnectFailure] = []
    for again in (False, True):
        if again:
            await asyncio.sleep(PAUSE_S)
        tries = await asyncio.gather(*(_try(client, host, port, address) for port in ports))
        failures = [each for each in tries if each is not None]
        if len(failures) < len(tries):
            return Reach(host, address, "open")
        if all(each.state not in _CLOSED for each in failures):
            break
    decisive = next((each for each in failures if each.state in _CLOSED), failures[0])
    return Reach(host, address, decisive.state, decisive.error)


async def _try(client: Client, host: str, port: int, address: str) -> ConnectFailure | None:
    # A connection set by name in connect_to stands for all of the name's addresses, as with curl.
    by_name = f"{host}:{port}" in client.parameters.network.connect_to
    found = await client.network.connect(host, port, address=None if by_name else address)
    if isinstance(found, ConnectFailure):
        return found
    found.close()
    return None


async def steady(network: Network, url: str, *, follow: int = 0) -> Response:
    """Ask, and once more where the connection failed."""
    reply = await network.request("GET", url, follow=follow)
    return await network.request("GET", url, follow=follow) if reply.state in DOWN else reply


def reply_row(reply: Response) -> Row:
    """An HTTP answer as evidence: asked, status, location, detail."""
    return {
        "asked": reply.url,
        "status": reply.status or reply.state,
        "location": reply.header("location"),
        "detail": reply.error,
    }


def hindered(reply: Response) -> Verdict | None:
    """Unknown where an answer says nothing about the site: not asked, no address, or a limit that we met."""
    host = urlsplit(reply.url).hostname
    row = [reply_row(reply)]
    if reply.state == "blocked":
        return unknown(f"{host} was not asked: {reply.error}", needs=f"authorization.hosts: [{host}]", evidence=row)
    if reply.state == "dns":
        return unknown(f"{host} has no address that could be asked", needs=f"an address for {host}", evidence=row)
    if reply.state == "unreachable":
        return unknown(f"{host} cannot be reached from this machine", needs="a run from another network", evidence=row)
    if reply.status in (429, 503) or reply.header("cf-mitigated"):
        needs = "network.headers, allow-listed at the edge, or a later run"
        return unknown(f"{host} answered our request with a limit or a challenge", needs=needs, evidence=row)
    return None
