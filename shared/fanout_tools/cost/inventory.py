"""What of a plan costs money, in the numbers that the formulas ask for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools.cost.fixed import Fixed, fixed
from fanout_tools.cost.kinds import unpriced
from fanout_tools.declarations.worker import IdempotencyMode, Manifest
from fanout_tools.patterns import EVENTBRIDGE, SNS, Dialect, Pattern
from fanout_tools.plans import Hop, Plan, Resource, block, consumers, deliveries, document, function_of, names_of

__all__ = ["Inventory", "Topic", "Way", "Worker", "inventory"]


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker's queue and function."""

    name: str
    fifo: bool
    batch_size: int
    window_s: int
    memory_mb: int
    architecture: str
    mode: IdempotencyMode
    encrypted: bool
    """Whether its queue has a KMS key of the account's own."""
    provisioned: int = 0
    """Environments that are kept ready."""
    ttl_s: int = 0
    """How long an idempotency record is kept."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic that an event is published to."""

    name: str
    fifo: bool
    subscriptions: int
    filters: int
    """Subscriptions that filter by the message's body, which SNS scans for each of them."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """An event reaches a worker."""

    event: str
    worker: str
    conditional: bool
    """Whether the subscription has a condition on the event's data, so that some do not reach it."""
    topic: str | None
    """The name of the topic on the way; None for a rule of the worker's own."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All of a plan that costs money."""

    region: str
    workers: Mapping[str, Worker]
    ways: tuple[Way, ...]
    topics: Mapping[str, tuple[Topic, ...]]
    """The topics that each event enters, whether or not somebody behind them wants it."""
    archives: tuple[int, ...]
    """Retention in days of each archive; 0 is for ever."""
    fixed: Fixed
    piped: frozenset[str] = frozenset()
    """The events that pipes make of external queues' messages."""
    leaving: Mapping[str, int] = field(default_factory=dict)
    """How many buses elsewhere get each event, conditions on its data left aside."""
    unpriced: Mapping[str, int] = field(default_factory=dict)
    """Resources by type that may cost money and are not calculated."""

    @property
    def events(self) -> list[str]:
        """Every event that some rule takes."""
        return sorted({*(it.event for it in self.ways), *(it for it, topics in self.topics.items() if topics)})


def inventory(plan: Plan, manifests: Mapping[str, Manifest], events: Iterable[str]) -> Inventory:
    """Read a plan.

    :param manifests: the workers that it was made for: the mode of idempotency is in their code, not in the plan.
    :param events: the declared events, ``<source>/<Name>``.
    :raises PlanError: the plan is not of one platform, or of other workers.
    """
    names = names_of(plan)
    found = {it.name: it for it in (_worker(plan, manifests, mapping) for mapping in consumers(plan))}
    if missing := sorted(manifests.keys() - found.keys()):
        raise PlanError(f"the plan has no queue and function of {', '.join(missing)}: make it anew of today's services")
    routes = _Routes(plan, names.bus)
    declared, monthly = sorted(events), fixed(plan)
    return Inventory(
        region=_region(plan),
        workers=found,
        ways=tuple(way for event in declared for way in routes.ways(event, manifests)),
        topics={event: routes.topics(event) for event in declared},
        archives=tuple(it.get("retention_days") or 0 for it in plan.of("aws_cloudwatch_event_archive")),
        fixed=monthly,
        piped=frozenset(_piped(plan)),
        leaving={event: count for event in declared if (count := routes.leaving(event))},
        unpriced=unpriced(Counter(it.type for it in plan.resources)) | _functions(plan, len(found), monthly),
    )


def _functions(plan: Plan, workers: int, monthly: Fixed) -> dict[str, int]:
    """The functions that no formula has, as the relay of an outbox."""
    priced = workers + len(monthly.web) + sum(it is not None for it in (monthly.canary, monthly.forwarder))
    left = len(list(plan.of("aws_lambda_function"))) - priced
    return {"aws_lambda_function": left} if left > 0 else {}


def _piped(plan: Plan) -> Iterator[str]:
    for pipe in plan.of("aws_pipes_pipe"):
        for it in block(pipe, "target_parameters").get("eventbridge_event_bus_parameters") or ():
            yield f"{it.get('source')}/{it.get('detail_type')}"


def _region(plan: Plan) -> str:
    bus = next(plan.of("aws_cloudwatch_event_bus"))
    return bus.arn.split(":")[3] if bus.arn.count(":") >= 5 else ""


def _worker(plan: Plan, manifests: Mapping[str, Manifest], mapping: Resource) -> Worker:
    queue, function = plan.at(mapping.get("event_source_arn")), function_of(plan, mapping)
    if queue is None or function is None:
        raise PlanError(f"{mapping.address}: its queue or function is not in the plan; see `make check-plan`")
    name = _name_of(plan, mapping)
    if name not in manifests:
        raise PlanError(f"{function.address}: services/ declares no worker {name}: give the plan of today's services")
    return Worker(
        name=name,
        fifo=bool(queue.get("fifo_queue")),
        batch_size=mapping.get("batch_size") or 10,
        window_s=mapping.get("maximum_batching_window_in_seconds") or 0,
        memory_mb=function.get("memory_size") or 128,
        architecture=next(iter(function.get("architectures") or ()), "x86_64"),
        mode=manifests[name].idempotency.mode,
        encrypted=bool(queue.get("kms_master_key_id")),
        provisioned=_provisioned(plan, str(function.get("function_name"))),
        ttl_s=manifests[name].ttl_s,
    )


def _provisioned(plan: Plan, function: str) -> int:
    configs = plan.of("aws_lambda_provisioned_concurrency_config")
    return sum(
        it.get("provisioned_concurrent_executions") or 0 for it in configs if it.get("function_name") == function
    )


class _Routes:
    """Where the rules and filters of a plan lead an event, conditions on its data left aside."""

    def __init__(self, plan: Plan, bus: str) -> None:
        self._plan = plan
        hops = deliveries(plan)
        self._rules = [it for it in hops if it.writer and _is_rule(it.writer, bus)]
        self._subscriptions = [it for it in hops if it.writer and it.writer.type == "aws_sns_topic"]
        self._queues = {it.get("event_source_arn"): _name_of(plan, it) for it in consumers(plan)}

    def ways(self, event: str, manifests: Mapping[str, Manifest]) -> Iterable[Way]:
        conditional = {
            (it.event, worker) for worker, manifest in manifests.items() for it in manifest.subscribes if it.where
        }
        for hop, topic in self._passed(event):
            worker = self._queues.get(hop.destination_arn)
            if worker:
                yield Way(event=event, worker=worker, conditional=(event, worker) in conditional, topic=topic)

    def topics(self, event: str) -> tuple[Topic, ...]:
        topics = [hop.destination for hop in self._taking(event) if hop.destination]
        return tuple(self._topic(it) for it in topics if it.type == "aws_sns_topic")

    def leaving(self, event: str) -> int:
        return sum(hop.leaves for hop in self._taking(event))

    def _passed(self, event: str) -> Iterable[tuple[Hop, str | None]]:
        """The last hop to each queue, with the topic before it."""
        for hop in self._taking(event):
            if hop.destination is not None and hop.destination.type == "aws_sns_topic":
                topic = hop.destination
                for subscription in self._subscriptions:
                    if subscription.writer is topic and _takes(subscription.carrier.get("filter_policy"), event, SNS):
                        yield subscription, str(topic.get("name"))
            else:
                yield hop, None

    def _taking(self, event: str) -> list[Hop]:
        return [it for it in self._rules if it.writer and _takes(it.writer.get("event_pattern"), event, EVENTBRIDGE)]

    def _topic(self, topic: Resource) -> Topic:
        behind = [it.carrier for it in self._subscriptions if it.writer is topic]
        filters = [it for it in behind if it.get("filter_policy") and it.get("filter_policy_scope") == "MessageBody"]
        return Topic(
            name=str(topic.get("name")),
            fifo=bool(topic.get("fifo_topic")),
            subscriptions=len(behind),
            filters=len(filters),
        )


def _is_rule(writer: Resource, bus: str) -> bool:
    """Whether this is a rule of that bus."""
    return writer.type == "aws_cloudwatch_event_rule" and str(writer.get("event_bus_name")).rpartition("/")[2] == bus


def _name_of(plan: Plan, mapping: Resource) -> str:
    """The worker whose queue a mapping takes from; empty where the plan does not say."""
    function = function_of(plan, mapping)
    variables = block(function, "environment").get("variables") if function else None
    return str((variables or {}).get("FANOUT_WORKER", ""))


def _takes(pattern: str | None, event: str, dialect: Dialect) -> bool:
    """Whether a rule or filter may take an event of this name: no pattern takes all."""
    asked = _without_data(document(pattern))
    if not asked:
        return True
    source, _, name = event.partition("/")
    return Pattern.parse(asked, dialect=dialect).matches({"version": "0", "source": source, "detail-type": name})


_DATA: Final = "detail"


def _without_data(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """The pattern without its conditions on the event's data. If one alternative asks nothing else, all do."""
    kept = {key: value for key, value in pattern.items() if key not in (_DATA, "$or")}
    alternatives = [_without_data(it) for it in pattern.get("$or", ())]
    if alternatives and all(alternatives):
        kept["$or"] = alternatives
    return kept
