"""Lock files against the manifests they belong to, read as text and never run.

npm, pnpm, yarn, bun, pip, uv, poetry, pipenv, bundler, composer, go; of others only whether they have one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from launchready_lib.sources.credentials import places
from launchready_lib.sources.locks import javascript, others, python
from launchready_lib.sources.locks.model import Pinning, State, Tree

__all__ = ["MANIFESTS", "Pinning", "State", "Tree", "is_manifest", "look"]

MANIFESTS = "package.json, pyproject.toml, requirements.txt, Pipfile, Gemfile, composer.json or go.mod"
_READERS = (javascript.manifests, python.manifests, others.manifests)


def is_manifest(path: str) -> bool:
    """A file that names the libraries an app needs."""
    return any(True for reader in _READERS for _ in reader(frozenset({path})))


def look(tree: Tree) -> tuple[Pinning, ...]:
    """How every manifest of a repository is pinned."""
    mine = frozenset(path for path in tree.paths if not places.is_foreign(path) or not is_manifest(path))
    packages = sorted(javascript.manifests(mine))
    own = frozenset(javascript.name_of(tree, path) for path in packages)
    asked: list[tuple[str, Callable[[], list[Pinning]]]] = [
        *((path, partial(javascript.look, tree, path, own)) for path in packages),
        *((path, partial(python.look, tree, path)) for path in sorted(python.manifests(mine))),
        *((path, partial(others.look, tree, path)) for path in sorted(others.manifests(mine))),
    ]
    return tuple(pinning for path, look_at in asked for pinning in _safely(path, look_at))


def _safely(manifest: str, look_at: Callable[[], list[Pinning]]) -> list[Pinning]:
    """Manifests are people's files: one that is not shaped as it should be cannot be told, and stops nothing."""
    folder = manifest.rpartition("/")[0] + "/"
    if places.is_test(folder) or places.is_example(folder):  # says nothing about the app
        return [Pinning(manifest, "", State.ASIDE, detail="a test, an example or documentation")]
    try:
        return look_at()
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError):
        return [Pinning(manifest, "", State.UNTOLD, detail="it is not shaped as such a file should be")]
