"""Six signs of building too early: advice, read from the repository, and never a reason not to launch."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from launchready_lib import roadmap
from launchready_lib.checks import check
from launchready_lib.evidence import Evidence, Row, Unavailable, probe
from launchready_lib.record.findings import Verdict, combine, failed, passed, unknown
from launchready_lib.sources import overbuilding, repository
from launchready_lib.sources.credentials import places
from launchready_lib.sources.overbuilding import MANY_JOINS, CacheUse, Sign, pattern, topics
from launchready_lib.sources.repository import Repository
from launchready_lib.wording import enumerated

if TYPE_CHECKING:
    from launchready_lib.client import Client

READ_SECONDS = 60
FEW_SERVICES = 4
FEW_COMPONENTS = 1
FEW_CACHING_FILES = 3
_MOST_ROWS = 30
_MOST_LOG = 4 * 1024 * 1024
_CODE = re.compile(r"\.(?:[mc]?[jt]sx?|vue|svelte|py|rb|php|go|sql|erb|ex|exs|java|kt|cs)$")


@dataclass(frozen=True)
class OverbuildEvidence(Evidence):
    """What was found of each sign.

    Attributes:
        files: how many files were read.
        members: as declared; None where nobody said.
        signs: by topic (regions, services, observability, queues, schema).
        aside: signs in configuration for development, which count for nothing.
        caching: files that cache by hand.
        cuts: why part was left out; none where all was read.
    """

    files: int
    members: int | None = None
    signs: Mapping[str, tuple[Sign, ...]] = field(default_factory=dict)
    aside: tuple[Sign, ...] = ()
    caching: tuple[CacheUse, ...] = ()
    cuts: tuple[Unavailable, ...] = ()

    def rows(self) -> Iterator[Row]:
        """One row a sign."""
        yield from ({"topic": topic, **sign.row()} for topic, found in self.signs.items() for sign in found)
        yield from ({"topic": "caching", **_cache_row(use)} for use in self.caching)
        yield from ({"topic": "development only", **sign.row()} for sign in self.aside)


@probe
async def survey(client: Client) -> OverbuildEvidence | Unavailable:
    """Read configuration, manifests and code of the client's branch, and the query log where one is given."""
    business, log = client.parameters.business, client.parameters.query_log

    def read(repo: Repository) -> OverbuildEvidence:
        statements = _logged(client.path(log), log) if log else {}
        return read_signs(repo, business.members if business else None, statements)

    return await repository.read_through(client, read)


def read_signs(repo: Repository, members: int | None, statements: Mapping[str, str]) -> OverbuildEvidence:
    """Every sign in one commit.

    Raises:
        GitError: git stopped answering.
    """
    configuration: dict[str, str] = {}
    development: dict[str, str] = {}
    manifests: dict[str, str] = {}
    joins = list(overbuilding.logged_joins(statements))
    caching: list[CacheUse] = []
    events: list[Sign] = []
    started, count = time.monotonic(), 0
    wanted = [file for file in repo.files if _is_relevant(file.path)]
    large = repository.too_large(
        file
        for file in wanted  # a large dump or bundle, made by a tool, shows no sign of its own
        if not (places.is_built(file.path) or file.path.endswith(".sql"))
    )
    cuts = [large] if large else []
    known = topics()
    for file, content in repo.read(wanted):
        if time.monotonic() - started > READ_SECONDS:
            reason = f"reading took over {READ_SECONDS} s: {count} of {len(wanted)} files were read"
            cuts.append(Unavailable(reason, "a second try, or a branch without generated code"))
            break
        count += 1
        path, text = file.path, content.decode("utf-8", "replace")
        if pattern("configuration").search(path):
            (development if pattern("for_development").search(path) else configuration)[path] = text
        if pattern("manifests").search(path):
            manifests[path] = text
        if _CODE.search(path):
            joins += overbuilding.wide_joins(path, text)
            events += overbuilding.resources({path: text}, known["queues"])
            if use := overbuilding.caches(path, text):
                caching.append(use)
    signs = {
        "regions": overbuilding.regions(configuration, known["regions"]),
        "services": overbuilding.services(configuration),
        "observability": overbuilding.images(configuration, known["observability"]),
        "queues": [
            *overbuilding.images(configuration, known["queues"]),
            *overbuilding.packages(manifests, known["queues"]),
            *overbuilding.resources({p: t for p, t in configuration.items() if p.endswith(".tf")}, known["queues"]),
            *events,
        ],
        "schema": joins,
    }
    aside = [s for topic in ("observability", "queues") for s in overbuilding.images(development, known[topic])]
    unique = {topic: tuple(dict.fromkeys(found)) for topic, found in signs.items()}
    return OverbuildEvidence(count, members, unique, tuple(aside[:_MOST_ROWS]), tuple(caching), tuple(cuts))


def _is_relevant(path: str) -> bool:
    if places.is_foreign(path) or places.is_test(path) or re.search(r"(?:^|/)(?:docs?|examples?)/", path):
        return False
    patterns = (pattern("configuration"), pattern("manifests"), _CODE)
    return any(pattern.search(path) for pattern in patterns)


def _logged(path: Path, shown: str) -> dict[str, str]:
    """The statements of a log of JSON lines, or any text, by place; nothing where it cannot be read."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_LOG).decode("utf-8", "replace")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.lower().count("join") >= MANY_JOINS:
            try:
                body = json.loads(line)
            except (ValueError, RecursionError):
                body = None
            statement = str(body.get("sql", line)) if isinstance(body, dict) else line
            found.setdefault(statement, f"{Path(shown).name}:{number}")
    return {where: statement for statement, where in found.items()}


def _judged(evidence: OverbuildEvidence, topic: str, found: list[Row], *, reported: str, fine: str) -> Verdict:
    """Fail where something was found, unless the members are so many that it may pay; what to do, and when it pays."""
    cut = [unknown(each.reason, needs=each.needs) for each in evidence.cuts]
    known = topics()[topic]
    rows: list[Row] = [*found[:_MOST_ROWS], {"files_read": evidence.files, "members": evidence.members}]
    if not found:
        return combine(passed(fine, evidence=rows), *cut)
    if evidence.members is not None and evidence.members >= known.members:
        summary = f"{reported}: with {evidence.members:,} members it may well pay"
        return combine(passed(summary, evidence=rows), *cut)
    fix = f"{roadmap.load().checks[f'overbuild.{topic}'].fix} {known.pays}"
    return failed(reported, evidence=rows, fix=fix, about=[str(row["where"]).partition(":")[0] for row in found])


def _signs(evidence: OverbuildEvidence, topic: str) -> tuple[list[Row], list[str], str]:
    """A topic's rows, the names of what was found, each once, and these for a sentence."""
    rows = [sign.row() for sign in evidence.signs.get(topic, ())]
    names = list(dict.fromkeys(str(row["sign"]) for row in rows))
    return rows, names, enumerated(names, most=4)


def _cache_row(use: CacheUse) -> Row:
    what = f"{use.calls} calls of a cache" + (", with clearing" if use.clears else "")
    return {"sign": what, "where": f"{use.path}:{use.line}"}


@check("overbuild.regions")
def regions(evidence: OverbuildEvidence) -> Verdict:
    """No multi-region overbuilding."""
    rows, _, shown = _signs(evidence, "regions")
    reported = f"The infrastructure spans several regions: {shown}"
    return _judged(evidence, "regions", rows, reported=reported, fine="Nothing is set up in more than one region")


@check("overbuild.caching")
def caching(evidence: OverbuildEvidence) -> Verdict:
    """No custom caching layer spread over the code."""
    uses = evidence.caching
    rows = [_cache_row(use) for use in uses] if len(uses) > FEW_CACHING_FILES else []
    calls, clearing = sum(use.calls for use in uses), sum(use.clears for use in uses)
    reported = f"{calls} calls of a cache by hand in {len(uses)} files, of which {clearing} clear it"
    few = f"{len(uses) or 'No'} {'files cache' if len(uses) > 1 else 'file caches'} by hand"
    return _judged(evidence, "caching", rows, reported=reported, fine=few)


@check("overbuild.services")
def services(evidence: OverbuildEvidence) -> Verdict:
    """One deployable, or few."""
    rows, _, shown = _signs(evidence, "services")
    number = len(rows)
    reported = f"{number} parts are built and deployed for themselves: {shown}"
    built = f"{number} {'part is' if number == 1 else 'parts are'} built"
    few = built if number else "No more than one part is deployed"
    return _judged(evidence, "services", rows if number > FEW_SERVICES else [], reported=reported, fine=few)


@check("overbuild.observability")
def observability(evidence: OverbuildEvidence) -> Verdict:
    """No self-run observability stack beyond alerts and logs."""
    rows, names, shown = _signs(evidence, "observability")
    reported = f"A monitoring stack of {len(names)} parts is run by the team itself: {shown}"
    few = f"Of a monitoring stack only {shown} is run" if rows else "No monitoring stack is run by the team itself"
    too_much = len(names) > FEW_COMPONENTS or any(" and " in name for name in names)
    return _judged(evidence, "observability", rows if too_much else [], reported=reported, fine=few)


@check("overbuild.queues")
def queues(evidence: OverbuildEvidence) -> Verdict:
    """No heavy queue system where a background job would do."""
    rows, _, shown = _signs(evidence, "queues")
    none = "No message broker or workflow engine is in use"
    return _judged(evidence, "queues", rows, reported=f"A heavy queue system is in use: {shown}", fine=none)


@check("overbuild.schema")
def schema(evidence: OverbuildEvidence) -> Verdict:
    """No schema so normalized that a member screen needs many joins."""
    rows, _, shown = _signs(evidence, "schema")
    reported = f"A screen needs many joins: {shown} ({rows[0]['where'] if rows else ''})"
    none = f"No statement in code or in the query log has {MANY_JOINS} joins or more"
    return _judged(evidence, "schema", rows, reported=reported, fine=none)
