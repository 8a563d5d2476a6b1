"""``python -m dispatch``: the same as ``fanout-router``."""

import sys

from dispatch.cli import main

sys.exit(main())
