"""What the fleet asks of an invoker, and what it learns from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

PROTOCOL_VERSION = 1
UNLOADABLE = 3
"""The exit code of a local environment whose app could not be loaded or started: no other one will fare better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRequest:
    """One invocation to be made: everything that an environment needs to call back."""

    environment_id: str
    secret: str = field(repr=False)
    address: str
    """``http://host:port`` (h2c, loopback only) or ``https://host:port``."""
    fingerprint: str
    """SHA-256 of the control port's certificate in hexadecimal; empty for h2c."""
    channels: int
    lifetime_s: float
    """When the router will have replaced the environment at the latest, counted from the invocation."""

    def payload(self) -> dict[str, Any]:
        """The event that the adapter gets. It holds the secret: never log it."""
        return {
            "dispatch": {
                "version": PROTOCOL_VERSION,
                "environment": self.environment_id,
                "secret": self.secret,
                "address": self.address,
                "fingerprint": self.fingerprint,
                "channels": self.channels,
                "lifetime_s": self.lifetime_s,
            }
        }


class Ending(Enum):
    """How an invocation ended."""

    COMPLETED = "completed"
    FUNCTION_ERROR = "function_error"
    THROTTLED = "throttled"
    NOT_INVOKED = "not_invoked"
    UNLOADABLE = "unloadable"
    """The app cannot be imported or started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of an invocation; ``summary`` is what the adapter returned."""

    ending: Ending
    detail: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


class Invoker(Protocol):
    """Makes invocations; ``done`` is called once for each, on the event loop's thread, when it has ended."""

    def invoke(self, order: InvocationRequest, done: Callable[[Result], object]) -> None:
        """Begin an invocation; returns at once and never raises."""

    async def close(self, patience_s: float = 10.0) -> None:
        """Wait for the invocations to end, up to ``patience_s``."""
