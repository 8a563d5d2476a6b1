"""The call of the Lambda function that a batch came with."""

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Invocation"]


class Invocation(NamedTuple):
    """Which call it is, and how long it may go on."""

    request_id: str
    remaining_s: Callable[[], float]
    """Seconds until Lambda ends it."""
