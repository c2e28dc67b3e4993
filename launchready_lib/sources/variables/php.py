"""Reads in PHP: env(), getenv(), $_ENV, Symfony's %env()%."""

from __future__ import annotations

import re
from collections.abc import Iterator

from launchready_lib.sources.variables.model import Need, line_of

Found = tuple[str, int, Need]

_CALL = re.compile(
    r"""(?<![\w>:$])((?:Env::get(?:OrFail)?|env|getenv|\w*_env|env_\w+))\(\s*["'](\w+)["']\s*(,\s*(?!true\s*\)|false\s*\))|,|)"""
)
_ARRAY = re.compile(r"""\$_(ENV|SERVER)\[\s*["']([A-Z][A-Z0-9_]+)["']\s*\]""")
_AFTER_DEFAULT = re.compile(r"\s*\)?\s*\)?\s*(?:\?\?=?|\?:)")
_AFTER_COMPARED = re.compile(r"\s*\)?\s*[=!]==?")
_AFTER_TEST = re.compile(r"\s*\)?\s*(?:&&|\?(?![?:>]))")
_BEFORE_TEST = re.compile(r"(?:isset\(|empty\(|array_key_exists\(|if\s*\(\s*|!|\(bool\)\s*)\s*\Z")
_ENDS = re.compile(r"[^;{]*[)\s]\{?\s*(?:throw|die|exit|abort)\b|\s*\)?\s*(?:\?\?|\?:|or)\s*(?:throw|die|exit|abort)\b")
_REQUEST = re.compile(
    r"(?:HTTP|REQUEST|REMOTE|SERVER|SCRIPT|DOCUMENT|QUERY|CONTENT|PHP|PATH|GATEWAY|ORIG|REDIRECT)_|HTTPS\Z|argv|argc"
)
_SYMFONY = re.compile(r"%env\(((?:\w+:)*)(\w+)\)%")
_STOCK = re.compile(
    r"(?:^|/)config/(?:app|auth|broadcasting|cache|cors|database|filesystems|hashing|logging|mail|queue|sanctum|services|session|view|"
    r"telescope|horizon|octane|passport|scout|trustedproxy|debugbar|ide-helper|tinker|fortify|jetstream|livewire|permission)\.php\Z"
)
_STOCK_DEMANDED = frozenset({"APP_KEY"})


def is_stock_configuration(path: str) -> bool:
    """A configuration file that Laravel writes itself: it names every driver there is, used or not."""
    return _STOCK.search(path) is not None


def reads(text: str) -> Iterator[Found]:
    """Every read in PHP source."""
    if "env" not in text.lower() and "_SERVER" not in text:
        return
    code = re.sub(r"(?m)^(\s*)(?://|#|\*).*$", r"\1", text)
    for match in _CALL.finditer(code):
        need = Need.OPTIONAL if match[3] else _need(code, match.start(), match.end())
        if "orfail" in match[1].lower() or "require" in match[1].lower():
            need = Need.DEMANDED
        yield match[2], line_of(code, match.start()), need
    for match in _ARRAY.finditer(code):
        if match[1] == "SERVER" and _REQUEST.match(match[2]):
            continue
        if re.match(r"\s*=(?!=)", code[match.end() :]):
            continue
        yield match[2], line_of(code, match.start()), _need(code, match.start(), match.end())


def yaml_reads(text: str) -> Iterator[Found]:
    """Symfony's `%env(int:NAME)%` in YAML, and parameters `env(NAME): value`, which are defaults."""
    defaults = set(re.findall(r"(?m)^\s*env\((\w+)\):", text))
    for match in _SYMFONY.finditer(text):
        optional = "default:" in match[1] or match[2] in defaults
        yield match[2], line_of(text, match.start()), Need.DECLARED_OPTIONAL if optional else Need.DEMANDED


def _need(code: str, start: int, end: int) -> Need:
    after = code[end : end + 200]
    before = code[max(0, start - 60) : start]
    if _ENDS.match(after) and (_BEFORE_TEST.search(before) or re.match(r"\s*\)?\s*(?:\?\?|\?:|or)\s", after)):
        return Need.DEMANDED
    if _AFTER_DEFAULT.match(after) or _AFTER_COMPARED.match(after):
        return Need.OPTIONAL
    if _AFTER_TEST.match(after) or _BEFORE_TEST.search(before):
        return Need.TESTED
    return Need.ASKED
