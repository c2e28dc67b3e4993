"""One row a value: where it lives now, the commit that brought it in, and what still leads to it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from launchready_lib.sources.credentials import Credential, Standing, credential, fingerprint, rank
from launchready_lib.sources.credentials.inside import Part, inside
from launchready_lib.sources.history.objects import MESSAGE, TAG, Index, Origin, Reach, kind_of
from launchready_lib.sources.history.sightings import Sighting
from launchready_lib.sources.repository import MAX_FILE_BYTES, GitError, Repository, TrackedFile, blobs, git

MAX_SECRETS, MAX_OTHERS = 200, 40
"""Values of which a row is made, the worst first; naming one costs about 10 ms."""

_MAX_SOUGHT = 40
_MAX_REFS = 8
_REACHES = tuple(Reach)


@dataclass(frozen=True)
class Trace:
    """A credential in the history.

    Attributes:
        credential: the value, masked, with its places now, or those where it first stood.
        at_head: it stands in the branch that was read.
        lives: where it is now, in words.
        commit, date: the first commit that held it and its day; empty where no commit did.
        reach: what still leads to it.
    """

    credential: Credential
    at_head: bool
    lives: str
    commit: str
    date: str
    reach: Reach

    @property
    def is_leak(self) -> bool:
        """It fails the check: a secret that a branch or tag leads to."""
        return self.credential.is_leak and self.reach is Reach.REACHABLE

    def row(self) -> dict[str, str | int]:
        """The row that evidence shows."""
        told = self.credential.row()
        return {
            "lives_now": self.lives,
            "at_head": "yes" if self.at_head else "no",
            "where": told.pop("where"),
            "first_commit": self.commit[:12] or "none",
            "first_date": self.date or "unknown",
            "reachable": str(self.reach),
            **told,
        }


def traces(
    repo: Repository, index: Index, sightings: Iterable[Sighting], known: Mapping[str, Standing]
) -> tuple[tuple[Trace, ...], dict[str, int]]:
    """The worst values as rows, and how many more there are of each standing."""
    by_value: dict[str, list[Sighting]] = {}
    for each in sightings:
        by_value.setdefault(each.hit.value, []).append(each)
    ordered = sorted(by_value.values(), key=lambda same: _badness(same, index))
    head: dict[str, list[str]] = {}
    for file in repo.files:
        head.setdefault(file.object_id, []).append(file.path)
    search = _Search(repo.path)
    secret = sum(_badness(same, index)[0] == 0 for same in ordered)
    shown = min(secret, MAX_SECRETS) + (MAX_OTHERS if secret <= MAX_SECRETS else 0)
    with ThreadPoolExecutor() as pool:  # outside of Python's lock
        marks = pool.map(fingerprint, [same[0].hit.value for same in ordered[:shown]])
        rows = [_trace(same, mark, index, head, search, known) for same, mark in zip(ordered, marks, strict=False)]
    rest = Counter(str(min((each.hit.standing for each in same), key=rank)) for same in ordered[shown:])
    return tuple(sorted(rows, key=lambda t: (rank(t.credential.standing), _REACHES.index(t.reach)))), dict(rest)


def _badness(same: list[Sighting], index: Index) -> tuple[int, int, int]:
    first = _first_worst(same, index)
    return rank(first.hit.standing), _REACHES.index(index.origins[first.object_id].reach), first.order


def _first_worst(same: list[Sighting], index: Index) -> Sighting:
    """The sighting that decides: the worst standing, reachable before not, the oldest first."""
    return min(
        same,
        key=lambda s: (rank(s.hit.standing), _REACHES.index(index.origins[s.object_id].reach), s.order),
    )


def _trace(
    same: list[Sighting],
    mark: str,
    index: Index,
    head: Mapping[str, list[str]],
    search: _Search,
    known: Mapping[str, Standing],
) -> Trace:
    deciding = _first_worst(same, index)
    reach = index.origins[deciding.object_id].reach
    alike = [s for s in same if index.origins[s.object_id].reach is reach]
    first = min(alike, key=_order)
    origin = index.origins[first.object_id]
    now = [(s, path) for s in alike for path in _now(s, index, head)]
    places = [f"{_placed(s, path, index)}:{s.hit.line}" for s, path in now]
    if not any(_same(s, deciding) for s, _ in now):
        places = [f"{s.hit.path}:{s.hit.line}" for s in sorted(alike, key=_order) if _same(s, deciding)] + places
    told = credential(deciding.hit.value, [deciding.hit, *(s.hit for s in alike)], known, mark)
    unique = tuple(dict.fromkeys(places))
    named = Credential(
        told.fingerprint, told.masked, told.provider, told.what, told.revoke, told.standing, unique[:5], len(unique)
    )
    if now:
        lives = f"at HEAD: {_placed(*now[0], index)}:{now[0][0].hit.line}"
    elif not named.is_leak:
        lives = "not at HEAD"
    else:
        lives = search.lives(deciding.hit.value, first.hit.path, index.files[first.order], origin)
    return Trace(named, bool(now), lives, origin.commit, _day(origin.seconds), reach)


def _order(sighting: Sighting) -> int:
    return sighting.order


def _same(one: Sighting, other: Sighting) -> bool:
    return one.hit.standing is other.hit.standing


def _now(sighting: Sighting, index: Index, head: Mapping[str, list[str]]) -> list[str]:
    """Where the sighting's object is at HEAD, in the same kind of place."""
    kind = kind_of(index.files[sighting.order].path)
    return [path for path in head.get(sighting.object_id, ()) if kind_of(path) == kind]


def _placed(sighting: Sighting, path: str, index: Index) -> str:
    """The hit's label under the path that its object has now."""
    before = index.files[sighting.order].path
    return path + sighting.hit.path.removeprefix(before) if sighting.hit.path.startswith(before) else path


def _day(seconds: int) -> str:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).date().isoformat() if seconds else ""
    except (ValueError, OverflowError, OSError):
        return ""


class _Search:
    """Looks for values in the newest versions of branches and tags; for the worst forty, at the path they came in."""

    def __init__(self, path: Path) -> None:
        self._path, self._sought = path, 0
        self._refs: dict[str, list[str]] = {}

    def lives(self, value: str, label: str, file: TrackedFile, origin: Origin) -> str:
        """Where the value is now, in words."""
        if origin.reach is not Reach.REACHABLE:
            return "in a stash" if origin.reach is Reach.STASH else "in no branch or tag"
        if label == MESSAGE:
            return f"in the message of commit {origin.commit[:12]}"
        if label == TAG:
            return f"in the message of a tag of commit {origin.commit[:12]}"
        refs = self._leading(origin.commit)
        for ref in refs if self._sought <= _MAX_SOUGHT else ():
            if self._holds(ref, file.path, value):
                return f"in {_named(ref)}: {file.path}"
        return "only in the history" + (f" of {', '.join(map(_named, refs[:3]))}" if refs else "")

    def _leading(self, commit: str) -> list[str]:
        if commit not in self._refs:
            self._sought += 1
            if self._sought > _MAX_SOUGHT:
                return []
            options = ("--contains", commit, f"--count={_MAX_REFS}", "--format=%(refname)")
            try:
                output = git(self._path, "for-each-ref", *options, "refs/heads", "refs/remotes", "refs/tags")
            except GitError:
                output = b""
            self._refs[commit] = output.decode("utf-8", "replace").split()
        return self._refs[commit]

    def _holds(self, ref: str, path: str, value: str) -> bool:
        try:
            listed = git(self._path, "--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree", ref, "--", path)
            parts = listed.partition(b"\t")[0].split()
            if len(parts) != 4 or not parts[3].isdigit() or int(parts[3]) > MAX_FILE_BYTES:
                return False
            wanted = [TrackedFile(path, parts[2].decode(), int(parts[3]))]
            return any(value in text for _, content in blobs(self._path, wanted) for text in _texts(path, content))
        except (GitError, ValueError):  # a name with a NUL or lone surrogates cannot be asked for
            return False


def _texts(path: str, content: bytes) -> Iterator[str]:
    yield content.decode("utf-8", "replace")
    yield from (part.text for part in inside(path, content) if isinstance(part, Part))


def _named(ref: str) -> str:
    for start, word in (("refs/heads/", "branch "), ("refs/remotes/", "branch "), ("refs/tags/", "tag ")):
        if ref.startswith(start):
            return word + ref.removeprefix(start)
    return ref
