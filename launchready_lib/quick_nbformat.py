"""Import this before nbformat, papermill or the first plotly figure: it saves about two seconds of CPU.

Where JupyterLab is installed, so is `rfc3987_syntax`, from which jsonschema (under nbformat) builds a grammar as it is
imported, only to be able to check the "iri" formats, which no notebook has. jsonschema does without it where it cannot
be imported, so it is kept from being imported for as long as jsonschema takes to load, and not longer.
"""

from __future__ import annotations

import sys

_GRAMMAR = "rfc3987_syntax"


def _load_jsonschema() -> None:
    if _GRAMMAR in sys.modules:
        return
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # how the import system is told that there is no such module
    try:
        import jsonschema  # noqa: F401, PLC0415 - loading it here is the point
    except ImportError:
        pass
    finally:
        del sys.modules[_GRAMMAR]


_load_jsonschema()
