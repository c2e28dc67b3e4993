"""Environment variables: which ones code reads, whether it can do without, and what each environment defines."""

from launchready_lib.variables.defined import Definition, definitions_in, parse_names, parse_values
from launchready_lib.variables.model import Need, Read, is_given_by_platform
from launchready_lib.variables.reads import is_code, reads_in, required

__all__ = [
    "Definition",
    "Need",
    "Read",
    "definitions_in",
    "is_code",
    "is_given_by_platform",
    "parse_names",
    "parse_values",
    "reads_in",
    "required",
]
