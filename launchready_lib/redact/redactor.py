"""The only way out for text: no known secret, and nothing with the form of a credential, passes.

Known secrets are found in every spelling, whole or cut (see `known`). One that is shorter than eight characters, or an
ordinary word, would take innocent words with it: it is masked only where it stands alone, and `Redactor.weak` names it,
so that the run can say so. Masked are values; keys, ids, enums, MIME types and what else is `structure` stays readable
for programs, whatever a secret is.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from launchready_lib.parameters.strength import parts, weakness
from launchready_lib.record.exhibits import PLOTLY_MIME
from launchready_lib.record.findings import FINDING_MIME, RECORD_MIME
from launchready_lib.redact import forms as credentials
from launchready_lib.redact import structure
from launchready_lib.redact.forms import mark
from launchready_lib.redact.known import MARK, Known, joined

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters

_DEEPEST = 200
_SHORT = 2000
_SHOWN_ROWS = 200
_BINARY = ("image/", "audio/", "video/", "font/", "application/pdf", "application/octet-stream", "application/zip")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEY = re.compile(r"(?i)(?:\A|_)(?:password|passwd|secret|token|api_?key|private_?key)\Z")
_COOKIES = frozenset({"cookie", "set-cookie", "set_cookie"})
_AUTHORIZATIONS = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token"})
_NAMING = ("name", "header", "field", "key")
_TAG = re.compile(r"<[!/?A-Za-z][^<>]{0,4096}>")
_ATTRIBUTE = re.compile(r"([\w-]{1,40})=(?:\"([^\"<>]*)\"|'([^'<>]*)')")
_LOOKS = frozenset({"style", "class", "scope", "role", "type", "align", "valign", "border", "colspan", "rowspan"})

Allowed = Callable[[str, int, int], bool]
"""Whether a weak secret may be masked at a place of a text."""


class Redactor:
    """Takes secrets out of texts and of JSON-like values; `weak` says which are not found everywhere, and why."""

    def __init__(
        self,
        secrets: Mapping[str, str] | Iterable[str] = (),
        *,
        personal: Iterable[str] = (),
        public: Iterable[str] = (),
    ) -> None:
        """Know these secrets (name -> value, or values alone) and personal data; `public` may stand in any text."""
        named = secrets.items() if isinstance(secrets, Mapping) else (("secret", value) for value in secrets)
        self._secrets = [(name, value) for name, value in named if value]
        self._secrets += [("personal data", value) for value in personal if value]
        self._public = frozenset(public)
        # The same short texts come by again: from the kernel, in a cell, in the whole notebook.
        self._short = functools.lru_cache(maxsize=4096)(self._text)

    @classmethod
    def from_parameters(cls, parameters: Parameters, environment: Mapping[str, str]) -> Redactor:
        """Know the values of every variable that the parameters read secrets from."""
        secrets = {name: environment.get(name, "") for name in parameters.variables()}
        return cls(secrets, public=_open(parameters))

    @classmethod
    def from_mapping(cls, content: object, environment: Mapping[str, str]) -> Redactor:
        """Know what unvalidated parameters refer to: every `${NAME}`, and any value under a key that names a secret."""
        return cls(dict(_mentioned(content, environment)), public=_open(content))

    @cached_property
    def weak(self) -> dict[str, str]:
        """Names of weak secrets, each with what is wrong with it."""
        reasons = ((name, weakness(part)) for name, value in self._secrets for part in parts(value))
        return {name: why for name, why in reasons if why}

    @cached_property
    def _known(self) -> Known:
        return Known(self._secrets, self._public)

    def text(self, text: str) -> str:
        """Replace known secrets and whatever has the form of a credential."""
        if len(text) < 3:
            return text
        return self._short(text) if len(text) <= _SHORT else self._text(text)

    def source(self, text: str) -> str:
        """The same in a notebook's cell, where a weak secret is one only as a whole string in quotes."""
        return credentials.mask(self.known(text, _quoted))

    def html(self, text: str) -> str:
        """The same in HTML, where a weak secret is none in markup."""
        return credentials.mask(self.known(text, _outside_tags(text) if self._known.has_weak else None))

    def _text(self, text: str) -> str:
        return credentials.mask(self.known(text))

    def known(self, text: str, allowed: Allowed | None = None, *, weak: bool = True) -> str:
        """Replace known secrets only; for payloads in which a form could occur by chance."""
        marks = [match.span() for match in MARK.finditer(text)] if "[redacted: " in text else []
        apart = _apart(marks)
        spans = [span for span in self._known.strong(text) if apart(*span[:2])]
        if weak and self._known.has_weak:
            apart = _apart(sorted([*marks, *(span[:2] for span in spans)]))
            spans += (
                span
                for span in self._known.weak(text)
                if apart(*span[:2]) and (allowed is None or allowed(text, *span[:2]))
            )
        if not spans:
            return text
        kept: list[str] = []
        place = 0
        for start, end, name in joined(spans):
            kept += (text[place:start], mark(name))
            place = end
        return "".join([*kept, text[place:]])

    def value(self, value: Any) -> Any:
        """Redact a JSON-like value; what is no text, list or mapping stays as it is, and so does structure.

        A key is masked where a secret that is not weak stands in it, and it is neither a field's name nor a MIME type.
        """
        return self._value(value, 0)

    def frame(self, frame: Any) -> Any:
        """A data frame or a series, redacted cell by cell before anything cuts what stands in it.

        Of a long one only both ends, which alone are printed.
        """
        if len(frame) <= 2 * _SHOWN_ROWS:
            clean = self._cells(frame)
        else:
            import pandas as pd  # noqa: PLC0415 - there is a frame, so it is loaded

            middle = frame.iloc[_SHOWN_ROWS:-_SHOWN_ROWS]
            ends = [self._cells(frame.iloc[:_SHOWN_ROWS]), self._cells(frame.iloc[-_SHOWN_ROWS:])]
            clean = pd.concat([ends[0], middle, ends[1]])
        if hasattr(clean, "columns"):
            clean.columns = clean.columns.map(self._key)
        return clean

    def _cells(self, frame: Any) -> Any:
        clean = frame.map(lambda cell: self._value(cell, 0) if isinstance(cell, str | Mapping | list | tuple) else cell)
        if any(isinstance(label, str) for label in clean.index):
            clean.index = clean.index.map(lambda label: self._value(label, 0))
        return clean

    def metadata(self, value: Any) -> Any:
        """Redact the metadata of a notebook, a cell or an output."""
        return self._shaped(value, structure.NOTEBOOK, {"parameters"}, 0)

    def finding(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Redact a finding as findings.json holds it; its ids, enums and figures stay."""
        clean: dict[str, Any] = self._item(FINDING_MIME, body, 0)
        return clean

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
            return mark("nested too deeply")
        if isinstance(value, Mapping):
            named = _named(value)
            return {
                self._key(key): self._item(named if key == "value" and named else key, item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            first = value[0] if len(value) == 2 else None
            items = [self._value(item, depth + 1) for item in value]
            if isinstance(first, str) and isinstance(value[1], str):
                items[1] = self._item(first, value[1], depth + 1)
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, int | float) and not isinstance(value, bool) and self._secrets:
            shown = repr(value)
            return value if (clean := self.known(shown, weak=False)) == shown else clean
        return value

    def _item(self, key: object, item: Any, depth: int) -> Any:
        """Redact an item with what its key, its MIME type, or its header's name, tells about it."""
        name = key.lower() if isinstance(key, str) else ""
        if isinstance(item, Mapping):
            if name == FINDING_MIME:
                return self._shaped(item, structure.FINDING, {"evidence"}, depth)
            if name == RECORD_MIME:
                return self._record(item, depth)
            if name == PLOTLY_MIME:
                return self._shaped(item, structure.FIGURE, (), depth)
        if not isinstance(item, str):
            return self._value(item, depth)
        if name.startswith(_BINARY):
            return self.known(item)
        if name == "text/html":
            return self.html(item)
        if name in _COOKIES:
            return self.text(credentials.cookies(item))
        if name in _AUTHORIZATIONS and item:
            return mark("credentials")
        return self.text(item)

    def _record(self, body: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """A record of ours: what programs find their way by stays, and what the parameters say openly of the client."""
        data = body.get("data")
        clean = self._shaped({**body, "data": None}, structure.RECORD, (), depth)
        if not isinstance(data, Mapping):
            return {**clean, "data": self._value(data, depth)}
        public = self._public if body.get("kind") == "client" else frozenset()
        shown = {
            self._key(key): self._own(item, public, depth)
            if key in structure.DATA or public
            else self._item(key, item, depth + 1)
            for key, item in data.items()
        }
        return {**clean, "data": shown}

    def _shaped(self, value: Any, fixed: AbstractSet[str], free: Iterable[str], depth: int) -> Any:
        """Redact a value whose `fixed` keys, at any depth but below `free` ones, hold structure."""
        if depth > _DEEPEST:
            return mark("nested too deeply")
        if isinstance(value, Mapping):
            return {
                self._key(key): self._own(item, frozenset(), depth + 1)
                if key in fixed
                else self._item(key, item, depth + 1)
                if key in free
                else self._shaped(item, fixed, free, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._shaped(item, fixed, free, depth + 1) for item in value]
        if isinstance(value, str):
            clean = self.text(value)
            return value if clean != value and structure.is_own(value) else clean
        return value

    def _own(self, value: Any, public: AbstractSet[str], depth: int) -> Any:
        """Structure: words of ours, what is public, and all else without the secrets that are not weak."""
        if isinstance(value, Mapping) and depth <= _DEEPEST:
            return {self._key(key): self._own(item, public, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple) and depth <= _DEEPEST:
            return [self._own(item, public, depth + 1) for item in value]
        if not isinstance(value, str):
            return self._value(value, depth) if isinstance(value, Mapping | list | tuple) else value
        clean = self.known(value, weak=False)
        return value if clean != value and (value in public or structure.is_own(value)) else clean

    def _key(self, key: Any) -> Any:
        return key if not isinstance(key, str) or structure.is_key(key) else self.known(key, weak=False)


def _open(content: object, depth: int = 0) -> Iterator[str]:
    """What parameters say openly: every text that takes no variable and is no secret's."""
    if isinstance(content, BaseModel):
        content = vars(content)
    if isinstance(content, str):
        if not _VARIABLE.search(content):
            yield content
    elif isinstance(content, Mapping) and depth < _DEEPEST:
        for key, item in content.items():
            if not (isinstance(key, str) and _SECRET_KEY.search(key)):
                yield from _open(item, depth + 1)
    elif isinstance(content, list | tuple) and depth < _DEEPEST:
        for item in content:
            yield from _open(item, depth + 1)


def _apart(ranges: list[tuple[int, int]]) -> Callable[[int, int], bool]:
    """Tell whether a place touches none of these ranges, which are in order."""
    begins = [start for start, _ in ranges]

    def apart(start: int, end: int) -> bool:
        at = bisect_right(begins, end - 1) - 1
        return at < 0 or ranges[at][1] <= start

    return apart


def _quoted(text: str, start: int, end: int) -> bool:
    return start > 0 and text[start - 1] in "'\"" and text[end : end + 1] == text[start - 1]


def _outside_tags(text: str) -> Allowed:
    """Allow what stands in no tag, or in the value of an attribute that says more than how it looks."""
    closed: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        place = tag.start()
        for match in _ATTRIBUTE.finditer(text, tag.start(), tag.end()):
            if match[1].lower() not in _LOOKS:
                group = 2 if match[2] is not None else 3
                closed.append((place, match.start(group)))
                place = match.end(group)
        closed.append((place, tag.end()))
    apart = _apart(closed)
    return lambda _, start, end: apart(start, end)


def _named(row: Mapping[Any, Any]) -> str | None:
    """Which header a row of evidence is about, where it has the columns name and value."""
    if "value" not in row:
        return None
    return next((str(row[key]) for key in _NAMING if isinstance(row.get(key), str)), None)


def _mentioned(content: object, environment: Mapping[str, str], depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield from ((name, environment.get(name, "")) for name in _VARIABLE.findall(content))
    elif isinstance(content, Mapping) and depth < _DEEPEST:
        for key, item in content.items():
            literal = isinstance(item, str) and not _VARIABLE.search(item)
            if literal and isinstance(key, str) and _SECRET_KEY.search(key):
                yield f"{key} {len(item)}", item
            yield from _mentioned(item, environment, depth + 1)
    elif isinstance(content, list | tuple) and depth < _DEEPEST:
        for item in content:
            yield from _mentioned(item, environment, depth + 1)
