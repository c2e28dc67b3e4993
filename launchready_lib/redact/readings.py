r"""One text read in the ways in which a secret may be spelled in it, each with the way back to the text's own places.

Undone are, in any nesting: escapes of JSON, JavaScript and Python (all-`\uXXXX` included), percent-encoding (however
often), HTML entities, breaks of lines, marks without width, letters' case and forms' plus signs; tags and terminal
colours, quoted-printable (RFC 2045 §6.7) and UTF-7 (RFC 2152) in readings of their own, since undoing them where they
are not meant would hide a secret. A secret read the same way is then found by a plain search. Linear in the text.
"""

from __future__ import annotations

import base64
import html
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

_ESCAPE = re.compile(
    r"\\+(?:u[dD][89abAB][0-9a-fA-F]{2}\\+u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}"
    r"|x[0-7][0-9a-fA-F]|x[89a-fA-F][0-9a-fA-F](?:\\+x[89a-fA-F][0-9a-fA-F])*|[nrtfv])?"
    r"|%(?:25)*(?:[0-7][0-9a-fA-F]|[89a-fA-F][0-9a-fA-F](?:%(?:25)*[89a-fA-F][0-9a-fA-F])*)"
    r"|&(?:amp;)*(?:\#[xX]0*[0-9a-fA-F]{1,6};?|\#0*[0-9]{1,7};?|[A-Za-z][A-Za-z0-9]{1,31};)"
)
_TAG = re.compile(r"<[!/?A-Za-z][^<>]{0,400}>|\x1b\[[0-9;]{0,20}[A-Za-z]")
_BREAK = re.compile(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029\xad\u200b-\u200f\u2060-\u2064\ufeff]\s*+")
_AFTER_BLANK = re.compile(r"[\r\n](?<=[ \t].)", re.DOTALL)
_BLANK_AND_BREAK = re.compile(r"(?<![ \t])[ \t]++(?=[\r\n])")
_QUOTED = re.compile(
    r"=(?:[0-7][0-9A-Fa-f]|[89A-Fa-f][0-9A-Fa-f](?:(?:=\r?\n)?=[89A-Fa-f][0-9A-Fa-f])*|[ \t]{0,8}\r?\n)"
)
_UTF7 = re.compile(r"\+(?:-|([A-Za-z0-9+/]{3,}+)-?)")
_OCTET = {"%": re.compile(r"%(?:25)*([0-9a-fA-F]{2})"), "x": re.compile(r"x([0-9a-fA-F]{2})")}
_SPACE = re.compile(r"\s++")
_WHITE = {"n": "\n", "r": "\r", "t": "\t", "f": "\n", "v": "\n"}
_ROUNDS = 3
"""Escapes within escapes of another kind are undone so often; of the same kind, at once."""


Kind = Literal["exact", "folded", "bare", "tight"]


@dataclass(frozen=True)
class _Edits:
    """Where a text was changed: ranges of the new text, and where each ended in the old one and began there."""

    new: array[int]
    new_end: array[int]
    old: array[int]
    old_end: array[int]

    def start(self, place: int) -> int:
        """Where what stands at a place began before the change."""
        at = bisect_right(self.new, place) - 1
        if at < 0:
            return place
        if place < self.new_end[at]:
            return self.old[at]
        return self.old_end[at] + place - self.new_end[at]

    def end(self, place: int) -> int:
        """Where what ends before a place ended before the change."""
        at = bisect_right(self.new, place - 1) - 1
        if at < 0:
            return place
        if place - 1 < self.new_end[at]:
            return self.old_end[at]
        return self.old_end[at] + place - self.new_end[at]


Replace = Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Reading:
    """A text as it reads: exactly as it is, with all undone, that and without tags, or without white space.

    The way back to the places of `origin` is made where it is asked for: few texts hold a secret.
    """

    origin: str
    text: str
    steps: tuple[tuple[re.Pattern[str], Replace | str], ...] = ()
    kind: Kind = "exact"

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The places in the text itself of what stands from `start` to before `end` here."""
        for edit in reversed(self._edits):
            start, end = edit.start(start), edit.end(end)
        return start, end

    def edited(self, pattern: re.Pattern[str], replace: Replace | str = "") -> Reading:
        """The text with every match replaced; the same reading where that changes nothing."""
        text = pattern.sub(replace, self.text)
        return self if text == self.text else Reading(self.origin, text, (*self.steps, (pattern, replace)))

    @cached_property
    def _edits(self) -> list[_Edits]:
        found, text = [], self.origin
        for pattern, replace in self.steps:
            edits, text = _edits(text, pattern, replace)
            found.append(edits)
        return found


def _edits(text: str, pattern: re.Pattern[str], replace: Replace | str) -> tuple[_Edits, str]:
    kept: list[str] = []
    new, new_end, old, old_end = array("q"), array("q"), array("q"), array("q")
    place = length = 0
    for match in pattern.finditer(text):
        put = replace if isinstance(replace, str) else replace(match)
        begin, end = match.span()
        kept += (text[place:begin], put)
        length += begin - place
        new.append(length)
        length += len(put)
        new_end.append(length)
        old.append(begin)
        old_end.append(end)
        place = end
    return _Edits(new, new_end, old, old_end), "".join([*kept, text[place:]])


def fold(text: str) -> str:
    """A secret as `readings` have it where they are folded."""
    return _folded(_unescaped(_plain(text))).text


def bare(text: str) -> str:
    """A secret as the reading without tags has it."""
    return _folded(_untagged(_unescaped(_plain(text)))).text


def readings(text: str) -> Iterator[Reading]:
    """The text itself, and as it reads with what can hide a secret undone."""
    plain = _plain(text)
    yield plain
    unescaped = _unescaped(plain)
    yield _folded(unescaped)
    if "<" in unescaped.text or "\x1b" in unescaped.text:
        without = _untagged(unescaped)
        if without is not unescaped:
            yield _folded(without, "bare")
    for sign, pattern, undo in (("=", _QUOTED, _quoted), ("+", _UTF7, _utf7)):
        if sign in text and (other := plain.edited(pattern, undo)) is not plain:
            yield _folded(_unescaped(other))


def tight(text: str) -> Reading:
    """The text without any white space, for secrets that hold some, which a line may be broken at."""
    return _folded(_unescaped(_plain(text)).edited(_SPACE), "tight")


def _plain(text: str) -> Reading:
    return Reading(text, text)


def _untagged(reading: Reading) -> Reading:
    return reading.edited(_TAG).edited(_TAG)  # what a tag has split may look like one


def _unescaped(reading: Reading) -> Reading:
    for _ in range(_ROUNDS):
        if "\\" not in reading.text and "%" not in reading.text and "&" not in reading.text:
            break
        before, reading = reading, reading.edited(_ESCAPE, _escape)
        if reading is before:
            break
    return reading


def _folded(reading: Reading, kind: Kind = "folded") -> Reading:
    if _AFTER_BLANK.search(reading.text):
        reading = reading.edited(_BLANK_AND_BREAK)
    reading = reading.edited(_BREAK)
    lowered = reading.text.lower().replace("+", " ")
    if len(lowered) != len(reading.text):  # a letter whose small form is two: Turkish dotted capital I
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in reading.text).replace("+", " ")
    return Reading(reading.origin, lowered, reading.steps, kind)


def _escape(match: re.Match[str]) -> str:
    return _undone(match[0])


@lru_cache(maxsize=8192)
def _undone(found: str) -> str:
    if found[0] == "&":
        return html.unescape(re.sub(r"&(?:amp;)+(?=.)", "&", found))
    if found[0] == "%":
        return _octets(_OCTET["%"].findall(found))
    code = found.lstrip("\\")
    if not code:
        return ""
    if code[0] == "x":
        return _octets(_OCTET["x"].findall(code))
    if code[0] != "u":
        return _WHITE[code]
    digits = re.findall(r"[0-9a-fA-F]+", code.replace("u", " "))
    if len(digits) == 2:  # a surrogate pair
        return bytes.fromhex("".join(digits)).decode("utf-16-be", "replace")
    number = int(digits[0], 16)
    return chr(number) if number < 0x110000 else ""


def _octets(digits: list[str]) -> str:
    raw = bytes.fromhex("".join(digits))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _quoted(match: re.Match[str]) -> str:
    found = match[0]
    return "" if found[-1] == "\n" else _octets(re.findall(r"[0-9A-Fa-f]{2}", found))


def _utf7(match: re.Match[str]) -> str:
    coded = match[1]
    if not coded:
        return "+"
    try:
        read = base64.b64decode(coded + "A" * (-len(coded) % 4)).decode("utf-16-be", "ignore")
    except ValueError:
        return match[0]
    return read[: len(coded) * 6 // 16] if read.isprintable() else match[0]
