"""Each rule, target, subscription, filter, mapping and function's import of a deployment, taken away and put back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.evidence import depth
from fanout_tools.canary.faults import Hop
from fanout_tools.declarations.naming import ALIAS
from fanout_tools.declarations.worker import Manifest, Via

__all__ = ["Sabotage", "grants", "sabotages"]

DEFAULT_BUS = "default"
PATIENCE_S = 120
TAKEN_WITHIN_S = 2.5
PROBE = {"source": "canary.bench", "detail-type": "Probe", "detail": {"fanout-canary": "0-0"}}
NEVER = {"detail": {"data": {"never": ["never"]}}}
"""What no event of the workers has."""


@dataclass(frozen=True)
class Sabotage:
    """One thing taken away."""

    hop: Hop
    """What the canary has to name."""
    name: str
    """Of the resource."""
    workers: tuple[str, ...]
    """Whose events come that way."""
    done: AbstractContextManager[None]
    """Takes it away, and puts it back at the end."""


def sabotages(deployed: Deployed, manifests: Mapping[str, Manifest]) -> Iterator[Sabotage]:
    """All of a deployment."""
    for bus, rule, workers, hops in _rules(deployed, manifests):
        yield Sabotage(hops[0], rule, workers, _without_rule(deployed, bus, rule))
        yield Sabotage(hops[1], rule, workers, _without_targets(deployed, bus, rule))
        if bus != DEFAULT_BUS and not rule.startswith("topic-"):
            yield Sabotage(Hop.FILTER, rule, workers, _narrower_rule(deployed, bus, rule))
    for worker, manifest in manifests.items():
        queue = deployed.names.queue(worker, fifo=manifest.queue.fifo)
        if manifest.via is Via.TOPIC:
            for source in sorted({each.event.partition("/")[0] for each in manifest.subscribes}):
                name = f"{deployed.names.topic(source)} -> {queue}"
                yield Sabotage(Hop.SUBSCRIPTION, name, (worker,), _without_subscription(deployed, source, queue))
                yield Sabotage(Hop.FILTER, name, (worker,), _narrower_filter(deployed, source, queue))
        name = f"{queue} -> {deployed.names.function(worker)}:{ALIAS}"
        yield Sabotage(Hop.MAPPING, name, (worker,), _without_mapping(deployed, queue))
        yield Sabotage(Hop.MAPPING, name, (worker,), _disabled_mapping(deployed, queue))
        yield Sabotage(Hop.FUNCTION, deployed.names.function(worker), (worker,), _broken_import(deployed, worker))


def grants(deployed: Deployed, manifests: Mapping[str, Manifest]) -> Iterator[Sabotage]:
    """Each policy that lets EventBridge or SNS write, for an emulator that enforces them."""
    behind: dict[str, set[str]] = {}
    for worker, manifest in manifests.items():
        queue = deployed.names.queue(worker, fifo=manifest.queue.fifo)
        yield Sabotage(Hop.QUEUE, queue, (worker,), _ungranted_queue(deployed, queue))
        if manifest.via is Via.TOPIC:
            for each in manifest.subscribes:
                behind.setdefault(deployed.names.topic(each.event.partition("/")[0]), set()).add(worker)
    for topic, workers in behind.items():
        yield Sabotage(Hop.TOPIC, topic, tuple(sorted(workers)), _ungranted_topic(deployed, topic))


NOBODY = json.dumps({"Version": "2012-10-17", "Statement": []})


@contextmanager
def _ungranted_queue(deployed: Deployed, queue: str) -> Iterator[None]:
    sqs, url = deployed.client("sqs"), deployed.queue_url(queue)
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": NOBODY})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": before})


@contextmanager
def _ungranted_topic(deployed: Deployed, topic: str) -> Iterator[None]:
    sns, arn = deployed.client("sns"), deployed.arn("sns", topic)
    before = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=NOBODY)
    yield
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=before)


def _rules(
    deployed: Deployed, manifests: Mapping[str, Manifest]
) -> Iterator[tuple[str, str, tuple[str, ...], tuple[Hop, Hop]]]:
    """Bus, name, the workers behind it, and what it and its target are called."""
    behind: dict[str, list[str]] = {}
    for worker, manifest in manifests.items():
        for each in manifest.subscribes:
            source = each.event.partition("/")[0]
            if manifest.via is Via.TOPIC:
                behind.setdefault(deployed.names.topic_rule(source), []).append(worker)
            else:
                behind.setdefault(deployed.names.worker_rule(worker, each.event), []).append(worker)
            if each.event == "aws.s3/Object Created" and not deployed.names.takes_aws_events:
                forward = (Hop.FORWARD_RULE, Hop.FORWARD_TARGET)
                yield DEFAULT_BUS, deployed.names.forward_rule(source), (worker,), forward
    for rule, workers in behind.items():
        yield deployed.names.bus, rule, tuple(sorted(set(workers))), (Hop.RULE, Hop.TARGET)


@contextmanager
def _without_targets(deployed: Deployed, bus: str, rule: str) -> Iterator[None]:
    events = deployed.client("events")
    targets = events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
    events.remove_targets(Rule=rule, EventBusName=bus, Ids=[target["Id"] for target in targets])
    yield
    events.put_targets(Rule=rule, EventBusName=bus, Targets=targets)


@contextmanager
def _without_rule(deployed: Deployed, bus: str, rule: str) -> Iterator[None]:
    events = deployed.client("events")
    pattern = events.describe_rule(Name=rule, EventBusName=bus)["EventPattern"]
    with _without_targets(deployed, bus, rule):
        events.delete_rule(Name=rule, EventBusName=bus)
        yield
        events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)


@contextmanager
def _narrower_rule(deployed: Deployed, bus: str, rule: str) -> Iterator[None]:
    events = deployed.client("events")
    pattern = events.describe_rule(Name=rule, EventBusName=bus)["EventPattern"]
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({**json.loads(pattern), **NEVER}))
    yield
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)


def _subscription(deployed: Deployed, source: str, queue: str) -> tuple[str, str]:
    """The ARNs of a topic and of a queue's subscription to it."""
    topic = deployed.arn("sns", deployed.names.topic(source))
    listed = deployed.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    [arn] = [it["SubscriptionArn"] for it in listed if it["Endpoint"] == deployed.arn("sqs", queue)]
    return topic, arn


@contextmanager
def _without_subscription(deployed: Deployed, source: str, queue: str) -> Iterator[None]:
    sns = deployed.client("sns")
    topic, arn = _subscription(deployed, source, queue)
    told = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    wanted = ("RawMessageDelivery", "FilterPolicyScope", "FilterPolicy", "RedrivePolicy")
    sns.unsubscribe(SubscriptionArn=arn)
    yield
    attributes = {name: told[name] for name in wanted if told.get(name)}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=deployed.arn("sqs", queue), Attributes=attributes)


@contextmanager
def _narrower_filter(deployed: Deployed, source: str, queue: str) -> Iterator[None]:
    sns = deployed.client("sns")
    _, arn = _subscription(deployed, source, queue)
    before = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["FilterPolicy"]
    never = json.dumps({"detail-type": ["Never"]})
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=never)
    yield
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=before)


def _mapping(deployed: Deployed, queue: str) -> Mapping[str, Any]:
    listed = deployed.client("lambda").list_event_source_mappings(EventSourceArn=deployed.arn("sqs", queue))
    [mapping] = listed["EventSourceMappings"]
    return dict(mapping)


def _wait_until_untaken(deployed: Deployed, queue: str) -> None:
    """Wait until nobody takes from the queue: a mapping that is said to be gone may still end a long poll.

    :raises TimeoutError: somebody still does.
    """
    sqs, url, until = deployed.client("sqs"), deployed.queue_url(queue), time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(PROBE))
        if _stays(deployed, queue):
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return
    raise TimeoutError(f"{queue} is still taken from after {PATIENCE_S} s")


def _stays(deployed: Deployed, queue: str) -> bool:
    """Whether the queue keeps a message for longer than a mapping at work leaves it there."""
    until = time.monotonic() + TAKEN_WITHIN_S
    while time.monotonic() < until:
        found = depth(deployed, queue)
        if found is None or found.waiting == 0 or found.in_flight > 0:
            return False
        time.sleep(0.2)
    return True


@contextmanager
def _without_mapping(deployed: Deployed, queue: str) -> Iterator[None]:
    client, before = deployed.client("lambda"), _mapping(deployed, queue)
    client.delete_event_source_mapping(UUID=before["UUID"])
    _wait_until_untaken(deployed, queue)
    yield
    client.create_event_source_mapping(
        EventSourceArn=before["EventSourceArn"],
        FunctionName=before["FunctionArn"],
        BatchSize=before["BatchSize"],
        MaximumBatchingWindowInSeconds=before.get("MaximumBatchingWindowInSeconds", 0),
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


@contextmanager
def _disabled_mapping(deployed: Deployed, queue: str) -> Iterator[None]:
    client, identity = deployed.client("lambda"), _mapping(deployed, queue)["UUID"]
    client.update_event_source_mapping(UUID=identity, Enabled=False)
    _wait_until_untaken(deployed, queue)
    yield
    client.update_event_source_mapping(UUID=identity, Enabled=True)


@contextmanager
def _broken_import(deployed: Deployed, worker: str) -> Iterator[None]:
    """A version whose handler's module cannot be imported gets the events."""
    client, function = deployed.client("lambda"), deployed.names.function(worker)
    handler = client.get_function_configuration(FunctionName=function)["Handler"]
    before = client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"]
    client.update_function_configuration(FunctionName=function, Handler="services.missing.handler.handler")
    client.get_waiter("function_updated").wait(FunctionName=function)
    broken = client.publish_version(FunctionName=function)["Version"]
    client.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=broken)
    yield
    client.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=before)
    client.update_function_configuration(FunctionName=function, Handler=handler)
    client.get_waiter("function_updated").wait(FunctionName=function)
