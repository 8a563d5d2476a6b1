"""The one model of ``worker.yaml``: every key, default and cross-field rule of a worker's declaration.

Terraform reads the same files by itself and repeats, in the same words, the rules that AWS would report only
at apply time (``terraform/modules/manifests``); a test feeds both sides the same bad files.
A rule's text reads ``<file>: <key>: <what is wrong>; <the fix>``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from fanout.errors import ManifestError
from fanout_tools.declarations import rules as manifest_rules
from fanout_tools.declarations import texts as manifest_text
from fanout_tools.declarations.reading import named, read

__all__ = [
    "Batch",
    "Bucket",
    "Function",
    "Idempotency",
    "IdempotencyMode",
    "Logs",
    "Manifest",
    "Permission",
    "Queue",
    "Retry",
    "Scaling",
    "ScheduledScaling",
    "Slo",
    "Subscription",
    "Table",
    "Via",
    "load",
    "load_all",
]

EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*$")]
SubscribedName = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*)$")]
PermittedResource = Annotated[str, StringConstraints(pattern=r"^((table|bucket|identity|function):[^*]+|arn:.+)$")]
StoredName = Annotated[str, StringConstraints(pattern=r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")]
WorkerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[^.]+(\.[^.]+)*$")]
ResourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,28}$")]
IndexName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{2,28}$")]
IndexKeys = Annotated[str, StringConstraints(pattern=r"^[^/]+(/[^/]+)?$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
Variable = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


DLQ_RETENTION_DAYS = 14
"""Of every worker's DLQ, as Terraform makes it."""

MAX_RECEIVE_COUNT = 1_000
"""Of a queue (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html)."""


class Section(BaseModel):
    """A mapping of a declaration."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Via(StrEnum):
    """The way of an event from the bus to the worker's queue."""

    TOPIC = "topic"
    """bus -> SNS -> SQS: one bus target per domain however many workers subscribe."""
    BUS = "bus"
    """rule -> SQS: EventBridge's richer patterns; one rule per subscription."""


class IdempotencyMode(StrEnum):
    """How a redelivered or duplicated event is kept from a second effect."""

    STRICT = "strict"
    """Two writes a record: an in-progress lock, then the completed record with its result."""
    CLAIM = "claim"
    """One write a record: a redelivery of the same message takes its own claim over."""
    OFF = "off"


class Subscription(Section):
    """One kind of event the worker takes."""

    event: SubscribedName = Field(description="`<source>/<Name>` of a contract, or `*` for every event")
    where: dict[str, Any] = Field(default={}, description="EventBridge pattern over the event's data")


class Function(Section):
    """The Lambda function. Bounds: AWS Lambda quotas."""

    memory_mb: int = Field(default=256, ge=128, le=10_240, description="memory; CPU comes in proportion to it")
    timeout_s: int = Field(default=30, ge=1, le=900, description="how long an invocation, a batch, may take")
    architecture: Literal["arm64", "x86_64"] = Field(default="arm64", description="of the processor; arm64 costs less")
    reserved_concurrency: int | None = Field(
        default=None, ge=1, le=1_000, description="environments of its own, at most; null: the account's pool"
    )
    provisioned_concurrency: int = Field(
        default=0, ge=0, le=1_000, description="environments kept ready, so that no event meets a cold start"
    )
    ephemeral_storage_mb: int = Field(default=512, ge=512, le=10_240, description="what /tmp holds")
    snap_start: bool = Field(
        default=False, description="start environments from a snapshot of each published version; Python 3.12 or later"
    )
    tracing: Literal["passthrough", "active"] = Field(
        default="passthrough", description="active: Lambda samples invocations for X-Ray, whoever calls"
    )
    vpc: ResourceName | None = Field(
        default=None, description="its placement, one of the environment's `vpcs`; null: the environment's `vpc`"
    )


class Batch(Section):
    """The event source mapping. Bounds: AWS Lambda's for Amazon SQS."""

    size: int = Field(default=10, ge=1, le=10_000, description="records in one invocation, at most")
    window_s: int = Field(default=0, ge=0, le=300, description="how long Lambda waits for a batch to fill")
    max_concurrency: int | None = Field(
        default=None,
        ge=2,
        le=1_000,
        description="batches handled at the same time, at most; null: Lambda's own scaling",
    )
    concurrency: int = Field(default=1, ge=1, le=100, description="records that one environment handles at once")
    record_timeout_s: int | None = Field(
        default=None, ge=1, le=900, description="how long one record may take; null: the rest of the invocation"
    )


class Queue(Section):
    """The SQS queue and its DLQ. Bounds: Amazon SQS quotas."""

    fifo: bool = Field(default=False, description="keep the order of all events of the worker")
    retention_days: int = Field(default=4, ge=1, le=14, description="how long the queue keeps an event")
    max_receives: int = Field(
        default=5, ge=1, le=1_000, description="tries of the handler, after which an event goes to the DLQ"
    )
    visibility_s: int | None = Field(
        default=None,
        ge=0,
        le=43_200,
        description="how long a record in work is hidden; null: 6 x function.timeout_s + batch.window_s",
    )


class Retry(Section):
    """Backoff of a failed record: full jitter between 0 and min(cap, base x 2^(receives - 1)), in seconds."""

    base_s: int = Field(default=2, ge=0, le=43_200, description="longest delay after the first failure")
    cap_s: int = Field(default=900, ge=0, le=43_200, description="longest delay after any")


def _off(mode: object) -> object:
    """YAML 1.1, which PyYAML and Terraform read, takes a bare ``off`` for false."""
    return "off" if mode is False else mode


class Idempotency(Section):
    """How the worker remembers the events that it has handled."""

    mode: Annotated[IdempotencyMode, BeforeValidator(_off)] = Field(
        default=IdempotencyMode.STRICT,
        strict=False,
        description="strict: lock, then record the result; claim: one write a record; off: remember nothing",
    )
    ttl_hours: int | None = Field(
        default=None,
        ge=1,
        le=8_760,
        description="it remembers for so long; null: queue.retention_days + 14 days of the DLQ",
    )
    key: list[FieldName] = Field(
        default=[], description="fields of the data (bucket.name) that tell events apart in place of their ids"
    )


class Scaling(Section):
    """Provisioned concurrency that follows its use, from ``function.provisioned_concurrency`` up to ``max``. Bounds:
    AWS Lambda's quotas, and Application Auto Scaling's for the metric."""

    max: int | None = Field(default=None, ge=1, le=1_000, description="environments at most; null: no scaling")
    utilization_percent: int = Field(default=70, ge=10, le=90, description="in use, by the average of a minute")


class ScheduledScaling(Section):
    """From this time on, other bounds of provisioned concurrency."""

    expression: str = Field(pattern=r"^(cron|rate|at)\(.+\)$", description="when, as `cron(0 7 ? * MON-FRI *)`")
    timezone: str = Field(default="UTC", min_length=1, max_length=64, description="of the expression, as Europe/Berlin")
    min: int = Field(ge=1, le=1_000, description="environments at least")
    max: int = Field(ge=1, le=1_000, description="environments at most")


class Slo(Section):
    """What the team promises of this worker. Bounds: an alarm's least period, SQS's longest retention."""

    age_s: int = Field(default=900, ge=60, le=1_209_600, description="an event in the queue for longer is an alarm")
    error_percent: int | None = Field(
        default=None, ge=1, le=99, description="more of its invocations that fail are an alarm; null: the environment's"
    )


class Logs(Section):
    """What the function logs: JSON, a line each."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = Field(
        default=None, description="the least level of a line; null: the environment's, else INFO"
    )


class Permission(Section):
    """One statement of the worker's role beyond what its queue, bus and stores need by themselves."""

    actions: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+:[A-Za-z*]+$")]] = Field(
        min_length=1, description="IAM actions, as dynamodb:UpdateItem"
    )
    resources: list[PermittedResource] = Field(
        min_length=1, description="each `table:NAME`, `bucket:NAME`, `identity:EMAIL`, `function:WORKER` or `arn:...`"
    )


class Table(Section):
    """A DynamoDB table that this worker owns; others may be permitted to it as ``table:NAME``."""

    key: str = Field(min_length=1, max_length=255, description="its partition key, a string")
    sort_key: str | None = Field(
        default=None, min_length=1, max_length=255, description="its sort key, a string; null: it has none"
    )
    ttl: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="the attribute with the time at which an item may go, in seconds since 1970; null: items stay",
    )
    indexes: dict[IndexName, IndexKeys] = Field(
        default={}, description="global secondary indexes, all strings and with all attributes: `KEY` or `KEY/SORT_KEY`"
    )


class Bucket(Section):
    """An S3 bucket that this worker owns."""

    events: bool = Field(default=False, description="publish aws.s3/Object Created for its objects to the bus")
    versioned: bool = Field(default=False, description="keep what is written over or deleted, for 30 days")
    expire_days: int | None = Field(
        default=None, ge=1, le=36_500, description="how long an object is kept; null: until it is deleted"
    )


class Manifest(Section):
    """A worker, as its ``worker.yaml`` declares it."""

    description: str = Field(min_length=1, max_length=256, description="what it does, for catalogue and console")
    owner: str | None = Field(default=None, min_length=1, max_length=64, description="the team on call for it")
    subscribes: list[Subscription] = Field(min_length=1, description="the events that it takes")
    publishes: list[EventName] = Field(
        default=[], description="the events that it may put on the bus; without any its role may put none"
    )
    via: Via = Field(
        default=Via.TOPIC,
        strict=False,
        description="topic: bus, SNS, queue, for wide fan-out; bus: a rule to the queue, for richer patterns and FIFO",
    )
    function: Function = Field(default=Function(), description="the Lambda function: memory, time, concurrency")
    batch: Batch = Field(default=Batch(), description="how records come to the function")
    queue: Queue = Field(default=Queue(), description="the SQS queue and its DLQ")
    retry: Retry = Field(default=Retry(), description="the delay of a failed record")
    idempotency: Idempotency = Field(default=Idempotency(), description="how a duplicate is kept from a second effect")
    slo: Slo = Field(default=Slo(), description="what the team promises, and what alarms hold it to")
    scaling: Scaling = Field(default=Scaling(), description="provisioned concurrency that follows its use")
    logs: Logs = Field(default=Logs(), description="what the function logs")
    scaling_schedule: dict[ResourceName, ScheduledScaling] = Field(
        default={}, description="provisioned concurrency by the clock"
    )
    outbox: bool = Field(default=False, description="write events in the worker's own DynamoDB transactions")
    permissions: list[Permission] = Field(
        default=[], description="what its role may do beyond its own queue, bus and records"
    )
    tables: dict[ResourceName, Table] = Field(default={}, description="DynamoDB tables that it owns, by name")
    buckets: dict[ResourceName, Bucket] = Field(default={}, description="S3 buckets that it owns, by name")
    parameters: dict[ResourceName, StoredName] = Field(
        default={}, description="SSM parameters it reads: `/<namespace>/NAME`, or `/NAME` as it is"
    )
    secrets: dict[ResourceName, StoredName] = Field(
        default={},
        description="secrets of Secrets Manager: `<namespace>/NAME`, or `/NAME` as it is, without the /",
    )
    environment: dict[VariableName, Variable] = Field(
        default={}, description="environment variables of its function, the same wherever it is deployed; no secrets"
    )
    gathers: bool = Field(default=False, description="scatters events into parts, and gathers their results")
    parts_of: list[WorkerName] = Field(default=[], description="other workers whose scattered parts it handles")
    powertools: bool = Field(
        default=False, description="aws-lambda-powertools in its layer, and its records in the idempotency table"
    )

    @property
    def visibility_s(self) -> int:
        """The queue's visibility timeout in seconds: as declared, or AWS's advice for Lambda, six time-outs
        (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html), plus the batch window."""
        if self.queue.visibility_s is not None:
            return self.queue.visibility_s
        return 6 * self.function.timeout_s + self.batch.window_s

    @property
    def ttl_s(self) -> int:
        """How long the idempotency store remembers an event, in seconds: as declared, or for as long as a message may
        still come back from the queue and then from its DLQ."""
        if self.idempotency.ttl_hours is not None:
            return self.idempotency.ttl_hours * 3600
        return (self.queue.retention_days + DLQ_RETENTION_DAYS) * 86_400

    @property
    def backstop(self) -> int:
        """The queue's ``maxReceiveCount``: after so many receives SQS itself moves a message to the DLQ. Tries are
        counted by the idempotency store; this is for a function that cannot run at all, whose messages come back each
        visibility timeout and have to be in the DLQ well before the retention ends."""
        if self.idempotency.mode is IdempotencyMode.OFF:
            return self.queue.max_receives
        return self.receives_in_time

    @property
    def receives_in_time(self) -> int:
        """How often a message that is never handled comes back in 3/4 of the queue's retention, at most."""
        retention_s = self.queue.retention_days * 86_400
        return min(MAX_RECEIVE_COUNT, retention_s * 3 // 4 // max(1, self.visibility_s))

    @property
    def derived(self) -> dict[str, int]:
        """What follows from the declaration, for those who read it without this model."""
        return {"ttl_s": self.ttl_s, "backstop": self.backstop, "visibility_s": self.visibility_s}

    @property
    def wildcard(self) -> bool:
        """Whether the worker takes every event of the bus."""
        return any(subscription.event == "*" for subscription in self.subscribes)

    @classmethod
    def parse(cls, declared: object, *, file: str, events: Iterable[str] | None = None) -> Self:
        """The manifest in what a ``worker.yaml`` says.

        :param file: the name to use in errors.
        :param events: the declared events, ``<source>/<Name>``; None leaves that rule out.
        :raises ManifestError: a line for each problem.
        """
        problems: list[str]
        try:
            manifest = cls.model_validate(declared)
        except ValidationError as error:
            problems = manifest_text.problems(cls, declared, error)
        else:
            problems = list(manifest_rules.problems(manifest, events))
            if not problems:
                return manifest
        raise ManifestError("\n".join(f"{file}: {problem}" for problem in problems))


def load(path: Path, *, events: Iterable[str] | None = None) -> Manifest:
    """Read one ``worker.yaml``.

    :raises ManifestError: unreadable, not UTF-8, not YAML, read otherwise by Terraform, or a rule broken.
    """
    return Manifest.parse(read(path), file=named(path), events=events)


def worker_name(folder: Path) -> str:
    """The worker's name in AWS, from its folder's: Python wants ``_`` in a package's name, AWS's style is ``-``."""
    return folder.name.replace("_", "-")


def load_all(services: Path, *, events: Iterable[str] | None = None) -> Mapping[str, Manifest]:
    """Every worker declared under ``services``, by name, in the order of the names.

    :raises ManifestError: with the problems of all files at once; also when there is no such folder, when two folders
        give one name, or two workers own one table or bucket.
    """
    if not services.is_dir():
        raise ManifestError(f"{services}: is no folder; name the one that holds the workers' folders")
    known = None if events is None else list(events)
    found: dict[str, Manifest] = {}
    folders: dict[str, Path] = {}
    problems: list[str] = []
    for path in sorted(services.glob("*/worker.yaml")):
        name = worker_name(path.parent)
        problems += name_problems(path, folders.get(name))
        folders[name] = path.parent
        try:
            found[name] = load(path, events=known)
        except ManifestError as error:
            problems.append(str(error))
    if not problems:  # else a table might seem undeclared only because its owner's file cannot be read
        problems += _ownership_problems(found, folders)
    if problems:
        raise ManifestError("\n".join(problems))
    return dict(sorted(found.items()))


def name_problems(path: Path, taken_by: Path | None) -> Iterator[str]:
    """What is wrong with the name that the file's folder gives.

    :param taken_by: another folder of that name.
    """
    file, name = f"services/{path.parent.name}/{path.name}", worker_name(path.parent)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,35}", name):
        yield f"{file}: name: {name}: must be 1 to 36 of a-z, 0-9 and _, a letter first; rename the folder"
    if name in {"canary", "console", "outbox", "traces", "undelivered", "unmatched"} or name.endswith(
        ("-dlq", "-undelivered")
    ):
        yield f"{file}: name: {name}: is a name of the platform's own; rename the folder"
    if name.startswith(("replay-", "tail-", "tune-")):  # what the sweeper of operations may delete
        yield f"{file}: name: {name}: begins as a name of an operation's; rename the folder"
    if taken_by is not None:
        yield f"{file}: name: {name}: is also the name of services/{taken_by.name}; rename one of the folders"


def _ownership_problems(manifests: Mapping[str, Manifest], folders: Mapping[str, Path]) -> Iterator[str]:
    for kind in ("tables", "buckets"):
        owners: dict[str, str] = {}
        for worker, manifest in sorted(manifests.items()):
            for name in getattr(manifest, kind):
                if name in owners:
                    yield (
                        f"services/{folders[worker].name}/worker.yaml: {kind}.{name}: is also declared by "
                        f"{owners[name]}; declare it once and permit the other worker to it"
                    )
                owners.setdefault(name, worker)
    declared = manifest_rules.Declared.of(manifests.values())
    for worker, manifest in sorted(manifests.items()):
        file = f"services/{folders[worker].name}/worker.yaml"
        yield from manifest_rules.unknown_stores(file, manifest.permissions, declared)
        yield from manifest_rules.unfed_subscriptions(file, manifest, declared)
        yield from manifest_rules.colliding_sources(file, manifest, declared)
        yield from manifest_rules.unknown_gatherers(file, manifest, manifests)
