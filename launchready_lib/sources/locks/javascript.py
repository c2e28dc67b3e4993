"""package.json against the lock files of npm, pnpm, yarn and bun."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from launchready_lib.sources import foreign_yaml
from launchready_lib.sources.locks.model import (
    Pinning,
    State,
    Tree,
    allows,
    compared,
    folder_of,
    relative,
    shortened,
    stale,
)

SECTIONS = ("dependencies", "devDependencies", "optionalDependencies")
LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb")
Describe = Callable[[State, str], Pinning]
_KINDS = {"package-lock.json": "npm", "npm-shrinkwrap.json": "npm", "pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn"}
_LOOSE = re.compile(r"(?:link|portal|workspace):")
_MOST_YAML = 2 * 1024 * 1024


def manifests(paths: frozenset[str]) -> Iterator[str]:
    """Every package.json."""
    return (path for path in paths if path.rpartition("/")[2] == "package.json")


def look(tree: Tree, manifest: str, own: frozenset[str]) -> list[Pinning]:
    """How one package.json is pinned; `own` are the names of the repository's own packages."""
    body = _json(tree.text(manifest))
    if body is None:
        return [Pinning(manifest, "npm", State.UNTOLD, detail="package.json could not be read")]
    wanted = _wanted(body)
    if not wanted:
        return [Pinning(manifest, "npm", State.NOTHING)]
    here = folder_of(manifest)
    around: dict[str, list[str]] = {}
    for lock in tree.above(manifest, *LOCKS):
        around.setdefault(folder_of(lock), []).append(lock)
    for folder, locks in around.items():
        found = [_against(tree, manifest, wanted, lock, relative(here, folder), own) for lock in locks]
        if known := [each for each in found if each is not None]:
            return known
    return [Pinning(manifest, "npm", State.MISSING, libraries=len(wanted))]


def name_of(tree: Tree, manifest: str) -> str:
    """The package's own name; empty where it has none."""
    body = _json(tree.text(manifest))
    return str(body.get("name") or "") if body is not None else ""


def _wanted(body: Mapping[str, Any]) -> dict[str, str]:
    sections = [entries for section in SECTIONS if isinstance(entries := body.get(section), dict)]
    return {str(name): str(wanted) for entries in sections for name, wanted in entries.items()}


def _against(
    tree: Tree, manifest: str, wanted: dict[str, str], lock: str, place: str, own: frozenset[str]
) -> Pinning | None:
    """Compare with one lock file; None where that is another package's."""
    name = lock.rpartition("/")[2]
    kind = _KINDS.get(name, "bun")

    def described(state: State, detail: str) -> Pinning:
        return Pinning(manifest, kind, state, lock, detail, len(wanted))

    if name == "bun.lockb":
        needs = "bun.lockb is binary: bun install --save-text-lockfile makes one that can be read"
        return described(State.UNTOLD, needs) if not place else None
    readers: dict[str, Callable[[str], Any]] = {"npm": _json, "pnpm": _pnpm_head, "yarn": _yarn_entries}
    content = tree.once(lock, readers.get(kind, lambda text: _json(re.sub(r",(\s*[}\]])", r"\1", text))))
    if content is None:
        return described(State.UNTOLD, "the lock file could not be read")
    if isinstance(content, frozenset):
        return _yarn(content, wanted, place, own, described)
    locked = (
        content.get(place or ".") if kind == "yarn" else {"npm": _npm, "pnpm": _pnpm}.get(kind, _bun)(content, place)
    )
    if locked is None:
        return described(State.STALE, "it knows nothing of this package") if not place else None
    if isinstance(locked, _Versions):
        return _by_version(wanted, locked, described)
    loose = _overridden(content) if kind == "pnpm" else set()
    asked = {name: value.removeprefix("npm:") for name, value in wanted.items()} if kind == "yarn" else wanted
    difference = compared(*({name: each[name] for name in each if name not in loose} for each in (asked, locked)))
    return described(State.STALE, difference) if difference else described(State.LOCKED, "")


class _Versions(dict[str, str]):
    """Name -> installed version, of a lock that does not repeat what was asked for."""


def _npm(body: Mapping[str, Any], place: str) -> dict[str, str] | None:
    """What `packages` repeats of the manifest (docs.npmjs.com, package-lock.json); of version 1 the versions."""
    packages = body.get("packages")
    if isinstance(packages, dict):
        entry = packages.get(place)
        return _wanted(entry) if isinstance(entry, dict) else None
    entries = body.get("dependencies", {})
    if place or not isinstance(entries, dict):
        return None
    return _Versions({n: str(e.get("version", "")) for n, e in entries.items() if isinstance(e, dict)})


def _by_version(wanted: Mapping[str, str], locked: _Versions, described: Describe) -> Pinning:
    answers = {name: allows(asked, locked[name]) for name, asked in wanted.items() if name in locked}
    wrong = [f"{name} ({wanted[name]}, locked {locked[name]})" for name, answer in answers.items() if answer is False]
    if outdated := stale(sorted(wanted.keys() - locked.keys()), wrong):
        return described(*outdated)
    unclear = [name for name, answer in answers.items() if answer is None]
    if unclear:
        return described(State.UNTOLD, f"whether the locked version fits: {shortened(unclear)}")
    return described(State.LOCKED, "")


def _pnpm_head(text: str) -> dict[Any, Any] | None:
    """What stands before the packages."""
    head = re.split(r"(?m)^(?:packages|snapshots):", text, maxsplit=1)[0]
    return foreign_yaml.mapping(head, most=_MOST_YAML) or None


def _pnpm(body: Mapping[str, Any], place: str) -> dict[str, str] | None:
    """The specifiers of one importer (github.com/pnpm/spec, lockfile)."""
    importers = body.get("importers")
    importer = importers.get(place or ".") if isinstance(importers, dict) else None if place else body
    if not isinstance(importer, dict):
        return None
    found: dict[str, str] = {}
    specifiers = importer.get("specifiers")
    for section in SECTIONS:
        entries = importer.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and "specifier" in entry:
                found[str(name)] = str(entry["specifier"])
    if isinstance(specifiers, dict):
        found |= {str(name): str(asked) for name, asked in specifiers.items()}
    return found


def _overridden(body: Mapping[str, Any]) -> set[str]:
    overrides = body.get("overrides")
    return {re.split(r"(?<=.)@|>", str(name))[0] for name in overrides} if isinstance(overrides, dict) else set()


def _bun(body: Mapping[str, Any], place: str) -> dict[str, str] | None:
    """What `workspaces` repeats of the manifest (bun.com/docs, lockfile)."""
    workspaces = body.get("workspaces")
    entry = workspaces.get(place) if isinstance(workspaces, dict) else None
    return _wanted(entry) if isinstance(entry, dict) else None


def _yarn_entries(text: str) -> frozenset[str] | dict[str, dict[str, str]]:
    """Version 1: every "name@range"; from version 2 on what each workspace's own entry depends on, by its place."""
    if "__metadata:" not in text:
        heads = re.findall(r"(?m)^(\S.*):$", text)
        return frozenset(part.strip().strip('"') for head in heads for part in head.split(","))
    found = {}
    for block in re.split(r"\n\n+", text):
        head, _, rest = block.partition("\n")
        if place := re.match(r'"?[^\n]*@workspace:([^"\n,]+)"?:\Z', head):
            section = re.search(r"(?m)^  dependencies:\n((?:    [^\n]*\n?)*)", rest)
            pairs = [line.strip().partition(": ") for line in (section[1].splitlines() if section else ())]
            found[place[1]] = {name.strip('"'): asked.strip('"').removeprefix("npm:") for name, _, asked in pairs}
    return found


def _yarn(
    entries: frozenset[str], wanted: dict[str, str], place: str, own: frozenset[str], described: Describe
) -> Pinning | None:
    """Version 1 names every "name@range" that anybody asked for."""
    named = {entry.rpartition("@")[0] for entry in entries}
    asked = {name: value for name, value in wanted.items() if name not in own and not _LOOSE.match(value)}
    missing = [f"{name}@{value}" for name, value in asked.items() if f"{name}@{value}" not in entries]
    if missing and place and not any(name in named for name in asked):
        return None
    return described(*(stale(missing) or (State.LOCKED, "")))


def _json(text: str | None) -> dict[str, Any] | None:
    try:
        body = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
