"""Bundler, Composer and Go modules against their lock files; of others only whether they have one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from launchready_lib.sources import table
from launchready_lib.sources.locks.model import Pinning, State, Tree, allows, folder_of, joined, shortened, stale

_PLATFORM = re.compile(r"(?:php(?:-\w+)?|hhvm|(?:ext|lib)-.+|composer(?:-(?:plugin|runtime)-api)?)\Z")
_GEM = re.compile(r"""(?m)^[ \t]*gem[ (]+["']([\w.-]+)["']([^#\n]*)""")
_CONSTRAINT = re.compile(r"""["'](\s*(?:~>|>=|<=|!=|=|>|<)?\s*\d[\w.-]*)["']""")
_CONDITIONAL = re.compile(
    r"(?m)^[ \t]*(?:if|unless|case|eval_gemfile|gemspec|instance_eval)\b|\b(?:if|unless) |\.each\b"
)


def manifests(paths: frozenset[str]) -> Iterator[str]:
    """Every manifest of these package managers."""
    named = ("Gemfile", "composer.json", "go.mod", *table("locks")["presence"])
    return (path for path in paths if path.rpartition("/")[2] in named)


def look(tree: Tree, manifest: str) -> list[Pinning]:
    """How one of them is pinned."""
    name = manifest.rpartition("/")[2]
    if name in table("locks")["presence"]:
        kind, *locks = table("locks")["presence"][name]
        found = tree.above(manifest, *locks) if locks else []
        if locks and not found:
            return [Pinning(manifest, kind, State.MISSING)]
        detail = f"{kind} is not compared by this version"
        return [Pinning(manifest, kind, State.UNTOLD, found[0] if found else "", detail)]
    kind, lock_name, compare = {
        "Gemfile": ("bundler", "Gemfile.lock", _bundler),
        "composer.json": ("composer", "composer.lock", _composer),
        "go.mod": ("go", "go.sum", _go),
    }[name]
    lock = joined(folder_of(manifest), lock_name)
    tracked = lock in tree.paths
    text, locked = tree.text(manifest), tree.text(lock) if tracked else ""
    if text is None or locked is None:
        return [Pinning(manifest, kind, State.UNTOLD, lock if tracked else "", "it could not be read")]
    state, detail, number = compare(text, locked)
    if number and not tracked:
        state, detail = State.MISSING, ""
    return [Pinning(manifest, kind, state, lock if tracked else "", detail, number)]


def _bundler(text: str, locked: str) -> tuple[State, str, int]:
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    wanted = {name: sorted(_even(c) for c in _CONSTRAINT.findall(rest)) for name, rest in _GEM.findall(code)}
    section = re.search(r"(?m)^DEPENDENCIES\n((?:  [^\n]*\n?)*)", locked)
    known = {}
    for line in section[1].splitlines() if section else ():
        if found := re.match(r"  ([\w.-]+)!?(?: \(([^)]*)\))?", line):
            known[found[1]] = sorted(_even(part) for part in (found[2] or "").split(",") if part.strip())
    missing = sorted(wanted.keys() - known.keys())
    changed = [name for name in sorted(wanted.keys() & known.keys()) if wanted[name] and wanted[name] != known[name]]
    if changed:
        return State.STALE, f"asked for otherwise: {shortened(changed)}", len(wanted)
    if missing and _CONDITIONAL.search(code):
        return State.UNTOLD, f"whether its conditions hold: {shortened(missing)} (bundle check tells it)", len(wanted)
    return *(stale(missing) or (State.LOCKED if wanted else State.NOTHING, "")), len(wanted)


def _even(constraint: str) -> str:
    bare = " ".join(constraint.split())
    return bare if re.match(r"[~<>=!]", bare) else f"= {bare}"


def _composer(text: str, locked: str) -> tuple[State, str, int]:
    try:
        body = json.loads(text)
        lock = json.loads(locked) if locked else {}
        sections = [body.get(key) or {} for key in ("require", "require-dev")]
        wanted = {
            name: str(asked) for section in sections for name, asked in section.items() if not _PLATFORM.match(name)
        }
        packages = [*lock.get("packages", []), *lock.get("packages-dev", [])]
        known = {str(package["name"]): str(package.get("version", "")) for package in packages}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return State.UNTOLD, "it could not be read", 0
    if not wanted:
        return State.NOTHING, "", 0
    if locked and lock.get("content-hash") == _content_hash(body):
        return State.LOCKED, "", len(wanted)
    wrong = (f"{name} ({asked}, locked {known[name]})" for name, asked in wanted.items()
             if allows(asked, known[name]) is False)  # fmt: skip
    if outdated := stale(sorted(wanted.keys() - known.keys()), wrong):
        return *outdated, len(wanted)
    return State.UNTOLD, "composer validate tells it: the lock file's own hash is of another composer.json", len(wanted)


def _content_hash(body: dict[str, Any]) -> str:
    """Composer's content-hash, as its Locker makes it."""
    content = {key: body[key] for key in table("locks")["composer_hashed"] if key in body}
    platform = body.get("config", {}).get("platform") if isinstance(body.get("config"), dict) else None
    if platform is not None:
        content["config"] = {"platform": platform}
    encoded = json.dumps(_php(dict(sorted(content.items()))), separators=(",", ":")).replace("/", "\\/")
    return hashlib.md5(encoded.encode(), usedforsecurity=False).hexdigest()


def _php(value: Any) -> Any:
    """PHP's arrays do not tell an empty object from an empty list."""
    if isinstance(value, dict):
        return {key: _php(item) for key, item in value.items()} or []
    return [_php(item) for item in value] if isinstance(value, list) else value


def _go(text: str, locked: str) -> tuple[State, str, int]:
    code = re.sub(r"//.*", "", text)
    blocks = re.findall(r"(?ms)^require\s*\((.*?)^\)", code)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"(?m)^require\s+([^\s(]\S*\s+v\S+)", code)
    wanted = {tuple(line.split()[:2]) for line in lines if len(line.split()) >= 2}
    replaced = re.findall(r"(?m)^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>\s+(\S+)(?:\s+(v\S+))?", code)
    for old, new, version in replaced:
        if gone := {each for each in wanted if each[0] == old}:
            wanted = (wanted - gone) | ({(new, version)} if version else set())
    sums = {tuple(line.split()[:2]) for line in locked.splitlines()}
    missing = sorted(f"{name} {version}" for name, version in wanted
                     if (name, version) not in sums and (name, f"{version}/go.mod") not in sums)  # fmt: skip
    return *(stale(missing) or (State.LOCKED if wanted else State.NOTHING, "")), len(wanted)
