"""Import this before nbformat, papermill or the first plotly figure: it saves about two seconds of CPU.

jsonschema (under nbformat) imports whatever there is for checking formats. Where JupyterLab is installed, that is
`rfc3987_syntax`, which builds a grammar for "iri" as it is imported, and `isoduration` for "duration": no notebook has
either. jsonschema does without what cannot be imported, so these are kept from it while it loads, and not longer.
"""

from __future__ import annotations

import sys

_NOT_NEEDED = ("rfc3987_syntax", "isoduration")


def _load_jsonschema() -> None:
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how the import system is told that there is no such module
    try:
        import jsonschema  # noqa: F401, PLC0415 - loading it here is the point
    except ImportError:
        pass
    finally:
        for name in hidden:
            del sys.modules[name]


_load_jsonschema()
