"""From a host name to a socket, for every protocol: scope, name resolution, connect_to, private addresses."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from launchready_lib.network.scope import Scope, address_of, normal
from launchready_lib.network.types import (
    ConnectFailure,
    NameNotResolvedError,
    Purpose,
    Refusal,
    RefusedError,
    State,
    Traffic,
)


@dataclass(frozen=True)
class Target:
    """Where to connect: `ip` and `port` on the wire, `address` the published one that it stands for."""

    ip: str
    port: int
    address: str


@dataclass(frozen=True)
class Dialer:
    """The one place that turns a wish to connect into targets, or refuses it.

    `connect_to`: "name:port", "address:port" or "*:port" -> "host:port" on the wire, most specific first.
    """

    scope: Scope
    connect_to: Mapping[str, str]
    resolve: Callable[[str], Awaitable[tuple[str, ...]]]
    traffic: Traffic

    async def targets(
        self, host: str, port: int, *, purpose: Purpose = Purpose.AUDIT, address: str | None = None
    ) -> tuple[Target, ...]:
        """Where to connect for this host, in the order to try.

        Raises `RefusedError` (recorded for the report) out of scope, or at a private address that nothing names;
        `NameNotResolvedError` without an address.
        """
        host = normal(host)
        if refusal := self.scope.refusal(host, port, purpose):
            self._refuse(refusal)
        if address is None and (mapped := self.connect_to.get(f"{host}:{port}")):
            return (self._wire(mapped, host),)
        addresses = (address,) if address else (host,) if address_of(host) else await self.resolve(host)
        if not addresses:
            raise NameNotResolvedError(host, "NODATA")
        found = tuple(t for each in addresses if (t := self._target(each, port, purpose)))
        if not found:
            reason = "it leads to a private address that neither authorization.hosts nor network.connect_to names"
            self._refuse(Refusal(host, port, reason))
        return found

    async def is_near(self, host: str, port: int, *, address: str | None = None) -> bool:
        """Whether all that would be asked for this host is on this machine, where nobody listens on the way."""
        try:
            targets = await self.targets(host, port, address=address)
        except (RefusedError, NameNotResolvedError):
            return False
        found = [address_of(target.ip) for target in targets]
        return all(each is not None and each.is_loopback for each in found)

    def _target(self, address: str, port: int, purpose: Purpose) -> Target | None:
        if mapped := self.mapped(address, port):
            return self._wire(mapped, address)
        return None if self.scope.private(address, purpose=purpose) else Target(address, port, address)

    def mapped(self, address: str, port: int) -> str | None:
        """The wire address that connect_to gives for an address and port."""
        bracketed = f"[{address}]" if ":" in address else address
        return self.connect_to.get(f"{bracketed}:{port}") or self.connect_to.get(f"*:{port}")

    @staticmethod
    def _wire(mapped: str, address: str) -> Target:
        ip, _, port = mapped.rpartition(":")
        ip = ip.strip("[]")
        return Target("127.0.0.1" if ip == "localhost" else ip, int(port), address)

    def _refuse(self, refusal: Refusal) -> None:
        self.traffic.refuse(refusal)
        raise RefusedError(refusal)

    async def connect(
        self,
        host: str,
        port: int,
        *,
        address: str | None = None,
        purpose: Purpose = Purpose.AUDIT,
        timeout: float,  # noqa: ASYNC109 - one bound for all targets together
    ) -> socket.socket | ConnectFailure:
        """Open a plain TCP connection; the socket is blocking with `timeout` set, for use in a thread."""
        tried = False
        try:
            async with asyncio.timeout(timeout):
                targets = await self.targets(host, port, address=address, purpose=purpose)
                tried = True
                return await _first(targets, timeout)
        except RefusedError as error:
            return ConnectFailure(host, port, "blocked", error.refusal.reason)
        except NameNotResolvedError as error:
            return ConnectFailure(host, port, "dns", str(error))
        except TimeoutError:
            return ConnectFailure(host, port, "timeout", f"no connection within {timeout:g} s")
        except OSError as error:
            tried = tried and socket_state(error) != "unreachable"  # this machine's own word: nothing left it
            return ConnectFailure(host, port, socket_state(error), describe(error))
        finally:
            if tried:
                self.traffic.count(normal(host))


async def _first(targets: tuple[Target, ...], seconds: float) -> socket.socket:
    failure: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for target in targets:
        family = socket.AF_INET6 if ":" in target.ip else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (target.ip, target.port))
        except OSError as error:
            sock.close()
            failure = error
            continue
        except BaseException:
            sock.close()
            raise
        sock.settimeout(seconds)
        return sock
    raise failure


_STATES: tuple[tuple[frozenset[int], State], ...] = (
    (frozenset({errno.ECONNREFUSED}), "refused"),
    (frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}), "reset"),
    (frozenset({errno.ETIMEDOUT}), "timeout"),
    (frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}), "unreachable"),
)


def socket_state(error: OSError) -> State:
    """Which state an operating-system error means; "protocol" where it is none of the usual ones."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return next((state for codes, state in _STATES if error.errno in codes), "protocol")


def describe(error: OSError) -> str:
    """An operating-system error in the system's words, without addresses."""
    return (error.strerror or type(error).__name__).lower()
