"""What is to be shifted and how, as Terraform's output ``traffic`` says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from fanout_tools.errors import ToolError

__all__ = ["Alias", "Strategy", "Traffic", "TrafficError", "Worker"]


class TrafficError(ToolError):
    """New code does not get all of its traffic; the text names each worker, why, and where its traffic is."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How new code gets its traffic."""

    steps: tuple[int, ...] = ()
    """Percentages of the invocations, rising; after the last of them come all. Empty: all at once."""
    step_s: float = 300.0
    """How long each percentage stays, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A function, the alias that its events come by, and the version that is to have them."""

    name: str
    function: str
    alias: str
    version: str
    live: str
    """The version that has the events, as Terraform's state knows."""
    alarms: tuple[str, ...]
    """The names of the alarms that speak against the version when they ring."""

    def moved(self, alias: "Alias") -> bool:
        """Whether the alias has come to the version since Terraform has looked."""
        return self.live != self.version == alias.version and not alias.weights


@dataclass(frozen=True, kw_only=True)
class Alias:
    """Where an alias leads now."""

    version: str
    """What all invocations go to, but for ``weights``."""
    revision: str
    """Changes with the alias: who names it changes nothing that he has not seen."""
    weights: Mapping[str, float]
    """The shares, 0 to 1, of other versions."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """One environment's workers after an apply."""

    strategy: Strategy
    workers: tuple[Worker, ...]

    @classmethod
    def read(cls, output: Mapping[str, Any]) -> Self:
        """From the value of Terraform's output ``traffic``."""
        workers = (
            Worker(
                name=name,
                function=it["function"],
                alias=it["alias"],
                version=it["version"],
                live=it["live"],
                alarms=tuple(sorted(it["alarms"])),
            )
            for name, it in sorted(output["workers"].items())
        )
        strategy = Strategy(steps=tuple(output["steps"]), step_s=60.0 * output["minutes"])
        return cls(strategy=strategy, workers=tuple(workers))
