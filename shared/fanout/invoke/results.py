"""What one invocation came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

__all__ = ["Failure", "Invoked", "Kind"]


class Kind(StrEnum):
    """Why an invocation has no value."""

    FUNCTION = "function"
    """The function raised, or its process died."""
    THROTTLED = "throttled"
    """Lambda had no concurrency for it until the deadline; it has not run."""
    TIMED_OUT = "timed out"
    """No answer by the deadline; it may have run, or be running."""
    REFUSED = "refused"
    """Lambda did not take it: too large, no such function, no permission. It has not run."""
    UNREACHABLE = "unreachable"
    """The connection failed; it may have run."""
    OVER_BUDGET = "over budget"
    """The budget of invocations was used up; it has not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    kind: Kind
    type: str
    """The exception's class in the function, or AWS's error code."""
    message: str
    trace: tuple[str, ...] = ()
    """The function's stack trace, where it raised."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.type}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """The answer to one payload: a value, or a failure."""

    value: Any = None
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        return self.failure is None

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value} if self.failure is None else {"failure": asdict(self.failure)}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Self:
        failure = written.get("failure")
        if failure is None:
            return cls(value=written.get("value"))
        kind, trace = Kind(failure["kind"]), tuple(failure["trace"])
        return cls(failure=Failure(kind=kind, type=failure["type"], message=failure["message"], trace=trace))

    @classmethod
    def failed(cls, kind: Kind, type: str, message: str) -> Self:  # noqa: A002 - the word of Lambda's errorType
        return cls(failure=Failure(kind=kind, type=type, message=message))
