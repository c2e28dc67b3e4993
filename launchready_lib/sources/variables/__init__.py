"""Environment variables: which ones code reads, whether it can do without, and what each environment defines."""

from launchready_lib.sources.variables.defined import (
    CI,
    COMPOSE,
    Definition,
    Need,
    Read,
    Setting,
    definitions_in,
    is_definition,
    is_for_browsers,
    is_given_by_platform,
    parse_names,
    parse_values,
    settings_of,
)
from launchready_lib.sources.variables.reads import is_code, reads_in, required

__all__ = [
    "CI",
    "COMPOSE",
    "Definition",
    "Need",
    "Read",
    "Setting",
    "definitions_in",
    "is_code",
    "is_definition",
    "is_for_browsers",
    "is_given_by_platform",
    "parse_names",
    "parse_values",
    "reads_in",
    "required",
    "settings_of",
]
