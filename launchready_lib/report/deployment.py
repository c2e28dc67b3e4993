"""The deployment map: how a member's request travels from the name to the database, from what a stage has seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from launchready_lib.checks.quick_audit.hosting import HostingEvidence, HostTrace, clues, of_kind
from launchready_lib.checks.quick_audit.pages import CorePages
from launchready_lib.checks.quick_audit.queries import QueryEvidence
from launchready_lib.evidence import Evidence, Row, Unavailable
from launchready_lib.names.hosts import under
from launchready_lib.network import normal
from launchready_lib.report.drawing import Node, station
from launchready_lib.report.words import TABLES
from launchready_lib.sources.environments import EnvironmentEvidence

if TYPE_CHECKING:
    from launchready_lib.client import Client

_DATABASE_NAME = re.compile(
    r"(?:DATABASE|POSTGRES|PG|MYSQL|MARIADB|MONGO(?:DB)?|SQLITE|SUPABASE|DB)_(?:\w+_)?(?:URL|URI|DSN|PATH)\Z"
)
_MOST_OTHERS = 12


@dataclass(frozen=True)
class Route(Evidence):
    """The stations (how each is known in `detail`), and which hands requests to which."""

    stations: tuple[Node, ...]
    ways: tuple[tuple[str, str], ...]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The kinds of station that nobody could see."""
        return tuple(each.kind for each in self.stations if each.state == "unknown")

    @property
    def status(self) -> Literal["made", "partial", "unknown"]:
        """How much of the way is known."""
        if {"name", "address"} & set(self.unseen):
            return "unknown"
        return "partial" if self.unseen else "made"

    @property
    def reason(self) -> str | None:
        """What would make the rest known."""
        return f"not seen: {', '.join(TABLES['unseen'][kind] for kind in self.unseen)}" if self.unseen else None

    @property
    def data(self) -> dict[str, Any]:
        """For the deliverable: {nodes: [{id, label, kind, detail, state}], edges: [{from, to}]}."""
        edges = [{"from": a, "to": b} for a, b in self.ways]
        return {"nodes": [asdict(each) for each in self.stations], "edges": edges}

    def rows(self) -> Iterable[Row]:
        """One row a station, in the order of the way."""
        for s in self.stations:
            yield {"station": s.kind, "what": s.label, "known_from": s.detail, "state": s.state}


def route(
    client: Client,
    hosts: HostingEvidence | Unavailable,
    settings: EnvironmentEvidence | Unavailable,
    statements: QueryEvidence | Unavailable,
    visits: CorePages | Unavailable,
) -> Route:
    """The way of a member's request, as far as the quick audit's evidence shows it."""
    traces = hosts.hosts if isinstance(hosts, HostingEvidence) else ()
    origins = hosts.origins if isinstance(hosts, HostingEvidence) else ()
    stations: dict[str, Node] = {}
    ways: dict[tuple[str, str], None] = {}

    def lead(*way: Node) -> None:
        stations.update({each.id: stations.get(each.id, each) for each in way})
        ways.update(dict.fromkeys(pairwise(each.id for each in way)))

    member = station("member", "A member's browser")
    inside = (_app(settings), _database(client, settings, statements))
    lead(member)
    for trace in traces:
        name = station("name", trace.host, state="ok" if trace.addresses else "fault")
        lead(member, name)
        for address in trace.addresses:
            way = (name, station("address", address), *_servers(trace, origins))
            lead(*way, *(inside if way[-1].kind == "host" else ()))
    lead(*inside)
    for kind in ("name", "address", "host"):
        if not any(each.kind == kind for each in stations.values()):
            lead(station(kind, "not known", state="unknown"))
    stations.update({each.id: each for each in _others(client, visits)})
    return Route(tuple(stations.values()), tuple(ways))


def _servers(trace: HostTrace, origins: tuple[tuple[str, tuple[str, ...]], ...]) -> Iterable[Node]:
    """The edge, where there is one, and who runs the servers."""
    found = clues(trace, origins)
    reported = {clue.provider: f"by its {clue.seen_in}" for clue in reversed(found)}
    for provider in of_kind(found, "edge")[:1]:
        yield station("edge", provider.name, reported[provider.id])
    serving = [*of_kind(found, "host"), *of_kind(found, "tunnel")]
    for provider in serving[:1]:
        state: Literal["fault", "ok"] = "fault" if provider.kind == "tunnel" else "ok"
        yield station("host", provider.name, reported[provider.id], state)
    if not serving and not trace.leads_to:  # such a redirect is the edge's own answer
        yield station("host", "not known", state="unknown")


def _app(settings: EnvironmentEvidence | Unavailable) -> Node:
    if isinstance(settings, EnvironmentEvidence):
        paths = [read.path for reads in settings.needed.values() for read in reads]
        languages = [TABLES["languages"].get(PurePosixPath(path).suffix.lower(), "") for path in paths]
        if named := sorted(set(filter(None, languages)), key=lambda each: (-languages.count(each), each)):
            return station("app", f"{named[0]} app", "by its code")
        if settings.code_files:
            return station("app", "The app", "by its code")
    return station("app", "not known", state="unknown")


def _database(
    client: Client, settings: EnvironmentEvidence | Unavailable, statements: QueryEvidence | Unavailable
) -> Node:
    if declared := client.parameters.hosting.database:
        return station("database", declared, "as you say")
    if isinstance(statements, QueryEvidence):
        return station("database", "A database", "by its query log")
    if isinstance(settings, EnvironmentEvidence):
        names = sorted({*settings.read, *settings.needed, *(each.name for each in settings.settings)})
        if named := next((name for name in names if _DATABASE_NAME.match(name)), None):
            return station("database", "A database", f"by {named}")
    return station("database", "not known", state="unknown")


def _others(client: Client, visits: CorePages | Unavailable) -> list[Node]:
    """Other people's hosts that pages load from."""
    if not isinstance(visits, CorePages) or not any(visit.looked and not visit.problem for visit in visits.visits):
        return [station("third_party", "not known", state="unknown")]
    own = client.parameters.domain
    seen: dict[str, str] = {}
    for visit in visits.visits:
        for load in visit.loads:
            try:
                host = normal(urlsplit(load.url).hostname or "")
            except ValueError:
                continue
            if host and not under(host, own):
                seen.setdefault(host, visit.name)
    return [station("third_party", host, f"on {page}") for host, page in list(seen.items())[:_MOST_OTHERS]]
