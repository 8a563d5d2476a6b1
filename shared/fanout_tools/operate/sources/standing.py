"""Why a worker may not have an event yet: how its queues stand, whether it is paused, what workflows do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fanout_tools.canary.deployed import found
from fanout_tools.declarations.naming import ALIAS
from fanout_tools.operate.evidence import Execution, QueueState
from fanout_tools.operate.topology import WorkerPlace

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

__all__ = ["executions", "queue_states"]

AT_ONCE = 16
COUNTS = ("", "NotVisible", "Delayed")
MAX_EXECUTIONS = 100
"""That are looked into, each by a call: an execution's name does not follow from its event."""

START_S = 300.0
"""Within which an event's execution begins, unless EventBridge has to try again."""


def queue_states(sqs: SQSClient, functions: LambdaClient, workers: Iterable[WorkerPlace]) -> dict[str, QueueState]:
    """Of each worker whose queue is there."""
    places = list(workers)
    if not places:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE, len(places))) as pool:
        states = pool.map(lambda place: _state(sqs, functions, place), places)
        return {place.name: state for place, state in zip(places, states, strict=True) if state is not None}


def _state(sqs: SQSClient, functions: LambdaClient, place: WorkerPlace) -> QueueState | None:
    queue, dead = (_attributes(sqs, url) for url in (place.queue_url, place.dead_letter_queue_url))
    if queue is None:
        return None
    created = queue.get("CreatedTimestamp")
    return QueueState(
        messages=_count(queue),
        paused=_paused(functions, place.function),
        deployed_at=_deployed_at(functions, place.function),
        created_at=float(created) if created else None,
        dead=None if dead is None else _count(dead),
    )


def _attributes(sqs: SQSClient, url: str) -> Mapping[str, str] | None:
    answer = found(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"])
    return None if answer is None else answer["Attributes"]


def _count(attributes: Mapping[str, str]) -> int:
    return sum(int(attributes.get(f"ApproximateNumberOfMessages{each}", 0)) for each in COUNTS)


def _paused(functions: LambdaClient, function: str) -> bool:
    """Whether none of its mappings is at work."""
    answers = (
        found(functions.list_event_source_mappings, FunctionName=each) for each in (f"{function}:{ALIAS}", function)
    )
    mappings = [mapping for answer in answers if answer for mapping in answer["EventSourceMappings"]]
    return bool(mappings) and all(each.get("State") in ("Disabled", "Disabling") for each in mappings)


def _deployed_at(functions: LambdaClient, function: str) -> float | None:
    """When the version was made that is live."""
    answer = found(functions.get_function_configuration, FunctionName=function, Qualifier=ALIAS)
    try:
        return datetime.fromisoformat(str((answer or {}).get("LastModified"))).timestamp()
    except ValueError:
        return None


def executions(
    states: Any, machine: str, workflow: str, event_ids: Mapping[str, float]
) -> Iterator[tuple[str, Execution]]:
    """The workflow's executions that these events began.

    :param machine: the state machine's ARN.
    :param event_ids: each with when it was published, in seconds since 1970.
    """
    looked = 0
    for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine):
        for listed in page["executions"]:
            started = listed["startDate"].timestamp()
            if not any(at - 1 <= started <= at + START_S for at in event_ids.values()):
                continue
            looked += 1
            if looked > MAX_EXECUTIONS:
                return
            described = states.describe_execution(executionArn=listed["executionArn"])
            event_id = _event_id(described.get("input", ""))
            if event_id in event_ids:
                ended = described.get("stopDate")
                yield (
                    event_id,
                    Execution(
                        workflow=workflow,
                        status=described["status"],
                        started_at=started,
                        ended_at=ended.timestamp() if ended else None,
                    ),
                )
        # The most recent are first (https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html).
        if any(it["startDate"].timestamp() < min(event_ids.values()) - 1 for it in page["executions"][-1:]):
            return


def _event_id(given: str) -> str:
    try:
        event = json.loads(given)
        return str(event["detail"]["metadata"]["event_id"])
    except (ValueError, KeyError, TypeError):
        return ""
