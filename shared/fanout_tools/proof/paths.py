"""The way of each (event, worker) pair from bus to function, as worker.yaml declares it and as the plan has it.

Patterns and filters are held to ``fanout_tools.declarations.routing``, which the integration tests hold to what
AWS's services do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fanout.publish.routes import QUEUE_BYTES
from fanout_tools.declarations.naming import ALIAS, Names
from fanout_tools.declarations.routing import rule_patterns, subscription_filters, topic_pattern, unbound
from fanout_tools.declarations.worker import Manifest, Via
from fanout_tools.plans import Plan, Resource, document, names_of
from fanout_tools.proof.findings import Finding

__all__ = ["Path", "paths"]

KIB: Final = 1024
BUS_BYTES: Final = 1024 * KIB
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
TOPIC_BYTES: Final = 256 * KIB
"""https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html"""


@dataclass(kw_only=True)
class Path:
    """One pair's way; ``findings`` say where it is broken."""

    event: str
    worker: str
    hops: list[Resource] = field(default_factory=list)
    """What the event passes, in its order, as far as the plan has it."""
    bytes: int = BUS_BYTES
    """The largest event, in bytes, that every hop so far carries."""
    findings: list[Finding] = field(default_factory=list)

    def miss(self, at: str, problem: str, fix: str) -> None:
        finding = Finding(address=at, rule="path", problem=f"{self.event} to {self.worker}: {problem}", fix=fix)
        self.findings.append(finding)


def paths(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Path]:
    """Every declared pair's way through the plan."""
    names = names_of(plan)
    for worker, manifest in manifests.items():
        for subscription in manifest.subscribes:
            path = Path(event=subscription.event, worker=worker)
            _trace(plan, names, manifest, path)
            yield path


def _trace(plan: Plan, names: Names, manifest: Manifest, path: Path) -> None:
    name = names.queue(path.worker, fifo=manifest.queue.fifo)
    queue = _one(plan, "aws_sqs_queue", name=name)
    if queue is None:
        path.miss(f"aws_sqs_queue {name}", "the worker's queue is not in the plan", "let modules/worker make it")
        return
    source = path.event.partition("/")[0]
    if source.startswith("aws.") and not names.takes_aws_events:
        _forwarded(plan, names, path, source)
    if manifest.via is Via.BUS:
        _by_rule(plan, names, path, queue, rule_patterns(manifest)[path.event])
    else:
        _by_topic(plan, names, path, queue, source, subscription_filters(manifest)[source])
    _to_function(plan, names, path, queue)
    _size(path, queue)


def _forwarded(plan: Plan, names: Names, path: Path, source: str) -> None:
    """AWS services publish to the account's default bus: a rule there has to bring their events over."""
    bus = _one(plan, "aws_cloudwatch_event_bus", name=names.bus)
    name = path.event.partition("/")[2]
    for rule in plan.of("aws_cloudwatch_event_rule"):
        pattern = document(rule.get("event_pattern"))
        if (rule.get("event_bus_name") or "default") != "default" or pattern.get("source") != [source]:
            continue
        target = _target(plan, rule, bus.arn if bus else "")
        if name in pattern.get("detail-type", ()) and set(pattern) <= {"source", "detail-type", "detail"} and target:
            path.hops += [rule, target]
            return
    at = bus.address if bus else names.bus
    path.miss(at, f"no rule of the default bus brings {name} of {source} to it", "let modules/bus forward the source")


def _by_rule(plan: Plan, names: Names, path: Path, queue: Resource, wanted: Mapping[str, Any]) -> None:
    for rule in _rules(plan, names, wanted):
        if target := _target(plan, rule, queue.arn):
            path.hops += [rule, target, queue]
            return
    fix = "give it one with a target, with the pattern that worker.yaml declares"
    path.miss(queue.address, f"no rule leads to the queue with the pattern {dict(wanted)}", fix)


def _by_topic(plan: Plan, names: Names, path: Path, queue: Resource, source: str, wanted: Mapping[str, Any]) -> None:
    topic = _one(plan, "aws_sns_topic", name=names.topic(source))
    if topic is None:
        path.miss(queue.address, f"there is no topic {names.topic(source)}", "let modules/topic make it")
        return
    found = [
        (rule, target)
        for rule in _rules(plan, names, topic_pattern(source))
        if (target := _target(plan, rule, topic.arn))
    ]
    if not found:
        path.miss(
            topic.address, f"no rule leads to the topic with every event of {source}", "give it one with a target"
        )
    path.hops += [*(found[0] if found else ()), topic]
    path.bytes = min(path.bytes, TOPIC_BYTES)
    subscription = next(
        (
            it
            for it in plan.of("aws_sns_topic_subscription")
            if it.get("topic_arn") == topic.arn and it.get("endpoint") == queue.arn
        ),
        None,
    )
    if subscription is None:
        path.miss(queue.address, f"has no subscription to {topic.address}", "subscribe it")
    else:
        _filtered(path, subscription, wanted)
        path.hops += [subscription, queue]


def _filtered(path: Path, subscription: Resource, wanted: Mapping[str, Any]) -> None:
    if document(subscription.get("filter_policy")) != wanted:
        path.miss(subscription.address, f"its filter is not {dict(wanted)}", "give it what worker.yaml declares")
    if subscription.get("filter_policy_scope") != "MessageBody":
        path.miss(
            subscription.address, "filters by attributes, which no event has", "set filter_policy_scope MessageBody"
        )
    if not subscription.get("raw_message_delivery"):
        path.miss(subscription.address, "wraps events in SNS's own JSON", "set raw_message_delivery")


def _to_function(plan: Plan, names: Names, path: Path, queue: Resource) -> None:
    mapping = _one(plan, "aws_lambda_event_source_mapping", event_source_arn=queue.arn)
    if mapping is None:
        path.miss(queue.address, "no event source mapping takes from the queue", "map it to the worker's alias")
        return
    path.hops.append(mapping)
    alias = plan.at(mapping.get("function_name"))
    function = names.function(path.worker)
    if alias is None or (alias.type, alias.get("name"), alias.get("function_name")) != (
        "aws_lambda_alias",
        ALIAS,
        function,
    ):
        path.miss(mapping.address, f"does not invoke the alias {ALIAS} of {function}", "name the alias's ARN")
    elif not _one(plan, "aws_lambda_function", function_name=function):
        path.miss(alias.address, f"there is no function {function}", "let modules/worker make it")
    else:
        path.hops.append(alias)


def _size(path: Path, queue: Resource) -> None:
    path.bytes = min(path.bytes, queue.get("max_message_size") or 0)
    if path.bytes < QUEUE_BYTES:
        problem = f"takes {path.bytes} bytes, and publishers send up to {QUEUE_BYTES}"
        path.miss(queue.address, problem, "raise max_message_size, or lower QUEUE_BYTES in fanout/publish/routes.py")


def _rules(plan: Plan, names: Names, pattern: Mapping[str, Any]) -> Iterator[Resource]:
    for it in plan.of("aws_cloudwatch_event_rule"):
        if str(it.get("event_bus_name")).rpartition("/")[2] == names.bus and _asked(names, it) == pattern:
            yield it


def _asked(names: Names, rule: Resource) -> dict[str, Any]:
    """The rule's pattern; on the default bus, where others' buckets send too, without those that it is bound to."""
    return unbound(names, document(rule.get("event_pattern")))


def _target(plan: Plan, rule: Resource, arn: str) -> Resource | None:
    """The rule's target with this ARN that hands the event on as it is."""
    for it in plan.of("aws_cloudwatch_event_target"):
        same = it.get("rule") == rule.get("name") and (it.get("event_bus_name") or "default") == (
            rule.get("event_bus_name") or "default"
        )
        if same and it.arn == arn and not (it.get("input") or it.get("input_path") or it.get("input_transformer")):
            return it
    return None


def _one(plan: Plan, kind: str, **wanted: Any) -> Resource | None:
    return next((it for it in plan.of(kind) if all(it.get(name) == value for name, value in wanted.items())), None)
