"""JSON lines: one per request when asked for, and EMF metrics for CloudWatch. Neither ever holds a secret or
a body.
"""

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TextIO

from fanout_router.budget import BreakerState

if TYPE_CHECKING:
    from fanout_router.fleet import Fleet
    from fanout_router.http.front import Outcome
    from fanout_router.http.request import ClientRequest
    from fanout_router.server import Router


class AccessLog:
    """One line of JSON per request, whatever became of it; flushed several times a second."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def finished(self, request: "ClientRequest", seconds: float, outcome: "Outcome") -> None:
        """Write the line of a request. The query is left out: it may hold what is not ours to log."""
        self._write(
            {
                "time": time.time(),
                "client": request.client_address,
                "function": request.route.name,
                "method": request.method.decode("ascii"),
                "path": _path(request.target),
                "status": request.status,
                "outcome": outcome.value,
                "ms": round(seconds * 1_000, 3),
                "received": request.upload_size,
                "sent": request.sent,
                "attempts": request.attempts,
                "environment": request.environment.id if request.environment is not None else "",
                "request_id": request.request_id.decode("latin-1"),
            }
        )

    def refused(self, status: int, client: str, method: bytes, target: bytes) -> None:
        """Write the line of what never became a request; method and target as far as they are known."""
        self._write(
            {
                "time": time.time(),
                "client": client,
                "method": method.decode("latin-1"),
                "path": _path(target),
                "status": status,
                "outcome": "refused",
            }
        )

    def flush(self) -> None:
        """Let the lines go to where they are kept."""
        with contextlib.suppress(OSError, ValueError):
            self._out.flush()

    def _write(self, line: dict[str, object]) -> None:
        with contextlib.suppress(OSError, ValueError):  # whoever read it is gone; requests are served all the same
            self._out.write(json.dumps(line, separators=(",", ":")) + "\n")


def _path(target: bytes) -> str:
    return target.split(b"?", 1)[0].decode("latin-1")


class _Totals(NamedTuple):
    """What a function's line holds the change of."""

    requests: int = 0
    errors_5xx: int = 0
    invokes: int = 0
    submitted: int = 0
    queue_seconds: float = 0.0


class EmfLog:
    """CloudWatch embedded metric format: the change since the last line, per function.

    ``QueueTime`` is the mean wait of the period's requests for a channel, ``BreakerOpen`` is 1 while the circuit
    breaker holds invocations back.
    """

    _METRICS = (
        ("Requests", "Count"),
        ("Errors5xx", "Count"),
        ("QueueDepth", "Count"),
        ("QueueTime", "Milliseconds"),
        ("Environments", "Count"),
        ("Invokes", "Count"),
        ("BreakerOpen", "Count"),
    )

    def __init__(self, router: "Router", namespace: str, out: TextIO | None = None) -> None:
        self._router = router
        self._namespace = namespace
        self._out = out or sys.stdout
        self._last: dict[str, _Totals] = {}

    def write(self) -> None:
        """Write a line for each function; call once a minute."""
        for fleet in self._router.fleets:
            now = self._totals(fleet)
            before = self._last.get(fleet.name, _Totals())
            self._last[fleet.name] = now
            waited_ms = 1_000 * (now.queue_seconds - before.queue_seconds)
            line = {
                "_aws": self._directive(),
                "Function": fleet.name,
                "Requests": now.requests - before.requests,
                "Errors5xx": now.errors_5xx - before.errors_5xx,
                "QueueDepth": fleet.dispatcher.waiting,
                "QueueTime": round(waited_ms / max(now.submitted - before.submitted, 1), 3),
                "Environments": len(fleet.environments),
                "Invokes": now.invokes - before.invokes,
                "BreakerOpen": int(fleet.breaker.state is not BreakerState.CLOSED),
            }
            self._out.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._out.flush()

    def _totals(self, fleet: "Fleet") -> _Totals:
        statuses = self._router.front.counts[fleet.name].statuses
        counts = fleet.dispatcher.counts
        return _Totals(
            requests=sum(statuses.values()),
            errors_5xx=sum(n for status, n in statuses.items() if status >= 500),
            invokes=fleet.invoked,
            submitted=counts.submitted,
            queue_seconds=counts.queue_seconds,
        )

    def _directive(self) -> dict[str, object]:
        metrics = [{"Name": name, "Unit": unit} for name, unit in self._METRICS]
        described = {"Namespace": self._namespace, "Dimensions": [["Function"]], "Metrics": metrics}
        return {"Timestamp": int(time.time() * 1_000), "CloudWatchMetrics": [described]}
