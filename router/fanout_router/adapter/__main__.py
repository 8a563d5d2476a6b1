"""``python -m fanout_router.adapter module:app``: one local environment, for the process invoker."""

import sys

from fanout_router.adapter.runtime import main

sys.exit(main())
