"""Where each thing of a deployment is, computed from its declarations and names: no call to AWS.

Only the account's id is asked for, once, and not of an emulator, whose account is always the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from fanout.errors import FanoutError
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import IdempotencyMode, Manifest, load_all, worker_name
from fanout_tools.errors import near_miss
from fanout_tools.operate import identity
from fanout_tools.project import Project

__all__ = ["EMULATED_ACCOUNT", "Place", "Topology", "UnknownWorkerError", "WorkerPlace"]

EMULATED_ACCOUNT = "000000000000"
"""That of credentials without an account, on each emulator."""


class UnknownWorkerError(FanoutError):
    """No worker of the project has that name; the text has the nearest names."""

    exit_code = 3


@dataclass(frozen=True)
class Place:
    """An account in a region, or an emulator of one."""

    account: str
    region: str
    partition: str = "aws"
    endpoint: str | None = None
    """The emulator's URL; None: AWS."""

    @classmethod
    def reached(cls) -> Self:
        """Where this process's AWS clients reach: one call, of STS, on AWS; none on an emulator.

        :raises IdentityError: no credentials, no region, or AWS refuses them.
        """
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            return cls(EMULATED_ACCOUNT, _region(), endpoint=endpoint.rstrip("/"))
        region = identity.region()
        partition, account = identity.caller(identity.credentials(), region).split(":")[1:5:3]
        return cls(account, region, partition)

    @property
    def domain(self) -> str:
        """What the names of AWS's hosts end in."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def arn(self, service: str, name: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{name}"

    def queue_url(self, queue: str) -> str:
        """As Amazon SQS makes them (https://docs.aws.amazon.com/general/latest/gr/sqs-service.html); an emulator takes
        the queue's path under its own URL."""
        host = self.endpoint or f"https://sqs.{self.region}.{self.domain}"
        return f"{host}/{self.account}/{queue}"


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@dataclass(frozen=True, kw_only=True)
class WorkerPlace:
    """Where a worker's things are."""

    name: str
    manifest: Manifest
    function: str
    """The function's name."""
    log_group: str
    queue: str
    queue_url: str
    dead_letter_queue: str
    dead_letter_queue_url: str
    undelivered_queue: str | None
    """The DLQ of the hop to a FIFO worker's queue; None: its DLQ is the worker's own."""
    records_table: str | None
    """Where the idempotency store keeps its records; None: the worker remembers nothing."""

    @property
    def fifo(self) -> bool:
        """Whether its queue keeps the order of events."""
        return self.manifest.queue.fifo

    def takes(self, event: str) -> bool:
        """Whether it subscribes to the event, ``<source>/<Name>``; what its filter says is another question."""
        return any(subscription.event in (event, "*") for subscription in self.manifest.subscribes)

    @classmethod
    def of(cls, name: str, manifest: Manifest, names: Names, place: Place) -> Self:
        fifo = manifest.queue.fifo
        queue, dead_letter_queue = names.queue(name, fifo=fifo), names.dead_letter_queue(name, fifo=fifo)
        return cls(
            name=name,
            manifest=manifest,
            function=names.function(name),
            log_group=names.log_group(name),
            queue=queue,
            queue_url=place.queue_url(queue),
            dead_letter_queue=dead_letter_queue,
            dead_letter_queue_url=place.queue_url(dead_letter_queue),
            undelivered_queue=names.undelivered_worker_queue(name) if fifo else None,
            records_table=names.idempotency_table(name) if _remembers(manifest) else None,
        )


def _remembers(manifest: Manifest) -> bool:
    return manifest.idempotency.mode is not IdempotencyMode.OFF


@dataclass(frozen=True)
class Topology:
    """All of one deployment."""

    names: Names
    place: Place
    workers: Mapping[str, WorkerPlace] = field(repr=False)
    workflows: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The ARNs of the workflows' state machines, by the workflows' names."""

    @classmethod
    def of(cls, project: Project, names: Names, place: Place | None = None) -> Self:
        """The deployment of a project under these names.

        :param place: where it is; what this process's AWS clients reach unless given.
        :raises ManifestError: a worker.yaml is wrong.
        """
        workflows = (worker_name(file.parent) for file in sorted(project.services.glob("*/workflow.yaml")))
        return cls.made(load_all(project.services), names, place or Place.reached(), workflows)

    @classmethod
    def made(cls, manifests: Mapping[str, Manifest], names: Names, place: Place, workflows: Iterable[str] = ()) -> Self:
        """The deployment of such workers and workflows."""
        return cls(
            names,
            place,
            {name: WorkerPlace.of(name, manifest, names, place) for name, manifest in manifests.items()},
            {name: place.arn("states", f"stateMachine:{names.workflow(name)}") for name in workflows},
        )

    @property
    def account(self) -> str:
        return self.place.account

    @property
    def region(self) -> str:
        return self.place.region

    def worker(self, name: str) -> WorkerPlace:
        """
        :raises UnknownWorkerError: there is none of that name.
        """
        if name not in self.workers:
            hint = near_miss(name, self.workers) or f"there are {', '.join(self.workers)}"
            raise UnknownWorkerError(f"worker {name}: no such worker; {hint.strip()}")
        return self.workers[name]

    def subscribers(self, source: str, detail_type: str) -> tuple[WorkerPlace, ...]:
        """The workers that subscribe to the event, whatever their filters say."""
        return tuple(it for it in self.workers.values() if it.takes(f"{source}/{detail_type}"))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The domains that have a topic, by name."""
        topics = (it.manifest for it in self.workers.values() if it.manifest.via == "topic")
        return tuple(sorted({each.event.partition("/")[0] for manifest in topics for each in manifest.subscribes}))

    @cached_property
    def unheard_queues(self) -> Mapping[str, str]:
        """Where events end that came to no worker's queue, each with what it holds."""
        return {
            self.names.unmatched_queue: "no worker subscribes to them",
            **{queue: f"could not be delivered {hop}" for queue, hop in self._undelivered()},
        }

    def _undelivered(self) -> Iterator[tuple[str, str]]:
        yield self.names.undelivered_bus_queue, "by the bus"
        for source in self.sources:
            yield self.names.undelivered_queue(source), f"to the topic of {source}"
        for it in self.workers.values():
            if it.undelivered_queue:
                yield it.undelivered_queue, f"to worker {it.name}"
        if any(it.manifest.outbox for it in self.workers.values()):
            yield f"{self.names.outbox_table}-undelivered", "from the outbox"
        for name in self.workflows:
            yield f"{self.names.workflow(name)}-undelivered", f"to workflow {name}"
