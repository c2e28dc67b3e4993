"""Secrets: templates in the file, values in the environment, read only when used."""

from __future__ import annotations

import os
import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
MAX_ENV_BYTES = 256 * 1024

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#\s]*)(?P<rest>[^\s]*)\Z", re.IGNORECASE)
_SECRET_QUERY = re.compile(
    r"(?i)[?&;](?:pass(?:word|wd)?|pwd|secret|token|sslpassword|[a-z_-]*key)=(?!\$\{\w+\}(?:[&;#]|\Z))[^&;#]"
)
_ENV_ENTRY = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\n]*))""",
    re.MULTILINE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class MissingVariable(Exception):  # noqa: N818 - the name says what it is, and the callers' sentence reads so
    """A variable that a secret names is not set, or is empty; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set (nor in .env)")
        self.name = name


@dataclass(frozen=True)
class Secret:
    """A secret as the file gives it: `${NAME}` alone or inside a URL. Shown, it is never more than that."""

    template: str

    @property
    def names(self) -> tuple[str, ...]:
        """The variables it reads, in order."""
        return tuple(dict.fromkeys(VARIABLE.findall(self.template)))

    def reveal(self, env: Mapping[str, str]) -> str:
        """Read the value, percent-encoded in a URL's user part; raises `MissingVariable` for one not set, or empty."""
        for name in self.names:
            if not env.get(name):
                raise MissingVariable(name)
        url = _URL.match(self.template)
        if url is None or "@" not in url["authority"]:
            return VARIABLE.sub(lambda match: env[match[1]], self.template)
        user, at, host = url["authority"].rpartition("@")
        encoded = VARIABLE.sub(lambda match: quote(env[match[1]], safe=""), user)
        return f"{url['scheme']}://{encoded}" + VARIABLE.sub(lambda match: env[match[1]], at + host + url["rest"])

    def __str__(self) -> str:
        return self.template

    def __repr__(self) -> str:
        return f"Secret({self.template!r})"


def literal_in(text: str) -> str | None:
    """Say what keeps a text from being a secret's template, without repeating it; None where nothing does.

    Allowed are `${NAME}` alone, a URL whose secret parts are variables, and `sqlite:///path`, which has no secret part.
    """
    if VARIABLE.fullmatch(text):
        return None
    url = _URL.match(text)
    if url is not None and url["scheme"].lower() == "sqlite" and not VARIABLE.search(text):
        return None if "@" not in url["authority"] else "sqlite takes a path: sqlite:///path"
    if not VARIABLE.search(text):
        return "a secret is never written here: give ${NAME} and set NAME in the environment or in .env"
    if url is None:
        return "takes ${NAME} alone or inside a URL: put the whole value into the variable"
    password = url["authority"].rpartition("@")[0].partition(":")[2]
    if (password and not VARIABLE.fullmatch(password)) or _SECRET_QUERY.search(url["rest"]):
        return "the URL still holds a secret: write ${NAME} in its place"
    return None


def environment(root: Path) -> Mapping[str, str]:
    """The variables that secrets are read from: the process's own, then those of the root's `.env`, if readable."""
    try:
        with (root / ".env").open("rb") as stream:
            text = stream.read(MAX_ENV_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        return os.environ
    return ChainMap(os.environ, {name: value for name, value in parse_env(text).items() if "\ufffd" not in value})


def parse_env(text: str) -> dict[str, str]:
    """Read KEY=VALUE lines: `export` and comments allowed, quotes taken off, nothing interpolated; the last one wins.

    In double quotes a backslash escapes n, r, t, a quote, a dollar and itself; quoted values may span lines.
    """
    values = {}
    for name, single, double, bare in _ENV_ENTRY.findall(text.replace("\r\n", "\n")):
        unescaped = re.sub(r"\\([nrt\"\\$])", lambda match: _ESCAPES[match[1]], double)
        values[name] = single or unescaped or re.split(r"(?:^|\s)#", bare, maxsplit=1)[0].strip()
    return values
