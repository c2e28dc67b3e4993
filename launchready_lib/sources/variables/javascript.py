"""Reads in JavaScript and TypeScript: process.env, import.meta.env, wrappers, schemas (zod, envalid, valibot, joi)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from launchready_lib.sources.variables.model import Need, line_of

Found = tuple[str, int, Need]

_STRINGS_OR_COMMENTS = re.compile(
    r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|(?<![:\\])//[^\n]*|/\*.*?\*/""", re.DOTALL
)
_ENV = r"(?:process\s*\.\s*env|import\.meta\.env|Bun\.env)"
_READ = re.compile(
    _ENV + r"""(?:\??\.([A-Za-z_]\w*)|(?:\?\.)?\[\s*["'`](\w+)["'`]\s*\])|Deno\.env\.get\(\s*["'`](\w+)["'`]\s*\)"""
)
_DESTRUCTURED = re.compile(
    r"(?:const|let|var)\s*\{([^{}=]*(?:=[^{},]*(?:,[^{}=]*)?)*)\}\s*=\s*" + _ENV + r"(?![.\[\w])"
)
_WRAPPED = re.compile(
    r"""(?<![\w.])((?:[a-z]\w*\.)?\w*[eE]nv(?:ironment)?(?:Var(?:iable)?)?(?:\.\w+|[A-Z]\w*)?)\(\s*["'`]([A-Z][A-Z0-9_]+)["'`]\s*([,)])"""
)
_STATIC = re.compile(r"""import\s*\{([^}]*)\}\s*from\s*["']\$env/static/(?:private|public)["']""")
_DYNAMIC = re.compile(r"""from\s*["']\$env/dynamic/(?:private|public)["']""")
_BARE_ENV = re.compile(r"(?<![\w.$])env\.([A-Z][A-Z0-9_]+)")
_SCHEMA = re.compile(
    r"(?:^|[,{\n])\s*([A-Z][A-Z0-9_]+)\s*:\s*((?:z|v|Joi|joi|yup)\s*\.|(?:str|num|bool|port|url|host|email|json|makeValidator)\()"
)
_SCHEMA_OPTIONAL = re.compile(
    r"\.(?:optional|default|nullish|catch|nullable|prefault)\(|\bv\.(?:optional|nullish|fallback)\(|\b(?:default|devDefault)\s*:"
)
_AFTER_DEFAULT = re.compile(
    r"(?:[!)\s]|as\s+\w+)*(?:,\s*\d+\s*\)\s*)?(?:(?:\?\.|\.)\w+\((?:[^()\n]|\([^()\n]*\))*\)\s*|[!)\s])*(?:\?\?=?|\|\|=?)"
)
_AFTER_TEST = re.compile(r"[!)\s]*(?:\?(?![.?])|&&)")
_AFTER_COMPARED = re.compile(r"[!)\s]*[=!]==?")
_ASSIGNED = re.compile(r"\s*=(?![=>])")
_NAMED = re.compile(r"(?:const|let|var)\s+(\w+)(?:\s*:\s*[\w\s|<>]+)?\s*=\s*\Z")
_BEFORE_TEST = re.compile(r"(?:if|while)\s*\(\s*\Z|(?<![\w)])!!\s*\Z|Boolean\(\s*\Z|typeof\s+\Z|&&\s*\Z|\bin\s+\Z")
_BEFORE_NOT = re.compile(r"(?:if\s*\(\s*|\|\|\s*|&&\s*)!\s*\Z")
_ENDS = r"(?:throw\b|process\.exit|Deno\.exit|invariant|panic)"
_DEMANDING = re.compile(r"require|must|assert|ensure|mandatory|demand|needs|getOrThrow", re.IGNORECASE)


def reads(text: str) -> Iterator[Found]:
    """Every read in JavaScript or TypeScript source."""
    if "env" not in text.lower():
        return
    code = _STRINGS_OR_COMMENTS.sub(_blank_comment, text)
    for match in _READ.finditer(code):
        name = match[1] or match[2] or match[3]
        need = _need(code, match.start(), match.end())
        if need is not None:
            yield name, line_of(code, match.start()), need
    yield from _destructured(code)
    yield from _wrapped(code)
    yield from _svelte(code)
    yield from _schema(code)


def _blank_comment(match: re.Match[str]) -> str:
    found = match[0]
    if not found.startswith(("//", "/*")):
        return found
    return "\n" * found.count("\n") or " "


def _need(code: str, start: int, end: int) -> Need | None:
    """How a read at this place depends on the variable; None where it is written to."""
    after = code[end : end + 300]
    before = code[max(0, start - 120) : start]
    if _ASSIGNED.match(after) or re.search(r"delete\s+\Z", before):
        return None
    if _AFTER_DEFAULT.match(after):
        return Need.OPTIONAL
    if _BEFORE_NOT.search(before):
        return Need.DEMANDED if re.match(r"[^{;\n]*\)?\s*\{?\s*(?:\n\s*)*" + _ENDS, after) else Need.TESTED
    if _AFTER_COMPARED.match(after):
        return Need.OPTIONAL
    if _BEFORE_TEST.search(before) or _AFTER_TEST.match(after):
        return Need.TESTED
    if (named := _NAMED.search(before)) and re.match(r"[!\s]*(?:as\s+\w+\s*)?(?:;|\n|\Z)", after):
        return _of_name(code, named[1])
    return Need.ASKED


@lru_cache(maxsize=256)
def _of_name(code: str, name: str) -> Need:
    """What the file does with a name that was given a variable."""
    word = re.escape(name)
    if re.search(rf"if\s*\(\s*!\s*{word}\b[^{{;\n]*\)\s*\{{?\s*{_ENDS}", code):
        return Need.DEMANDED
    if re.search(
        rf"if\s*\(\s*!?\s*{word}\b|(?<![\w.]){word}\s*(?:\?(?!\.)|&&|\|\|)|!!{word}\b|[=!]==?\s*{word}\b", code
    ):
        return Need.TESTED
    return Need.ASKED


def _destructured(code: str) -> Iterator[Found]:
    for match in _DESTRUCTURED.finditer(code):
        for part in match[1].split(","):
            entry = re.match(r"\s*([A-Za-z_]\w*)\s*(?::\s*(\w+)\s*)?(=)?", part)
            if entry is None:
                continue
            need = Need.OPTIONAL if entry[3] else _of_name(code, entry[2] or entry[1])
            yield entry[1], line_of(code, match.start(1) + match[1].find(part)), need


def _wrapped(code: str) -> Iterator[Found]:
    for match in _WRAPPED.finditer(code):
        if (
            re.search(r"(?:set|delete|mock|stub|define)\w*\Z", match[1].split(".")[0], re.IGNORECASE)
            or "Deno.env" in match[1]
        ):
            continue
        if match[3] == ",":
            need = Need.OPTIONAL
        elif _DEMANDING.search(match[1]):
            need = Need.DEMANDED
        else:
            need = _need(code, match.start(), match.end()) or Need.ASKED
        yield match[2], line_of(code, match.start(2)), need


def _svelte(code: str) -> Iterator[Found]:
    for match in _STATIC.finditer(code):
        for name in re.findall(r"[A-Z][A-Z0-9_]+", match[1]):
            yield name, line_of(code, match.start()), Need.DEMANDED
    if _DYNAMIC.search(code):
        for match in _BARE_ENV.finditer(code):
            need = _need(code, match.start(), match.end())
            if need is not None:
                yield match[1], line_of(code, match.start()), need


def _schema(code: str) -> Iterator[Found]:
    """Fields of a schema object, in files that hold the environment against one."""
    if not re.search(r"process\s*\.\s*env|import\.meta\.env|cleanEnv|createEnv|runtimeEnv", code):
        return
    for match in _SCHEMA.finditer(code):
        body = _value(code, match.start(2))
        optional = _SCHEMA_OPTIONAL.search(body) is not None
        if match[2].lower().startswith("joi"):
            optional = ".required(" not in body
        yield match[1], line_of(code, match.start(1)), Need.DECLARED_OPTIONAL if optional else Need.DEMANDED


def _value(code: str, start: int) -> str:
    """The expression from here to the comma or bracket that ends it."""
    depth = 0
    for position in range(start, min(len(code), start + 2000)):
        char = code[position]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and char == ","):
            return code[start:position]
    return code[start : start + 2000]
