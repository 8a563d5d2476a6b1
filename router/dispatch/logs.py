"""JSON lines: one per request when asked for, and EMF metrics for CloudWatch. Neither ever holds a secret or
a body.
"""

import json
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from dispatch.front.client_request import ClientRequest
    from dispatch.server import Router


class AccessLog:
    """One line of JSON per finished request."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def __call__(self, request: "ClientRequest", seconds: float) -> None:
        """Write the line. The query is left out: it may hold what is not ours to log."""
        line = {
            "time": time.time(),
            "function": request.route.name,
            "method": request.method.decode("ascii"),
            "path": request.target.split(b"?", 1)[0].decode("latin-1"),
            "status": request.status,
            "ms": round(seconds * 1_000, 3),
            "received": request.upload_size,
            "sent": request.sent,
            "attempts": request.attempts,
            "request_id": request.request_id.decode("latin-1"),
        }
        self._out.write(json.dumps(line, separators=(",", ":")) + "\n")


class EmfLog:
    """CloudWatch embedded metric format: the change since the last line, per function."""

    _METRICS = (
        ("Requests", "Count"),
        ("Errors5xx", "Count"),
        ("QueueDepth", "Count"),
        ("Environments", "Count"),
        ("Invokes", "Count"),
    )

    def __init__(self, router: "Router", namespace: str, out: TextIO | None = None) -> None:
        self._router = router
        self._namespace = namespace
        self._out = out or sys.stdout
        self._last: dict[str, tuple[int, int, int]] = {}

    def write(self) -> None:
        """Write a line for each function; call once a minute."""
        for fleet in self._router.fleets:
            statuses = self._router.front.counts[fleet.name].statuses
            now = (sum(statuses.values()), sum(n for s, n in statuses.items() if s >= 500), fleet.invoked)
            before = self._last.get(fleet.name, (0, 0, 0))
            self._last[fleet.name] = now
            line = {
                "_aws": {
                    "Timestamp": int(time.time() * 1_000),
                    "CloudWatchMetrics": [
                        {
                            "Namespace": self._namespace,
                            "Dimensions": [["Function"]],
                            "Metrics": [{"Name": name, "Unit": unit} for name, unit in self._METRICS],
                        }
                    ],
                },
                "Function": fleet.name,
                "Requests": now[0] - before[0],
                "Errors5xx": now[1] - before[1],
                "QueueDepth": fleet.dispatcher.waiting,
                "Environments": len(fleet.members),
                "Invokes": now[2] - before[2],
            }
            self._out.write(json.dumps(line, separators=(",", ":")) + "\n")
