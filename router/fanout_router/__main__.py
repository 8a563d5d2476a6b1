"""``python -m fanout_router``: the same as ``fanout-router``."""

import sys

from fanout_router.cli import main

sys.exit(main())
