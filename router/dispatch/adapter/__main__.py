"""``python -m dispatch.adapter module:app``: one local environment, for the process invoker."""

import sys

from dispatch.adapter.runtime import main

sys.exit(main())
