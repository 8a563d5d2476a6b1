"""Keep-warm pings: calls that do nothing but keep an execution environment busy, so that Lambda starts another.

Apart from all else, because a keep-warm ping is to import nothing.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

__all__ = ["KEY", "beat"]

KEY = "fanout_heartbeat_s"
"""What a keep-warm ping holds: how long the environment is to be busy, in seconds."""

MOST_S = 10.0

ENVIRONMENT = os.urandom(8).hex()
"""Of this process, so that a warm-up can tell environments apart."""


def beat(event: Mapping[str, Any]) -> dict[str, Any]:
    """Keep busy, and tell who did."""
    time.sleep(min(float(event[KEY]), MOST_S))
    return {"environment": ENVIRONMENT}
