"""Pipes that move: from a queue to an event bus, each message by the pipe's input template.

moto keeps pipes and moves nothing, and it cannot update one. Templates follow "Amazon EventBridge Pipes input
transformation" of the EventBridge user guide: a body that is JSON is put as such where it stands by itself.
"""

import json
import logging
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from localstack.aws.api import RequestContext
from localstack.services.moto import _proxy_moto

from fanout_localstack.tags import Operation, pipe_tags

__all__ = ["move", "pipe_operations", "rendered"]

LOG = logging.getLogger(__name__)

#: A text of JSON with all in it, or a reference outside of any text.
_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]+>')
_REFERENCE: Final = re.compile(r"<([^<>]+)>")
_POLL_S: Final = 2
_UPDATED: Final = {
    "Description": "description",
    "DesiredState": "desired_state",
    "LogConfiguration": "log_configuration",
    "RoleArn": "role_arn",
    "SourceParameters": "source_parameters",
    "Target": "target",
    "TargetParameters": "target_parameters",
}


def pipe_operations() -> Mapping[str, Operation]:
    """The operations of Pipes that moto lacks or that have to start something."""

    def create(context: RequestContext, request: Any) -> Any:
        response = _proxy_moto(context, request)
        if ":sqs:" in request["Source"] and ":event-bus/" in request["Target"]:
            pipe = _pipe(context, request["Name"])
            threading.Thread(target=_run, args=(pipe,), name=f"pipe-{pipe.name}", daemon=True).start()
        return response

    def update(context: RequestContext, request: Any) -> Any:
        pipe = _pipe(context, request["Name"])
        for key, attribute in _UPDATED.items():
            if key in request:
                setattr(pipe, attribute, request[key])
        described = {"Arn": pipe.arn, "Name": pipe.name, "DesiredState": pipe.desired_state}
        return {**described, "CurrentState": "RUNNING", "CreationTime": pipe.creation_time}

    return {"CreatePipe": create, "UpdatePipe": update, "ListTagsForResource": pipe_tags}


def _pipe(context: RequestContext, name: str) -> Any:
    from moto.pipes.models import pipes_backends

    return pipes_backends[context.account_id][context.region].describe_pipe(name)


def _run(pipe: Any) -> None:
    """Until the pipe is deleted, or LocalStack ends."""
    from localstack.aws.connect import connect_to

    clients = connect_to(aws_access_key_id=pipe.account_id, region_name=pipe.region_name)
    pause = threading.Event()
    while pipe.desired_state != "DELETED":
        try:
            moved = move(pipe, clients.sqs, clients.events) if pipe.desired_state == "RUNNING" else False
        except Exception as error:  # noqa: BLE001 - no such queue yet, or no such bus any more: AWS tries again, too
            LOG.debug("pipe %s: %s", pipe.name, error)
            moved = False
        if not moved:
            pause.wait(0.5)


def move(pipe: Any, sqs: Any, events: Any) -> bool:
    """One batch; what is not put stays in the queue, whose redrive policy has to keep it. Whether a message came."""
    url = sqs.get_queue_url(QueueName=pipe.source.rpartition(":")[2])["QueueUrl"]
    size = ((pipe.source_parameters or {}).get("SqsQueueParameters") or {}).get("BatchSize", 10)
    taken = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=size, WaitTimeSeconds=_POLL_S, MessageSystemAttributeNames=["All"]
    )
    messages = taken.get("Messages", [])
    if messages:
        put = events.put_events(Entries=[_entry(pipe, message) for message in messages])
        for message, told in zip(messages, put["Entries"], strict=True):
            if "EventId" in told:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            else:
                LOG.warning("pipe %s could not put %s: %s", pipe.name, message["MessageId"], told)
    return bool(messages)


def _entry(pipe: Any, message: Mapping[str, Any]) -> dict[str, str]:
    asked = pipe.target_parameters["EventBridgeEventBusParameters"]
    record = {"messageId": message["MessageId"], "body": message["Body"], "attributes": message.get("Attributes", {})}
    detail = rendered(pipe.target_parameters["InputTemplate"], record)
    return {"Source": asked["Source"], "DetailType": asked["DetailType"], "EventBusName": pipe.target, "Detail": detail}


def rendered(template: str, record: Mapping[str, Any]) -> str:
    """The template with its references filled: in a text by what they say, outside of one by the JSON value."""

    def fill(part: re.Match[str]) -> str:
        if part[0].startswith('"'):
            return _REFERENCE.sub(lambda found: json.dumps(_text(_value(found[1], record)))[1:-1], part[0])
        return json.dumps(_value(part[0][1:-1], record))

    return _PART.sub(fill, template)


def _value(reference: str, record: Mapping[str, Any]) -> Any:
    if reference == "aws.pipes.event.ingestion-time":
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    value: Any = {**record, "body": _parsed(record["body"])}
    for name in reference.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
