"""The one place in a kernel through which everything it says passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launchready_lib.redact.redactor import Redactor

# Words of the message protocol (jupyter_client, "Messaging") and of nbformat, which a secret may equal by chance.
_OWN = frozenset(
    {"name", "output_type", "status", "execution_state", "execution_count", "transient", "comm_id", "wait"}
)


def redacted(content: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The content of a kernel's message, or an output of a notebook, as it may be seen."""
    return {key: item if key in _OWN else redactor.value(item) for key, item in content.items()}


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
