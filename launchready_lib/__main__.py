"""`python -m launchready_lib` is `launchready`."""

import sys

from launchready_lib.command.cli import main

sys.exit(main())
