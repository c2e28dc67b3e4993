"""`python -m launchready_lib` is `launchready`."""

import sys

from launchready_lib.cli import main

sys.exit(main())
