"""Runs a client's own commands, where `authorization.allow` has build or drills: never as part of reading.

commands     one command under limits, with everything that it starts
supervisor   the small program that sets the limits and ends what is left
clone        a fresh clone in a scratch folder, and the settings that its code gets
"""

from launchready_lib.checks.stabilize_deployment.running.clone import Scratch, fresh_clone
from launchready_lib.checks.stabilize_deployment.running.commands import (
    Limits,
    Run,
    Running,
    clean_environment,
    foreign_path,
    run,
    run_all,
)

__all__ = ["Limits", "Run", "Running", "Scratch", "clean_environment", "foreign_path", "fresh_clone", "run", "run_all"]
