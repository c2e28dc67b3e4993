"""The deployment map: how a member's request travels from the name to the database, from what a stage has seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from launchready_lib.checks.quick_audit.hosting import HostingEvidence, HostTrace, clues, of_kind
from launchready_lib.checks.quick_audit.pages import CorePages
from launchready_lib.checks.quick_audit.queries import QueryEvidence
from launchready_lib.evidence import Unavailable
from launchready_lib.names.hosts import under
from launchready_lib.network import normal
from launchready_lib.sources.environments import EnvironmentEvidence

if TYPE_CHECKING:
    import pandas as pd

    from launchready_lib.client import Client

_LANGUAGES = {
    ".py": "Python", ".rb": "Ruby", ".php": "PHP", ".go": "Go",
    ".js": "JavaScript", ".mjs": "JavaScript", ".cjs": "JavaScript", ".jsx": "JavaScript",
    ".ts": "TypeScript", ".tsx": "TypeScript", ".mts": "TypeScript", ".vue": "JavaScript", ".svelte": "JavaScript",
}  # fmt: skip
_DATABASE_NAME = re.compile(
    r"(?:DATABASE|POSTGRES|PG|MYSQL|MARIADB|MONGO(?:DB)?|SQLITE|SUPABASE|DB)_(?:\w+_)?(?:URL|URI|DSN|PATH)\Z"
)
_MOST_OTHERS = 12
_UNSEEN = {
    "name": "public names of the site",
    "address": "a name that resolves",
    "edge": "who stands before the servers",
    "host": "who runs the servers (hosting.origins)",
    "app": "the app's repository (repository.path)",
    "database": "which database the app uses (hosting.database)",
    "third_party": "pages opened in a browser",
}


@dataclass(frozen=True)
class Station:
    """One station on the way.

    Attributes:
        kind: member, name, address, edge, host, app, database or third_party.
        label, detail: what it is, and how that is known.
        state: ok, unknown where nobody could see it, fault where it may not stay so.
    """

    kind: str
    label: str
    detail: str = ""
    state: Literal["ok", "unknown", "fault"] = "ok"

    @property
    def id(self) -> str:
        """Its name among all stations."""
        return f"{self.kind} {self.label}"


@dataclass(frozen=True)
class Route:
    """The stations, and which hands requests to which."""

    stations: tuple[Station, ...]
    ways: tuple[tuple[str, str], ...]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The kinds of station that nobody could see."""
        return tuple(station.kind for station in self.stations if station.state == "unknown")

    @property
    def status(self) -> Literal["made", "partial", "unknown"]:
        """How much of the way is known."""
        if {"name", "address"} & set(self.unseen):
            return "unknown"
        return "partial" if self.unseen else "made"

    @property
    def reason(self) -> str | None:
        """What would make the rest known."""
        return f"not seen: {', '.join(_UNSEEN[kind] for kind in self.unseen)}" if self.unseen else None

    @property
    def data(self) -> dict[str, Any]:
        """For the deliverable: {nodes: [{id, label, kind, detail, state}], edges: [{from, to}]}."""
        nodes = [
            {"id": s.id, "label": s.label, "kind": s.kind, "detail": s.detail, "state": s.state} for s in self.stations
        ]
        return {"nodes": nodes, "edges": [{"from": a, "to": b} for a, b in self.ways]}

    def frame(self) -> pd.DataFrame:
        """One row a station, in the order of the way."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        rows = [{"station": s.kind, "what": s.label, "known_from": s.detail, "state": s.state} for s in self.stations]
        return pd.DataFrame(rows)


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
    stations: dict[str, Station] = {}
    ways: dict[tuple[str, str], None] = {}

    def lead(*way: Station) -> None:
        stations.update({station.id: stations.get(station.id, station) for station in way})
        ways.update(dict.fromkeys(pairwise(station.id for station in way)))

    member = Station("member", "A member's browser")
    inside = (_app(settings), _database(client, settings, statements))
    lead(member)
    for trace in traces:
        name = Station("name", trace.host, state="ok" if trace.addresses else "fault")
        lead(member, name)
        for address in trace.addresses:
            way = (name, Station("address", address), *_servers(trace, origins))
            lead(*way, *(inside if way[-1].kind == "host" else ()))
    lead(*inside)
    for kind in ("name", "address", "host"):
        if not any(station.kind == kind for station in stations.values()):
            lead(Station(kind, "not known", state="unknown"))
    stations.update({station.id: station for station in _others(client, visits)})
    return Route(tuple(stations.values()), tuple(ways))


def _servers(trace: HostTrace, origins: tuple[tuple[str, tuple[str, ...]], ...]) -> Iterable[Station]:
    """The edge, where there is one, and who runs the servers."""
    found = clues(trace, origins)
    told = {clue.provider: f"by its {clue.seen_in}" for clue in reversed(found)}
    for provider in of_kind(found, "edge")[:1]:
        yield Station("edge", provider.name, told[provider.id])
    serving = [*of_kind(found, "host"), *of_kind(found, "tunnel")]
    for provider in serving[:1]:
        yield Station("host", provider.name, told[provider.id], state="fault" if provider.kind == "tunnel" else "ok")
    if not serving and not trace.leads_to:  # such a redirect is the edge's own answer
        yield Station("host", "not known", state="unknown")


def _app(settings: EnvironmentEvidence | Unavailable) -> Station:
    if isinstance(settings, EnvironmentEvidence):
        paths = [read.path for reads in settings.needed.values() for read in reads]
        languages = [_LANGUAGES.get(PurePosixPath(path).suffix.lower(), "") for path in paths]
        if named := sorted(set(filter(None, languages)), key=lambda each: (-languages.count(each), each)):
            return Station("app", f"{named[0]} app", "by its code")
        if settings.code_files:
            return Station("app", "The app", "by its code")
    return Station("app", "not known", state="unknown")


def _database(
    client: Client, settings: EnvironmentEvidence | Unavailable, statements: QueryEvidence | Unavailable
) -> Station:
    if declared := client.parameters.hosting.database:
        return Station("database", declared, "as you say")
    if isinstance(statements, QueryEvidence):
        return Station("database", "A database", "by its query log")
    if isinstance(settings, EnvironmentEvidence):
        names = sorted({*settings.read, *settings.needed, *(each.name for each in settings.settings)})
        if named := next((name for name in names if _DATABASE_NAME.match(name)), None):
            return Station("database", "A database", f"by {named}")
    return Station("database", "not known", state="unknown")


def _others(client: Client, visits: CorePages | Unavailable) -> list[Station]:
    """Other people's hosts that pages load from."""
    if not isinstance(visits, CorePages) or not any(visit.looked and not visit.problem for visit in visits.visits):
        return [Station("third_party", "not known", state="unknown")]
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
    return [Station("third_party", host, f"on {page}") for host, page in list(seen.items())[:_MOST_OTHERS]]
