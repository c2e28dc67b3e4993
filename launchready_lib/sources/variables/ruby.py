"""Reads in Ruby (and in Ruby's YAML and ERB files): ENV[], ENV.fetch, wrappers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from launchready_lib.sources.variables.model import Need, line_of

Found = tuple[str, int, Need]

_INDEX = re.compile(r"""(?<!\w)ENV\[\s*["'](\w+)["']\s*\]""")
_FETCH = re.compile(r"""(?<!\w)ENV\.fetch\(?\s*["'](\w+)["']\s*(,|\)\s*(?:\{|do\b)|\{|)""")
_ASKED = re.compile(r"""(?<!\w)ENV\.(?:key\?|has_key\?|include\?|member\?|dig|delete)\(?\s*["'](\w+)["']""")
_DIG = re.compile(r"""(?<!\w)ENV\.values_at\(([^)]*)\)""")
_AFTER_DEFAULT = re.compile(r"\s*(?:\|\|=?|\.presence\s*\|\||\.to_[a-z]+\s*\|\||&\.\w+(?:\([^)]*\))?\s*\|\|)")
_AFTER_COMPARED = re.compile(r"\s*(?:[=!]=|=~|\.(?:in\?|eql\?))")
_AFTER_TEST = re.compile(r"\s*(?:\.(?:present\?|blank\?|nil\?|empty\?)|&&|\?\s|\sand\b)")
_BEFORE_TEST = re.compile(r"(?:\b(?:if|unless|while|and|not)\s+|!|&&\s*|&&\s*\(|\()\Z")


def reads(text: str) -> Iterator[Found]:
    """Every read in Ruby source."""
    if "ENV" not in text:
        return
    code = re.sub(r"(?m)^(\s*)#(?!\{).*$", r"\1", text)
    for match in _INDEX.finditer(code):
        need = _need(code, match.start(), match.end())
        if need is not None:
            yield match[1], line_of(code, match.start()), need
    for match in _FETCH.finditer(code):
        yield match[1], line_of(code, match.start()), Need.OPTIONAL if match[2] else Need.DEMANDED
    for match in _ASKED.finditer(code):
        yield match[1], line_of(code, match.start()), Need.TESTED
    for match in _DIG.finditer(code):
        for name in re.findall(r"""["'](\w+)["']""", match[1]):
            yield name, line_of(code, match.start()), Need.ASKED


def _need(code: str, start: int, end: int) -> Need | None:
    after = code[end : end + 200].split("\n", 1)[0]
    before = code[max(0, start - 120) : start].rsplit("\n", 1)[-1]
    if re.match(r"\s*=(?![=~])", after):
        return None
    if _AFTER_DEFAULT.match(after):
        return (
            Need.DEMANDED if re.match(r"\s*(?:\.presence\s*)?\|\|\s*(?:raise|abort|fail)\b", after) else Need.OPTIONAL
        )
    if re.search(r"\b(?:raise|abort|fail)\b.*\b(?:unless|if)\s+!?\Z", before):
        return Need.DEMANDED
    if _AFTER_COMPARED.match(after):
        return Need.OPTIONAL
    if _AFTER_TEST.match(after) or (_BEFORE_TEST.search(before) and not re.search(r"\w\(\Z", before)):
        return Need.TESTED
    return Need.ASKED
