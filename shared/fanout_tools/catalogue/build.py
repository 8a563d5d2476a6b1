"""The topology in a plan: what is there is read from the plan; who publishes what, and filters, from the declarations.

Everything that the plan hands events with is drawn, whether or not a worker's event travels on it: the hops are those
of the proof (:mod:`fanout_tools.plans`)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fanout.events.canary import SOURCE_PREFIX
from fanout_tools.catalogue.labels import words
from fanout_tools.catalogue.topology import Edge, EdgeKind, Fact, Kind, Layer, Node, Topology, Way
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Hop, Plan, Resource, block, deliveries, document, function_of, names_of
from fanout_tools.proof.paths import paths

__all__ = [
    "Canvas",
    "Publishers",
    "add",
    "alarms",
    "consumer_of",
    "environment_of",
    "function_facts",
    "queue_facts",
    "topology",
    "used",
]

Watched = tuple[str, str]


class Canvas:
    """What has been found so far.

    :param alarms: by the dimension and name that they watch.
    """

    def __init__(self, names: Names, alarms: Mapping[Watched, tuple[str, ...]]) -> None:
        self.names = names
        self._alarms = alarms
        self._nodes: dict[str, Node] = {}
        self._ids: dict[str, str] = {}
        self._edges: dict[Edge, None] = {}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """In an order that the plan's own has no part in."""
        return tuple(sorted(self._nodes.values(), key=lambda it: (it.layer, it.id)))

    @property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(sorted(self._edges, key=lambda it: (it.kind, it.source, it.target)))

    def short(self, name: str) -> str:
        """A name without the namespace that all have in front."""
        return name.removeprefix(f"{self.names.namespace}-")

    def add(
        self,
        resource: Resource,
        kind: Kind,
        layer: Layer,
        name: str,
        *,
        watched: Watched | None = None,
        lines: tuple[str, ...] = (),
        worker: str | None = None,
        facts: Mapping[str, Fact] | None = None,
    ) -> None:
        """Draw a resource under its name. One that several workers use is nobody's."""
        title = self.short(name)
        identifier = f"{kind}/{title}"
        self._ids[resource.address] = identifier
        if resource.arn:
            self._ids[resource.arn] = identifier
        if identifier in self._nodes and self._nodes[identifier].worker != worker:
            worker = None
        alarms = self._alarms.get(watched, ()) if watched else ()
        self.put(
            Node(
                id=identifier,
                kind=kind,
                layer=layer,
                title=title,
                lines=lines,
                alarms=alarms,
                worker=worker,
                facts=facts or {},
            )
        )

    def put(self, node: Node) -> None:
        """Draw what is no resource of its own."""
        self._nodes[node.id] = node

    def has(self, resource: Resource) -> bool:
        return resource.address in self._ids

    def at(self, arn: str | None) -> str | None:
        """The id of the node with this ARN."""
        return self._ids.get(arn or "")

    def worker_of(self, identifier: str) -> str | None:
        return self._nodes[identifier].worker

    def connect(self, source: Resource | str, target: Resource | str, kind: EdgeKind = EdgeKind.EVENT) -> None:
        """Draw a line between two that are drawn, or will be."""
        ends = [it if isinstance(it, str) else self._ids.get(it.address) for it in (source, target)]
        if ends[0] and ends[1]:
            self._edges[Edge(source=ends[0], target=ends[1], kind=kind)] = None


DAY_S: Final = 24 * 3600
_BUS: Final = re.compile(r"EventBusName = '([^']+)'")
_STORE_KINDS: Final = (
    "aws_dynamodb_table",
    "aws_s3_bucket",
    "aws_lambda_function",
    "aws_lambda_alias",
    "aws_sfn_state_machine",
)
"""What a worker's role may name beyond queue, bus and log."""


def alarms(plan: Plan) -> dict[tuple[str, str], tuple[str, ...]]:
    """The names of the alarms by the dimension and name that they watch, such as ``("QueueName", "fanout-dev-a")``."""
    found: dict[tuple[str, str], list[str]] = {}
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        for watched in set(_watched(alarm)):
            found.setdefault(watched, []).append(str(alarm.get("alarm_name")))
    return {watched: tuple(sorted(names)) for watched, names in found.items()}


def _watched(alarm: Resource) -> Iterator[tuple[str, str]]:
    yield from (alarm.get("dimensions") or {}).items()
    for query in alarm.get("metric_query") or ():
        for metric in query.get("metric") or ():
            yield from (metric.get("dimensions") or {}).items()
        yield from (("EventBusName", name) for name in _BUS.findall(query.get("expression") or ""))


def queue_facts(queue: Resource, mapping: Resource | None) -> dict[str, Fact]:
    """A queue's limits, and those of the mapping that takes from it."""
    facts: dict[str, Fact] = {
        "fifo": bool(queue.get("fifo_queue")),
        "retention_days": int(queue.get("message_retention_seconds") or 4 * DAY_S) // DAY_S,
        "max_message_bytes": queue.get("max_message_size"),
    }
    if mapping is not None:
        facts |= {
            "visibility_s": queue.get("visibility_timeout_seconds"),
            "max_receives": document(queue.get("redrive_policy")).get("maxReceiveCount"),
            "batch_size": mapping.get("batch_size"),
            "window_s": mapping.get("maximum_batching_window_in_seconds") or 0,
            "max_concurrency": block(mapping, "scaling_config").get("maximum_concurrency"),
        }
    return facts


def function_facts(function: Resource) -> dict[str, Fact]:
    """A function's size and limits."""
    reserved = function.get("reserved_concurrent_executions")
    return {
        "memory_mb": function.get("memory_size"),
        "timeout_s": function.get("timeout"),
        "architecture": next(iter(function.get("architectures") or ()), "x86_64"),
        "reserved_concurrency": None if reserved in (None, -1) else reserved,
    }


def environment_of(function: Resource) -> dict[str, str]:
    """The function's environment variables."""
    return dict(block(function, "environment").get("variables") or {})


def consumer_of(plan: Plan, queue: Resource) -> tuple[Resource, Resource] | None:
    """The mapping that takes from the queue, and its function; None where nothing takes."""
    for mapping in plan.of("aws_lambda_event_source_mapping"):
        if mapping.get("event_source_arn") == queue.arn and (function := function_of(plan, mapping)):
            return mapping, function
    return None


def used(plan: Plan, names: Names, function: Resource) -> list[Resource]:
    """The stores, functions and workflows that the function's role may use, the platform's own left out."""
    role = str(function.get("role")).rpartition("/")[2]
    named = {
        _owner_arn(arn)
        for policy in plan.of("aws_iam_role_policy")
        if policy.get("role") == role
        for statement in document(policy.get("policy")).get("Statement", ())
        if statement.get("Effect") == "Allow"
        for arn in _as_list(statement.get("Resource", ()))
    }
    stores = (it for it in plan.of(*_STORE_KINDS) if it.arn in named and not _platforms(names, it))
    return sorted(stores, key=lambda it: it.address)


def _owner_arn(arn: str) -> str:
    """The ARN of the table or bucket whose index, stream or objects are named."""
    return arn.partition("/")[0] if arn.startswith("arn:aws:s3:") else re.sub(r"/(index|stream)/.*$", "", arn)


def _platforms(names: Names, store: Resource) -> bool:
    if store.type == "aws_s3_bucket":
        return str(store.get("bucket")).startswith((names.bucket("claims", ""), names.bucket("packages", "")))
    name = str(store.get("name"))
    return name.endswith(("-idempotency", "-gather")) or name == names.outbox_table


def _as_list(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@dataclass(frozen=True, kw_only=True)
class Publishers:
    """Who declares to publish what, and all events that there are."""

    manifests: Mapping[str, Manifest]
    web: Mapping[str, Sequence[str]]
    """The web functions, with their events."""
    events: frozenset[str]

    @property
    def others(self) -> list[str]:
        """The events that nobody here publishes, AWS's own left out: somebody else must."""
        ours = {event for it in self.manifests.values() for event in it.publishes}
        ours |= {event for events in self.web.values() for event in events}
        return sorted(it for it in self.events - ours if not it.startswith("aws."))


def add(plan: Plan, canvas: Canvas, publishers: Publishers, bus: Resource) -> None:
    """Draw every source, with its line to the bus."""
    web = list(_web_functions(plan, canvas))
    planned = {canvas.short(str(it.get("function_name"))) for it in web}
    others = (*_buses(plan, canvas, bus), *_schedules(plan, bus), *_pipes(plan, bus))
    for node in (*_publishers(publishers, planned), *others):
        canvas.put(node)
        canvas.connect(node.id, bus)
    for function in web:
        name = str(function.get("function_name"))
        facts, lines = function_facts(function), _names(publishers.web.get(canvas.short(name), ()))
        watched = ("FunctionName", name)
        canvas.add(function, Kind.FUNCTION, Layer.SOURCE, name, watched=watched, lines=("web", *lines), facts=facts)
        canvas.connect(function, bus)
    _services(plan, canvas, web)


def _names(events: Iterable[str]) -> tuple[str, ...]:
    return tuple(it.partition("/")[2] for it in events)


def _source(kind: Kind, name: str, title: str, lines: Iterable[str]) -> Node:
    return Node(id=f"{kind}/{name}", kind=kind, layer=Layer.SOURCE, title=title, lines=tuple(lines))


def _publishers(publishers: Publishers, planned: Collection[str]) -> Iterator[Node]:
    """Workers, web functions that run outside of the plan, and applications."""
    for worker, manifest in publishers.manifests.items():
        if manifest.publishes:
            lines = (*_names(manifest.publishes), *(("by the outbox",) * manifest.outbox))
            yield _source(Kind.PUBLISHER, worker, worker, lines)
    for name, events in publishers.web.items():
        if events and name not in planned:
            yield _source(Kind.PUBLISHER, name, f"{name} (web)", _names(events))
    if others := publishers.others:
        yield _source(Kind.PUBLISHER, "(applications)", "applications", _names(others))


def _buses(plan: Plan, canvas: Canvas, bus: Resource) -> Iterator[Node]:
    """What rules of other buses bring to this one: AWS services publish to the account's default bus."""
    rules = {(it.get("event_bus_name"), it.get("name")): it for it in plan.of("aws_cloudwatch_event_rule")}
    for target in plan.of("aws_cloudwatch_event_target"):
        rule = rules.get((target.get("event_bus_name"), target.get("rule")))
        if rule is not None and target.arn == bus.arn:
            pattern = document(rule.get("event_pattern"))
            buckets = pattern.get("detail", {}).get("bucket", {}).get("name", ())
            names = (canvas.short(it.rpartition("-")[0]) for it in buckets)
            lines = (*pattern.get("detail-type", ()), *(f"bucket {it}" for it in names))
            source = ", ".join(pattern.get("source", ["?"]))
            yield _source(Kind.PUBLISHER, source, f"{source} (default bus)", lines)


def _schedules(plan: Plan, bus: Resource) -> Iterator[Node]:
    for schedule in plan.of("aws_scheduler_schedule"):
        target = block(schedule, "target")
        if target.get("arn") == bus.arn:
            event = _detail_type(target)
            name = str(schedule.get("name"))
            yield _source(Kind.SCHEDULE, name, name, (str(schedule.get("schedule_expression")), event))
        elif str(target.get("arn")).endswith(f":function:{names_of(plan).function('canary')}"):
            yield _source(Kind.SCHEDULE, "canary", "canary", (str(schedule.get("schedule_expression")), "every pair"))


def _pipes(plan: Plan, bus: Resource) -> Iterator[Node]:
    """Queues that are not the platform's, with the event that a pipe makes of their messages."""
    for pipe in plan.of("aws_pipes_pipe"):
        if pipe.get("target") == bus.arn:
            name = str(pipe.get("source")).rpartition(":")[2]
            lines = (_detail_type(block(pipe, "target_parameters"), "eventbridge_event_bus_parameters"),)
            yield _source(Kind.EXTERNAL_QUEUE, name, f"{name} (external queue)", lines)


def _detail_type(target: Mapping[str, Any], name: str = "eventbridge_parameters") -> str:
    parameters = target.get(name) or [{}]
    return str(parameters[0].get("detail_type", ""))


def _web_functions(plan: Plan, canvas: Canvas) -> Iterator[Resource]:
    """Functions that know the bus and take from no queue and no stream."""
    for function in plan.of("aws_lambda_function"):
        if not canvas.has(function) and "FANOUT_BUS" in environment_of(function) and not _mapped(plan, function):
            yield function


def _mapped(plan: Plan, function: Resource) -> bool:
    names = (function.get("function_name"), function.arn)
    return any(
        str(it.get("function_name")).startswith(names[1]) or it.get("function_name") in names
        for it in plan.of("aws_lambda_event_source_mapping")
    )


def _services(plan: Plan, canvas: Canvas, web: list[Resource]) -> None:
    """The router and the load balancer before it, where the plan has them."""
    balancers, services = list(plan.of("aws_lb")), list(plan.of("aws_ecs_service"))
    for it, what in (*((it, "load balancer") for it in balancers), *((it, "ECS service") for it in services)):
        # A load balancer is called like the service behind it.
        canvas.add(it, Kind.SERVICE, Layer.ENTRY, f"{it.get('name')} ({what})")
    for service in services:
        for balancer in balancers:
            canvas.connect(balancer, service)
        for function in web:
            canvas.connect(service, function)


def topology(
    plan: Plan,
    manifests: Mapping[str, Manifest],
    events: Iterable[str] = (),
    web: Mapping[str, Sequence[str]] | None = None,
) -> Topology:
    """Everything of the plan that an event passes or may end in.

    :param manifests: the workers that the plan was made for.
    :param events: all declared events, ``<source>/<Name>``: those that nobody declares to publish come from outside.
    :param web: the web functions, with the events that each publishes.
    :raises PlanError: the plan is not of one platform.
    """
    names = names_of(plan)
    canvas = Canvas(names, alarms(plan))
    bus = next(plan.of("aws_cloudwatch_event_bus"))
    canvas.add(bus, Kind.BUS, Layer.BUS, names.bus, watched=("EventBusName", names.bus), lines=_archived(plan))
    for queue in plan.of("aws_sqs_queue"):
        _queue(plan, canvas, manifests, queue)
    for hop in deliveries(plan):
        _hop(canvas, bus, hop)
    add(plan, canvas, Publishers(manifests=manifests, web=web or {}, events=frozenset(events)), bus)
    return Topology(namespace=names.namespace, nodes=canvas.nodes, edges=canvas.edges, ways=_ways(plan, manifests))


def _archived(plan: Plan) -> tuple[str, ...]:
    days = [it.get("retention_days") for it in plan.of("aws_cloudwatch_event_archive")]
    return tuple(f"archive of {it} day{'s' * (it > 1)}" if it else "archive for ever" for it in days)


def _ways(plan: Plan, manifests: Mapping[str, Manifest]) -> tuple[Way, ...]:
    return tuple(
        Way(
            event=path.event,
            worker=path.worker,
            via=str(manifests[path.worker].via),
            max_bytes=path.bytes,
            whole=not path.findings,
        )
        for path in paths(plan, manifests)
    )


def _queue(plan: Plan, canvas: Canvas, manifests: Mapping[str, Manifest], queue: Resource) -> None:
    """A worker's queue with its function, or a queue in which events end."""
    name, consumer = str(queue.get("name")), consumer_of(plan, queue)
    watched = ("QueueName", name)
    if consumer is None:
        _dead_letter_queue(plan, canvas, manifests, queue, watched)
        return
    mapping, function = consumer
    worker = environment_of(function).get("FANOUT_WORKER") or canvas.short(str(function.get("function_name")))
    facts = queue_facts(queue, mapping)
    lines = _taken(manifests.get(worker))
    canvas.add(queue, Kind.QUEUE, Layer.QUEUE, name, watched=watched, lines=lines, worker=worker, facts=facts)
    _function(plan, canvas, manifests.get(worker), function, worker)
    canvas.connect(queue, function)
    if dead := plan.at(document(queue.get("redrive_policy")).get("deadLetterTargetArn")):
        canvas.connect(queue, dead, EdgeKind.FAILURE)


def _taken(manifest: Manifest | None) -> tuple[str, ...]:
    """The events that a worker takes, each with its condition in words."""
    subscriptions = manifest.subscribes if manifest else ()
    said = ((it.event.partition("/")[2] or "every event", words(it.where)) for it in subscriptions)
    return tuple(f"{event} where {condition}" if condition else event for event, condition in said)


def _dead_letter_queue(
    plan: Plan, canvas: Canvas, manifests: Mapping[str, Manifest], queue: Resource, watched: tuple[str, str]
) -> None:
    # The longest name: worker `a-b` has a queue that worker `a` seems to have.
    owner = max((it for it in manifests if _is_dead_letter_queue(canvas.names, it, watched[1])), key=len, default=None)
    topics = {f"{it.get('name')}-undelivered" for it in plan.of("aws_sns_topic")}
    layer = Layer.TOPIC if watched[1] in topics and not owner else Layer.QUEUE
    facts = queue_facts(queue, None)
    canvas.add(queue, Kind.DEAD_LETTER_QUEUE, layer, watched[1], watched=watched, worker=owner, facts=facts)


def _is_dead_letter_queue(names: Names, worker: str, name: str) -> bool:
    own = (names.dead_letter_queue(worker), names.dead_letter_queue(worker, fifo=True))
    return name in (*own, f"{names.function(worker)}-undelivered-dlq")


def _function(plan: Plan, canvas: Canvas, manifest: Manifest | None, function: Resource, worker: str) -> None:
    name, facts = str(function.get("function_name")), function_facts(function)
    if manifest is not None:
        facts |= {
            "idempotency": str(manifest.idempotency.mode),
            "tries": manifest.queue.max_receives,
            "owner": manifest.owner,
        }
    watched = ("FunctionName", name)
    canvas.add(function, Kind.FUNCTION, Layer.FUNCTION, name, watched=watched, worker=worker, facts=facts)
    for store in used(plan, canvas.names, function):
        if store.type in ("aws_lambda_function", "aws_lambda_alias"):
            continue  # a function that invokes itself, or another that stands in its own row
        kind = Kind.WORKFLOW if store.type == "aws_sfn_state_machine" else Kind.STORE
        canvas.add(store, kind, Layer.STORE, _store_name(store), lines=(_STORES[store.type],), worker=worker)
        canvas.connect(function, store, EdgeKind.USE)
    for email in _identities(manifest):
        node = f"{Kind.STORE}/{email}"
        canvas.put(Node(id=node, kind=Kind.STORE, layer=Layer.STORE, title=email, lines=("e-mail",), worker=worker))
        canvas.connect(function, node, EdgeKind.USE)


_STORES = {"aws_dynamodb_table": "table", "aws_s3_bucket": "bucket", "aws_sfn_state_machine": "workflow"}


def _store_name(store: Resource) -> str:
    """Its name; of a bucket without the account's number, which only makes it unique in the world."""
    return str(store.get("name") or re.sub(r"-\d{12}$", "", str(store.get("bucket"))))


def _identities(manifest: Manifest | None) -> list[str]:
    """Whom the worker writes e-mails as: an identity may be made outside of the plan."""
    named = (resource for it in (manifest.permissions if manifest else ()) for resource in it.resources)
    return sorted({it.removeprefix("identity:") for it in named if it.startswith("identity:")})


def _rule(canvas: Canvas, bus: Resource, rule: Resource, *, unmatched: bool) -> None:
    """A rule; those that keep what no worker takes are one box, however many patterns they need."""
    if unmatched:
        canvas.add(rule, Kind.RULE, Layer.RULE, "unmatched", lines=("no worker subscribes",))
    else:
        pattern = document(rule.get("event_pattern"))
        asked = (*pattern.get("source", ()), *pattern.get("detail-type", ()))
        named = (it if isinstance(it, str) else "..." for it in asked)
        lines = tuple(it for it in named if not it.startswith(SOURCE_PREFIX)) or ("every event",)
        canvas.add(rule, Kind.RULE, Layer.RULE, str(rule.get("name")), lines=lines)
    canvas.connect(bus, rule)


def _hop(canvas: Canvas, bus: Resource, hop: Hop) -> None:
    """A rule's target or a topic's subscription, with the rule or topic itself."""
    writer, destination = hop.writer, hop.destination
    if writer is None or destination is None or destination.type in ("aws_cloudwatch_log_group",):
        return
    if destination is bus:
        return  # what another bus sends here is a source
    if writer.type == "aws_cloudwatch_event_rule":
        _rule(canvas, bus, writer, unmatched=destination.get("name") == canvas.names.unmatched_queue)
    if destination.type == "aws_sns_topic":
        topic = str(destination.get("name"))
        canvas.add(destination, Kind.TOPIC, Layer.TOPIC, topic, watched=("TopicName", topic))
    elif not canvas.has(destination):
        kind = Kind.WORKFLOW if destination.type == "aws_sfn_state_machine" else Kind.FUNCTION
        name = str(destination.get("name") or destination.get("function_name"))
        watched = ("StateMachineArn", destination.arn) if kind is Kind.WORKFLOW else ("FunctionName", name)
        canvas.add(destination, kind, Layer.FUNCTION, name, watched=watched)
    canvas.connect(writer, destination)
    dead = canvas.at(hop.dead_letter_arn)
    # A worker's DLQ is drawn as its queue's: what SNS cannot deliver ends in the same place.
    if dead and not (destination.type == "aws_sqs_queue" and canvas.worker_of(dead)):
        canvas.connect(writer, dead, EdgeKind.FAILURE)
