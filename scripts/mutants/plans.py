"""Every way to spoil a good plan that the rules must notice, made from the plan's own resources.

A check that nobody has seen fail proves nothing. Each mutant changes one thing of one resource, and says which
resources a finding may name: the one that was changed or, where it was taken away, those that it leaves alone.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, deliveries
from scripts.mutants import compartments, front_doors, pipes, sources
from scripts.mutants.consoles import of_consoles
from scripts.mutants.mutant import ELSEWHERE, Mutant, mutant
from scripts.mutants.parts import of_parts
from scripts.mutants.policies import POLICIES, governed, spoilt_policies
from scripts.mutants.removals import removals

__all__ = ["mutants"]


def mutants(plan: Plan) -> Iterator[Mutant]:
    """All mutants of a plan, in the plan's order."""
    for resource in plan.resources:
        for change, spoilt in _VALUES.get(resource.type, {}).items():
            if _retries_alone(resource):
                continue
            if all(resource.get(name) != value for name, value in spoilt.items()):
                yield mutant(resource, change, plan.changed(resource.having(**spoilt)))
        for attribute in POLICIES:
            if isinstance(resource.get(attribute), str):
                yield from spoilt_policies(plan, resource, attribute)
    yield from _containers(plan)
    yield from _roles(plan)
    for resource, change, mutated in compartments.spoilt(plan):
        yield mutant(resource, change, mutated)
    for resource, change, mutated in sources.spoilt(plan):
        yield mutant(resource, change, mutated, *governed(plan, resource))
    for resource, change, mutated, others in [*pipes.spoilt(plan), *front_doors.spoilt(plan)]:
        yield mutant(resource, change, mutated, *others)
    yield from removals(plan)
    for resource, left in front_doors.removals(plan):
        name, mutated = f"{resource.address}: its function is not reached", plan.without(resource.address)
        yield Mutant(name=name, type=resource.type, plan=mutated, addresses=frozenset(left))
    yield from of_parts(plan)
    yield from of_consoles(plan)


def _retries_alone(resource: Resource) -> bool:
    """Whether it says of invocations how often they are tried, and nothing of what is lost: canaries are."""
    return resource.type == "aws_lambda_function_event_invoke_config" and not resource.get("destination_config")


_VALUES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "aws_cloudwatch_event_rule": {
        "disabled": {"state": "DISABLED"},
    },
    "aws_cloudwatch_event_target": {
        "no retry policy": {"retry_policy": []},
        "no retries": {"retry_policy": [{"maximum_retry_attempts": 0, "maximum_event_age_in_seconds": 86400}]},
        "no dead-letter queue": {"dead_letter_config": []},
        "a dead-letter queue elsewhere": {"dead_letter_config": [{"arn": ELSEWHERE}]},
        "a destination elsewhere": {"arn": ELSEWHERE},
        "another rule": {"rule": "elsewhere"},
    },
    "aws_cloudwatch_event_api_destination": {
        "plain HTTP": {"invocation_endpoint": "http://elsewhere.example/"},
        "no connection": {"connection_arn": None},
        "no rate": {"invocation_rate_limit_per_second": None},
    },
    "aws_sns_topic_subscription": {
        "no dead-letter queue": {"redrive_policy": None},
        "a dead-letter queue elsewhere": {"redrive_policy": json.dumps({"deadLetterTargetArn": ELSEWHERE})},
        "a destination elsewhere": {"endpoint": ELSEWHERE},
        "another filter": {"filter_policy": json.dumps({"detail-type": ["Elsewhere"]})},
        "no filter": {"filter_policy": None},
        "a filter of attributes": {"filter_policy_scope": "MessageAttributes"},
        "wrapped delivery": {"raw_message_delivery": False},
    },
    "aws_sqs_queue": {
        "no encryption": {"sqs_managed_sse_enabled": False, "kms_master_key_id": ""},
        "AWS's own key": {"sqs_managed_sse_enabled": None, "kms_master_key_id": "alias/aws/sqs"},
    },
    "aws_lambda_event_source_mapping": {
        "off": {"enabled": False},
        "whole batches": {"function_response_types": []},
        "another function": {"function_name": "elsewhere"},
        "a filter": {"filter_criteria": [{"filter": [{"pattern": json.dumps({"body": {"source": ["elsewhere"]}})}]}]},
    },
    "aws_lambda_function_event_invoke_config": {
        "no destination": {"destination_config": []},
        "a destination elsewhere": {"destination_config": [{"on_failure": [{"destination": ELSEWHERE}]}]},
    },
    "aws_lambda_function": {
        "another role": {"role": "arn:aws:iam::999999999999:role/elsewhere"},
        "more layers than there may be": {"layers": ["arn:aws:lambda:us-east-1:000000000000:layer:any:1"] * 6},
        "more variables than there may be": {"environment": [{"variables": {"ANY": "a" * 4_094}}]},
    },
    "aws_cloudwatch_dashboard": {
        "more lines than there may be": {
            "dashboard_body": json.dumps({"widgets": [{"properties": {"metrics": [["AWS/SQS", "any"]] * 501}}]})
        },
    },
    "aws_cloudwatch_query_definition": {"more log groups than there may be": {"log_group_names": ["any"] * 51}},
    "aws_ecs_task_definition": {
        "another role": {"task_role_arn": "arn:aws:iam::999999999999:role/elsewhere"},
        "another role to start": {"execution_role_arn": "arn:aws:iam::999999999999:role/elsewhere"},
    },
    "aws_lb_listener": {
        "plain text": {"protocol": "HTTP", "certificate_arn": None, "default_action": [{"type": "forward"}]},
    },
    "aws_lb_target_group": {"no readiness": {"health_check": [{"path": "/", "port": "8080"}]}},
    "aws_vpc_security_group_ingress_rule": {
        "every port": {"from_port": 0, "to_port": 65535},
        "from another group": {"referenced_security_group_id": "sg-0", "from_port": 22, "to_port": 22},
        "from everywhere": {"referenced_security_group_id": None, "cidr_ipv4": "0.0.0.0/0"},
    },
}
_CONTAINER: Final[dict[str, dict[str, Any]]] = {
    "root": {"user": "root"},
    "no user": {"user": None},
    "a file system to write to": {"readonlyRootFilesystem": False},
    "killed before its drain": {"stopTimeout": 30},
}


def _containers(plan: Plan) -> Iterator[Mutant]:
    for task in plan.of("aws_ecs_task_definition"):
        whole = json.loads(task.get("container_definitions"))
        for change, spoilt in _CONTAINER.items():
            text = json.dumps([{**it, **spoilt} for it in whole])
            yield mutant(task, change, plan.changed(task.having(container_definitions=text)))


def _roles(plan: Plan) -> Iterator[Mutant]:
    """Targets without the role by which they hand events over, or with another: what they lead to may be named."""
    for hop in (it for it in deliveries(plan) if it.role_arn):
        for change, arn in (("no role", None), ("another role", "arn:aws:iam::999999999999:role/elsewhere")):
            others = [hop.destination.address] if hop.destination else []
            yield mutant(hop.carrier, change, plan.changed(hop.carrier.having(role_arn=arn)), *others)
