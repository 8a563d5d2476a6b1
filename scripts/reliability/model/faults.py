"""What can happen to a call, and the client that lets it happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from scripts.reliability.model.clock import Clock
from scripts.reliability.model.errors import refusal

__all__ = ["Client", "Death", "Fault", "Faults", "Hit", "Process"]

SLOWNESS_S = 0.01
"""What an undisturbed call takes."""
READ_TIMEOUT_S = 20.0
ATTEMPTS = 4
NEAR_DEADLINE_S = 1.0
OUTAGE_S = 10.0


class Fault(StrEnum):
    """What happens to one call."""

    REFUSED = "refused before it ran"
    OUTAGE = "refused, and so is each repetition for 10 s"
    LOST_REPEATED = "ran, answer lost, repeated by the client"
    LOST = "ran, answer lost for good"
    TWICE = "ran twice"
    PARTIAL = "some entries throttled"
    LATE = "answered late, near the deadline"
    TOO_LATE = "answered after the deadline"
    NEVER = "never answered, never ran"
    DIES_BEFORE = "process dies before"
    DIES_AFTER = "process dies after"


class Death(BaseException):
    """The process has died. Whatever catches this can do no harm: no call of a dead process has an effect."""


@dataclass(eq=False)
class Process:
    """One execution environment of a function."""

    clock: Clock
    deadline: float = float("inf")
    """When Lambda ends it, in seconds since 1970."""
    finish_by: float | None = None
    """Until when the core wants its clients to have given up, if it said so."""
    out_of_time: Callable[[float], Exception] = RuntimeError
    """Makes the error of a call for which no time is left."""
    dead: bool = False

    def check(self) -> None:
        """
        :raises Death: it is dead, or has been running beyond its deadline.
        """
        self.dead = self.dead or self.clock.now >= self.deadline
        if self.dead:
            raise Death

    def die(self) -> None:
        """
        :raises Death: always.
        """
        self.dead = True
        raise Death


@dataclass(frozen=True)
class Hit:
    """One fault.

    :param call: the call's name, as :func:`scripts.reliability.model.calls.name_of` gives it.
    :param nth: which of them, from 1; of those after the fault before it.
    """

    call: str
    nth: int
    fault: Fault


class Faults:
    """Which calls are hit, by what, each fault after the one before it.

    :param hits: in their order.
    """

    def __init__(self, *hits: Hit) -> None:
        self.left = list(hits)
        """What has not happened to its call."""
        self.seen: Counter[str] = Counter()
        """How many calls of each name there were."""
        self.meanwhile: Callable[[], None] = lambda: None
        """What the rest of the world does while an answer is late."""
        self._since = 0
        """Calls of the next hit's name since the hit before it."""
        self._out_until: dict[str, float] = {}

    def of(self, name: str, now: float) -> Fault | None:
        """What happens to the call that is made now."""
        self.seen[name] += 1
        if now < self._out_until.get(name, 0.0):
            return Fault.OUTAGE
        if not self.left or self.left[0].call != name:
            return None
        self._since += 1
        return self._next(now) if self._since == self.left[0].nth else None

    def _next(self, now: float) -> Fault:
        hit, self._since = self.left.pop(0), 0
        if hit.fault is Fault.OUTAGE:
            self._out_until[hit.call] = now + OUTAGE_S
        return hit.fault


class Client:
    """A client of one process: it makes its calls of a model, unless a fault says otherwise."""

    def __init__(self, model: Any, process: Process, faults: Faults, name_of: Callable[[str, Any], str]) -> None:
        self._model, self._process, self._faults, self._name_of = model, process, faults, name_of

    def __getattr__(self, operation: str) -> Any:
        if operation == "exceptions":
            return self._model.exceptions
        run = getattr(self._model, operation)

        def call(**request: Any) -> Any:
            return self._call(operation, run, request)

        return call

    def get_paginator(self, operation: str) -> Any:
        return _Paginator(getattr(self, operation))

    def _call(self, operation: str, run: Callable[..., Any], request: Any) -> Any:
        self._process.check()
        finish_by = self._process.finish_by
        if finish_by is not None and finish_by <= self._process.clock.now:
            raise self._process.out_of_time(finish_by - self._process.clock.now)
        fault = self._faults.of(self._name_of(operation, request), self._process.clock.now)
        answer = self._apply(fault, operation, run, request)
        self._process.clock.advance(SLOWNESS_S)
        self._process.check()
        return answer

    def _apply(self, fault: Fault | None, operation: str, run: Callable[..., Any], request: Any) -> Any:
        process = self._process
        match fault:
            case None:
                return run(**request)
            case Fault.REFUSED | Fault.OUTAGE:
                raise refusal("ServiceUnavailable", operation)
            case Fault.LOST_REPEATED:
                _swallow(run, request)
                return run(**request)
            case Fault.TWICE:
                answer = run(**request)
                _swallow(run, request)
                return answer
            case Fault.LOST:
                run(**request)
                raise ConnectionClosedError(endpoint_url="https://aws.example", error="no answer")
            case Fault.PARTIAL:
                return _partial(operation, run, request)
            case Fault.DIES_BEFORE:
                process.die()
            case Fault.DIES_AFTER:
                run(**request)
                process.die()
            case Fault.LATE:
                answer = run(**request)
                process.clock.advance_to(process.deadline - NEAR_DEADLINE_S)
                self._faults.meanwhile()
                return answer
            case Fault.TOO_LATE:
                run(**request)
                process.clock.advance_to(process.deadline)
                process.die()
            case _:
                self._wait_in_vain()
        raise AssertionError(fault)

    def _wait_in_vain(self) -> None:
        """As the process's clients do: their attempts follow what is left, if the core has told them."""
        process = self._process
        for _ in range(ATTEMPTS):
            limit = READ_TIMEOUT_S
            if process.finish_by is not None:
                left = process.finish_by - process.clock.now
                if left <= 0:
                    break
                limit = min(limit, max(0.3, left / 2))
            process.clock.advance(limit)
            process.check()
        raise ReadTimeoutError(endpoint_url="https://aws.example")


class _Paginator:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Any:
        yield self._call(**request)


def _swallow(run: Callable[..., Any], request: Any) -> None:
    """Run it for nobody to see the answer, be it an error."""
    from botocore.exceptions import ClientError

    try:
        run(**request)
    except ClientError:
        return


_ENTRIES = {
    "batch_execute_statement": ("Statements", "Responses"),
    "put_events": ("Entries", "Entries"),
    "send_message_batch": ("Entries", "Failed"),
    "change_message_visibility_batch": ("Entries", "Failed"),
    "delete_message_batch": ("Entries", "Failed"),
}


def _partial(operation: str, run: Callable[..., Any], request: Any) -> Any:
    """Every other entry, the first one included, is throttled."""
    given, answered = _ENTRIES[operation]
    entries = request[given]
    kept = [entry for index, entry in enumerate(entries) if index % 2]
    answer = run(**{**request, given: kept}) if kept else {}
    if answered == "Failed":
        failed = [{"Id": e["Id"], "Code": "RequestThrottled", "SenderFault": False} for e in entries[::2]]
        return {**answer, "Failed": [*answer.get("Failed", ()), *failed]}
    answers = iter(answer.get(answered, ()))
    throttled: dict[str, Any] = (
        {"Error": {"Code": "ThrottlingError", "Message": "slow down"}}
        if operation == "batch_execute_statement"
        else {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
    )
    return {answered: [next(answers) if index % 2 else dict(throttled) for index in range(len(entries))]}
