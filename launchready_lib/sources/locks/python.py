"""Python's manifests against their lock files: pip, uv, poetry, pipenv, pdm."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from launchready_lib.sources import table
from launchready_lib.sources.locks import requirements
from launchready_lib.sources.locks.model import (
    Answer,
    Pinning,
    State,
    Tree,
    allows,
    compared,
    folder_of,
    joined,
    relative,
    stale,
)
from launchready_lib.sources.locks.requirements import fits, plain

_POETRY_HASH = (
    "poetry check --lock tells it: the lock file's own hash is of another manifest, or of another version of poetry"
)


def manifests(paths: frozenset[str]) -> Iterator[str]:
    """Every pyproject.toml, Pipfile and file of requirements."""
    named = ("pyproject.toml", "Pipfile")
    return (path for path in paths if path.rpartition("/")[2] in named or requirements.is_requirements(path))


def look(tree: Tree, manifest: str) -> list[Pinning]:
    """How one of them is pinned."""
    name = manifest.rpartition("/")[2]
    if name == "Pipfile":
        return [_pipfile(tree, manifest)]
    if name == "pyproject.toml":
        return [_project(tree, manifest)]
    return [requirements.look(tree, manifest)]


def _toml(text: str | None) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text) if text is not None else None
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _project(tree: Tree, manifest: str) -> Pinning:
    body = _toml(tree.text(manifest))
    if body is None:
        return Pinning(manifest, "pip", State.UNTOLD, detail="pyproject.toml could not be read")
    wanted, unclear = _declared(body)
    poetry = _poetry_wanted(body)
    if not wanted and not poetry:
        return Pinning(manifest, "pip", State.NOTHING)
    number = len(wanted) + len(poetry)
    for lock in tree.above(manifest, "uv.lock"):
        found = _uv(tree.once(lock, str) or "", body, wanted, unclear, relative(folder_of(manifest), folder_of(lock)))
        if found is not None:
            return Pinning(manifest, "uv", found[0], lock, found[1], number)
    ways: tuple[tuple[str, tuple[str, ...], Callable[[str], Answer]], ...] = (
        ("poetry", ("poetry.lock",), lambda text: _poetry(text, body, poetry, wanted)),
        ("pip", ("pdm.lock", "pylock.toml"), lambda text: _by_name(text, wanted)),
        ("pip", requirements.COMPILED, lambda text: requirements.compiled(text, wanted)),
    )
    for kind, names, compare in ways:
        if lock := tree.beside(manifest, *names):
            state, detail = compare(tree.text(lock) or "")
            return Pinning(manifest, kind, state, lock, detail, number)
    return Pinning(manifest, "poetry" if poetry else "pip", State.MISSING, libraries=number)


def _declared(body: Mapping[str, Any]) -> tuple[list[Requirement], set[str]]:
    """PEP 621 and PEP 735: every requirement, and the names whose source is told elsewhere."""
    project, groups = body.get("project", {}), body.get("dependency-groups", {})
    tool = body.get("tool", {}).get("uv", {}) if isinstance(body.get("tool"), dict) else {}
    lists = [project.get("dependencies", []), *_lists(project.get("optional-dependencies")), *_lists(groups)]
    lists.append(tool.get("dev-dependencies", []) if isinstance(tool, dict) else [])
    texts = [text for entries in lists if isinstance(entries, list) for text in entries if isinstance(text, str)]
    sources = tool.get("sources", {}) if isinstance(tool, dict) else {}
    unclear = {plain(name) for name in sources} if isinstance(sources, dict) else set()
    return list(requirements.parsed(texts)), unclear


def _lists(section: Any) -> list[Any]:
    return list(section.values()) if isinstance(section, dict) else []


def _uv(
    text: str, body: Mapping[str, Any], wanted: list[Requirement], unclear: set[str], place: str
) -> tuple[State, str] | None:
    """Compare with the package's own entry in uv.lock, which repeats what was asked for; None where it has none."""
    entry = _own_entry(text, place or ".")
    if entry is None:
        return None
    metadata = entry.get("metadata", {})
    rows = [row for row in metadata.get("requires-dist", []) if isinstance(row, dict)]
    rows += [row for group in _lists(metadata.get("requires-dev")) for row in group if isinstance(row, dict)]
    asked = {(plain(r.name), _plain(str(r.specifier))) for r in wanted}
    known = {(plain(str(row.get("name"))), _plain(str(row.get("specifier", "")))) for row in rows}
    unclear = unclear | {plain(r.name) for r in wanted if r.url}
    difference = compared(_by(asked, unclear), _by(known, unclear))
    own = body.get("project", {}).get("name")
    if not difference and own and plain(str(own)) != entry.get("name"):
        difference = f"the project is called {own}, in the lock file {entry.get('name')}"
    return (State.STALE, difference) if difference else (State.LOCKED, "")


def _by(entries: set[tuple[str, str]], unclear: set[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, asked in sorted(entries):
        found.setdefault(name, []).append("from elsewhere" if name in unclear else asked)
    return {name: " and ".join(dict.fromkeys(asked)) or "any" for name, asked in found.items()}


def _plain(specifier: str) -> str:
    try:
        return ",".join(sorted(str(each) for each in SpecifierSet(specifier)))
    except InvalidSpecifier:
        return specifier


def _own_entry(text: str, place: str) -> dict[str, Any] | None:
    source = re.compile(rf'(?m)^source = \{{ (?:editable|virtual) = "{re.escape(place)}" \}}')
    for block in re.split(r"(?m)^\[\[package\]\]\n", text)[1:]:
        if source.search(block):
            found = _toml("[[package]]\n" + block)
            packages = found.get("package") if found else None
            return packages[0] if packages else None
    return None


def _versions(text: str) -> dict[str, str]:
    """Name -> version of every [[package]] (or [[packages]]) of a lock file."""
    found = {}
    for block in re.split(r"(?m)^\[\[packages?\]\]\n", text)[1:]:
        name, version = (re.search(rf'(?m)^{key} = "([^"]+)"', block) for key in ("name", "version"))
        if name:
            found[plain(name[1])] = version[1] if version else ""
    return found


def _by_name(text: str, wanted: list[Requirement]) -> tuple[State, str]:
    versions = _versions(text)
    missing = sorted({r.name for r in wanted if plain(r.name) not in versions})
    wrong = (str(r) for r in wanted if not fits(r, versions[plain(r.name)]))
    return stale(missing, wrong) or (State.LOCKED, "")


def _poetry_wanted(body: Mapping[str, Any]) -> dict[str, str]:
    tool = body.get("tool", {})
    poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
    if not isinstance(poetry, dict):
        return {}
    sections = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
    groups = poetry.get("group")
    sections += [group.get("dependencies") for group in _lists(groups) if isinstance(group, dict)]
    found = {}
    for section in sections:
        for name, asked in section.items() if isinstance(section, dict) else ():
            optional = isinstance(asked, dict) and "version" not in asked
            found[plain(name)] = "*" if optional else str(asked.get("version") if isinstance(asked, dict) else asked)
    found.pop("python", None)
    return found


def _poetry(
    text: str, body: Mapping[str, Any], wanted: Mapping[str, str], modern: list[Requirement]
) -> tuple[State, str]:
    versions = _versions(text)
    asked = {**wanted, **{plain(r.name): "*" for r in modern}}
    wrong = (f"{name} ({asked[name]}, locked {versions[name]})" for name in sorted(asked)
             if allows(asked[name], versions[name]) is False)  # fmt: skip
    modern_wrong = (str(r) for r in modern if not fits(r, versions[plain(r.name)]))
    if outdated := stale(sorted(asked.keys() - versions.keys()), chain(wrong, modern_wrong)):
        return outdated
    stored = re.search(r'(?m)^content-hash = "([0-9a-f]{64})"', text)
    if stored is None:
        return State.UNTOLD, "the lock file has no content-hash"
    return (State.LOCKED, "") if stored[1] in _poetry_hashes(body) else (State.UNTOLD, _POETRY_HASH)


def _poetry_hashes(body: Mapping[str, Any]) -> Iterator[str]:
    """What poetry hashes of pyproject.toml: from version 2 on with what stands outside tool.poetry (poetry, Locker)."""
    poetry, legacy = body.get("tool", {}).get("poetry", {}), table("locks")["poetry_hashed"]
    old = {key: poetry.get(key) for key in legacy} | ({"group": poetry["group"]} if "group" in poetry else {})
    yield _sha256(old)
    project = {key: body["project"][key] for key in ("requires-python", "dependencies", "optional-dependencies")
               if key in body.get("project", {})}  # fmt: skip
    groups = body.get("dependency-groups", {})
    new: dict[str, Any] = {}
    if project:
        new["project"] = project
    if groups:
        new["dependency-groups"] = groups
    own = {key: poetry[key] for key in (*legacy, "group") if poetry.get(key) is not None}
    yield _sha256({**new, "tool": {"poetry": own}} if own else new)
    yield _sha256({**new, "tool": {"poetry": own}})


def _sha256(content: Any, separators: tuple[str, str] | None = None) -> str:
    text = json.dumps(content, sort_keys=True, separators=separators, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _pipfile(tree: Tree, manifest: str) -> Pinning:
    body = _toml(tree.text(manifest))
    if body is None:
        return Pinning(manifest, "pipenv", State.UNTOLD, detail="Pipfile could not be read")
    wanted = {plain(name) for key in ("packages", "dev-packages") for name in body.get(key, {})}
    lock = joined(folder_of(manifest), "Pipfile.lock")
    if not wanted:
        return Pinning(manifest, "pipenv", State.NOTHING)
    if lock not in tree.paths:
        return Pinning(manifest, "pipenv", State.MISSING, libraries=len(wanted))
    state, detail = _pipenv(tree.text(lock) or "", body, wanted)
    return Pinning(manifest, "pipenv", state, lock, detail, len(wanted))


def _pipenv(text: str, body: Mapping[str, Any], wanted: set[str]) -> tuple[State, str]:
    try:
        locked = json.loads(text)
        stored = locked["_meta"]["hash"]["sha256"]
        names = {plain(name) for key in ("default", "develop") for name in locked.get(key, {})}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return State.UNTOLD, "Pipfile.lock could not be read"
    unlike = (State.UNTOLD, "pipenv verify tells it: the lock file's own hash is of another Pipfile")
    return stale(sorted(wanted - names)) or ((State.LOCKED, "") if stored == _pipfile_hash(body) else unlike)


def _pipfile_hash(body: Mapping[str, Any]) -> str:
    """What pipenv hashes of a Pipfile (plette, Pipfile.get_hash)."""
    content: dict[str, Any] = {
        "_meta": {"sources": body.get("source", []), "requires": body.get("requires", {})},
        "default": body.get("packages", {}),
        "develop": body.get("dev-packages", {}),
    }
    known = ("source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "default", "develop")
    content |= {key: value for key, value in body.items() if key not in known}
    return _sha256(content, (",", ":"))
