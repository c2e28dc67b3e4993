"""Names and values in structured files, with lines: what secret engines miss, since it is the name that tells."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from launchready_lib.sources.credentials import places

MAX_LINE = 4_000


@dataclass(frozen=True)
class Setting:
    """One name with its value and line (from 1); `certain` where the file's format alone says that it is a secret."""

    name: str
    value: str
    line: int
    certain: bool = False


Reader = Callable[[str], Iterator[Setting]]

_ENV = re.compile(r"\s*(?:export\s+|set\s+|ENV\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*?)\s*\Z")
_ASSIGNED = re.compile(
    r"""["']?([A-Za-z_$][\w$.-]{1,80})["']?\]?\s*(?::\s*[A-Za-z_][\w\[\], ]{0,40}\s*)?"""  # the name, a type
    r"""(?:=>|:=|=(?!=)|:)\s*[rbu]?(["'])((?:(?!\2)[^\\\n]|\\.){1,2000})\2"""  # its quoted value
)
_YAML = re.compile(r"""\s*(?:-\s+)?["']?([A-Za-z_][\w.-]{0,80})["']?\s*:\s+(?![|>&*!\[{])(.+?)\s*\Z""")
_DEFINE = re.compile(r"""define\(\s*["'](\w{1,80})["']\s*,\s*["']([^"'\n]{1,500})["']\s*\)""")
_LIST_ENV = re.compile(r"""\s*-\s*["']?([A-Z_][A-Z0-9_]{1,80})=(.*?)["']?\s*\Z""")
_XML = re.compile(
    r"""(?:key|name)="([^"]{1,80})"\s+value="([^"]{1,500})"|<(\w*(?:[Pp]ass|[Ss]ecret|[Tt]oken)\w*)>([^<]{1,500})</"""
)
_CONNECTION = re.compile(r"""(?i)\b(password|pwd|accesskey|sharedaccesskey)=([^;"'\s]{1,200})""")
_LOGIN = re.compile(r"\A\s*\w+://[^:@/\s]*:([^@\s]{1,300})@")
_NETRC = re.compile(r"\bpassword\s+(\S{1,200})")


@functools.lru_cache(maxsize=50_000)
def reader_for(path: str) -> Reader | None:
    """The reader of a file, by its name; None for files that are not structured settings."""
    lowered = path.lower()
    name = lowered.rsplit("/", 1)[-1]
    if places.is_language(lowered):
        return None
    return next((reader for pattern, reader in _READERS if pattern.search(name) or pattern.search(lowered)), None)


def unquoted(raw: str) -> str:
    """A value without its quotes and without a trailing comment."""
    text = raw.strip()
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        return text[1:end] if end > 0 else text[1:]
    return re.split(r"\s+#", text, maxsplit=1)[0].rstrip(",;").strip()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line[:MAX_LINE]) for number, line in enumerate(text.splitlines(), 1))


def _found(
    text: str, *patterns: re.Pattern[str], but: tuple[str, ...] = (), certain: bool = False
) -> Iterator[Setting]:
    """What patterns find in lines that start with none of `but`: the first group is the name, the last the value."""
    for number, line in _lines(text):
        for match in (m for pattern in patterns for m in pattern.finditer(line) if not line.lstrip().startswith(but)):
            groups = [group for group in match.groups() if group]
            yield Setting(groups[0] if len(groups) > 1 else "password", groups[-1], number, certain=certain)


def _settings(
    text: str, *patterns: re.Pattern[str], but: tuple[str, ...] = (), certain: bool = False
) -> Iterator[Setting]:
    """The name and the value, without its quotes, of each line at whose start one of these patterns matches."""
    for number, line in _lines(text):
        match = next((found for pattern in patterns if (found := pattern.match(line))), None)
        if match and not line.lstrip().startswith(but):
            yield Setting(match[1], unquoted(match[2]), number, certain=certain)


def env(text: str) -> Iterator[Setting]:
    """NAME=value lines (.env, .properties, .ini, shell profiles)."""
    return _settings(text, _ENV, but=("#", ";", "!"))


def assigned(text: str) -> Iterator[Setting]:
    """Quoted values given to names (.py, .js, .php, .rb, .json, .toml, .tf), with PHP's define()."""
    return _found(text, _ASSIGNED, _DEFINE, _CONNECTION, but=("//", "# ", "* "))


def yaml_like(text: str) -> Iterator[Setting]:
    """Lines `name: value` and `- NAME=value` of YAML files, read as text: templates are not YAML."""
    return _settings(text, _LIST_ENV, _YAML, but=("#",))


def kubernetes(text: str) -> Iterator[Setting]:
    """YAML settings, and base64 values under `data` where the file holds a Kubernetes Secret."""
    is_secret = re.search(r"^kind:\s*Secret\s*$", text, re.MULTILINE) is not None
    for setting in yaml_like(text):
        yield setting
        if is_secret and (decoded := _decoded(setting.value)) is not None:
            yield Setting(setting.name, decoded, setting.line)


def pgpass(text: str) -> Iterator[Setting]:
    """host:port:database:user:password lines."""
    for number, line in _lines(text):
        parts = re.split(r"(?<!\\):", line.strip())
        if len(parts) == 5 and not line.lstrip().startswith("#"):
            yield Setting("password", parts[4], number, certain=True)


def npmrc(text: str) -> Iterator[Setting]:
    """Tokens and passwords of .npmrc and .yarnrc."""
    for number, line in _lines(text):
        match = re.search(r"(_authToken|_auth|_password|npmAuthToken|npmAuthIdent)\s*[=:]\s*(\S{1,500})", line)
        if match:
            yield Setting(match[1], unquoted(match[2]), number, certain=True)


def docker_auth(text: str) -> Iterator[Setting]:
    """Registry logins of a Docker configuration."""
    for number, line in _lines(text):
        for match in re.finditer(r'"auth"\s*:\s*"([0-9A-Za-z+/=]{8,1000})"', line):
            login = _decoded(match[1]) or ""
            yield Setting("auth", login.partition(":")[2] or match[1], number, certain=True)


def rails_key(text: str) -> Iterator[Setting]:
    """A key that is the whole file (Rails' master.key and credentials keys)."""
    value = text.strip()
    if re.fullmatch(r"[0-9a-f]{32,64}", value):
        yield Setting("master key", value, 1, certain=True)


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (ValueError, binascii.Error):
        return None


_BY_NAME: dict[str, Reader] = {
    **{each.__name__: each for each in (pgpass, npmrc, docker_auth, rails_key, env, yaml_like, kubernetes, assigned)},
    "netrc": lambda text: _found(text, _NETRC, certain=True),
    "git_credentials": lambda text: _found(text, _LOGIN, certain=True),  # https://user:password@host lines
    "xml": lambda text: _found(text, _XML, _CONNECTION),
}
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern), _BY_NAME[name]) for entry in places.FILES["readers"] for name, pattern in entry.items()
)
