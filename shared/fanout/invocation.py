"""The call of the Lambda function that a batch came with."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Invocation"]


@dataclass(frozen=True, slots=True)
class Invocation:
    """Which call it is, and how long it may go on."""

    request_id: str
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends it."""
