"""What every command says to a terminal: lines, how a run ended, and the exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launchready_lib.record.findings import Decision, Status

if TYPE_CHECKING:
    from launchready_lib.run.runner import RunResult

BAD_INPUT = 2
OUR_ERROR = 70
MACHINE = 74
"""The machine gave out: its disk is full, or it has no memory or handles left."""
INTERRUPTED = 130
VERDICTS = {Decision.GO: "Go", Decision.CONDITIONAL: "Conditional go", Decision.NO_GO: "No-go"}


def say(text: str = "") -> None:
    """Print a line of the command's answer."""
    print(text, file=sys.stdout, flush=True)  # noqa: T201 - this is where it belongs


def complain(text: str) -> None:
    """Print a line beside the command's answer."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is where it belongs


def weak_secret(name: str, why: str) -> str:
    """A warning of a secret that cannot be masked everywhere; it names the variable, never the value."""
    return f"The value of {name} {why}: it is masked only where it stands alone, not inside other text."


def tell(result: RunResult) -> None:
    """Say how a run ended."""
    for name, why in result.weak.items():
        complain(weak_secret(name, why))
    if result.interrupted or result.audit is None:
        whole = sum(stage.status == "complete" for stage in result.manifest.stages)
        complain(f"Interrupted; {whole} of {len(result.manifest.stages)} stages are complete in {result.folder}.")
        complain("--resume goes on from there.")
        return
    for stage in result.manifest.failed:
        complain(f"{stage.notebook} failed: {stage.error}")
    counts = {status: sum(f.status is status for f in result.audit.findings) for status in Status}
    say(
        f"{VERDICTS[result.audit.decision]}: {counts[Status.FAIL]} checks failed, {counts[Status.PASS]} passed, "
        f"{counts[Status.UNKNOWN]} could not be answered."
    )
    say(f"Report: {result.report}")
