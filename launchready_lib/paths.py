"""Where things lie: the consultant's project, the notebooks, and the data that ships with the package."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def project_root(start: Path | None = None) -> Path:
    """The folder that relative paths of a parameters file start from.

    `$LAUNCHREADY_ROOT`, else the nearest folder from `start` (default: the working directory) upwards that holds
    `parameters/`, else `start` itself.
    """
    if given := os.environ.get("LAUNCHREADY_ROOT"):
        return Path(given).resolve()
    here = (start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "parameters").is_dir()), here)


def notebooks_folder() -> Path:
    """The seven notebooks: beside the package in a checkout (an editable install), inside it in a wheel."""
    packaged = PACKAGE / "_notebooks"
    return packaged if packaged.is_dir() else PACKAGE.parent / "notebooks"
