"""What the kit's files are made for: a client's names and systems, as parameters, repository and answers say."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from launchready_lib.checks.secure_edge import edge as edges
from launchready_lib.kit.quoting import is_plain_name, render
from launchready_lib.names.hosts import public_hosts
from launchready_lib.network import Response, address_of, normal
from launchready_lib.paths import PACKAGE
from launchready_lib.site import web

if TYPE_CHECKING:
    from launchready_lib.client import Client

_SYSTEMS: dict[str, dict[str, Any]] = yaml.safe_load((PACKAGE / "data" / "stacks.yaml").read_text("utf-8"))
ALL = tuple(_SYSTEMS)
"""Every system that the kit has files for."""
_LARGEST = 200_000


def used(
    *, edge: str | None, provider: str | None, repository: Path | None, answers: Iterable[Response]
) -> tuple[str, ...]:
    """The systems in use, in the order of `ALL`; all of them where nothing tells."""
    words, replies = {(edge or "").lower(), (provider or "").lower()}, list(answers)
    found = [
        stack
        for stack, system in _SYSTEMS.items()
        if stack in words
        or (repository is not None and _stands_in(repository, system.get("repository", {})))
        or any(
            re.search(pattern, value[:200], re.IGNORECASE)
            for header, pattern in system.get("headers", {}).items()
            for reply in replies
            for value in reply.all(header)
        )
    ]
    return tuple(found) or ALL


def _stands_in(repository: Path, signs: dict[str, str]) -> bool:
    for name, pattern in signs.items():
        file = repository / name
        with suppress(OSError):
            if file.is_file() and not file.is_symlink():
                with file.open("rb") as opened:
                    if re.search(pattern, opened.read(_LARGEST).decode("utf-8", "replace"), re.IGNORECASE):
                        return True
    return False


def files(subject: str, stacks: Iterable[str]) -> list[tuple[str, str, str]]:
    """(system, name in kit/, what it is for) of the files that these systems have for one subject."""
    return [(each, *file) for each in stacks for file in _SYSTEMS[each]["kit"].get(subject, {}).items()]


def printed(subject: str, named: Iterable[tuple[str, str, str]], **values: Any) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of one subject's README, and of the files that it lists."""
    values["files"] = [(name, what) for _, name, what in named]
    for name in (f"{subject}/README.md", *(name for name, _ in values["files"])):
        yield name, render(name, **values)


LIMITED_PAGES = ("login", "signup", "reset")
"""Pages whose forms strangers try again and again."""


@dataclass(frozen=True)
class Facts:
    """One client, as far as its configuration goes; `origins` should answer the edge alone, `stacks` are of `ALL`."""

    domain: str
    canonical: str
    hosts: tuple[str, ...]
    edge: str | None = None
    edge_networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ALL
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
            stacks=used(
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
