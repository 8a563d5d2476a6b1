"""What a plan says of queues and functions: facts to be shown, alarms, consumers, and what a role may use."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from fanout_tools.catalogue.topology import Fact
from fanout_tools.declarations.naming import Names
from fanout_tools.plans import Plan, Resource, block, document, function_of

__all__ = ["alarms", "consumer_of", "environment_of", "function_facts", "queue_facts", "used"]

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
