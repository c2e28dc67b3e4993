"""The kit's templates, which print nothing that was not quoted for its place."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from launchready_lib.kit import quoting
from launchready_lib.kit.quoting import Quoted
from launchready_lib.paths import PACKAGE

TEMPLATES = PACKAGE / "kit" / "templates"


class UnquotedError(TypeError):
    """A template prints a value that no filter has made safe: a mistake in the template."""


def render(template: str, **values: Any) -> str:
    """Fill in a template (a path below templates/).

    Raises:
        UnquotableError: a value cannot be written in the template's syntax.
    """
    return _environment().get_template(f"{template}.j2").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML is made here; `finalize` refuses what was not quoted for its syntax
        finalize=_quoted,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= quoting.FILTERS
    return environment


def _quoted(value: object) -> str:
    if isinstance(value, Quoted):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UnquotedError(f"a template prints a {type(value).__name__} that was not quoted")
