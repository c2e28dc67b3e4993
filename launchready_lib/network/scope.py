"""What may be contacted: the authorization's hosts, few allowed services, never a private address by accident."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from dataclasses import dataclass, field

from launchready_lib.network.types import Purpose, Refusal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


def address_of(text: str) -> Address | None:
    """The IP address that a text is, or None; brackets and zone ids are dropped."""
    try:
        return ipaddress.ip_address(text.strip("[]").split("%", 1)[0])
    except ValueError:
        return None


def normal(host: str) -> str:
    """A host name as it is compared: lower case, no final dot, A-labels where IDNA can make them."""
    host = host.strip().strip("[]").rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


@dataclass(frozen=True)
class Scope:
    """The rules of `authorization.hosts` and of connection fields.

    `hosts` holds names, `*.name` (any depth, not the name itself), addresses and networks; None without an
    authorization. `services` are named in a connection field (inbox, database, triage), `third_parties` may be loaded
    by the browser.
    """

    hosts: tuple[str, ...] | None
    services: frozenset[str] = frozenset()
    third_parties: frozenset[str] = frozenset()
    _networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        networks = []
        for host in self.hosts or ():
            with suppress(ValueError):  # a name
                networks.append(ipaddress.ip_network(host.strip("[]"), strict=False))
        object.__setattr__(self, "_networks", tuple(networks))

    def names(self, host: str) -> bool:
        """Whether the authorization names this host name or address."""
        host = normal(host)
        if address := address_of(host):
            return any(address in network for network in self._networks if network.version == address.version)
        for pattern in self.hosts or ():
            wanted = normal(pattern)
            if wanted.startswith("*."):
                if host.endswith(wanted[1:]) and host != wanted[2:]:
                    return True
            elif host == wanted:
                return True
        return False

    def refusal(self, host: str, port: int, purpose: Purpose) -> Refusal | None:
        """Why a host may not be contacted for this purpose; None where it may."""
        if purpose is Purpose.REGISTRATION:
            return None
        if purpose is Purpose.SERVICE:
            if normal(host) in self.services:
                return None
            return Refusal(host, port, "no connection field of the parameters names it")
        if self.hosts is None:
            return Refusal(host, port, "there is no authorization: only DNS and registration data are read")
        if purpose is Purpose.SUBRESOURCE or self.names(host):
            return None
        return Refusal(host, port, "authorization.hosts does not name it")

    def private(self, address: str, *, purpose: Purpose = Purpose.AUDIT) -> bool:
        """Whether an address is not of the public internet and nothing in the parameters names it."""
        parsed = address_of(address)
        if parsed is None or _is_public(parsed):
            return False
        return not (self.names(address) or (purpose is Purpose.SERVICE and address in self.services))


def _is_public(address: Address) -> bool:
    """Whether an address is one host's on the public internet, and does not stand for an IPv4 address that is not."""
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    inner = address.sixtofour or (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None)
    return inner is None or _is_public(inner)
