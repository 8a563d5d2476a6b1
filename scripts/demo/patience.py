"""Tell a run that is slow from one that cannot succeed, and say within 30 s why and what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fanout import aws
from fanout.errors import FanoutError
from fanout_tools.cli.deployment import Depth

__all__ = ["ANSWER_S", "IDLE_S", "Movement", "StuckError", "ask"]

ANSWER_S = 25.0
"""How long an emulator or AWS may leave a call, its repetitions included, without an answer."""
IDLE_S = 28.0
"""How long messages may wait while nobody takes one."""
NOTE_S = 20.0
"""After so long without a movement the run says what it waits for."""

T = TypeVar("T")


class StuckError(FanoutError):
    """The run cannot succeed; the text says why and what to do."""


def ask(call: Callable[[], T], within_s: float | None = None) -> T:
    """Make calls of AWS that have to be answered within ``ANSWER_S``; calls that ask anew inside have as long each.

    :param within_s: in place of ``ANSWER_S``; a single attempt has half of it.

    :raises StuckError: nobody answered.
    """
    from botocore.exceptions import ConnectionError, HTTPClientError  # noqa: A004

    inside = aws.remaining_s() is not None
    aws.finish_by(time.monotonic() + (within_s or ANSWER_S))
    try:
        return call()
    except (ConnectionError, HTTPClientError, aws.OutOfTime) as error:
        raise StuckError(_unanswered(error)) from error
    finally:
        aws.finish_by(time.monotonic() + ANSWER_S if inside else None)


def _unanswered(error: Exception) -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint is None:
        return f"AWS does not answer: {error}; check the network and the region"
    return (
        f"the emulator at {endpoint} does not answer: {error}; its log is beside build/emulators/NAME/endpoint.env; "
        "`make down`, then `make demo` again"
    )


@dataclass
class Movement:
    """Whether the queues move; asked at each look at their depths."""

    visible_again_s: Mapping[str, float]
    """By worker, when the records of an invocation that was cut off come again."""
    clock: Callable[[], float] = time.monotonic
    _last: Mapping[str, Depth] | None = None
    _since: float = field(default=0.0)
    _noted: bool = False

    def look(self, depths: Mapping[str, Depth]) -> str | None:
        """What to tell a person who waits, once per halt; None most of the time.

        :raises StuckError: nothing will move any more.
        """
        now = self.clock()
        busy = {worker: depth for worker, depth in depths.items() if not depth.quiet}
        if depths != self._last or not busy:
            self._last, self._since, self._noted = dict(depths), now, False
            return None
        return self._halted(busy, now - self._since)

    def _halted(self, busy: Mapping[str, Depth], still_s: float) -> str | None:
        untaken = [worker for worker, depth in busy.items() if depth.in_flight == 0]
        again_s = max(self.visible_again_s.get(worker, 0.0) for worker in busy)
        if untaken and still_s >= IDLE_S:
            raise StuckError(
                f"nobody takes the messages of {', '.join(untaken)} for {still_s:.0f} s: the mapping from queue to "
                "function is off, or the emulator is stuck; `make down`, then `make demo` again"
            )
        if still_s >= again_s + IDLE_S:
            raise StuckError(
                f"nothing moved for {still_s:.0f} s in the queues of {', '.join(busy)}, although their records were "
                "to come again: read the log groups of these workers, then `make down` and `make demo` again"
            )
        if still_s >= NOTE_S and not self._noted:
            self._noted = True
            return (
                f"nothing moved for {still_s:.0f} s: {', '.join(busy)} have records in flight; those of an invocation "
                f"that was cut off come again after {again_s:.0f} s"
            )
        return None
