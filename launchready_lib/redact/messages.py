"""What a kernel says passes the redactor: the messages of its session, and the outputs of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from launchready_lib.redact import structure
from launchready_lib.redact.redactor import Redactor


def redacted(content: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The content of a kernel's message, or an output of a notebook, as it may be seen."""
    ways: dict[str, Callable[[Any], Any]] = {"metadata": redactor.metadata}
    if isinstance(content.get("code"), str):
        ways["code"] = redactor.source  # a cell's source on its way back
    return {
        key: item if key in structure.MESSAGE else ways.get(key, redactor.value)(item) for key, item in content.items()
    }


def install(shell: Any, redactor: Redactor) -> None:
    """Let every message of this ipykernel pass the redactor: output, results, tracebacks, replies, echoed input.

    All of them go through the kernel's session on their way out, so JupyterLab and papermill's stock engine are covered
    alike. Called again, it replaces the redactor. A shell without a kernel stays as it is.
    """
    session = getattr(getattr(shell, "kernel", None), "session", None)
    if session is None:
        return
    if (guard := getattr(session, "launchready_guard", None)) is not None:
        guard["redactor"] = redactor
        return
    guard = {"redactor": redactor}
    serialize = session.serialize

    def guarded(msg: dict[str, Any], ident: Any = None) -> Any:
        content = msg.get("content")
        if isinstance(content, dict):
            msg = {**msg, "content": redacted(content, guard["redactor"])}
        return serialize(msg, ident)

    session.launchready_guard = guard
    session.serialize = guarded
