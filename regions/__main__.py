"""``python -m regions``: the command line."""

import sys

from regions.cli import main

sys.exit(main())
