"""Every hop of the plan: who hands an event to whom, and where it ends when that fails.

Hops are taken from the plan alone, so that also those are judged on which no worker's event travels: unmatched
events, and what is forwarded from the account's default bus.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from fanout_tools.plans.plan import Plan, Resource, block, document

__all__ = ["Hop", "consumers", "dead_letter_queues", "deliveries", "function_of"]

ACTIONS: Final = {
    "aws_sqs_queue": "sqs:SendMessage",
    "aws_sns_topic": "sns:Publish",
    "aws_cloudwatch_event_api_destination": "events:InvokeApiDestination",
    "aws_cloudwatch_event_bus": "events:PutEvents",
    "aws_cloudwatch_log_group": "logs:PutLogEvents",
    "aws_lambda_function": "lambda:InvokeFunction",
    "aws_lambda_alias": "lambda:InvokeFunction",
    "aws_sfn_state_machine": "states:StartExecution",
}
"""What a service calls to hand an event to a destination of this type."""
_A_BUS: Final = re.compile(r"arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/.+")


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A service hands events over: a rule's target, or a topic's subscription."""

    carrier: Resource
    """The target or subscription."""
    writer: Resource | None
    """The rule or topic whose ARN the destination sees; None when the plan has no such thing."""
    service: str
    destination_arn: str
    destination: Resource | None
    dead_letter_arn: str | None
    role_arn: str | None = None
    """The role that the service takes on to write; None when the destination's policy decides."""

    @property
    def leaves(self) -> bool:
        """Whether the event goes to a bus that is not in the plan, of this account or another."""
        return self.destination is None and _A_BUS.fullmatch(self.destination_arn) is not None

    @property
    def action(self) -> str:
        if self.leaves:
            return ACTIONS["aws_cloudwatch_event_bus"]
        return ACTIONS.get(self.destination.type, "") if self.destination else ""


@lru_cache(maxsize=4)  # every rule asks for them
def deliveries(plan: Plan) -> tuple[Hop, ...]:
    """Every rule's targets and every topic's subscriptions."""
    return (*_targets(plan), *_subscriptions(plan))


def consumers(plan: Plan) -> list[Resource]:
    """The mappings from queues to functions."""
    queues = {it.arn for it in plan.of("aws_sqs_queue")}
    mappings = plan.of("aws_lambda_event_source_mapping")
    return [
        it for it in mappings if it.get("event_source_arn") in queues or ":sqs:" in (it.get("event_source_arn") or "")
    ]


def function_of(plan: Plan, mapping: Resource) -> Resource | None:
    """The function that a mapping invokes, by name or by the ARN of its alias; None when the plan has none."""
    called = plan.at(mapping.get("function_name"))
    names = {called.get("function_name")} if called else {mapping.get("function_name")}
    return next((it for it in plan.of("aws_lambda_function") if it.get("function_name") in names), None)


def dead_letter_queues(plan: Plan) -> list[Resource]:
    """Where events may end: every queue from which no function takes."""
    consumed = {it.get("event_source_arn") for it in plan.of("aws_lambda_event_source_mapping")}
    return [it for it in plan.of("aws_sqs_queue") if it.arn not in consumed]


def _targets(plan: Plan) -> Iterator[Hop]:
    rules = {(_bus(it.get("event_bus_name")), it.get("name")): it for it in plan.of("aws_cloudwatch_event_rule")}
    for it in plan.of("aws_cloudwatch_event_target"):
        yield Hop(
            carrier=it,
            writer=rules.get((_bus(it.get("event_bus_name")), it.get("rule"))),
            service="events.amazonaws.com",
            destination_arn=it.arn,
            destination=_destination(plan, it.arn),
            dead_letter_arn=block(it, "dead_letter_config").get("arn"),
            role_arn=it.get("role_arn"),
        )


def _subscriptions(plan: Plan) -> Iterator[Hop]:
    for it in plan.of("aws_sns_topic_subscription"):
        if it.get("protocol") not in ("sqs", "lambda", "firehose"):
            continue  # a person or a web page is told; no event travels on
        endpoint = it.get("endpoint")
        yield Hop(
            carrier=it,
            writer=plan.at(it.get("topic_arn")),
            service="sns.amazonaws.com",
            destination_arn=endpoint,
            destination=_destination(plan, endpoint),
            dead_letter_arn=document(it.get("redrive_policy")).get("deadLetterTargetArn"),
        )


def _destination(plan: Plan, arn: str) -> Resource | None:
    """The resource that gets the event; a log group's ARN may end in ``:*``."""
    return plan.at(arn) or plan.at(arn.removesuffix(":*"))


def _bus(name: Any) -> str:
    return str(name or "default").rpartition("/")[2]
