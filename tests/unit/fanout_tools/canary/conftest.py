"""A small deployment in memory: moto's bus, topic, queues and logs, and functions that answer as they are told."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fanout.keep_warm import KEY
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Declared
from fanout_tools.declarations import routing
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest, Via

EVENT = "shop.orders/OrderPlaced"
UPLOADED = "aws.s3/Object Created"
GRANT = {"Effect": "Allow", "Resource": "*"}


def manifest(*events: str, via: str = "bus", **sections: Any) -> Manifest:
    subscribes = [{"event": event} for event in events]
    return Manifest.parse({"description": "P", "subscribes": subscribes, "via": via, **sections}, file="f")


MANIFESTS = {
    "billing": manifest(EVENT, via="topic"),
    "thumbs": manifest(UPLOADED, buckets={"uploads": {"events": True}}),
}


@cache
def _client(service: str) -> Any:
    """One for all tests: making it takes longer than a test, and moto forgets what it was told by itself."""
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, region_name="eu-north-1", **credentials)  # type: ignore[call-overload]


@dataclass
class Lambda:
    """Lambda, as far as canaries ask it. Every function has version 3 behind its alias."""

    mappings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the queue's ARN."""
    answers: dict[str, Any] = field(default_factory=dict)
    """Of functions, by name and version: what they return to a keep-warm ping; a text is what they raise."""
    weights: dict[str, dict[str, float]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        assert Name == "live"
        if FunctionName in self.missing:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetAlias")
        routed = {"AdditionalVersionWeights": self.weights.get(FunctionName, {})}
        return {"FunctionVersion": "3", "RoutingConfig": routed}

    def invoke(self, *, FunctionName: str, Qualifier: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert json.loads(Payload) == {KEY: 0}
        answer = self.answers.get(f"{FunctionName}:{Qualifier}", {"heartbeat": "w", "canaries": True})
        if isinstance(answer, ClientError):
            raise answer
        if isinstance(answer, str):
            told = {"errorType": "Runtime.ImportModuleError", "errorMessage": answer}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(told).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def list_event_source_mappings(self, *, EventSourceArn: str) -> dict[str, Any]:  # noqa: N803
        found = self.mappings.get(EventSourceArn)
        return {"EventSourceMappings": [found] if found else []}


@dataclass
class S3:
    """S3, whose notifications to EventBridge moto does not keep."""

    notifications: dict[str, dict[str, Any]]
    """Of each bucket."""
    objects: set[tuple[str, str, str]] = field(default_factory=set)
    """Bucket, key and version."""
    on_put: Callable[[str, str], None] = lambda _bucket, _key: None

    def get_bucket_notification_configuration(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        if Bucket not in self.notifications:
            raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "GetBucketNotificationConfiguration")
        return self.notifications[Bucket]

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803
        assert Body == b""
        if Bucket not in self.notifications:
            raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "PutObject")
        self.objects.add((Bucket, Key, "v-1"))
        self.on_put(Bucket, Key)
        return {"VersionId": "v-1"}

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str) -> None:  # noqa: N803
        self.objects.remove((Bucket, Key, VersionId))


@dataclass
class Events:
    """moto's EventBridge, but that what is put on the bus goes to the test."""

    moto: Any
    put: list[dict[str, Any]] = field(default_factory=list)
    on_put: Callable[[dict[str, Any]], None] = lambda _entry: None
    refuses: bool = False
    denies: bool = False

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.denies:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "PutEvents")
        if self.refuses:
            return {"Entries": [{"ErrorCode": "AccessDenied", "ErrorMessage": "not you"} for _ in Entries]}
        self.put += Entries
        for entry in Entries:
            self.on_put(entry)
        return {"Entries": [{"EventId": "e"} for _ in Entries]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.moto, name)


@dataclass
class Stage:
    """The deployment, and short ways to it."""

    names: Names
    functions: Lambda
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service == "lambda":
            return self.functions
        return self.clients[service] if service in self.clients else _client(service)

    @property
    def deployed(self) -> Deployed:
        return Deployed(self.names, self.client)

    @property
    def declared(self) -> Declared:
        return Declared(MANIFESTS, {EVENT: [{"metadata": {"schema_version": 1}, "data": {"total": 20}}]})

    def queue(self, name: str, writer: str = "events.amazonaws.com") -> str:
        """Make a queue that a service may write to; its ARN."""
        statement = {**GRANT, "Principal": {"Service": writer}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})
        return self.deployed.arn("sqs", name)

    def rule(self, bus: str, name: str, pattern: Mapping[str, Any], target: str) -> None:
        events = self.client("events")
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "one", "Arn": target}])

    def tell(self, worker: str, line: Mapping[str, Any] | str) -> None:
        """Write a line into a worker's log."""
        logs, group = self.client("logs"), self.names.log_group(worker)
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="s")
        message = line if isinstance(line, str) else json.dumps(line)
        event = {"timestamp": int(time.time() * 1000), "message": message}
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])

    def build(self) -> None:
        names = self.names
        self.clients["events"] = Events(self.client("events"))
        if not names.takes_aws_events:
            self.client("events").create_event_bus(Name=names.bus)
        for worker, declared in MANIFESTS.items():
            queue = self.queue(
                names.queue(worker), "sns.amazonaws.com" if declared.via is Via.TOPIC else "events.amazonaws.com"
            )
            self.queue(names.dead_letter_queue(worker))
            function = f"arn:aws:lambda:eu-north-1:123456789012:function:{names.function(worker)}:live"
            self.functions.mappings[queue] = {"UUID": "u-1", "FunctionArn": function, "State": "Enabled"}
        self._topic()
        [(event, pattern)] = routing.rule_patterns(MANIFESTS["thumbs"]).items()
        self.rule(
            names.bus, names.worker_rule("thumbs", event), pattern, self.deployed.arn("sqs", names.queue("thumbs"))
        )
        forwarded = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
        if not names.takes_aws_events:
            self.rule("default", names.forward_rule("aws.s3"), forwarded, str(self.deployed.bus_arn))
        self.clients["s3"] = S3({names.bucket("uploads", "123456789012"): {"EventBridgeConfiguration": {}}})

    def _topic(self) -> None:
        names, sns = self.names, self.client("sns")
        self.queue(names.undelivered_queue("shop.orders"))
        statement = {**GRANT, "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        topic = sns.create_topic(Name=names.topic("shop.orders"), Attributes={"Policy": policy})["TopicArn"]
        self.rule(names.bus, names.topic_rule("shop.orders"), routing.topic_pattern("shop.orders"), topic)
        self.subscribe()

    def subscribe(self, **changes: str) -> str:
        """Subscribe billing's queue; the subscription's ARN."""
        [policy] = routing.subscription_filters(MANIFESTS["billing"]).values()
        attributes = {
            "RawMessageDelivery": "true",
            "FilterPolicyScope": "MessageBody",
            "FilterPolicy": json.dumps(policy),
        }
        made = self.client("sns").subscribe(
            TopicArn=self.deployed.arn("sns", self.names.topic("shop.orders")),
            Protocol="sqs",
            Endpoint=self.deployed.arn("sqs", self.names.queue("billing")),
            Attributes=attributes | changes,
        )
        return str(made["SubscriptionArn"])


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A deployment of two workers, one behind a topic and one of S3's events, with nothing wrong."""
    with mock_aws():
        made = Stage(Names("fanout-test"), Lambda())
        made.build()
        yield made
