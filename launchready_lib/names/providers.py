"""The dated table of providers: who serves a name or an address, and how an unclaimed one looks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter

from launchready_lib.names.hosts import under
from launchready_lib.network import address_of, normal
from launchready_lib.paths import PACKAGE

Kind = Literal["edge", "host", "tunnel"]
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Unclaimed:
    """How a provider's name looks when nobody has claimed it.

    It does not exist, or answers with one of `status` (empty: any) and the patterns in page and headers. Where
    `verified`, claiming needs proof of owning the customer's domain.
    """

    nxdomain: bool = False
    status: tuple[int, ...] = ()
    body: str | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False

    @property
    def by_page(self) -> bool:
        """Only a request can tell."""
        return self.body is not None or bool(self.header)


@dataclass(frozen=True)
class Provider:
    """One provider of the table; see data/providers.yaml for the fields."""

    id: str
    name: str
    kind: Kind
    also: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    networks: tuple[IpNetwork, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    reverse: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    unclaimed: Unclaimed | None = None

    def serves(self, name: str) -> bool:
        """Whether a name is one of the provider's."""
        return any(under(name, s) for s in self.suffixes) or any(re.search(p, normal(name)) for p in self.patterns)

    def holds(self, address: str) -> bool:
        """Whether an address lies in the provider's published networks."""
        parsed = address_of(address)
        return parsed is not None and any(parsed in n for n in self.networks if n.version == parsed.version)

    def is_called(self, text: str) -> bool:
        """Whether somebody means this provider by a word in a parameters file."""
        return text.strip().lower() in {self.id, self.name.lower(), *self.also}


@dataclass(frozen=True)
class DnsHost:
    """One operator of nameservers; `claimable` where anybody may create a zone that it has dropped."""

    name: str
    claimable: bool
    also: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    pattern: str | None = None

    def runs(self, server: str) -> bool:
        """Whether a nameserver is one of this operator's."""
        by_pattern = self.pattern is not None and re.search(self.pattern, normal(server)) is not None
        return by_pattern or any(under(server, suffix) for suffix in self.suffixes)


@cache
def table(file: str = "providers.yaml") -> dict[str, Any]:
    """One of our own data files."""
    loaded: dict[str, Any] = yaml.load((PACKAGE / "data" / file).read_bytes(), Loader=yaml.CSafeLoader)
    return loaded


@cache
def _by_id() -> dict[str, Provider]:
    edges = table("edges.yaml")
    bodies = {}
    for key, body in table()["providers"].items():
        networks = dict.fromkeys([*body.get("networks", ()), *edges.get(key, {}).get("networks", ())])
        bodies[key] = {**body, "id": key, "networks": list(networks)}
    return TypeAdapter(dict[str, Provider]).validate_python(bodies)


def providers() -> tuple[Provider, ...]:
    """Every provider, edges first."""
    return tuple(_by_id().values())


def provider(provider_id: str) -> Provider:
    """The provider with this id; KeyError where there is none."""
    return _by_id()[provider_id]


@cache
def _dns_hosts() -> tuple[DnsHost, ...]:
    return TypeAdapter(tuple[DnsHost, ...]).validate_python(table()["dns"])


def dns_host(servers: Iterable[str]) -> DnsHost | None:
    """The operator of a set of nameservers, where the table knows one for any of them."""
    return next((host for server in servers for host in _dns_hosts() if host.runs(server)), None)


def preview(name: str) -> str | None:
    """What kind of branch or pull-request preview a host name is; None where it is none."""
    return next((p["name"] for p in table()["previews"] if re.search(p["pattern"], normal(name))), None)


def by_name(name: str) -> Provider | None:
    """The provider whose name this is."""
    return next((p for p in providers() if p.serves(name)), None)
