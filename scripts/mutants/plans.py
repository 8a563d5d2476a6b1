"""Every way to spoil a good plan that the rules must notice, made from the plan's own resources.

A check that nobody has seen fail proves nothing. Each mutant changes one thing of one resource, and says which
resources a finding may name: the one that was changed or, where it was taken away, those that it leaves alone.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, deliveries, document
from fanout_tools.plans import front_doors as doors
from fanout_tools.proof import scheduled
from fanout_tools.proof.dead_letters import queues_watched
from fanout_tools.proof.keys import key_of
from fanout_tools.proof.serving import routers, security_groups, services
from fanout_tools.proof.workflows import functions, machines_watched
from scripts.mutants import compartments, front_doors, pipes, sources

__all__ = ["Mutant", "mutants"]

ELSEWHERE: Final = "arn:aws:sqs:us-east-1:999999999999:elsewhere"
_POLICIES: Final = ("policy", "assume_role_policy", "policy_document")
_HARMLESS: Final = "kms:DescribeKey"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A plan that is wrong in one thing."""

    name: str
    type: str
    """Of the resource that was spoilt."""
    plan: Plan
    addresses: frozenset[str]
    """One of these has to be named."""


def mutants(plan: Plan) -> Iterator[Mutant]:
    """All mutants of a plan, in the plan's order."""
    for resource in plan.resources:
        for change, spoilt in _VALUES.get(resource.type, {}).items():
            if _retries_alone(resource):
                continue
            if all(resource.get(name) != value for name, value in spoilt.items()):
                yield _mutant(resource, change, plan.changed(resource.having(**spoilt)))
        for attribute in _POLICIES:
            if isinstance(resource.get(attribute), str):
                yield from _policies(plan, resource, attribute)
    yield from _containers(plan)
    for resource, change, mutated in compartments.spoilt(plan):
        yield _mutant(resource, change, mutated)
    for resource, change, mutated in sources.spoilt(plan):
        yield _mutant(resource, change, mutated, *_governed(plan, resource))
    for resource, change, mutated, others in [*pipes.spoilt(plan), *front_doors.spoilt(plan)]:
        yield _mutant(resource, change, mutated, *others)
    yield from _removals(plan)
    for resource, left in front_doors.removals(plan):
        name, mutated = f"{resource.address}: its function is not reached", plan.without(resource.address)
        yield Mutant(name=name, type=resource.type, plan=mutated, addresses=frozenset(left))
    yield from _dead_letter_mutants(plan)
    yield from _ownership_mutants(plan)
    yield from _workflow_mutants(plan)
    yield from _canary_mutants(plan)
    yield from _forwarding_mutants(plan)
    yield from _clock_mutants(plan)
    yield from _operators_mutants(plan)


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
            yield _mutant(task, change, plan.changed(task.having(container_definitions=text)))


def _policies(plan: Plan, resource: Resource, attribute: str) -> Iterator[Mutant]:
    """A policy without each of its grants, and with each of them wider."""
    whole = document(resource.get(attribute))
    for index, statement in enumerate(whole.get("Statement", ())):
        if statement["Effect"] != "Allow" or statement["Action"] == _HARMLESS:
            continue
        for change, wider in _spoilt(statement, resource.type):
            spoilt = deepcopy(whole)
            spoilt["Statement"][index : index + 1] = [wider] if wider else []
            mutated = plan.changed(resource.having(**{attribute: json.dumps(spoilt)}))
            name = f"{attribute} {statement.get('Sid', index)} {change}"
            yield _mutant(resource, name, mutated, *_governed(plan, resource))


def _spoilt(statement: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    yield "removed", None
    service = (statement["Action"] if isinstance(statement["Action"], str) else statement["Action"][0]).partition(":")[
        0
    ]
    delegating = "AWS" in statement.get("Principal", {})
    if statement["Action"] != "sts:AssumeRole" and not delegating:
        yield "for every action", {**statement, "Action": f"{service}:*"}
    if statement.get("Resource", ["*"]) not in ("*", ["*"]) and kind != "aws_kms_key":
        yield "on every resource", {**statement, "Resource": "*"}
    if "Condition" in statement:
        yield "without condition", {key: value for key, value in statement.items() if key != "Condition"}
        yield from _conditions(statement)
    if "Principal" in statement:
        open_to_all = {key: value for key, value in statement.items() if key != "Condition"}
        yield "for everybody", {**open_to_all, "Principal": "*"}
        if not delegating:
            yield "for another service", {**statement, "Principal": {"Service": "ec2.amazonaws.com"}}


def _conditions(statement: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The grant with another source: any, and one of another account."""
    for operator, keys in statement["Condition"].items():
        if "aws:SourceArn" in keys:
            yield "from any source", {**statement, "Condition": {"ArnLike": {"aws:SourceArn": "*"}}}
            yield "from another source", {**statement, "Condition": {operator: {"aws:SourceArn": ELSEWHERE}}}


def _governed(plan: Plan, resource: Resource) -> Iterator[str]:
    """The resources whose policy this resource is, where it is one of its own."""
    if resource.type == "aws_iam_role_policy":
        yield from (it.address for it in plan.of("aws_iam_role") if it.get("id") == resource.get("role"))
    if resource.type == "aws_cloudwatch_log_resource_policy":
        yield from (it.address for it in plan.of("aws_cloudwatch_log_group"))


def _removals(plan: Plan) -> Iterator[Mutant]:
    """The plan without each resource on which another one leans."""
    groups = list(plan.of("aws_cloudwatch_log_group"))
    for resource in plan.resources:
        if resource.type == "aws_cloudwatch_event_bus":
            continue  # without a bus it is no plan of a platform, and refused as such
        if any(resource == hop.carrier and hop.destination in groups for hop in deliveries(plan)):
            continue  # a log of what a queue keeps as well: nothing is lost without it
        if left := sorted({*_leaning(plan, resource), *_governed(plan, resource)} - {resource.address}):
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
            yield from _fed(plan, hop.writer) if hop.writer else ()
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
            if resource.get("name") in (told.get(name) for name in _OWNED):
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


def _dead_letter_mutants(plan: Plan) -> Iterator[Mutant]:
    """Queues that give up at once, keep too short or take too little; alarms that do not tell."""
    for it in plan.of("aws_sqs_queue"):
        if redrive := document(it.get("redrive_policy")):
            yield _mutant(it, "no redrive policy", plan.changed(it.having(redrive_policy=None)))
            once = json.dumps({**redrive, "maxReceiveCount": 1})
            yield _mutant(it, "one receive", plan.changed(it.having(redrive_policy=once)))
            kept_s = int(redrive["maxReceiveCount"]) * int(it.get("visibility_timeout_seconds") or 0)
            late = it.having(message_retention_seconds=kept_s)
            yield _mutant(it, "deletes before the backstop", plan.changed(late))
            yield _mutant(it, "small messages", plan.changed(it.having(max_message_size=1024)))
            yield _mutant(it, "short visibility", plan.changed(it.having(visibility_timeout_seconds=1)))
        else:
            yield _mutant(it, "short retention", plan.changed(it.having(message_retention_seconds=3600)))
        if it.get("redrive_allow_policy"):
            denied = json.dumps({"redrivePermission": "denyAll"})
            yield _mutant(it, "denies its source", plan.changed(it.having(redrive_allow_policy=denied)))
            yield _mutant(it, "allows any source", plan.changed(it.having(redrive_allow_policy=None)))
    leaving = {hop.writer.address for hop in deliveries(plan) if hop.leaves and hop.writer}
    for rule in plan.of("aws_cloudwatch_event_rule"):
        if rule.address in leaving:
            continue  # it is the declaration itself of what another bus gets
        narrow = json.dumps({**document(rule.get("event_pattern")), "account": ["999999999999"]})
        yield _mutant(rule, "a narrower pattern", plan.changed(rule.having(event_pattern=narrow)), *_fed(plan, rule))
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        if names := set(queues_watched(alarm)):
            watched = [it.address for it in plan.of("aws_sqs_queue") if it.get("name") in names]
            for change, values in _ALARMS.items():
                yield _mutant(alarm, change, plan.changed(alarm.having(**values)), *watched)


_ALARMS: Final[dict[str, dict[str, Any]]] = {
    "a high threshold": {"threshold": 1000},
    "the wrong way": {"comparison_operator": "LessThanThreshold"},
    "no actions": {"alarm_actions": []},
    "actions off": {"actions_enabled": False},
    "another queue": {"dimensions": {"QueueName": "elsewhere"}},
    "another metric": {"metric_name": "NumberOfMessagesSent"},
}


def _canary_mutants(plan: Plan) -> Iterator[Mutant]:
    """Rules that hand canaries to others than workers, and an archive that keeps them."""
    for archive in plan.of("aws_cloudwatch_event_archive"):
        yield _mutant(archive, "keeps canaries", plan.changed(archive.having(event_pattern=None)))
    for hop in deliveries(plan):
        if hop.writer and hop.destination and hop.writer.type == "aws_cloudwatch_event_rule":
            pattern = document(hop.writer.get("event_pattern"))
            named = [it for it in pattern.get("source", ()) if isinstance(it, str)]
            if hop.destination.type == "aws_sfn_state_machine":
                wide = {**pattern, "source": [*named, *(f"canary.{it}" for it in named)]}
            elif hop.destination.get("name").endswith("-unmatched") and not named:
                wide = {"version": ["0"]}
            else:
                continue
            spoilt = plan.changed(hop.writer.having(event_pattern=json.dumps(wide)))
            yield _mutant(hop.writer, f"{hop.carrier.address} takes canaries", spoilt, hop.carrier.address)


def _forwarding_mutants(plan: Plan) -> Iterator[Mutant]:
    """Log groups whose spans are not sent on, or may not be."""
    filters = list(plan.of("aws_cloudwatch_log_subscription_filter"))
    groups = {it.get("name"): it for it in plan.of("aws_cloudwatch_log_group")}
    for each in filters:
        group = groups[each.get("log_group_name")]
        yield _mutant(each, "removed", plan.without(each.address), group.address)
        yield _mutant(
            each, "leads nowhere", plan.changed(each.having(destination_arn=f"{each.get('destination_arn')}x"))
        )
        for permission in plan.of("aws_lambda_permission"):
            if permission.get("source_arn") == f"{group.arn}:*":
                yield _mutant(permission, "removed", plan.without(permission.address), each.address)
                spoilt = plan.changed(permission.having(source_arn=f"{group.arn}-other:*"))
                yield _mutant(permission, "of another log group", spoilt, each.address)


def _clock_mutants(plan: Plan) -> Iterator[Mutant]:
    """Schedules that lead nowhere or lose what they cannot hand over; canaries that nobody sends or misses."""
    canary = next(it for it in plan.of("aws_lambda_function") if it.get("function_name").endswith("-canary"))
    for schedule in plan.of("aws_scheduler_schedule"):
        target = schedule.get("target")[0]
        for change, spoilt in _TARGETS.items():
            yield _mutant(schedule, change, plan.changed(schedule.having(target=[{**target, **spoilt}])))
        yield _mutant(schedule, "off", plan.changed(schedule.having(state="DISABLED")), canary.address)
        yield _mutant(schedule, "removed", plan.without(schedule.address), canary.address)
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        if alarm.get("metric_name") in scheduled.ALARMS:
            yield _mutant(alarm, "removed", plan.without(alarm.address), canary.address)
            for change, values in _CANARY_ALARMS.items():
                if any(alarm.get(name) != value for name, value in values.items()):
                    yield _mutant(alarm, change, plan.changed(alarm.having(**values)), canary.address)


_TARGETS: Final[dict[str, dict[str, Any]]] = {
    "another role": {"role_arn": "arn:aws:iam::999999999999:role/elsewhere"},
    "a target elsewhere": {"arn": ELSEWHERE},
    "no dead-letter queue": {"dead_letter_config": []},
    "a dead-letter queue elsewhere": {"dead_letter_config": [{"arn": ELSEWHERE}]},
}
_CANARY_ALARMS: Final[dict[str, dict[str, Any]]] = {
    **{change: _ALARMS[change] for change in ("a high threshold", "no actions", "actions off", "another metric")},
    "the other way": {"comparison_operator": "GreaterThanOrEqualToThreshold"},
    "content with silence": {"treat_missing_data": "notBreaching"},
}


def _ownership_mutants(plan: Plan) -> Iterator[Mutant]:
    """Workers that reach another's records, give up at another count, or are not told where parts are gathered."""
    tables = [it for it in plan.of("aws_dynamodb_table") if it.get("name").endswith(("-idempotency", "-gather"))]
    for policy in plan.of("aws_iam_role_policy"):
        for table in (it for it in tables if not _mentions(policy, it)):
            whole = document(policy.get("policy"))
            whole["Statement"].append({"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": [table.arn]})
            spoilt = plan.changed(policy.having(policy=json.dumps(whole)))
            yield _mutant(policy, f"reaches {table.get('name')}", spoilt)
    for mapping in plan.of("aws_lambda_event_source_mapping"):
        if (queue := plan.at(mapping.get("event_source_arn"))) and queue.get("redrive_policy"):
            redrive = document(queue.get("redrive_policy"))
            sooner = json.dumps({**redrive, "maxReceiveCount": redrive["maxReceiveCount"] - 1})
            yield _mutant(queue, "another backstop", plan.changed(queue.having(redrive_policy=sooner)))
    for function in plan.of("aws_lambda_function"):
        told = function.get("environment")[0]["variables"]
        for name in (it for it in _OWNED if it in told):
            left = [{"variables": {key: value for key, value in told.items() if key != name}}]
            yield _mutant(function, f"without {name}", plan.changed(function.having(environment=left)))


_OWNED: Final = ("FANOUT_GATHER_QUEUES", "FANOUT_GATHER_TABLE", "FANOUT_IDEMPOTENCY_TABLE")


def _operators_mutants(plan: Plan) -> Iterator[Mutant]:
    """A journal that can be unwritten or not restored, observers who read payloads, a sweeper that reaches the rest."""
    journal = next(it for it in plan.of("aws_dynamodb_table") if it.get("name").endswith("-operations"))
    unrestorable = journal.having(point_in_time_recovery=[{"enabled": False}])
    yield _mutant(journal, "not restorable", plan.changed(unrestorable))
    for policy in plan.of("aws_iam_policy"):
        more = {"Effect": "Allow", "Action": ["dynamodb:DeleteItem"], "Resource": [journal.arn]}
        yield _mutant(policy, "deletes from the journal", plan.changed(_more(policy, more)))
        if policy.get("name").endswith("-observer"):
            reads = {"Effect": "Allow", "Action": ["sqs:ReceiveMessage"], "Resource": [ELSEWHERE]}
            yield _mutant(policy, "reads payloads", plan.changed(_more(policy, reads)))
    sweeper = next(it for it in plan.of("aws_iam_role_policy") if it.get("name") == "sweeper")
    queue = next(plan.of("aws_sqs_queue"))
    reaches = {"Effect": "Allow", "Action": ["sqs:DeleteQueue"], "Resource": [queue.arn]}
    role = next(it for it in plan.of("aws_iam_role") if it.get("name") == sweeper.get("role"))
    yield _mutant(sweeper, "deletes what stays", plan.changed(_more(sweeper, reaches)), role.address)


def _more(policy: Resource, statement: dict[str, Any]) -> Resource:
    whole = document(policy.get("policy"))
    return policy.having(policy=json.dumps({**whole, "Statement": [*whole["Statement"], statement]}))


def _mentions(policy: Resource, table: Resource) -> bool:
    return f'"{table.arn}"' in policy.get("policy")


def _workflow_mutants(plan: Plan) -> Iterator[Mutant]:
    """State machines that nothing catches, ends or finds; alarms that do not tell of their failures."""
    for machine in plan.of("aws_sfn_state_machine"):
        whole = document(machine.get("definition"))
        for state in whole["States"]:
            for key in ("Catch", "Retry", "TimeoutSeconds", "Next"):
                if key in whole["States"][state]:
                    spoilt = deepcopy(whole)
                    del spoilt["States"][state][key]
                    mutated = machine.having(definition=json.dumps(spoilt))
                    yield _mutant(machine, f"{state} without {key}", plan.changed(mutated))
        elsewhere = re.sub(r"function:[^:\"]+", "function:elsewhere", machine.get("definition"))
        yield _mutant(machine, "another function", plan.changed(machine.having(definition=elsewhere)))
        yield _mutant(machine, "no log", plan.changed(machine.having(logging_configuration=[{"level": "OFF"}])))
        watching = [it for it in plan.of("aws_cloudwatch_metric_alarm") if machine.arn in machines_watched(it)]
        for alarm in watching:
            for change in ("a high threshold", "the wrong way", "no actions", "actions off"):
                yield _mutant(alarm, change, plan.changed(alarm.having(**_ALARMS[change])), machine.address)
            for index, query in enumerate(alarm.get("metric_query")):
                if query.get("metric"):
                    left = [it for number, it in enumerate(alarm.get("metric_query")) if number != index]
                    name = f"without {query['metric'][0]['metric_name']}"
                    yield _mutant(alarm, name, plan.changed(alarm.having(metric_query=left)), machine.address)


def _fed(plan: Plan, rule: Resource) -> list[str]:
    """Where the rule's events go: that is what misses them, and what a finding names."""
    fed = [hop.destination for hop in deliveries(plan) if hop.writer == rule]
    if str(rule.get("name")).startswith("unmatched"):  # an event that nobody takes is missed by the bus itself
        fed += plan.of("aws_cloudwatch_event_bus")
    return [it.address for it in fed if it]


def _mutant(resource: Resource, change: str, plan: Plan, *others: str) -> Mutant:
    addresses = frozenset({resource.address, *others})
    return Mutant(name=f"{resource.address}: {change}", type=resource.type, plan=plan, addresses=addresses)
