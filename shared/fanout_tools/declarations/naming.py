"""What each thing is called in AWS: the one statement of names on the Python side.

``terraform/modules`` builds the same names; the integration tests compare the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import Final, Self

__all__ = ["ALIAS", "DEFAULT_BUS", "Names", "region_code"]

ALIAS = "live"
"""The Lambda alias that the event source mapping invokes."""
DEFAULT_BUS: Final = "default"
"""The account's own bus, on which AWS services put their events."""

_WORDS: Final = {
    "north": "n",
    "northeast": "ne",
    "east": "e",
    "southeast": "se",
    "south": "s",
    "southwest": "sw",
    "west": "w",
    "northwest": "nw",
    "central": "c",
    "gov": "g",
}


def region_code(region: str) -> str:
    """A region as AWS shortens it in the ids of its zones, such as euc1; ``terraform/modules/naming`` does the same."""
    return "".join(_WORDS.get(part, part) for part in region.split("-"))


@dataclass(frozen=True)
class Names:
    """The names of one deployment; ``namespace`` is ``fanout-<environment>``."""

    namespace: str
    event_bus: str = ""
    """An existing bus, which others may use too; empty: the deployment has one of its own."""

    @classmethod
    def told(cls, environment: Mapping[str, str]) -> Self:
        """As Terraform tells a function of the platform's own by its environment's variables.

        :raises KeyError: it is told no namespace.
        """
        return cls(environment["FANOUT_NAMESPACE"], environment.get("FANOUT_EVENT_BUS", ""))

    @property
    def bus(self) -> str:
        return self.event_bus or self.namespace

    @property
    def takes_aws_events(self) -> bool:
        """Whether AWS services put their events on the deployment's bus themselves."""
        return self.bus == DEFAULT_BUS

    def rule_path(self, rule: str) -> str:
        """How the ARN of a rule of the bus ends, after its account."""
        return f"rule/{rule}" if self.takes_aws_events else f"rule/{self.bus}/{rule}"

    def on_bus(self, rule: str) -> str:
        """On a bus of others, too, a rule begins as all else of the deployment does."""
        return rule if self.bus == self.namespace else f"{self.namespace}-{rule}"

    @property
    def archive(self) -> str:
        """Of the deployment's events."""
        return self.namespace

    def idempotency_table(self, worker: str) -> str:
        return f"{self.namespace}-{worker}-idempotency"

    def gather_table(self, worker: str) -> str:
        return f"{self.namespace}-{worker}-gather"

    @property
    def outbox_table(self) -> str:
        """Where events wait that were written in a transaction."""
        return f"{self.namespace}-outbox"

    @property
    def operations_table(self) -> str:
        """Where operators' changes are written down; also the group of the schedules that end their leases."""
        return f"{self.namespace}-operations"

    @property
    def sweeper_role(self) -> str:
        """What Scheduler ends leases with."""
        return f"{self.namespace}.sweeper"

    def temporary(self, kind: str, operation: str) -> str:
        """Of a queue, rule or function that an operation makes and takes away; the sweeper's role goes by it.

        :param kind: ``tail``, ``replay`` or ``tune``.
        """
        return f"{self.namespace}-{kind}-{operation}"

    @property
    def undelivered_bus_queue(self) -> str:
        """Where events end that the bus's own rules, or those of the default bus, could not deliver."""
        return f"{self.namespace}-undelivered"

    @property
    def unmatched_queue(self) -> str:
        """Where events end that no worker subscribes to."""
        return f"{self.namespace}-unmatched"

    def topic(self, source: str) -> str:
        return f"{self.namespace}-{source.replace('.', '-')}"

    def undelivered_queue(self, source: str) -> str:
        """The DLQ of the hop from the bus to a domain's topic."""
        return f"{self.topic(source)}-undelivered"

    def topic_rule(self, source: str) -> str:
        """The rule from the bus to a domain's topic."""
        return self.on_bus(f"topic-{source.replace('.', '-')}")

    def worker_rule(self, worker: str, event: str) -> str:
        """The rule from the bus to the queue of a worker without topics."""
        return self.on_bus(f"{worker}-{sha1(event.encode(), usedforsecurity=False).hexdigest()[:6]}")

    def forward_rule(self, source: str) -> str:
        """The rule of the account's default bus that brings an AWS service's events over."""
        return f"{self.namespace}-{source.replace('.', '-')}"

    def undelivered_worker_queue(self, worker: str) -> str:
        """The DLQ of the hop to a FIFO worker's queue."""
        return f"{self.namespace}-{worker}-undelivered-dlq"

    def queue(self, worker: str, *, fifo: bool = False) -> str:
        return f"{self.namespace}-{worker}{'.fifo' if fifo else ''}"

    def dead_letter_queue(self, worker: str, *, fifo: bool = False) -> str:
        return f"{self.namespace}-{worker}-dlq{'.fifo' if fifo else ''}"

    def function(self, worker: str) -> str:
        return f"{self.namespace}-{worker}"

    def log_group(self, worker: str) -> str:
        return f"/aws/lambda/{self.function(worker)}"

    def workflow(self, name: str) -> str:
        """A workflow's state machine."""
        return f"{self.namespace}-{name}"

    def table(self, name: str) -> str:
        return f"{self.namespace}-{name}"

    def claims_bucket(self, account: str) -> str:
        """Where the data are that events only refer to."""
        return self.bucket("claims", account)

    def bucket(self, name: str, account: str) -> str:
        """Bucket names are global, so that the account id is part of them."""
        return f"{self.namespace}-{name}-{account}"
