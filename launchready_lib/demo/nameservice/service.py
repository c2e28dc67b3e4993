"""The name service of a running world: servers by published address, the resolver, and what changes with a fault."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from launchready_lib.demo import names
from launchready_lib.demo.nameservice import patching, records, signing
from launchready_lib.demo.nameservice.authority import Authority
from launchready_lib.demo.nameservice.resolver import Resolver
from launchready_lib.demo.nameservice.signing import ZoneKey
from launchready_lib.demo.nameservice.transport import Listener
from launchready_lib.demo.switchboard import Switchboard

_SOON = dt.timedelta(days=1)


@dataclass(frozen=True)
class NameService:
    """All DNS of a world, listening.

    Attributes:
        ports: published address of a nameserver -> loopback port, UDP and TCP.
        resolver_port: the resolver's.
        root_ds: the root's DS record as a zone file has it, to validate from.
    """

    ports: Mapping[str, int]
    resolver_port: int
    root_ds: str
    _listeners: tuple[Listener, ...]
    _world: _World

    async def change(self, text: str) -> None:
        """Make a change to the club's zone on every nameserver, after those made before; "" takes all of them back.

        Raises:
            ValueError: the text is no zone file.
        """
        self._world.changes = (*self._world.changes, patching.read(text)) if text else ()
        await self._world.publish()

    def exported(self) -> str:
        """The club's zone as its DNS host exports it."""
        return records.zone_file(self._world.zone())

    async def stop(self) -> None:
        """Close every port."""
        await asyncio.gather(*(listener.stop() for listener in self._listeners))


class _World:
    """The zones, their keys and who serves them."""

    def __init__(self, switchboard: Switchboard, dkim: Mapping[str, str]) -> None:
        self._switchboard = switchboard
        self._dkim = dkim
        self.changes: tuple[patching.Patch, ...] = ()
        self._published = itertools.count()
        self._root, self._registry, self._club = (ZoneKey.make(zone) for zone in ("", names.TLD, names.DOMAIN))
        self.anchor = self._root.delegation_signer
        root, registry, outside = (s[1] for s in (names.ROOT_SERVER, names.TLD_SERVER, names.OUTSIDE_SERVER))
        self.servers = {a: Authority() for a in (root, registry, outside, *names.NAMESERVERS.values())}
        self.resolver = Resolver(self.servers, root, self.anchor)
        self.servers[root].serve(
            [signing.zone("", records.root({names.TLD: self._registry.delegation_signer}), self._root)]
        )
        signers = {names.DOMAIN: self._club.delegation_signer}
        self.servers[registry].serve([signing.zone(names.TLD, records.registry(signers), self._registry)])
        self.servers[outside].serve(signing.zone(origin, zone) for origin, zone in records.outside().items())

    def zone(self, *, serial: int = records.SERIAL, second: bool = False) -> records.Zone:
        """The club's zone as the faults want it, with the changes that were made to it since."""
        zone = records.club(self._switchboard.on, self._dkim, serial=serial, second=second)
        for change in self.changes:
            zone = change.applied(zone)
        return zone

    async def publish(self) -> None:
        """Make and sign the club's zone as the faults want it."""
        lifetime = _SOON if self._switchboard.on("domain.dnssec") else signing.LIFETIME
        serial = records.SERIAL + next(self._published)
        for place, address in enumerate(names.NAMESERVERS.values()):
            zone = self.zone(serial=serial, second=place > 0)
            self.servers[address].serve([signing.zone(names.DOMAIN, zone, self._club, lifetime=lifetime)])
        self.resolver.forget()


async def start(switchboard: Switchboard, dkim: Mapping[str, str]) -> NameService:
    """Sign the zones and open the ports; `dkim` is selector -> the key record's text."""
    world = _World(switchboard, dkim)
    await world.publish()
    switchboard.subscribe(world.publish)
    listeners = {address: Listener(authority) for address, authority in world.servers.items()}
    resolver = Listener(world.resolver)
    for listener in (*listeners.values(), resolver):
        await listener.start()
    return NameService(
        ports={address: listener.port for address, listener in listeners.items()},
        resolver_port=resolver.port,
        root_ds=f". IN DS {world.anchor}\n",
        _listeners=(*listeners.values(), resolver),
        _world=world,
    )
