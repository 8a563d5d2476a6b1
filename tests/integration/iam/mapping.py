"""What Lambda does between a worker's queue and its function, one step at a time and in the worker's role.

The emulator's own mapping asks IAM nothing, and takes messages when it likes. This one does as AWS's: it reads the
queue with the role's permissions, invokes the alias, and deletes what the function does not ask for again.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.iam.role import Role, of_aws
from tests.integration.platform import Platform, client

__all__ = ["HandMapping", "Turn", "denied_in", "taken_over"]

DENIED = re.compile(r"not authorized to perform: ([a-z0-9]+:\w+)")
HEAD_DENIED = re.compile(r"\(403\) when calling the HeadObject operation")
"""The answer to a HEAD has no body to say more in."""

LOOKS = 15
"""Of a second each at most: a message that waits is there at the first."""


@dataclass(frozen=True)
class Turn:
    """One look at the queue."""

    seen: int = 0
    kept: frozenset[str] = frozenset()
    """The messages that stay in the queue, by message id."""
    denied: frozenset[str] = frozenset()
    """The actions that IAM refused, to the function or on the way."""


@dataclass
class HandMapping:
    """:param sqs: in the worker's role."""

    function: str
    queue_url: str
    sqs: Any
    acknowledged: set[str] = field(default_factory=set)
    handles: dict[str, str] = field(default_factory=dict)
    """The latest receipt handle of each message seen."""

    def turn(self) -> Turn:
        """Hand what is in the queue to the function."""
        messages: list[dict[str, Any]] = []
        kept: set[str] = set()
        denied: set[str] = set()
        try:
            self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])
            messages = self.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["All"]
            ).get("Messages", [])
            kept = {message["MessageId"] for message in messages}
            self.handles |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            returned, denied = self._invoke(messages) if messages else (set(), set())
            for identity in kept - returned:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=self.handles[identity])
                kept = kept - {identity}
                self.acknowledged.add(identity)
        except ClientError as error:
            denied = denied | denied_in(str(error))
            if not denied:
                raise
        return Turn(seen=len(messages), kept=frozenset(kept), denied=frozenset(denied))

    def until_refused(self) -> Turn:
        """Go on until IAM refuses something.

        :raises AssertionError: it refuses nothing.
        """
        while (turn := self.turn()).seen and not turn.denied:
            pass
        assert turn.denied, "IAM has refused nothing, and the queue is empty"
        return turn

    def until_acknowledged(self, messages: set[str]) -> set[str]:
        """Have them handed out again at once, and go on until all are acknowledged.

        :returns: the actions that IAM refused meanwhile.
        :raises AssertionError: they are not.
        """
        denied: set[str] = set()
        for identity in (messages - self.acknowledged) & self.handles.keys():
            client("sqs").change_message_visibility(
                QueueUrl=self.queue_url, ReceiptHandle=self.handles[identity], VisibilityTimeout=0
            )
        for _ in range(LOOKS):
            denied |= self.turn().denied
            if messages <= self.acknowledged:
                return denied
        raise AssertionError(f"not acknowledged: {sorted(messages - self.acknowledged)}")

    def _invoke(self, messages: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
        """The messages asked for again, and the actions refused."""
        answer = client("lambda").invoke(
            FunctionName=self.function,
            Qualifier="live",
            LogType="Tail",
            Payload=json.dumps({"Records": [_record(message) for message in messages]}),
        )
        # The emulator leaves the log out where it could not read it in time: nothing is seen of a refusal then.
        payload, log = json.load(answer["Payload"]), base64.b64decode(answer.get("LogResult", "")).decode()
        assert "FunctionError" not in answer, log or payload
        return {failure["itemIdentifier"] for failure in payload["batchItemFailures"]}, denied_in(log)


@contextmanager
def taken_over(platform: Platform, worker: str, role: Role) -> Iterator[HandMapping]:
    """Lambda's mapping is off meanwhile."""
    function, url = platform.names.function(worker), platform.deployment.queue_url(worker)
    functions = client("lambda")
    [mapping] = functions.list_event_source_mappings(FunctionName=f"{function}:live")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        with role.assumed() as session:
            yield HandMapping(function=function, queue_url=url, sqs=session.client("sqs"))
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def denied_in(text: str) -> set[str]:
    """The actions that a log or an error says were refused."""
    found = {of_aws(action) for action in DENIED.findall(text)}
    return found | ({"s3:GetObject"} if HEAD_DENIED.search(text) else set())


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    """As Lambda hands it over (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "eventSource": "aws:sqs",
    }
