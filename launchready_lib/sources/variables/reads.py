"""What code reads from its environment, in five languages: where, and whether it goes on without the variable."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator

from launchready_lib.sources.variables import go, javascript, php, python, ruby
from launchready_lib.sources.variables.model import Need, Read, is_given_by_platform

MOST_READS = 1_000
"""Of one file; no source written by people comes near."""

Reader = Callable[[str], Iterator[tuple[str, int, Need]]]

_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"\.(?:[mc]?[jt]sx?|vue|svelte|astro)\Z"), javascript.reads),
    (re.compile(r"\.py\Z"), python.reads),
    (
        re.compile(r"\.(?:rb|rake|ru|erb|gemspec)\Z|(?:^|/)(?:Gemfile|Rakefile)\Z|(?:^|/)config/[^/]*\.yml\Z"),
        ruby.reads,
    ),
    (re.compile(r"\.php\Z"), php.reads),
    (re.compile(r"(?:^|/)config/(?:.*/)?[^/]*\.yaml\Z"), php.yaml_reads),
    (re.compile(r"\.go\Z"), go.reads),
)


def is_code(path: str) -> bool:
    """A file in a language whose reads are known."""
    return any(pattern.search(path) for pattern, _ in _READERS)


def reads_in(path: str, text: str) -> tuple[Read, ...]:
    """Every read of one file; nothing where its language is not known."""
    reader = next((reader for pattern, reader in _READERS if pattern.search(path)), None)
    if reader is None:
        return ()
    found = itertools.islice(reader(text), MOST_READS)
    if php.is_stock_configuration(path):
        return tuple(Read(name, path, line, min(need, Need.OPTIONAL)) for name, line, need in found)
    return tuple(Read(name, path, line, need) for name, line, need in found)


def required(reads: Iterable[Read]) -> dict[str, tuple[Read, ...]]:
    """The variables that code reads without a default, with those reads; none that a schema calls optional."""
    by_name: dict[str, list[Read]] = {}
    for read in reads:
        by_name.setdefault(read.name, []).append(read)
    bare = {name: _bare(same) for name, same in sorted(by_name.items()) if not is_given_by_platform(name)}
    return {name: reads for name, reads in bare.items() if reads}


def _bare(same: list[Read]) -> tuple[Read, ...]:
    """Of all reads of one variable, those that have nothing to go on with."""
    declared = any(read.need is Need.DECLARED_OPTIONAL for read in same)
    tested = {read.path for read in same if read.need is Need.TESTED}
    return tuple(
        read
        for read in same
        if read.need is Need.DEMANDED or (read.need is Need.ASKED and not declared and read.path not in tested)
    )
