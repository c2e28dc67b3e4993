"""The dated table of providers: who serves a name or an address, and how an unclaimed one looks."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import yaml

from launchready_lib.names.hosts import under
from launchready_lib.network import address_of, normal
from launchready_lib.paths import PACKAGE

Kind = Literal["edge", "host", "tunnel"]
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Unclaimed:
    """How a provider's name looks when nobody has claimed it.

    Attributes:
        nxdomain: the name does not exist.
        status: the status codes it answers with; empty for any.
        body: a pattern in the page; None where the page does not tell.
        header: headers that tell, name -> pattern.
        verified: claiming needs proof of owning the customer's domain.
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
        words = {self.id, self.name.lower(), *self.also}
        return text.strip().lower() in words


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
def _table(file: str = "providers.yaml") -> dict[str, Any]:
    loaded = yaml.safe_load((PACKAGE / "data" / file).read_text("utf-8"))
    assert isinstance(loaded, dict)  # noqa: S101 - our own file
    return loaded


def as_of() -> dt.date:
    """The day that the table was written down."""
    day = _table()["as_of"]
    assert isinstance(day, dt.date)  # noqa: S101 - our own file
    return day


@cache
def providers() -> tuple[Provider, ...]:
    """Every provider, edges first."""
    return tuple(_provider(key, body) for key, body in _table()["providers"].items())


def provider(provider_id: str) -> Provider:
    """The provider with this id.

    Raises:
        KeyError: there is none.
    """
    for each in providers():
        if each.id == provider_id:
            return each
    raise KeyError(provider_id)


def _provider(key: str, body: dict[str, Any]) -> Provider:
    unclaimed = body.get("unclaimed")
    edge = _table("edges.yaml").get(key, {}).get("networks", ())
    return Provider(
        id=key,
        name=body["name"],
        kind=body["kind"],
        also=tuple(body.get("also", ())),
        suffixes=tuple(body.get("suffixes", ())),
        patterns=tuple(body.get("patterns", ())),
        networks=tuple(ipaddress.ip_network(n) for n in dict.fromkeys([*body.get("networks", ()), *edge])),
        headers=dict(body.get("headers", {})),
        reverse=tuple(body.get("reverse", ())),
        issuers=tuple(body.get("issuers", ())),
        unclaimed=Unclaimed(**{**unclaimed, "status": tuple(unclaimed.get("status", ()))}) if unclaimed else None,
    )


@cache
def dns_hosts() -> tuple[DnsHost, ...]:
    """Every operator of nameservers in the table."""
    return tuple(
        DnsHost(
            name=body["name"],
            claimable=body["claimable"],
            also=tuple(body.get("also", ())),
            suffixes=tuple(body.get("suffixes", ())),
            pattern=body.get("pattern"),
        )
        for body in _table()["dns"]
    )


def dns_host(servers: Iterable[str]) -> DnsHost | None:
    """The operator of a set of nameservers, where the table knows one for any of them."""
    return next((host for server in servers for host in dns_hosts() if host.runs(server)), None)


def preview(name: str) -> str | None:
    """What kind of branch or pull-request preview a host name is; None where it is none."""
    return next((p["name"] for p in _table()["previews"] if re.search(p["pattern"], normal(name))), None)


def by_name(name: str) -> Provider | None:
    """The provider whose name this is."""
    return next((p for p in providers() if p.serves(name)), None)
