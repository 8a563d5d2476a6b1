"""Which hop of a canary's way does not deliver, as AWS has it now, beside what is declared.

A hop is asked for itself, in the order of the way; the first that is not as it should be is what is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fanout.errors import PatternError
from fanout_tools.canary.deployed import Deployed, found
from fanout_tools.canary.faults import Fault, Hop, function_fault
from fanout_tools.canary.functions import Readiness, ask
from fanout_tools.canary.planning import Canary
from fanout_tools.declarations.naming import ALIAS, DEFAULT_BUS
from fanout_tools.declarations.worker import Manifest, Via
from fanout_tools.patterns import EVENTBRIDGE, SNS, Dialect, Pattern

__all__ = ["fault", "missing_grant"]

EVENTS_PRINCIPAL = "events.amazonaws.com"
SNS_PRINCIPAL = "sns.amazonaws.com"


def missing_grant(deployed: Deployed, manifest: Manifest, canary: Canary) -> Fault | None:
    """The first hop whose policy lets nobody of the hop before in; None: all do, or roles say it."""
    return next(_Route(deployed, manifest, canary).missing_grants(), None)


def fault(deployed: Deployed, manifest: Manifest, canary: Canary) -> Fault | None:
    """The first hop that is not as it should be; None: all are."""
    return next(_Route(deployed, manifest, canary).faults(), None)


@dataclass(frozen=True)
class _Route:
    deployed: Deployed
    manifest: Manifest
    canary: Canary

    def faults(self) -> Iterator[Fault]:
        by_topic = self.manifest.via is Via.TOPIC
        for check in (
            self._bus,
            *([self._bucket] if self.canary.bucket else []),
            *([self._forward] if self.canary.bucket and not self.deployed.names.takes_aws_events else []),
            *([self._topic, self._topic_rule, self._subscription] if by_topic else [self._worker_rule]),
            self._queue,
            self._mapping,
            self._function,
        ):
            if (fault := check()) is not None:
                yield fault

    def missing_grants(self) -> Iterator[Fault]:
        by_topic = self.manifest.via is Via.TOPIC
        rule = (
            self.deployed.names.topic_rule(self._source)
            if by_topic
            else self.deployed.names.worker_rule(self.canary.pair.worker, self.canary.pair.event)
        )
        targets = self.deployed.client("events").list_targets_by_rule(Rule=rule, EventBusName=self.deployed.names.bus)
        by_role = any(target.get("RoleArn") for target in targets["Targets"])
        if by_topic and not by_role and (fault := self._topic_grant()):
            yield fault
        if (by_topic or not by_role) and (fault := self._queue_grant(SNS_PRINCIPAL if by_topic else EVENTS_PRINCIPAL)):
            yield fault

    def _topic_grant(self) -> Fault | None:
        told = self.deployed.client("sns").get_topic_attributes(TopicArn=self._topic_arn)["Attributes"]
        name = self.deployed.names.topic(self._source)
        return _grant(told.get("Policy"), EVENTS_PRINCIPAL, "sns:Publish", Hop.TOPIC, name)

    def _queue_grant(self, writer: str) -> Fault | None:
        url = self.deployed.queue_url(self._queue_name)
        told = self.deployed.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        policy = told.get("Attributes", {}).get("Policy")
        return _grant(policy, writer, "sqs:SendMessage", Hop.QUEUE, self._queue_name)

    @property
    def _source(self) -> str:
        return self.canary.pair.event.partition("/")[0]

    @property
    def _topic_arn(self) -> str:
        return self.deployed.arn("sns", self.deployed.names.topic(self._source))

    @property
    def _queue_name(self) -> str:
        return self.deployed.names.queue(self.canary.pair.worker, fifo=self.manifest.queue.fifo)

    @property
    def _queue_arn(self) -> str:
        return self.deployed.arn("sqs", self._queue_name)

    def _bus(self) -> Fault | None:
        if self.deployed.bus_arn is None:
            return Fault(Hop.BUS, self.deployed.names.bus, "there is no such bus")
        return None

    def _bucket(self) -> Fault | None:
        assert self.canary.bucket is not None
        s3 = self.deployed.client("s3")
        told = found(s3.get_bucket_notification_configuration, Bucket=self.canary.bucket)
        if told is None:
            return Fault(Hop.BUCKET, self.canary.bucket, "there is no such bucket")
        if "EventBridgeConfiguration" not in told:
            return Fault(Hop.BUCKET, self.canary.bucket, "S3 does not send its events to EventBridge")
        return None

    def _forward(self) -> Fault | None:
        name = self.deployed.names.forward_rule(self._source)
        return self._rule(DEFAULT_BUS, name, Hop.FORWARD_RULE, Hop.FORWARD_TARGET, str(self.deployed.bus_arn))

    def _topic_rule(self) -> Fault | None:
        return self._rule(
            self.deployed.names.bus, self.deployed.names.topic_rule(self._source), Hop.RULE, Hop.TARGET, self._topic_arn
        )

    def _worker_rule(self) -> Fault | None:
        name = self.deployed.names.worker_rule(self.canary.pair.worker, self.canary.pair.event)
        return self._rule(self.deployed.names.bus, name, Hop.RULE, Hop.TARGET, self._queue_arn)

    def _rule(self, bus: str, name: str, hop: Hop, target_hop: Hop, destination: str) -> Fault | None:
        events = self.deployed.client("events")
        rule = found(events.describe_rule, Name=name, EventBusName=bus)
        if rule is None:
            return Fault(hop, name, f"the bus {bus} has no such rule")
        if rule.get("State") == "DISABLED":
            return Fault(
                hop, name, "the rule is disabled", f"`aws events enable-rule --event-bus-name {bus} --name {name}`"
            )
        if not _takes(rule.get("EventPattern"), self.canary.event, EVENTBRIDGE):
            asked = {key: value for key, value in json.loads(rule["EventPattern"]).items() if key != "detail"}
            of_data = not asked or _takes(asked, self.canary.event, EVENTBRIDGE)
            return Fault(Hop.FILTER if of_data else hop, name, "its pattern does not take the event")
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
        if destination not in [target["Arn"] for target in targets]:
            return Fault(target_hop, name, f"the rule has no target {destination}")
        return None

    def _topic(self) -> Fault | None:
        name = self.deployed.names.topic(self._source)
        told = found(self.deployed.client("sns").get_topic_attributes, TopicArn=self._topic_arn)
        return None if told else Fault(Hop.TOPIC, name, "there is no such topic")

    def _subscription(self) -> Fault | None:
        sns, name = self.deployed.client("sns"), f"{self._topic_arn.rpartition(':')[2]} -> {self._queue_name}"
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._topic_arn)
        arns = [
            it["SubscriptionArn"] for page in pages for it in page["Subscriptions"] if it["Endpoint"] == self._queue_arn
        ]
        told = found(sns.get_subscription_attributes, SubscriptionArn=arns[0]) if arns else None
        if told is None:
            return Fault(Hop.SUBSCRIPTION, name, "the queue is not subscribed to the topic")
        if told["Attributes"].get("RawMessageDelivery") != "true":
            return Fault(Hop.SUBSCRIPTION, name, "events are wrapped in SNS's own JSON: no raw delivery")
        policy = told["Attributes"].get("FilterPolicy")
        if policy and not _takes(policy, self.canary.event, SNS):
            return Fault(Hop.FILTER, name, "its filter policy does not take the event")
        return None

    def _queue(self) -> Fault | None:
        url = self.deployed.queue_url(self._queue_name)
        return None if url else Fault(Hop.QUEUE, self._queue_name, "there is no such queue")

    def _mapping(self) -> Fault | None:
        function = self.deployed.names.function(self.canary.pair.worker)
        name, client = f"{self._queue_name} -> {function}:{ALIAS}", self.deployed.client("lambda")
        mappings = client.list_event_source_mappings(EventSourceArn=self._queue_arn)["EventSourceMappings"]
        mapping = next((it for it in mappings if it["FunctionArn"].endswith(f":{function}:{ALIAS}")), None)
        if mapping is None:
            return Fault(Hop.MAPPING, name, "no event source mapping takes from the queue")
        if mapping.get("State") in ("Disabled", "Disabling"):
            enable = f"`aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled`"
            return Fault(Hop.MAPPING, name, f"the mapping is {mapping.get('State')}", enable)
        return None

    def _function(self) -> Fault | None:
        answer = ask(self.deployed, self.canary.pair.worker)
        if answer.readiness in (Readiness.KNOWS, Readiness.THROTTLED):
            return None
        return function_fault(self.deployed, self.canary.pair.worker, answer)


def _takes(pattern: str | Mapping[str, Any] | None, event: Mapping[str, Any], dialect: Dialect) -> bool:
    try:
        return pattern is not None and Pattern.parse(pattern, dialect=dialect).matches(event)
    except PatternError:
        return False


def _grant(policy: str | None, service: str, action: str, hop: Hop, name: str) -> Fault | None:
    """Whether some statement lets the service in at all; for whom and by which key, only a delivery tells."""
    for statement in json.loads(policy or "{}").get("Statement", ()):
        services = statement.get("Principal")
        services = services.get("Service", ()) if isinstance(services, Mapping) else services
        actions = statement.get("Action", ())
        if statement.get("Effect") == "Allow" and _names(services, service) and _names(actions, action):
            return None
    return Fault(hop, name, f"its policy does not let {service} {action}: the grant is gone")


def _names(given: Any, wanted: str) -> bool:
    listed = [given] if isinstance(given, str) else given or ()
    service = wanted.partition(":")[0]
    return any(it.lower() in (wanted.lower(), f"{service}:*", "*") for it in listed)
