"""The hop that does not deliver, why, and what to do: as a run tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.evidence import Dead, raised
from fanout_tools.canary.functions import Answer, Readiness
from fanout_tools.declarations.naming import ALIAS

__all__ = ["Fault", "Hop", "dead_fault", "function_fault", "lost", "raised_fault"]


class Hop(StrEnum):
    """What the hops are called, in the order of the way."""

    BUCKET = "bucket"
    FORWARD_RULE = "forward rule"
    FORWARD_TARGET = "forward target"
    BUS = "bus"
    RULE = "rule"
    TARGET = "target"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    FILTER = "filter"
    QUEUE = "queue"
    MAPPING = "mapping"
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Fault:
    """The hop that does not deliver."""

    hop: Hop
    name: str
    """Of the resource."""
    cause: str
    fix: str = "`make deploy` puts it back"

    def __str__(self) -> str:
        return f"{self.hop} {self.name}: {self.cause}; {self.fix}"


def function_fault(deployed: Deployed, worker: str, answer: Answer) -> Fault:
    """What a function's answer means for its pairs."""
    name = f"{deployed.names.function(worker)}:{answer.version or ALIAS}"
    text = f"the function {answer.readiness}" + (f": {answer.text}" if answer.text else "")
    fix = "`make deploy` puts it back" if answer.readiness is Readiness.MISSING else _CORRECT
    return Fault(Hop.FUNCTION, name, text, fix)


_CORRECT = "correct the code or its environment, or go back to the commit before, and deploy"


def raised_fault(deployed: Deployed, worker: str, since_ms: int) -> Fault | None:
    """What the function's log tells of; None: of no failure."""
    text = raised(deployed, worker, since_ms)
    return Fault(Hop.FUNCTION, deployed.names.function(worker), f"it fails: {text}", _CORRECT) if text else None


_BY_CODE = {
    "NO_PERMISSIONS": "the grant does not hold: see `bus_grants` in docs/how-to/first-deploy.md",
    "SDK_CLIENT_ERROR": "the call was refused, by a grant or a key: see `bus_grants` in docs/how-to/first-deploy.md",
    "NO_RESOURCE": "`make deploy` puts it back",
}
"""What to do about EventBridge's error codes
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html)."""


def dead_fault(dead: Dead) -> Fault:
    """What a canary in a DLQ means."""
    if dead.code == "":  # SNS gives no reason
        cause, fix = "SNS could not deliver it", "compare the queue's policy and key with `make check-plan`"
        return Fault(Hop.QUEUE, dead.queue, cause, fix)
    fix = _BY_CODE.get(dead.code, "compare its grant and key with `make check-plan`")
    return Fault(Hop.TARGET, dead.queue, f"the canary is in it: {dead.code}: {dead.text}", fix)


def lost(queue: str) -> Fault:
    """What there is to say when each hop seems well."""
    cause = "each hop before it is as declared, and it did not come"
    return Fault(Hop.QUEUE, queue, cause, "look at a key's policy, and at the metric FailedInvocations of the rule")
