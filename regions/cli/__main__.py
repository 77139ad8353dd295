"""``python -m regions.cli``."""

import sys

from regions.cli.command import main

sys.exit(main())
