"""What code reads from its environment: where, and whether it goes on without the variable.

Python is read by its own grammar, other languages by the patterns of data/variables.yaml.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from launchready_lib.sources import table
from launchready_lib.sources.variables import python
from launchready_lib.sources.variables.defined import Need, Read, is_given_by_platform, one_of

MOST_READS = 1_000  # of one file; no source written by people comes near
_LONGEST_VALUE = 2_000


@dataclass(frozen=True)
class _Rule:
    """A need (None: this is no read), and the patterns that must hold for it."""

    need: Need | None
    conditions: Mapping[str, str]

    def holds(self, found: re.Match[str], around: Mapping[str, str]) -> bool:
        word = found.groupdict().get("word")
        for place, pattern in self.conditions.items():
            if "<WORD>" in pattern and not word:
                return False
            wanted = pattern.replace("<WORD>", re.escape(word or ""))
            if place == "code":
                seen = _occurs(wanted, around["code"])
            else:
                seen = (re.match if place == "after" else re.search)(wanted, around[place])
            if not seen:
                return False
            word = seen.groupdict().get("word") or word
        return True


@dataclass(frozen=True)
class _Form:
    """One way of reading."""

    find: re.Pattern[str]
    each: re.Pattern[str] | None
    only_if: re.Pattern[str] | None
    rules: tuple[_Rule, ...]


@dataclass(frozen=True)
class _Language:
    """How one language reads; the attributes are those of the data file."""

    files: re.Pattern[str]
    comments: re.Pattern[str] | None
    window: tuple[int, int]
    one_line: frozenset[str]
    forms: tuple[_Form, ...]

    def reads(self, text: str) -> Iterator[python.Found]:
        """Every read in a source."""
        if "env" not in text.lower() and "_SERVER" not in text:
            return
        code = self.comments.sub(_blanked, text) if self.comments else text
        for form in self.forms:
            if form.only_if and not form.only_if.search(code):
                continue
            for match in form.find.finditer(code):
                for found in form.each.finditer(code, *match.span("list")) if form.each else (match,):
                    name = next(key for key, value in found.groupdict().items() if value and key.startswith("name"))
                    around = self._around(code, found)
                    rule = next((rule for rule in form.rules if rule.holds(found, around)), _ASKED)
                    if rule.need is not None:
                        yield found[name], code.count("\n", 0, found.start(name)) + 1, rule.need

    def _around(self, code: str, found: re.Match[str]) -> dict[str, str]:
        before = code[max(0, found.start() - self.window[0]) : found.start()]
        after = code[found.end() : found.end() + self.window[1]]
        return {
            "before": before.rpartition("\n")[2] if "before" in self.one_line else before,
            "after": after.partition("\n")[0] if "after" in self.one_line else after,
            "within": _expression(code, found.start("value")) if "value" in found.groupdict() else found[0],
            "code": code,
        }


_ASKED = _Rule(Need.ASKED, {})


@lru_cache(maxsize=256)
def _occurs(pattern: str, code: str) -> re.Match[str] | None:
    return re.search(pattern, code)


def _blanked(comment: re.Match[str]) -> str:
    return comment["keep"] or "\n" * comment[0].count("\n") or " "


def _expression(code: str, start: int) -> str:
    """The expression from here to the comma or bracket that ends it."""
    depth = 0
    end = min(len(code), start + _LONGEST_VALUE)
    for position in range(start, end):
        char = code[position]
        depth += (char in "([{") - (char in ")]}")
        if depth < 0 or (depth == 0 and char == ","):
            return code[start:position]
    return code[start:end]


@cache
def _languages() -> Mapping[str, _Language]:
    return {name: _language(entry) for name, entry in table("variables")["languages"].items()}


def _language(entry: Mapping[str, Any]) -> _Language:
    def whole(pattern: str) -> str:
        for _ in range(2):  # a part may hold another
            for name, part in entry.get("parts", {}).items():
                pattern = pattern.replace(f"<{name}>", part)
        return pattern

    def compiled(pattern: str | None) -> re.Pattern[str] | None:
        return re.compile(whole(pattern)) if pattern else None

    def rules(entries: Iterable[Mapping[str, Mapping[str, str] | None]]) -> Iterator[_Rule]:
        for need, conditions in (item for each in entries for item in each.items()):
            patterns = {place: whole(pattern) for place, pattern in (conditions or {}).items()}
            yield _Rule(None if need == "skip" else Need[need.upper()], patterns)

    return _Language(
        re.compile(entry["files"]),
        compiled(entry.get("comments")),
        entry["window"],
        frozenset(entry.get("one_line", ())),
        tuple(
            _Form(
                re.compile(whole(form["find"])),
                compiled(form.get("each")),
                compiled(form.get("only_if")),
                (*rules(form.get("rules", ())), *rules(entry.get("rules", ()))),
            )
            for form in entry["reads"]
        ),
    )


def is_code(path: str) -> bool:
    """A file in a language whose reads are known."""
    return any(language.files.search(path) for language in _languages().values())


def reads_in(path: str, text: str) -> tuple[Read, ...]:
    """Every read of one file; nothing where its language is not known."""
    name = next((name for name, language in _languages().items() if language.files.search(path)), None)
    if name is None:
        return ()
    reads = _languages()[name].reads(text)
    if name == "python":
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # else by patterns, roughly
            reads = python.reads(text)
    stock = re.search(rf"(?:^|/)config/{one_of('stock')}\.php\Z", path)
    return tuple(
        Read(name, path, line, min(need, Need.OPTIONAL) if stock else need)
        for name, line, need in itertools.islice(reads, MOST_READS)
    )


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
