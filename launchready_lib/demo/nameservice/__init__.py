"""Real DNS for Harbor Club: a root, a registry, two nameservers, the rest of the world, and a validating resolver."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Mapping

from launchready_lib.demo import names
from launchready_lib.demo.faults import Switchboard
from launchready_lib.demo.nameservice import zones
from launchready_lib.demo.nameservice.authority import Authority
from launchready_lib.demo.nameservice.resolver import Resolver
from launchready_lib.demo.nameservice.transport import Listener
from launchready_lib.demo.nameservice.zones import Change, ZoneKey

_SOON = dt.timedelta(days=1)


class NameService:
    """All DNS of a world: the zones, their keys, who serves them, and what changes with a fault.

    `ports` maps a nameserver's published address to its loopback port, UDP and TCP; `root_ds` is there to validate
    from.
    """

    def __init__(self, switchboard: Switchboard, dkim: Mapping[str, str]) -> None:
        """Make the zones; `dkim` is selector -> the key record's text."""
        self._switchboard, self._dkim = switchboard, dkim
        self._changes: tuple[Change, ...] = ()
        self._published = itertools.count()
        root_key, registry_key, self._key = (ZoneKey(zone) for zone in ("", names.TLD, names.DOMAIN))
        root, registry, outside = (s[1] for s in (names.ROOT_SERVER, names.TLD_SERVER, names.OUTSIDE_SERVER))
        self._servers = {a: Authority() for a in (root, registry, outside, *names.NAMESERVERS.values())}
        self._resolver = Resolver(self._servers, root, root_key.delegation_signer)
        for address, origin, zone, key, child in (
            (root, "", "root", root_key, registry_key),
            (registry, names.TLD, "registry", registry_key, self._key),
        ):
            self._servers[address].serve([zones.served(origin, zones.records(zone, ds=child.delegation_signer), key)])
        self._servers[outside].serve(zones.served(o, zones.records("outside", origin=o)) for o in zones.OUTSIDE)
        self._listeners = {address: Listener(authority.respond) for address, authority in self._servers.items()}
        self._listeners[""] = Listener(self._resolver.respond)
        self.root_ds = f". IN DS {root_key.delegation_signer}\n"
        self.ports: dict[str, int] = {}
        self.resolver_port = 0

    async def start(self) -> None:
        """Sign the club's zone and open the ports."""
        await self._publish()
        self._switchboard.subscribe(self._publish)
        for address, listener in self._listeners.items():
            await listener.start()
            self.ports[address] = listener.port
        self.resolver_port = self.ports.pop("")

    async def change(self, text: str) -> None:
        """Change the club's zone everywhere once more; "" takes all back; raises `ValueError` for no zone file."""
        self._changes = (*self._changes, Change.read(text)) if text else ()
        await self._publish()

    def exported(self) -> str:
        """The club's zone as its DNS host exports it."""
        return zones.exported(self._zone())

    async def stop(self) -> None:
        """Close every port."""
        await asyncio.gather(*(listener.stop() for listener in self._listeners.values()))

    def _zone(self, *, serial: int = zones.SERIAL, second: bool = False) -> zones.Zone:
        """The club's zone as the faults want it, with the changes that were made to it since."""
        zone = zones.records("club", on=self._switchboard.on, dkim=self._dkim, serial=serial, second=second)
        for change in self._changes:
            zone = change.applied(zone)
        return zone

    async def _publish(self) -> None:
        lifetime = _SOON if self._switchboard.on("domain.dnssec") else zones.LIFETIME
        serial = zones.SERIAL + next(self._published)
        for place, address in enumerate(names.NAMESERVERS.values()):
            zone = self._zone(serial=serial, second=place > 0)
            self._servers[address].serve([zones.served(names.DOMAIN, zone, self._key, lifetime=lifetime)])
        self._resolver.forget()
