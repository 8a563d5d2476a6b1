"""What may be wrong with each part of the platform by itself."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, block, deliveries, document
from fanout_tools.proof import scheduled
from fanout_tools.proof.dead_letters import queues_watched
from fanout_tools.proof.workflows import machines_watched
from scripts.mutants.mutant import ELSEWHERE, Mutant, mutant
from scripts.mutants.removals import OWNED, fed

__all__ = ["of_parts"]


def of_parts(plan: Plan) -> Iterator[Mutant]:
    """The mutants of every part that the plan has."""
    yield from _dead_letter_mutants(plan)
    yield from _ownership_mutants(plan)
    yield from _workflow_mutants(plan)
    yield from _canary_mutants(plan)
    yield from _forwarding_mutants(plan)
    yield from _clock_mutants(plan)
    yield from _operators_mutants(plan)


def _dead_letter_mutants(plan: Plan) -> Iterator[Mutant]:
    """Queues that give up at once, keep too short or take too little; alarms that do not tell."""
    for it in plan.of("aws_sqs_queue"):
        if redrive := document(it.get("redrive_policy")):
            yield mutant(it, "no redrive policy", plan.changed(it.having(redrive_policy=None)))
            once = json.dumps({**redrive, "maxReceiveCount": 1})
            yield mutant(it, "one receive", plan.changed(it.having(redrive_policy=once)))
            kept_s = int(redrive["maxReceiveCount"]) * int(it.get("visibility_timeout_seconds") or 0)
            late = it.having(message_retention_seconds=kept_s)
            yield mutant(it, "deletes before the backstop", plan.changed(late))
            yield mutant(it, "small messages", plan.changed(it.having(max_message_size=1024)))
            yield mutant(it, "short visibility", plan.changed(it.having(visibility_timeout_seconds=1)))
        else:
            yield mutant(it, "short retention", plan.changed(it.having(message_retention_seconds=3600)))
        if it.get("redrive_allow_policy"):
            denied = json.dumps({"redrivePermission": "denyAll"})
            yield mutant(it, "denies its source", plan.changed(it.having(redrive_allow_policy=denied)))
            yield mutant(it, "allows any source", plan.changed(it.having(redrive_allow_policy=None)))
    leaving = {hop.writer.address for hop in deliveries(plan) if hop.leaves and hop.writer}
    for rule in plan.of("aws_cloudwatch_event_rule"):
        if rule.address in leaving:
            continue  # it is the declaration itself of what another bus gets
        narrow = json.dumps({**document(rule.get("event_pattern")), "account": ["999999999999"]})
        yield mutant(rule, "a narrower pattern", plan.changed(rule.having(event_pattern=narrow)), *fed(plan, rule))
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        if names := set(queues_watched(alarm)):
            watched = [it.address for it in plan.of("aws_sqs_queue") if it.get("name") in names]
            for change, values in _ALARMS.items():
                yield mutant(alarm, change, plan.changed(alarm.having(**values)), *watched)


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
        yield mutant(archive, "keeps canaries", plan.changed(archive.having(event_pattern=None)))
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
            yield mutant(hop.writer, f"{hop.carrier.address} takes canaries", spoilt, hop.carrier.address)


def _forwarding_mutants(plan: Plan) -> Iterator[Mutant]:
    """Log groups whose spans are not sent on, or may not be."""
    filters = list(plan.of("aws_cloudwatch_log_subscription_filter"))
    groups = {it.get("name"): it for it in plan.of("aws_cloudwatch_log_group")}
    for each in filters:
        group = groups[each.get("log_group_name")]
        yield mutant(each, "removed", plan.without(each.address), group.address)
        yield mutant(
            each, "leads nowhere", plan.changed(each.having(destination_arn=f"{each.get('destination_arn')}x"))
        )
        for permission in plan.of("aws_lambda_permission"):
            if permission.get("source_arn") == f"{group.arn}:*":
                yield mutant(permission, "removed", plan.without(permission.address), each.address)
                spoilt = plan.changed(permission.having(source_arn=f"{group.arn}-other:*"))
                yield mutant(permission, "of another log group", spoilt, each.address)


def _clock_mutants(plan: Plan) -> Iterator[Mutant]:
    """Schedules that lead nowhere or lose what they cannot hand over; canaries that nobody sends or misses."""
    canary = next(it for it in plan.of("aws_lambda_function") if it.get("function_name").endswith("-canary"))
    for schedule in plan.of("aws_scheduler_schedule"):
        target = schedule.get("target")[0]
        for change, spoilt in _TARGETS.items():
            yield mutant(schedule, change, plan.changed(schedule.having(target=[{**target, **spoilt}])))
        yield mutant(schedule, "off", plan.changed(schedule.having(state="DISABLED")), canary.address)
        yield mutant(schedule, "removed", plan.without(schedule.address), canary.address)
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        if alarm.get("metric_name") in scheduled.ALARMS:
            yield mutant(alarm, "removed", plan.without(alarm.address), canary.address)
            for change, values in _CANARY_ALARMS.items():
                if any(alarm.get(name) != value for name, value in values.items()):
                    yield mutant(alarm, change, plan.changed(alarm.having(**values)), canary.address)


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
            yield mutant(policy, f"reaches {table.get('name')}", spoilt)
    for mapping in plan.of("aws_lambda_event_source_mapping"):
        if (queue := plan.at(mapping.get("event_source_arn"))) and queue.get("redrive_policy"):
            redrive = document(queue.get("redrive_policy"))
            sooner = json.dumps({**redrive, "maxReceiveCount": redrive["maxReceiveCount"] - 1})
            yield mutant(queue, "another backstop", plan.changed(queue.having(redrive_policy=sooner)))
    for function in plan.of("aws_lambda_function"):
        told = function.get("environment")[0]["variables"]
        for name in (it for it in OWNED if it in told):
            left = [{"variables": {key: value for key, value in told.items() if key != name}}]
            yield mutant(function, f"without {name}", plan.changed(function.having(environment=left)))


def _operators_mutants(plan: Plan) -> Iterator[Mutant]:
    """A journal that can be unwritten or not restored, observers who read payloads, a sweeper that reaches the rest."""
    journal = next(it for it in plan.of("aws_dynamodb_table") if it.get("name").endswith("-operations"))
    unrestorable = journal.having(point_in_time_recovery=[{"enabled": False}])
    yield mutant(journal, "not restorable", plan.changed(unrestorable))
    for policy in plan.of("aws_iam_policy"):
        more = {"Effect": "Allow", "Action": ["dynamodb:DeleteItem"], "Resource": [journal.arn]}
        yield mutant(policy, "deletes from the journal", plan.changed(_more(policy, more)))
        if policy.get("name").endswith("-observer"):
            reads = {"Effect": "Allow", "Action": ["sqs:ReceiveMessage"], "Resource": [ELSEWHERE]}
            yield mutant(policy, "reads payloads", plan.changed(_more(policy, reads)))
    sweeper = next(it for it in plan.of("aws_iam_role_policy") if it.get("name") == "sweeper")
    queue = next(plan.of("aws_sqs_queue"))
    reaches = {"Effect": "Allow", "Action": ["sqs:DeleteQueue"], "Resource": [queue.arn]}
    role = next(it for it in plan.of("aws_iam_role") if it.get("name") == sweeper.get("role"))
    yield mutant(sweeper, "deletes what stays", plan.changed(_more(sweeper, reaches)), role.address)


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
                    yield mutant(machine, f"{state} without {key}", plan.changed(mutated))
        elsewhere = re.sub(r"function:[^:\"]+", "function:elsewhere", machine.get("definition"))
        yield mutant(machine, "another function", plan.changed(machine.having(definition=elsewhere)))
        yield mutant(machine, "no log", plan.changed(machine.having(logging_configuration=[{"level": "OFF"}])))
        data = [{**block(machine, "logging_configuration"), "include_execution_data": True}]
        yield mutant(machine, "events in its log", plan.changed(machine.having(logging_configuration=data)))
        watching = [it for it in plan.of("aws_cloudwatch_metric_alarm") if machine.arn in machines_watched(it)]
        for alarm in watching:
            for change in ("a high threshold", "the wrong way", "no actions", "actions off"):
                yield mutant(alarm, change, plan.changed(alarm.having(**_ALARMS[change])), machine.address)
            for index, query in enumerate(alarm.get("metric_query")):
                if query.get("metric"):
                    left = [it for number, it in enumerate(alarm.get("metric_query")) if number != index]
                    name = f"without {query['metric'][0]['metric_name']}"
                    yield mutant(alarm, name, plan.changed(alarm.having(metric_query=left)), machine.address)
