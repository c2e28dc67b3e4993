"""Our papermill engine, as papermill finds it: `papermill --engine launchready in.ipynb out.ipynb -f parameters/FILE`.

A door only, since papermill loads every engine on import: `executor`, which imports papermill, is loaded on use.
"""

from __future__ import annotations

from typing import Any


class LaunchReadyEngine:
    """Runs a notebook in a kernel of ours, within its time, and redacts it before anything is written."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Run a notebook; see `executor.Engine.execute_notebook`."""
        from launchready_lib.run.executor import Engine  # noqa: PLC0415 - see the module

        return Engine.execute_notebook(nb, kernel_name, **kwargs)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> Any:
        """The kernel that papermill would choose."""
        from papermill.utils import nb_kernel_name  # noqa: PLC0415 - see the module

        return nb_kernel_name(nb, name)

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> Any:
        """The language that papermill would choose."""
        from papermill.utils import nb_language  # noqa: PLC0415 - see the module

        return nb_language(nb, language)
