"""What of a client the kit's files are made for: names, addresses and systems, as the parameters and answers say."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from launchready_lib.checks.secure_edge import edge as edges
from launchready_lib.kit import stacks
from launchready_lib.kit.quoting import is_plain_name
from launchready_lib.names.hosts import public_hosts
from launchready_lib.network import Response, address_of, normal
from launchready_lib.site import web

if TYPE_CHECKING:
    from launchready_lib.client import Client

LIMITED_PAGES = ("login", "signup", "reset")
"""Pages whose forms strangers try again and again."""


@dataclass(frozen=True)
class Facts:
    """One client, as far as its configuration goes.

    Attributes:
        canonical: the host where the site lives.
        hosts: every public host, the canonical one among them.
        edge: hosting.edge; edge_networks: its published networks and those added.
        origins: addresses that should answer the edge alone.
        stacks: systems to write files for, of `stacks.ALL`.
        limited: paths of the login, sign-up and reset pages.
        third_parties: hosts that the pages need on purpose.
    """

    domain: str
    canonical: str
    hosts: tuple[str, ...]
    edge: str | None = None
    edge_networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    stacks: tuple[str, ...] = stacks.ALL
    limited: tuple[str, ...] = ("/login", "/signup", "/forgot")
    third_parties: tuple[str, ...] = ()

    @classmethod
    def of(cls, client: Client, answers: Iterable[Response] = ()) -> Facts:
        """Gather them; looks into the client's repository for what the app is made with."""
        p = client.parameters
        known = edges.known().get(p.hosting.edge or "")
        forms = (urlsplit(p.site.pages[name]).path for name in LIMITED_PAGES if name in p.site.pages)
        limited = tuple(dict.fromkeys(path for path in forms if path.startswith("/") and path != "/"))
        return cls(
            domain=normal(p.domain),
            canonical=web.host_of(web.origin(client)),
            hosts=tuple(host for host in public_hosts(p) if is_plain_name(host)),
            edge=p.hosting.edge,
            edge_networks=(*(known.networks if known else ()), *map(str, p.hosting.edge_networks)),
            origins=tuple(str(address) for address in p.hosting.origins),
            stacks=stacks.used(
                edge=p.hosting.edge, provider=p.hosting.provider, repository=client.repository_path(), answers=answers
            ),
            limited=limited or cls.limited,
            third_parties=tuple(p.site.third_parties),
        )

    @property
    def origin(self) -> str:
        """The canonical origin."""
        return f"https://{self.canonical}"

    @property
    def moved(self) -> tuple[str, ...]:
        """Of the bare domain and www, those that should lead to the canonical host."""
        return tuple(host for host in (self.domain, f"www.{self.domain}") if host != self.canonical)

    def at_edge(self, address: str) -> bool:
        """Whether an address is the edge's."""
        parsed = address_of(address)
        networks = (ipaddress.ip_network(text, strict=False) for text in self.edge_networks)
        return parsed is not None and any(parsed in each for each in networks if each.version == parsed.version)
