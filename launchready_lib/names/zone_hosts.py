"""The names of the client's zone file that may serve the web: which may be looked at, and which are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launchready_lib.names import providers
from launchready_lib.names.hosts import main_hosts, public_hosts, under
from launchready_lib.names.published import zone_of
from launchready_lib.names.zonefile import ZoneFile, ZoneRecord
from launchready_lib.network import normal
from launchready_lib.record.findings import Verdict, unknown
from launchready_lib.wording import counted, listed

if TYPE_CHECKING:
    from launchready_lib.client import Client

MOST_HOSTS = 40
MOST_QUESTIONS = 200
SERVICES = ("smtp", "imap", "pop", "mx", "ftp", "ssh")
"""Usual names of services that a web edge breaks."""


@dataclass(frozen=True)
class ZoneHost:
    """One name of the zone file with an address or an alias.

    Attributes:
        name: the name.
        proxied: what the file notes of the DNS host's own proxy; None where it does not say.
        target: the name outside the client's domain that it is an alias of, where others answer there with a program
            of theirs; None for an app of the client's on a rented host.
        service: why it is no web host, such as "named by an MX record"; empty where it may be one.
    """

    name: str
    proxied: bool | None = None
    target: str | None = None
    service: str = ""


@dataclass(frozen=True)
class ZoneHosts:
    """The names of a zone file beside those that the parameters declare.

    Attributes:
        web: may serve the web, and the authorization names them.
        services: others with an address of the client's own: mail exchangers, nameservers and the like.
        outside: may serve the client's own web pages, but the authorization does not name them; never contacted.
        cut: how many more there are than `MOST_HOSTS`.
        theirs: names whose servers others run, with nothing of the client's before them.
    """

    web: tuple[ZoneHost, ...] = ()
    services: tuple[ZoneHost, ...] = ()
    outside: tuple[str, ...] = ()
    cut: int = 0
    theirs: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that may be looked at."""
        return tuple(host.name for host in self.web)

    @property
    def own(self) -> tuple[str, ...]:
        """Those that the client serves, or has its edge before: what they send is the client's to change."""
        return tuple(host.name for host in self.web if host.target is None or host.proxied)

    def target_of(self, name: str) -> str | None:
        """The name outside the client's domain that a name of the file is an alias of."""
        return next((host.target for host in self.web if host.name == name), None)

    def unseen(self) -> list[Verdict]:
        """A clause for the names that were not looked at; none where all were."""
        if not self.cut:
            return self.left_alone()
        reason = f"{counted(self.cut, 'more name')} of the zone file {'was' if self.cut == 1 else 'were'} not read"
        return [*self.left_alone(), unknown(reason, needs="a zone file with the names in use")]

    def left_alone(self) -> list[Verdict]:
        """A clause for the names that the authorization does not name; none where it names all."""
        if not self.outside:
            return []
        reason = f"not looked at, though the zone file has {'it' if len(self.outside) == 1 else 'them'}: "
        rows = [{"name": name, "looked_at": "no: authorization.hosts does not name it"} for name in self.outside]
        needs = f"authorization.hosts: [{', '.join(self.outside[:6])}]"
        return [unknown(reason + listed(self.outside), needs=needs, evidence=rows)]


NO_ZONE_HOSTS = ZoneHosts()
"""Where no zone file is given."""


def zone_hosts(client: Client) -> ZoneHosts:
    """Sort the names of `hosting.zone_file`; nothing is asked of anybody. Empty where no zone file is given."""
    zone = zone_of(client)
    if not isinstance(zone, ZoneFile):
        return NO_ZONE_HOSTS
    declared = set(public_hosts(client.parameters))
    found = [host for host in _hosts(zone, normal(client.parameters.domain)) if host.name not in declared]
    web = [host for host in found if not host.service]
    mine = [host for host in web if client.network.scope.names(host.name)]
    # Where others run the server and the founder did not name it, it is theirs to look at.
    outside = [host.name for host in web if host not in mine and host.target is None]
    return ZoneHosts(
        tuple(mine[:MOST_HOSTS]),
        tuple(host for host in found if host.service and (host.target is None or host.proxied)),
        tuple(outside) if client.network.scope.hosts is not None else (),
        max(0, len(mine) - MOST_HOSTS),
        tuple(host.name for host in found if host.target is not None and not host.proxied),
    )


def looked_up(client: Client) -> tuple[tuple[tuple[str, str], ...], int]:
    """(name, type) of every address and alias of the zone file, to ask the nameservers for; and how many were cut.

    Aliases are asked for as addresses, as members' machines do. DNS may be asked about any name: scope does not matter.
    """
    zone = zone_of(client)
    if not isinstance(zone, ZoneFile):
        return (), 0
    declared = set(main_hosts(client.parameters))
    found = dict.fromkeys(
        (record.name, "AAAA" if record.rdtype == "AAAA" else "A")
        for record in _web_records(zone, normal(client.parameters.domain))
        if record.name not in declared
    )
    return tuple(found)[:MOST_QUESTIONS], max(0, len(found) - MOST_QUESTIONS)


def _web_records(zone: ZoneFile, domain: str) -> Iterator[ZoneRecord]:
    """Addresses and aliases of hosts: no wildcards, nor names with an underscore, which browsers do not ask for."""
    for record in zone.records:
        technical = record.name.startswith(("*", "_")) or "._" in record.name
        if record.rdtype in ("A", "AAAA", "CNAME") and under(record.name, domain) and not technical:
            yield record


def _hosts(zone: ZoneFile, domain: str) -> Iterator[ZoneHost]:
    table = providers.table()
    pointed = {
        normal(words[-1]): kind
        for kind in ("MX", "NS", "SRV")
        for record in zone.records
        if record.rdtype == kind and (words := record.text.split())
    }
    by_name: dict[str, list[ZoneRecord]] = {}
    for record in _web_records(zone, domain):
        by_name.setdefault(record.name, []).append(record)
    for name, records in by_name.items():
        notes = [record.proxied for record in records if record.proxied is not None]
        aliases = [normal(record.text) for record in records if record.rdtype == "CNAME"]
        target = next((alias for alias in aliases if not under(alias, domain) and _is_theirs(alias)), None)
        first = name.partition(".")[0]
        service = ""
        if name in pointed:
            service = f"named by a record of type {pointed[name]}"
        elif re.fullmatch(table["services"], first):
            service = f"named {first}"
        elif target is not None and not any(notes) and any(under(target, each) for each in table["mail_senders"]):
            service = "handed to a sender of mail"
        yield ZoneHost(name, any(notes) if notes else None, target, service)


def _is_theirs(alias: str) -> bool:
    known = providers.by_name(alias)
    return known is None or known.id in providers.table()["software"]
