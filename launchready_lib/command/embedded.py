"""`launchready demo` and `launchready lab`: the embedded client, audited twice, or open for looking around."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from launchready_lib import checks, paths
from launchready_lib import demo as harbor_club
from launchready_lib import roadmap as roadmaps
from launchready_lib.command.terminal import INTERRUPTED, VERDICTS, complain, say, tell
from launchready_lib.record.audit import Audit
from launchready_lib.record.findings import Decision, Status
from launchready_lib.roadmap import Severity
from launchready_lib.run import progress, runner

PROTOTYPE, LAUNCH = "prototype", "launch"


def demo() -> int:
    """Audit release `prototype`, with its faults, then `launch`, with none; 0 when both verdicts are as expected."""
    verdicts: list[str] = []
    as_expected = True
    output = paths.project_root() / "output"
    for release in (PROTOTYPE, LAUNCH):  # both first: this prototype is not what became of the last demo's launch
        runner.set_aside(output / harbor_club.SLUG / release)
    for release in (PROTOTYPE, LAUNCH):
        say(f"Harbor Club, release {release}")
        with harbor_club.start(release=release) as world:
            result = runner.run(
                world.parameters_file,
                release=release,
                output_root=output,
                progress=progress.for_stream(),
                environment=world.environment,
            )
        tell(result)
        if result.interrupted or result.audit is None:
            return INTERRUPTED
        if result.manifest.failed:
            return result.exit_code
        surprises = unexpected(result.audit, release)
        for surprise in surprises:
            complain(f"Not as expected: {surprise}")
        as_expected = as_expected and not surprises
        verdicts.append(f"{release}: {VERDICTS[result.audit.decision]}, {result.report}")
        say()
    for line in verdicts:
        say(line)
    return 0 if as_expected else 1


def unexpected(audit: Audit, release: str) -> list[str]:
    """What differs from the due verdict: no-go; go, or conditional only for decisive checks that are not built yet."""
    if release == PROTOTYPE:
        return [] if audit.decision is Decision.NO_GO else [f"the verdict on {release} is {audit.decision}, not no_go"]
    catalogue = roadmaps.load().checks
    surprises = []
    for finding in audit.findings:
        entry = catalogue[finding.check]
        if finding.status is Status.FAIL and (entry.decisive or entry.severity is Severity.HIGH):
            surprises.append(f"{finding.check} failed: {finding.summary}")
        elif (
            finding.status is Status.UNKNOWN
            and entry.decisive
            and finding.reason != checks.not_built(finding.check).reason
        ):
            surprises.append(f"{finding.check} is unknown: {finding.reason}")
    return surprises


def lab(options: Sequence[str]) -> int:
    """Start Harbor Club and JupyterLab in the project's root; the world ends when JupyterLab does."""
    root = paths.project_root()
    notebooks = _notebooks(root)
    with harbor_club.start() as world:
        environment = os.environ | {harbor_club.STATE_VARIABLE: str(world.state_file), "LAUNCHREADY_ROOT": str(root)}
        command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")  # whoever runs this as root, in a container say, means it
        command += [f"--LabApp.default_url=/lab/tree/{notebooks.relative_to(root).as_posix()}", *options]
        with subprocess.Popen(command, cwd=root, env=environment) as process:
            while True:  # JupyterLab gets a terminal's Ctrl-C itself and asks before it leaves
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    if not sys.stdin.isatty():
                        process.terminate()


def _notebooks(root: Path) -> Path:
    """The notebooks below the root; copied there where the package was installed from a wheel."""
    folder = paths.notebooks_folder()
    if folder.is_relative_to(root):
        return folder
    copy = root / "notebooks"
    if not copy.exists():
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".*"))
    return copy
