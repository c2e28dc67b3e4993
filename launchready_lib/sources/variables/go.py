"""Reads in Go: os.Getenv, os.LookupEnv, struct tags (caarlos0/env, envconfig), viper, wrappers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from launchready_lib.sources.variables.model import Need, line_of

Found = tuple[str, int, Need]

_GETENV = re.compile(r"""os\.Getenv\(\s*["`](\w+)["`]\s*\)""")
_LOOKUP = re.compile(r"""(?:(\w+)\s*,\s*(\w+)\s*:?=\s*)?os\.LookupEnv\(\s*["`](\w+)["`]\s*\)""")
_TAG = re.compile(r"""`[^`\n]*\b(?:env|envconfig):"(\w*)([^"]*)"[^`\n]*`""")
_VIPER = re.compile(r"""viper\.BindEnv\(\s*"[^"]+"\s*,\s*"(\w+)"\s*\)""")
_WRAPPED = re.compile(r"""(?<![.\w])(\w*[eE]nv\w*)\(\s*["`]([A-Z][A-Z0-9_]+)["`]\s*([,)])""")
_DEMANDING = re.compile(r"must|require|mandatory|OrPanic|OrDie|OrFatal", re.IGNORECASE)
_ENDS = r"(?:log\.(?:Fatal|Panic)|panic\(|os\.Exit|return\s[^\n]*(?:[eE]rr|fmt\.Errorf|errors\.New)|logger\.Fatal)"


def reads(text: str) -> Iterator[Found]:
    """Every read in Go source."""
    if "env" not in text.lower():
        return
    code = re.sub(r"(?m)(^|\s)//.*$", r"\1", text)
    for match in _GETENV.finditer(code):
        yield match[1], line_of(code, match.start()), _need(code, match.start(), match.end())
    for match in _LOOKUP.finditer(code):
        ends = match[2] and re.search(
            rf"!\s*{re.escape(match[2])}\b[^{{\n]*\{{\s*{_ENDS}", code[match.end() : match.end() + 300]
        )
        yield match[3], line_of(code, match.start()), Need.DEMANDED if ends else Need.TESTED
    for match in _TAG.finditer(code):
        if match[1]:
            yield match[1], line_of(code, match.start()), _of_tag(match[0], match[2])
    for match in _VIPER.finditer(code):
        yield match[1], line_of(code, match.start()), Need.OPTIONAL
    for match in _WRAPPED.finditer(code):
        if match[1] not in ("Getenv", "LookupEnv", "Setenv", "Unsetenv"):
            demanded = Need.DEMANDED if _DEMANDING.search(match[1]) else Need.ASKED
            yield match[2], line_of(code, match.start()), Need.OPTIONAL if match[3] == "," else demanded


def _of_tag(tag: str, options: str) -> Need:
    if re.search(r'(?:envDefault|default):"', tag):
        return Need.DECLARED_OPTIONAL
    needed = re.search(r"\b(?:required|notEmpty)\b", options) or re.search(r'required:"true"', tag)
    return Need.DEMANDED if needed else Need.DECLARED_OPTIONAL


def _need(code: str, start: int, end: int) -> Need:
    after = code[end : end + 300]
    before = code[max(0, start - 120) : start].rsplit("\n", 1)[-1]
    if re.match(r'\s*==\s*""', after):
        return Need.DEMANDED if re.match(r'\s*==\s*""[^{\n]*\{\s*' + _ENDS, after) else Need.TESTED
    if re.match(r"\s*[!=]=", after):
        return Need.TESTED if re.match(r'\s*!=\s*""', after) else Need.OPTIONAL
    named = re.search(r"(\w+)\s*:?=\s*\Z", before)
    if named is None:
        return Need.ASKED
    word = re.escape(named[1])
    if re.search(rf'\b{word}\s*==\s*""[^{{\n]*\{{\s*{_ENDS}', code):
        return Need.DEMANDED
    tested = re.search(rf'\b{word}\s*[!=]=\s*""', code) or re.search(rf"len\({word}\)", code)
    return Need.TESTED if tested else Need.ASKED
