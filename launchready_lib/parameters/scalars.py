"""Plain YAML scalars, read as YAML 1.1 and YAML 1.2 both read them; where the two differ, nothing is guessed."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import yaml

_LONGEST_NUMBER = 40
_KINDS_11 = {
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:bool": "bool",
    "tag:yaml.org,2002:int": "int",
    "tag:yaml.org,2002:float": "float",
    "tag:yaml.org,2002:timestamp": "timestamp",
    "tag:yaml.org,2002:merge": "merge",
    "tag:yaml.org,2002:value": "value",
}
_KINDS_12 = (  # YAML 1.2.2, §10.3.2, the core schema
    ("null", re.compile(r"(?:null|Null|NULL|~|)\Z")),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")),
    ("float", re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")),
)
_LETTER_BOOLS = frozenset("yYnN")  # booleans by YAML 1.1's own type page, text in PyYAML and in YAML 1.2
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_SPLIT_INT = re.compile(r"([-+]?)0[0-9]+\Z")


@dataclass(frozen=True)
class Ambiguous:
    """A plain scalar that YAML 1.1 and 1.2 read differently; `raw` is what the file says."""

    raw: str


Scalar = str | int | float | bool | None | dt.date | Ambiguous


def plain(raw: str) -> Scalar:
    """Read an unquoted scalar: its value where YAML 1.1 and 1.2 agree, a date as a date, else `Ambiguous`."""
    old, new = _kind_11(raw), _kind_12(raw)
    if old == "timestamp" and _DATE.match(raw):
        return _date(raw)
    if old != new or raw in _LETTER_BOOLS or (new == "int" and _SPLIT_INT.match(raw)):
        return Ambiguous(raw)
    if new == "null":
        return None
    if new == "bool":
        return raw.lower() == "true"
    if new in ("int", "float"):
        return _number(raw, new)
    return raw


def _kind_11(raw: str) -> str:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(raw[:1], [])
    return next((_KINDS_11[tag] for tag, pattern in resolvers if pattern.match(raw)), "text")


def _kind_12(raw: str) -> str:
    return next((kind for kind, pattern in _KINDS_12 if pattern.match(raw)), "text")


def _date(raw: str) -> Scalar:
    try:
        return dt.date.fromisoformat(raw)
    except ValueError:
        return Ambiguous(raw)


def _number(raw: str, kind: str) -> Scalar:
    if len(raw) > _LONGEST_NUMBER:
        return Ambiguous(raw)
    if kind == "int":
        return int(raw, 0)
    return float(raw.lower().replace(".inf", "inf").replace(".nan", "nan"))
