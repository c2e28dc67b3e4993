"""Known secrets in a text: where they stand, in every spelling, whole or cut short.

A secret of eight characters and more that is no word is found in each reading of the text (see `readings`): as it is,
backwards, in hex, and in base64 at each of the three places that it can start at, of UTF-8 and of UTF-16. So are its
first eight characters and more, counted after a scheme or a provider's prefix, but not where they are no more than a
number, a word, the beginning of two, or what the parameters say openly; and its end, where a text was cut before it.
A weak one is found where it stands alone, so that it does not take innocent words with it.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from launchready_lib.parameters.strength import ordinary, parts, weakness
from launchready_lib.redact.forms import PREFIXES
from launchready_lib.redact.readings import Kind, Reading, bare, fold, readings, tight
from launchready_lib.redact.spellings import base64_cores, spellings

WINDOW = 128 * 1024
OVERLAP = 8 * 1024
"""Characters; long texts are read piece by piece, and a secret in any one spelling is found up to this length of it."""

_HEAD = 8
_ENDS_OF_CUTS = re.compile(r"…|\.\.\.|left out\]\n?")
_SCHEME = re.compile(r"(?i)(?:(?:bearer|basic|token|apikey|digest)[ :]\s*|[a-z0-9]{2,12}:(?!//)\s?)")
_VENDOR = re.compile(r"[A-Za-z]{2,10}_(?:(?:live|test|prod|dev|sandbox)_)?(?=.{12})")
_JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.(?=[\w-]{12})")
_LETTERS = re.compile(r"[^\W\d_]+")
_ENDINGS = ("s", "es", "d", "ed", "ing", "ly", "er", "al")

Span = tuple[int, int, str]
"""From, to before, whose."""


@dataclass(frozen=True)
class Needle:
    """What is looked for: `whole` by its first characters, of which `least` must be there.

    `before` is a prefix that goes with it where it stands there; `per` says how many of its characters one of the
    secret's takes, where a part of it counts; `plain` is the secret as it reads, for a look at the words in it.
    """

    name: str
    whole: str
    least: int
    before: str = ""
    plain: str = ""
    per: float = 1.0

    @functools.cached_property
    def head(self) -> str:
        """What is searched for first."""
        return self.whole[: self.least]


class Known:
    """Finds these secrets (name and value); `public` is what may always be read, as the parameters say it."""

    def __init__(self, secrets: Iterable[tuple[str, str]], public: Iterable[str] = ()) -> None:
        self._public = "\n".join(public).lower()
        self._needles: dict[Kind, dict[str, Needle]] = {"exact": {}, "folded": {}, "bare": {}, "tight": {}}
        self._ends: list[tuple[str, str]] = []
        self._weak: dict[str, tuple[re.Pattern[str], str]] = {}
        for name, value in secrets:
            for part in dict.fromkeys(parts(value)):
                self._learn(name, part)

    def _learn(self, name: str, secret: str) -> None:
        if weakness(secret):
            if len(secret) >= _SHORTEST_WEAK:
                self._weak.setdefault(secret, (_alone(secret), name))
            self._add("exact", (Needle(name, form, len(form)) for form in spellings(secret) if form != secret))
            return
        self._add("exact", _needles(name, secret))
        self._add("folded", _needles(name, secret, fold))
        self._add("bare", _needles(name, secret, bare))
        if re.search(r"\s", secret):
            whole = tight(secret).text
            self._add("tight", [Needle(name, whole, len(whole))] if len(whole) >= _HEAD else [])
        if len(fold(secret)) < _HEAD:
            self._add("exact", (Needle(name, form, len(form)) for form in spellings(secret)))
        if not _JWT.match(secret):
            self._ends.append((name, secret))

    def _add(self, kind: Kind, needles: Iterable[Needle]) -> None:
        for needle in needles:
            self._needles[kind].setdefault(needle.whole, needle)

    @functools.cached_property
    def _heads(self) -> dict[Kind, frozenset[str]]:
        return {
            kind: frozenset(each.head[:_HEAD] for each in needles.values()) for kind, needles in self._needles.items()
        }

    def strong(self, text: str) -> list[Span]:
        """Where secrets stand that are looked for everywhere; in order, none over another."""
        found: list[Span] = []
        step = WINDOW - OVERLAP
        for start in range(0, max(len(text) - OVERLAP, 1), step):
            window = text[start : start + WINDOW]
            found += ((start + a, start + b, name) for a, b, name in self._in_window(window))
        found += self._rests(text)
        return joined(found)

    def weak(self, text: str) -> Iterator[Span]:
        """Where a weak secret stands alone."""
        for secret, (pattern, name) in self._weak.items():
            if secret in text:
                yield from ((*match.span(), name) for match in pattern.finditer(text))

    @property
    def has_weak(self) -> bool:
        """Whether there is any."""
        return bool(self._weak)

    def _in_window(self, text: str) -> Iterator[Span]:
        for reading in readings(text):
            yield from self._in_reading(reading, self._needles[reading.kind])
        if self._needles["tight"]:
            yield from self._in_reading(tight(text), self._needles["tight"])

    def _in_reading(self, reading: Reading, needles: dict[str, Needle]) -> Iterator[Span]:
        text = reading.text
        if len(text) <= _SHORT and self._heads[reading.kind].isdisjoint(
            {text[at : at + _HEAD] for at in range(len(text) - _HEAD + 1)}
        ):
            return
        for needle in needles.values():
            at = text.find(needle.head)
            while at >= 0:
                length = _common(text, at, needle.whole)
                if length == len(needle.whole) or self._tells(needle, text, at, length):
                    begin = at - len(needle.before) if needle.before and text.endswith(needle.before, 0, at) else at
                    yield (*reading.source(begin, at + length), needle.name)
                    at = text.find(needle.head, at + length)
                else:
                    at = text.find(needle.head, at + 1)

    def _tells(self, needle: Needle, text: str, at: int, length: int) -> bool:
        """Whether the first characters of a secret say something of it: more than a word or two, a date, a name."""
        echo = needle.plain[: int(length / needle.per)].lower()
        if echo in self._public:
            return False
        return _secret_like(echo, text[at + length :][:40] if needle.per == 1 else "")

    def _rests(self, text: str) -> Iterator[Span]:
        """The end of a secret where a text begins with it, or goes on with it behind a mark or a cut."""
        places: list[tuple[int, int, str | None]] = [(0, _HEAD, None)]
        places += ((m.end(), _HEAD, None) for m in _ENDS_OF_CUTS.finditer(text))
        if "[redacted: " in text:
            places += ((m.end(), 3, m[1]) for m in MARK.finditer(text))
        for place, least, owner in places:
            some = text[place : place + least]
            for name, secret in self._ends if len(some) == least else ():
                if owner is not None and owner != name:
                    continue
                at = secret.find(some, 1 if owner is None else _HEAD)
                while at > 0 and not text.startswith(secret[at:], place):
                    at = secret.find(some, at + 1)
                if at > 0 and (owner is not None or _secret_like(secret[at:].lower(), "")):
                    yield place, place + len(secret) - at, name


MARK = re.compile(r"\[redacted: ([^\]\n]{1,100})\]")
_SHORTEST_WEAK = 3
_LONG_NUMBER = 12
_SHORT = 200
"""Characters of a text in which it is quicker to look at all that stands in it than for each needle."""


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order; those that overlap as one, with the name of the longest."""
    whole: list[Span] = []
    longest = 0
    for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        if whole and start < whole[-1][1]:
            first, last, owner = whole[-1]
            whole[-1] = (first, max(last, end), name if end - start > longest else owner)
            longest = max(longest, end - start)
        else:
            whole.append((start, end, name))
            longest = end - start
    return whole


def _common(text: str, at: int, whole: str) -> int:
    """How many characters of `whole` stand at a place."""
    if text.startswith(whole, at):
        return len(whole)
    low, high = 0, len(whole)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if text.startswith(whole[:middle], at) else (low, middle)
    return low


def _secret_like(echo: str, after: str) -> bool:
    if not re.search(r"[^\W\d_]", echo):
        return sum(c.isdigit() for c in echo) >= _LONG_NUMBER
    if any(c.isdigit() for c in echo):
        return True
    more = _LETTERS.match(after)  # where the text's word goes on otherwise, it began so by chance
    words = _LETTERS.findall(echo + (more[0] if more else ""))
    return len(words) > (2 if more else 1) or not all(map(_word, words))


def _word(text: str) -> bool:
    return len(text) < 3 or ordinary(text) or any(ordinary(text.removesuffix(end)) for end in _ENDINGS)


def _alone(secret: str) -> re.Pattern[str]:
    """A weak secret as a whole word; one that is a word also not as a part of a name, such as domain.resolves."""
    word = re.escape(secret)
    if ordinary(secret):
        return re.compile(rf"(?<![\w-])(?<![\w]\.){word}(?![\w-])(?!\.\w)")
    return re.compile(rf"(?<![^\W_]){word}(?![^\W_])")


def _core(secret: str) -> int:
    """Where a secret begins that has a scheme or a provider's prefix before it."""
    if "://" in secret:
        return 0
    if jwt := _JWT.match(secret):
        return jwt.end()
    scheme = _SCHEME.match(secret)
    start = scheme.end() if scheme else 0
    prefix = next((p for p in PREFIXES if secret.startswith(p, start)), "")
    if prefix:
        return start + len(prefix)
    vendor = _VENDOR.match(secret, start)
    return vendor.end() if vendor else start


def _needles(name: str, secret: str, read: Callable[[str], str] = str) -> Iterator[Needle]:
    """What to look for in a reading: the secret as `read` gives it, and coded."""
    cut = _core(secret)
    whole, body = read(secret), read(secret[cut:])
    if "://" not in secret and len(body) > _HEAD:
        yield Needle(name, body, _HEAD, read(secret[:cut]), body)
    elif len(whole) >= _HEAD:
        yield Needle(name, whole, len(whole))
    if len(backwards := read(secret[::-1])) >= _HEAD:
        yield Needle(name, backwards, len(backwards))
    for plain, least in ((secret, cut + _HEAD), (secret[cut:], _HEAD)) if cut else ((secret, _HEAD),):
        for coded, per in _coded(plain):
            form = read(coded)
            if len(form) > _HEAD:
                yield Needle(name, form, min(math.ceil(least * per), len(form)), plain=plain, per=per)


def _coded(secret: str) -> Iterator[tuple[str, float]]:
    """A secret in hex and in base64, and how many characters one of its own takes."""
    raw = secret.encode(errors="surrogatepass")
    yield raw.hex(), 2 * len(raw) / len(secret)
    yield raw.hex().upper(), 2 * len(raw) / len(secret)
    for wide in (raw, secret.encode("utf-16-be", "surrogatepass"), secret.encode("utf-16-le", "surrogatepass")):
        yield from ((form, 4 / 3 * len(wide) / len(secret)) for form in dict.fromkeys(base64_cores(wide)))
