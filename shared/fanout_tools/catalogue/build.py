"""The topology in a plan: what is there is read from the plan; who publishes what, and filters, from the declarations.

Everything that the plan hands events with is drawn, whether or not a worker's event travels on it: the hops are those
of the proof (:mod:`fanout_tools.plans`)."""

import re
from collections.abc import Iterable, Mapping, Sequence

from fanout.events.canary import SOURCE_PREFIX
from fanout_tools.catalogue.canvas import Canvas
from fanout_tools.catalogue.facts import alarms, consumer_of, environment_of, function_facts, queue_facts, used
from fanout_tools.catalogue.labels import words
from fanout_tools.catalogue.publishers import Publishers, add_publishers
from fanout_tools.catalogue.topology import EdgeKind, Kind, Layer, Node, Topology, Way
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Hop, Plan, Resource, deliveries, document, names_of
from fanout_tools.proof.paths import paths

__all__ = ["topology"]


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
    add_publishers(plan, canvas, Publishers(manifests=manifests, web=web or {}, events=frozenset(events)), bus)
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
    if writer is not None and hop.leaves:
        _rule(canvas, bus, writer, unmatched=False)
        canvas.connect(writer, _elsewhere(canvas, hop.destination_arn))
        if dead := canvas.at(hop.dead_letter_arn):
            canvas.connect(writer, dead, EdgeKind.FAILURE)
        return
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


def _elsewhere(canvas: Canvas, arn: str) -> str:
    """A bus that is not in the plan; returns its node's id."""
    _, _, _, region, account, named = arn.split(":", 5)
    title = f"{named.partition('/')[2]} (bus of {account})"
    node = Node(id=f"{Kind.BUS}/{arn}", kind=Kind.BUS, layer=Layer.FUNCTION, title=title, lines=(region,))
    canvas.put(node)
    return node.id
