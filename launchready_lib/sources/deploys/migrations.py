"""Migrations of the database that going back to the release before does not undo, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from launchready_lib.evidence import Row
from launchready_lib.sources import table

PLACES = re.compile(
    r"(?:^|/)(?:prisma/migrations/[^/]+/migration\.sql|db/migrate/[^/]+\.rb|alembic/versions/[^/]+\.py|migrations/versions/[^/]+\.py|"
    r"(?:[^/]+/)?migrations/\d{4}[^/]*\.py|database/migrations/[^/]+\.php|supabase/migrations/[^/]+\.sql|drizzle/[^/]*\.sql|"
    r"(?:db/)?migrations?/(?:[^/]+/)*[^/]+\.(?:sql|[cm]?[jt]s)|V\d+[\w.]*__[^/]+\.sql|priv/repo/migrations/[^/]+\.exs)$"
)
_DOWN = re.compile(r"(?:\.down\.sql|/down\.sql|_down\.sql|-down\.sql)$|^U\d+.*\.sql$")
_MOST_TEXT = 64 * 1024


@dataclass(frozen=True)
class Irreversible:
    """One migration that cannot be undone."""

    path: str
    why: str

    def row(self) -> Row:
        """The migration as evidence."""
        return {"migration": self.path, "cannot_be_undone": self.why}


def is_migration(path: str) -> bool:
    """A migration, by where it lies; scripts for the way back are none."""
    return PLACES.search(path) is not None and not _DOWN.search(path)


def irreversible(path: str, text: str) -> Iterator[Irreversible]:
    """Why a migration cannot be undone: what it destroys, or a way back that its author left empty."""
    kind = path.rpartition(".")[2]
    found = _reasons(kind if kind in table("deploys")["migrations"] else "js", text[:_MOST_TEXT])
    return (Irreversible(path, why) for why in dict.fromkeys(found))


def _reasons(kind: str, text: str) -> Iterator[str]:
    entry = table("deploys")["migrations"][kind]
    code = re.sub(entry["comments"], " ", text)
    if "comment_if" not in entry:
        forward = re.split(entry["back"], code)[0]
    else:
        marked = entry["comment_if"] in text
        forward = re.sub(entry["comments"], " ", re.split(entry["back"], text)[0]) if marked else code
    for name, rule in (item for each in entry["rules"] for item in each.items()):
        if name == "one_way":
            yield from _one_way(code)
        elif name == "sql":
            yield from _matches("\n".join(re.findall(rule, forward)), table("deploys")["migrations"]["sql"]["rules"])
        else:
            yield from _matches(code, [rule]) if name == "whole" else _matches(forward, [{name: rule}])


def _matches(code: str, rules: list[dict[str, str]]) -> Iterator[str]:
    for pattern, says in (item for each in rules for item in each.items()):
        for match in re.finditer(pattern, code):
            yield says.format(".".join(part for part in match.groups() if part))


def _one_way(code: str) -> Iterator[str]:
    """Django's operations that run something and name no reverse of it."""
    for match in re.finditer(r"migrations\.(RunPython|RunSQL)\(((?:[^()]|\([^()]{0,500}\)){0,2000})\)", code):
        arguments = [part for part in re.split(r",(?![^(\[]*[)\]])", match[2]) if part.strip()]
        named = re.search(r"reverse_(?:code|sql)", match[2])
        if not named and len([a for a in arguments if "=" not in a.split("(")[0] or "code=" in a or "sql=" in a]) < 2:
            yield f"{match[1]} without a way back"
