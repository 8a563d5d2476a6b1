"""What can befall a call, and the client that lets it befall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from scripts.reliability.model.clock import Clock
from scripts.reliability.model.errors import refusal

__all__ = ["Client", "Death", "Fault", "Faults", "Process"]

SLOWNESS_S = 0.01
"""What an undisturbed call takes."""
READ_TIMEOUT_S = 20.0
ATTEMPTS = 4
NEAR_DEADLINE_S = 1.0
OUTAGE_S = 10.0


class Fault(StrEnum):
    """What befalls one call."""

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


@dataclass
class Faults:
    """Which call is hit, by what.

    :param call: the call's name, as :func:`scripts.reliability.model.calls.name_of` gives it.
    :param nth: which of them, from 1.
    """

    call: str = ""
    nth: int = 1
    fault: Fault | None = None
    seen: Counter[str] = field(default_factory=Counter)
    """How many calls of each name there were."""
    hit: bool = False
    _out_until: float = 0.0
    meanwhile: Callable[[], None] = lambda: None
    """What the rest of the world does while an answer is late."""

    def of(self, name: str, now: float) -> Fault | None:
        """What befalls the call that is made now."""
        self.seen[name] += 1
        if name == self.call and now < self._out_until:
            return self.fault
        if name == self.call and self.seen[name] == self.nth and not self.hit:
            self.hit = True
            self._out_until = now + OUTAGE_S if self.fault is Fault.OUTAGE else 0.0
            return self.fault
        return None


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
        answer = self._befall(fault, operation, run, request)
        self._process.clock.advance(SLOWNESS_S)
        self._process.check()
        return answer

    def _befall(self, fault: Fault | None, operation: str, run: Callable[..., Any], request: Any) -> Any:
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
}


def has_entries(operation: str) -> bool:
    """Whether a call's entries succeed and fail each for itself."""
    return operation in _ENTRIES


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
