"""The one place in a kernel through which everything it says passes."""

from __future__ import annotations

from typing import Any

from launchready_lib.redact.redactor import Redactor


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

    def redacted(msg: dict[str, Any], ident: Any = None) -> Any:
        content = msg.get("content")
        if isinstance(content, dict):
            msg = {**msg, "content": guard["redactor"].value(content)}
        return serialize(msg, ident)

    session.launchready_guard = guard
    session.serialize = redacted
