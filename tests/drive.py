"""The command line over notebooks of a test's choice, and its runs: `python drive.py NOTEBOOKS ARGUMENT…`."""

import shutil
import signal
import sys
from pathlib import Path

from launchready_lib import paths, roadmap
from launchready_lib.command import cli

FIXTURES = Path(__file__).parent / "notebooks"
PARAMETERS = """\
client:
  name: Acme
  domain: acme.example
  release: r1
  limits: {stage_minutes: 1}
  accounts:
    member: {email: member@acme.example, password: "${ACME_MEMBER_PASSWORD}"}
"""


def project(root, *names):
    """A consultant's project, whose seven notebooks behave as these fixtures do; the last one serves for the rest."""
    (root / "parameters").mkdir()
    (root / "parameters" / "acme.yaml").write_text(PARAMETERS)
    notebooks = root / "behaving"
    notebooks.mkdir()
    stages = tuple(roadmap.load().stages.values())
    for stage, name in zip(stages, (*names, *names[-1:] * len(stages)), strict=False):
        shutil.copyfile(FIXTURES / f"{name}.ipynb", notebooks / stage.notebook)
    return root


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell starts what runs in the background deaf to it
    paths.notebooks_folder = lambda: Path(sys.argv[1])
    sys.exit(cli.main(sys.argv[2:]))
