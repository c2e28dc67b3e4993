"""Whether a version is in a range, for the ranges that people write by hand; None where that is not plain."""

from __future__ import annotations

import re

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.\d+)*(-[\w.-]+)?(?:\+[\w.-]+)?\Z")
_PART = re.compile(r"(\^|~>|~|>=|<=|==|=|>|<|!=)?\s*(v?\d+(?:\.(?:\d+|[xX*]))*(?:-[\w.-]+)?)\Z")

Triple = tuple[int, int, int]


def allows(asked: str, version: str) -> bool | None:
    """Whether `asked` (npm's, Composer's and Poetry's ^, ~, comparisons, wildcards, "||") lets this version in."""
    found = _VERSION.match(version.strip())
    asked = asked.strip()
    if found is None or found[4]:
        return True if asked == version.strip() else None
    if asked in ("", "*", "x", "latest"):
        return True if asked != "latest" else None
    answers = [_all(part, _triple(found)) for part in re.split(r"\|\|?", asked)]
    if any(answers):
        return True
    return None if None in answers else False


def _all(asked: str, version: Triple) -> bool | None:
    between = re.fullmatch(r"\s*(\S+)\s+-\s+(\S+)\s*", asked)
    parts = [f">={between[1]}", f"<={between[2]}"] if between else re.split(r"[,\s]+", _tight(asked))
    answers = [_one(part, version) for part in parts if part]
    if False in answers:
        return False
    return None if None in answers or not answers else True


def _tight(asked: str) -> str:
    return re.sub(r"(\^|~>|~|>=|<=|==|=|>|<|!=)\s+", r"\1", asked.strip())


def _one(part: str, version: Triple) -> bool | None:
    found = _PART.match(part)
    if found is None or "-" in found[2]:
        return None
    sign, words = found[1] or "", found[2].lstrip("v").split(".")
    digits = [int(word) for word in words if word.isdigit()]
    if len(digits) < len(words):  # 1.x, 1.2.*
        return version[: len(digits)] == tuple(digits[:3])
    low = _filled(digits)
    if sign in ("^", "~", "~>"):
        return low <= version < _above(sign, digits)
    return {
        "": version == low if len(digits) >= 3 else version[: len(digits)] == tuple(digits),
        "=": version == low,
        "==": version == low,
        "!=": version != low,
        ">=": version >= low,
        "<=": version <= low,
        ">": version > low,
        "<": version < low,
    }[sign]


def _above(sign: str, digits: list[int]) -> Triple:
    major, minor, patch = _filled(digits)
    if sign == "~>":  # Ruby: the last part given may grow
        return (major, minor + 1, 0) if len(digits) > 2 else (major + 1, 0, 0)
    if sign == "~":
        return (major, minor + 1, 0) if len(digits) > 1 else (major + 1, 0, 0)
    if major or len(digits) < 2:
        return (major + 1, 0, 0)
    if minor or len(digits) < 3:
        return (0, minor + 1, 0)
    return (0, 0, patch + 1)


def _filled(digits: list[int]) -> Triple:
    major, minor, patch = (*digits[:3], 0, 0, 0)[:3]
    return major, minor, patch


def _triple(found: re.Match[str]) -> Triple:
    return int(found[1]), int(found[2] or 0), int(found[3] or 0)
