"""The only way out for text: no known secret, and nothing with the form of a credential, passes.

Known secrets are found as they are and encoded: base64 (standard and URL-safe, at each of the three places it can start
at), hex, percent-encoded, escaped for JSON, HTML or Python. A secret of fewer than six characters would take innocent
words with it, so it is replaced only where it stands alone, between characters that are neither letters nor digits, and
not in its encodings; one or two characters are not looked for at all. `Redactor.weak` names those, so that the run can
say so.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from launchready_lib.redact import forms as credentials
from launchready_lib.redact.forms import mark

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters

SHORTEST = 6
"""From this length on a secret is looked for everywhere and in every encoding."""

_DEEPEST = 200
_SHORT = 2000
_BINARY = ("image/", "audio/", "video/", "font/", "application/pdf", "application/octet-stream", "application/zip")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_KEY = re.compile(r"(?i)(?:\A|_)(?:password|passwd|secret|token|api_?key|private_?key)\Z")
_COOKIES = frozenset({"cookie", "set-cookie", "set_cookie"})
_AUTHORIZATIONS = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token"})
_NAMING = ("name", "header", "field", "key")
# Words of the message protocol (jupyter_client, "Messaging") and of nbformat, which a secret may equal by chance.
_OWN = frozenset(
    {"name", "output_type", "status", "execution_state", "execution_count", "transient", "comm_id", "wait"}
)


class Redactor:
    """Takes secrets out of texts and of JSON-like values; `weak` names those too short to be found everywhere."""

    def __init__(self, secrets: Mapping[str, str] | Iterable[str] = (), *, personal: Iterable[str] = ()) -> None:
        """Know these secrets (name -> value, or values alone) and these pieces of personal data."""
        named = secrets.items() if isinstance(secrets, Mapping) else (("secret", value) for value in secrets)
        self._known = [(name, value) for name, value in named if value]
        self._known += [("personal data", value) for value in personal if value]
        # The same short texts come by again: from the kernel, in a cell, in the whole notebook.
        self._short = functools.lru_cache(maxsize=4096)(self._text)

    @classmethod
    def from_parameters(cls, parameters: Parameters, environment: Mapping[str, str]) -> Redactor:
        """Know the values of every variable that the parameters read secrets from."""
        return cls({name: environment.get(name, "") for name in parameters.variables()})

    @classmethod
    def from_mapping(cls, content: object, environment: Mapping[str, str]) -> Redactor:
        """Know what unvalidated parameters refer to: every `${NAME}`, and any value under a key that names a secret."""
        return cls(dict(_mentioned(content, environment)))

    @cached_property
    def weak(self) -> tuple[str, ...]:
        """Names of secrets that are too short."""
        return tuple(dict.fromkeys(name for name, value in self._known if len(value) < SHORTEST))

    @cached_property
    def _needles(self) -> dict[str, str]:
        """Every form of every secret -> its mark."""
        needles: dict[str, str] = {}
        for name, value in self._known:
            for part in _parts(value):
                for form in spellings(part):
                    needles.setdefault(form, mark(name))
        return needles

    @cached_property
    def _alone(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple(
            (re.compile(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])"), mark(name))
            for name, value in self._known
            if 3 <= len(value) < SHORTEST
        )

    def text(self, text: str) -> str:
        """Replace known secrets and whatever has the form of a credential."""
        if len(text) < 3:
            return text
        return self._short(text) if len(text) <= _SHORT else self._text(text)

    def _text(self, text: str) -> str:
        return credentials.mask(self.known(text))

    def known(self, text: str) -> str:
        """Replace known secrets only; for payloads in which a form could occur by chance."""
        found = [needle for needle in self._needles if needle in text]
        if found:
            found.sort(key=len, reverse=True)
            text = re.sub("|".join(map(re.escape, found)), lambda match: self._needles[match[0]], text)
        for pattern, replacement in self._alone:
            text = pattern.sub(replacement, text)
        return text

    def value(self, value: Any) -> Any:
        """Redact a JSON-like value, keys included; what is no text, list or mapping stays as it is."""
        return self._value(value, 0)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
            return mark("nested too deeply")
        if isinstance(value, Mapping):
            named = _named(value)
            return {
                self.text(key) if isinstance(key, str) else key: self._item(
                    named if key == "value" and named else key, item, depth + 1
                )
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            first = value[0] if len(value) == 2 else None
            items = [self._value(item, depth + 1) for item in value]
            if isinstance(first, str) and isinstance(value[1], str):
                items[1] = self._item(first, value[1], depth + 1)
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, int | float) and not isinstance(value, bool) and self._known:
            shown = repr(value)
            return value if self.known(shown) == shown else self.known(shown)
        return value

    def _item(self, key: object, item: Any, depth: int) -> Any:
        """Redact an item with what its key, or its header's name, tells about it."""
        name = key.lower() if isinstance(key, str) else ""
        if name.startswith(_BINARY) and isinstance(item, str):
            return self.known(item)
        if name in _COOKIES and isinstance(item, str):
            return self.text(credentials.cookies(item))
        if name in _AUTHORIZATIONS and isinstance(item, str) and item:
            return mark("credentials")
        return self._value(item, depth)


def _named(row: Mapping[Any, Any]) -> str | None:
    """Which header a row of evidence is about, where it has the columns name and value."""
    if "value" not in row:
        return None
    return next((str(row[key]) for key in _NAMING if isinstance(row.get(key), str)), None)


def _parts(value: str) -> Iterator[str]:
    """The secret, and the pieces of it that are secret by themselves: the password of a URL, the lines of a key."""
    yield value
    if value.strip() != value:
        yield value.strip()
    if "://" in value:
        try:
            password = urllib.parse.urlsplit(value).password
        except ValueError:
            password = None
        if password:
            yield password
            yield urllib.parse.unquote(password)
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= 16 and "-----" not in line)


def spellings(secret: str) -> frozenset[str]:
    """Every way in which a secret may be written; empty for one too short to be looked for everywhere."""
    if len(secret) < SHORTEST:
        return frozenset()
    raw = secret.encode("utf-8", errors="surrogatepass")
    found = {secret, raw.hex(), raw.hex().upper(), *_percent(secret, raw), *_escaped(secret), *_base64(raw)}
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _base64(raw: bytes) -> Iterator[str]:
    """The characters that do not depend on what stands before and after, for each place in a group of three bytes."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(bytes(before) + raw).decode()
        core = coded[skipped : (before + len(raw)) * 8 // 6]
        yield core
        yield core.translate({43: "-", 47: "_"})
        yield from _percent(core, core.encode())


def _percent(secret: str, raw: bytes) -> Iterator[str]:
    """RFC 3986 §2.1, in both cases of its digits, forms' plus signs, twice, and of every character."""
    upper = {
        urllib.parse.quote(raw, safe=""),
        urllib.parse.quote(raw, safe="/"),
        urllib.parse.quote_plus(raw),
        urllib.parse.quote(raw, safe="!$&'()*+,;=:@/?-._~"),
        "".join(f"%{byte:02X}" for byte in raw),
    }
    upper |= {urllib.parse.quote(once, safe="") for once in upper}
    yield from upper - {secret}
    yield from (re.sub(r"%[0-9A-F]{2}", lambda digits: digits[0].lower(), each) for each in upper if each != secret)


def _escaped(secret: str) -> Iterator[str]:
    """JSON (RFC 8259 §7, with and without its optional escapes), HTML, Python's repr, and JSON within either."""
    inside = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    inside |= {each.replace("/", r"\/") for each in inside}
    careful = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&'"})
    inside |= {each.translate(careful) for each in inside}
    inside |= {re.sub(r"\\u[0-9a-f]{4}", lambda digits: r"\u" + digits[0][2:].upper(), each) for each in inside}
    inside |= {json.dumps(each)[1:-1] for each in inside}
    inside |= {repr(secret)[1:-1], secret}
    for each in inside:
        yield each
        escaped = html.escape(each)
        yield escaped
        yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        yield escaped.replace("&#x27;", "&apos;")
        yield html.escape(each, quote=False)


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


def redacted(content: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The content of a kernel's message, or an output of a notebook, as it may be seen."""
    return {key: item if key in _OWN else redactor.value(item) for key, item in content.items()}


def install(shell: Any, redactor: Redactor) -> None:
    """Let every message of this ipykernel pass the redactor: output, results, tracebacks, replies, echoed input.

    All of them go through the kernel's session on their way out, so JupyterLab and papermill's stock engine are covered
    alike. Called again, it replaces the redactor. A shell without a kernel stays as it is.
    """
    session = getattr(getattr(shell, "kernel", None), "session", None)
    if session is None:
        return
    if (guard := getattr(session, "launchready_guard", None)) is not None:
        guard["redactor"] = redactor
        return
    guard = {"redactor": redactor}
    serialize = session.serialize

    def guarded(msg: dict[str, Any], ident: Any = None) -> Any:
        content = msg.get("content")
        if isinstance(content, dict):
            msg = {**msg, "content": redacted(content, guard["redactor"])}
        return serialize(msg, ident)

    session.launchready_guard = guard
    session.serialize = guarded
