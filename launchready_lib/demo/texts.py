"""The texts of Harbor Club's world that lie in `data/`, with holes to fill: zones, parameters, mail, events."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from launchready_lib.demo import names

DATA = Path(__file__).parent / "data"


def filled(file: str, **values: object) -> str:
    """The text of a file in `data/`, a Jinja2 template that knows `names` and these values."""
    return _environment().get_template(file).render(values, names=names)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(DATA),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - none of these texts is HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment
