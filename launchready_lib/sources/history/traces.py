"""One row a value: where it lives now, the commit that brought it in, and what still leads to it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from launchready_lib.sources.credentials import Credential, Standing, credential, fingerprint, rank
from launchready_lib.sources.credentials.inside import Part, inside
from launchready_lib.sources.history.objects import MESSAGE, TAG, Index, Origin, Reach, kind_of
from launchready_lib.sources.history.sightings import Sighting
from launchready_lib.sources.repository import MAX_FILE_BYTES, GitError, Repository, TrackedFile, blobs, git

MAX_SECRETS, MAX_OTHERS = 200, 40  # values of which a row is made, the worst first; naming one costs about 10 ms

_MAX_SOUGHT = 40
_REACHES = tuple(Reach)


@dataclass(frozen=True)
class Trace:
    """A credential in the history; `lives`: where it is now, in words; `commit`, `date`: of the first that held it."""

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
        row = self.credential.row()
        return {
            "lives_now": self.lives,
            "at_head": "yes" if self.at_head else "no",
            "where": row.pop("where"),
            "first_commit": self.commit[:12] or "none",
            "first_date": self.date or "unknown",
            "reachable": str(self.reach),
            **row,
        }


def traces(
    repo: Repository, index: Index, sightings: Iterable[Sighting], known: Mapping[str, Standing]
) -> tuple[tuple[Trace, ...], dict[str, int]]:
    """The worst values as rows, and how many more there are of each standing."""
    by_value: dict[str, list[Sighting]] = {}
    for each in sightings:
        by_value.setdefault(each.hit.value, []).append(each)
    tracing = _Tracing(repo, index, known)
    ordered = sorted(by_value.values(), key=lambda same: min(map(tracing.badness, same)))
    secret = sum(any(rank(each.hit.standing) == 0 for each in same) for same in ordered)
    shown = min(secret, MAX_SECRETS) + (MAX_OTHERS if secret <= MAX_SECRETS else 0)
    with ThreadPoolExecutor() as pool:  # outside of Python's lock
        marks = pool.map(fingerprint, [same[0].hit.value for same in ordered[:shown]])
        rows = [tracing.trace(same, mark) for same, mark in zip(ordered, marks, strict=False)]
    rest = Counter(str(min((each.hit.standing for each in same), key=rank)) for same in ordered[shown:])
    return tuple(sorted(rows, key=lambda t: (rank(t.credential.standing), _REACHES.index(t.reach)))), dict(rest)


class _Tracing:
    """Makes rows of sightings, with what is needed for it."""

    def __init__(self, repo: Repository, index: Index, known: Mapping[str, Standing]) -> None:
        self._index, self._known, self._search = index, known, _Search(repo.path)
        self._head: dict[str, list[str]] = {}
        for file in repo.files:
            self._head.setdefault(file.object_id, []).append(file.path)

    def badness(self, sighting: Sighting) -> tuple[int, int, int]:
        """Lowest for the sighting that decides: the worst standing, reachable before not, the oldest first."""
        reach = self._index.origins[sighting.object_id].reach
        return rank(sighting.hit.standing), _REACHES.index(reach), sighting.order

    def trace(self, same: list[Sighting], mark: str) -> Trace:
        """The row of one value."""
        deciding = min(same, key=self.badness)
        origins, standing = self._index.origins, deciding.hit.standing
        reach = origins[deciding.object_id].reach
        alike = [each for each in same if origins[each.object_id].reach is reach]
        oldest_first = sorted(alike, key=lambda each: each.order)
        first = oldest_first[0]
        now = [(each, place) for each in alike for place in self._now(each)]
        places = [place for _, place in now]
        if not any(each.hit.standing is standing for each, _ in now):
            before = [f"{each.hit.path}:{each.hit.line}" for each in oldest_first if each.hit.standing is standing]
            places = before + places
        unique = tuple(dict.fromkeys(places))
        found = credential(deciding.hit.value, [deciding.hit, *(each.hit for each in alike)], self._known, mark)
        found = replace(found, places=unique[:5], count=len(unique))
        origin = origins[first.object_id]
        lives = f"at HEAD: {now[0][1]}" if now else "not at HEAD"
        if found.is_leak and not now:
            lives = self._search.lives(deciding.hit.value, first.hit.path, self._index.files[first.order], origin)
        return Trace(found, bool(now), lives, origin.commit, _day(origin.seconds), reach)

    def _now(self, sighting: Sighting) -> Iterator[str]:
        """Where the sighting's object is at HEAD, in the same kind of place, with the line."""
        before, hit = self._index.files[sighting.order].path, sighting.hit
        for path in self._head.get(sighting.object_id, ()):
            if kind_of(path) == kind_of(before):
                inside_it = hit.path.removeprefix(before) if hit.path.startswith(before) else ""
                yield f"{path}{inside_it}:{hit.line}"


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
            options = ("--contains", commit, "--count=8", "--format=%(refname)")
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
            for _, content in blobs(self._path, wanted):
                parts_inside = (part.text for part in inside(path, content) if isinstance(part, Part))
                return value in content.decode("utf-8", "replace") or any(value in text for text in parts_inside)
        except (GitError, ValueError):  # a name with a NUL or lone surrogates cannot be asked for
            return False
        return False


def _named(ref: str) -> str:
    words = {"refs/heads/": "branch ", "refs/remotes/": "branch ", "refs/tags/": "tag "}
    return next((word + ref.removeprefix(start) for start, word in words.items() if ref.startswith(start)), ref)
