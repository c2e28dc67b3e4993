"""What every section of a parameters file is, and its leaves: each kind of value, checked where it is written.

Messages say what was expected and the type of what came, never the value: it may be a secret in the wrong line.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import shlex
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from launchready_lib.parameters.nodes import Ambiguous
from launchready_lib.parameters.secret import VARIABLE, Secret, literal_in

UNQUOTED = "unquoted"
"""Type of the error for a scalar that YAML did not read as text; its words depend on what the file says."""

_LONGEST_LINE = 4_000
_LONGEST_PROSE = 40_000
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


class Section(BaseModel):
    """A section: unknown keys are errors, and a key without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = cls.known()
        return {key: item for key, item in value.items() if item is not None or key not in known}

    @classmethod
    def known(cls) -> dict[str, str]:
        """The keys as a file writes them, with the names of their attributes."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


def wrong(message: str, suggestion: str | None = None) -> PydanticCustomError:
    """Make the error of a value; a suggestion is shown as "did you mean"."""
    return PydanticCustomError("wrong", "{message}", {"message": message, "suggestion": suggestion})


def kind(value: object) -> str:
    """Name a value's type in a consultant's words."""
    if value is None:
        return "nothing"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", dict: "a section", list: "a list"}
    if isinstance(value, Ambiguous):
        return "an unquoted word that YAML readers disagree on"
    return names.get(type(value)) or ("a date" if isinstance(value, dt.date) else f"a {type(value).__name__}")


def _text(value: object) -> str:
    if isinstance(value, Ambiguous | bool | int | float | dt.date):
        raise PydanticCustomError(UNQUOTED, "expected text")
    if not isinstance(value, str):
        raise wrong(f"expected text, got {kind(value)}")
    if VARIABLE.search(value):
        raise wrong("this field takes no ${NAME} variable; only fields for secrets do")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise wrong("expected text, got half of a character (a lone surrogate)")
    return value


def _line(value: object) -> str:
    text = _text(value).strip()
    if not text:
        raise wrong("expected text, got nothing")
    if len(text) > _LONGEST_LINE:
        raise wrong(f"longer than {_LONGEST_LINE} characters")
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise wrong("expected one line of text, got control characters")
    return text


def _prose(value: object) -> str:
    text = _text(value).strip()
    if len(text) > _LONGEST_PROSE:
        raise wrong(f"longer than {_LONGEST_PROSE} characters")
    if any((ord(char) < 32 and char not in "\n\t") or ord(char) == 127 for char in text):
        raise wrong("expected text, got control characters")
    return text


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise wrong(f"write true or false{', without quotes' if isinstance(value, str) else ''}; got {kind(value)}")


def number(least: float, most: float) -> BeforeValidator:
    """A number from `least` to `most`."""
    return _numeric("number", int | float, float, least, most)


def whole(least: int, most: int) -> BeforeValidator:
    """A whole number from `least` to `most`."""
    return _numeric("whole number", int, int, least, most)


def _numeric(
    noun: str, types: Any, convert: Callable[[Any], int | float], least: float, most: float
) -> BeforeValidator:
    def check(value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, types):
            unquoted = ", in plain digits without quotes" if isinstance(value, str | Ambiguous) else ""
            raise wrong(f"expected a {noun}{unquoted}; got {kind(value)}")
        if not least <= value <= most:
            bounds = (f"{least:g}", f"{most:g}") if convert is float else (str(least), str(most))
            raise wrong(f"expected a {noun} from {bounds[0]} to {bounds[1]}")
        return convert(value)

    return BeforeValidator(check)


def _date(value: object) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise wrong("no such day; a date is YYYY-MM-DD") from None
    raise wrong("expected a date as YYYY-MM-DD" + ("" if isinstance(value, str) else f", got {kind(value)}"))


def _not_future(value: dt.date) -> dt.date:
    tomorrow = dt.datetime.now(tz=dt.UTC).date() + dt.timedelta(days=1)  # somewhere it is tomorrow already
    if value > tomorrow:
        raise wrong("the date lies in the future")
    return value


def _slug(value: str) -> str:
    if not _SLUG.match(value):
        raise wrong(
            "may hold a-z, 0-9, dot, dash and underscore, starts with a letter or digit, and has at most 64 characters"
        )
    return value


def _command(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError:
        raise wrong("not a command line: a quote or a backslash is left open") from None
    if not words:
        raise wrong("expected a command line")
    return value


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError):
        raise wrong("neither a fingerprint nor a pattern (regular expression) that can be read") from None
    return value


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise wrong(f"a secret is given as ${{NAME}}, never as a value; got {kind(value)}")
    if complaint := literal_in(value.strip()):
        raise wrong(complaint)
    return Secret(value.strip())


def _json(value: Any) -> Any:
    """Refuse what JSON cannot say, or YAML readers disagree on, wherever it stands inside."""
    if isinstance(value, dict):
        return {_text(key): _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise wrong(f"a value inside is {kind(value)}: quote it if it is text")


def text(check: Callable[[str], str]) -> BeforeValidator:
    """One line of text that passes `check`."""
    return BeforeValidator(lambda value: check(_line(value)))


Line = Annotated[str, BeforeValidator(_line)]
Prose = Annotated[str, BeforeValidator(_prose)]
Bool = Annotated[bool, BeforeValidator(_bool)]
Date = Annotated[dt.date, BeforeValidator(_date)]
PastDate = Annotated[dt.date, BeforeValidator(_date), AfterValidator(_not_future)]
Slug = Annotated[str, text(_slug)]
Command = Annotated[str, text(_command)]
Pattern = Annotated[str, text(_regex)]
SecretText = Annotated[Secret, PlainValidator(_secret)]
Json = Annotated[Any, BeforeValidator(_json)]
