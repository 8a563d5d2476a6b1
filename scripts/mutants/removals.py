"""Plans from which one resource is gone: what leans on it is what a finding names."""

from collections.abc import Iterator
from typing import Final

from fanout_tools.plans import Plan, Resource, deliveries, document
from fanout_tools.plans import front_doors as doors
from fanout_tools.proof.dead_letters import queues_watched
from fanout_tools.proof.keys import key_of
from fanout_tools.proof.serving import routers, security_groups, services
from fanout_tools.proof.workflows import functions, machines_watched
from scripts.mutants import pipes
from scripts.mutants.mutant import Mutant
from scripts.mutants.policies import governed

__all__ = ["OWNED", "fed", "removals"]

OWNED: Final = ("FANOUT_GATHER_QUEUES", "FANOUT_GATHER_TABLE", "FANOUT_IDEMPOTENCY_TABLE")
"""Variables of a function that name what is the worker's own."""


def removals(plan: Plan) -> Iterator[Mutant]:
    """The plan without each resource on which another one leans."""
    groups = list(plan.of("aws_cloudwatch_log_group"))
    for resource in plan.resources:
        if resource.type == "aws_cloudwatch_event_bus":
            continue  # without a bus it is no plan of a platform, and refused as such
        if any(resource == hop.carrier and hop.destination in groups for hop in deliveries(plan)):
            continue  # a log of what a queue keeps as well: nothing is lost without it
        if left := sorted({*_leaning(plan, resource), *governed(plan, resource)} - {resource.address}):
            spoilt = plan.without(resource.address)
            yield Mutant(
                name=f"{resource.address}: removed", type=resource.type, plan=spoilt, addresses=frozenset(left)
            )


def _leaning(plan: Plan, resource: Resource) -> Iterator[str]:
    for hop in deliveries(plan):
        if hop.writer and resource in (
            hop.writer,
            hop.destination,
            plan.at(hop.dead_letter_arn),
            plan.at(hop.role_arn),
        ):
            yield hop.carrier.address
        if resource == hop.carrier:
            yield from (it.address for it in (hop.writer, hop.destination) if it)
            yield from fed(plan, hop.writer) if hop.writer else ()
    for mapping in plan.of("aws_lambda_event_source_mapping"):
        if resource in (plan.at(mapping.get("event_source_arn")), plan.at(mapping.get("function_name"))):
            yield mapping.address
        if resource == mapping:
            yield from (it.address for it in plan.of("aws_sqs_queue") if it.arn == mapping.get("event_source_arn"))
    for queue in plan.of("aws_sqs_queue"):
        if resource.arn and document(queue.get("redrive_policy")).get("deadLetterTargetArn") == resource.arn:
            yield queue.address
    yield from _leaning_functions(plan, resource)
    yield from _leaning_tables(plan, resource)
    yield from _leaning_routers(plan, resource)
    yield from pipes.leaning(plan, resource)
    if resource.type in ("aws_kms_key", "aws_kms_alias"):
        yield from (
            it.address
            for it in plan.resources
            if key_of(plan, it) and key_of(plan.without(resource.address), it) is None
        )
    for machine in plan.of("aws_sfn_state_machine"):
        invoked = {arn for _, arn in functions(document(machine.get("definition")))}
        log = str((machine.get("logging_configuration") or [{}])[0].get("log_destination")).removesuffix(":*")
        if resource.arn in (machine.get("role_arn"), log, *invoked) or machine.arn in machines_watched(resource):
            yield machine.address
    for queue_name in queues_watched(resource):
        yield from (it.address for it in plan.of("aws_sqs_queue") if it.get("name") == queue_name)


def _leaning_functions(plan: Plan, resource: Resource) -> Iterator[str]:
    for function in plan.of("aws_lambda_function"):
        if resource.type == "aws_iam_role" and function.get("role") == resource.arn:
            yield function.address
    if resource.type in ("aws_lambda_function", "aws_lambda_function_event_invoke_config"):
        aliases = plan.of("aws_lambda_alias")
        yield from (it.address for it in aliases if it.get("function_name") == resource.get("function_name"))
        yield from (it.at.address for it in doors(plan) if it.name == resource.get("function_name"))


def _leaning_tables(plan: Plan, resource: Resource) -> Iterator[str]:
    """The functions that are told of a table of their own."""
    if resource.type == "aws_dynamodb_table":
        for function in plan.of("aws_lambda_function"):
            told = function.get("environment")[0]["variables"]
            if resource.get("name") in (told.get(name) for name in OWNED):
                yield function.address


def _leaning_routers(plan: Plan, resource: Resource) -> Iterator[str]:
    for router in routers(plan):
        if resource.arn in (*router.aliases, router.task.get("task_role_arn"), router.task.get("execution_role_arn")):
            yield router.task.address
        if resource.type == "aws_vpc_security_group_ingress_rule":
            inside = {group for it in services(plan, router) for group in security_groups(it)}
            if resource.get("security_group_id") in inside:
                yield from (it.address for it in services(plan, router))
    if resource.type == "aws_cloudwatch_metric_alarm" and resource.get("metric_name") == "HealthyHostCount":
        yield from (it.address for it in plan.of("aws_lb_target_group"))


def fed(plan: Plan, rule: Resource) -> list[str]:
    """Where the rule's events go: that is what misses them, and what a finding names."""
    fed = [hop.destination for hop in deliveries(plan) if hop.writer == rule]
    if str(rule.get("name")).startswith("unmatched"):  # an event that nobody takes is missed by the bus itself
        fed += plan.of("aws_cloudwatch_event_bus")
    return [it.address for it in fed if it]
