"""The texts of Harbor Club's world that lie in `data/`, with holes to fill: zones, parameters, mail, events."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from launchready_lib.demo import names

DATA = Path(__file__).parent / "data"
_TEMPLATES = Environment(
    loader=FileSystemLoader(DATA),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - the one HTML page here is handed what is escaped already
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.policies["json.dumps_kwargs"] = {"sort_keys": False}


def filled(file: str, **values: object) -> str:
    """The text of a file in `data/`, a Jinja2 template that knows `names` and these values."""
    return _TEMPLATES.get_template(file).render(values, names=names)
