"""Someone is told of each event that ended in a queue from which nobody takes."""

from collections.abc import Iterator

from fanout_tools.plans import Plan, Resource, dead_letter_queues
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import WRITING, key_of
from fanout_tools.proof.policies import Request, allows, of_resource

__all__ = ["alarmed", "queues_watched", "told"]

METRIC = "ApproximateNumberOfMessagesVisible"


def alarmed(plan: Plan) -> Iterator[Finding]:
    """Every queue in which events end has an alarm on its first message."""
    for queue in dead_letter_queues(plan):
        alarms = [it for it in plan.of("aws_cloudwatch_metric_alarm") if queue.get("name") in queues_watched(it)]
        wrong = [list(_wakes(alarm)) for alarm in alarms]
        if not alarms:
            yield _alarm(queue, "no alarm tells of events in it", f"add one on {METRIC} with its QueueName")
        elif all(wrong):  # one that wakes is enough; others may tell of more
            yield from (finding for findings in wrong for finding in findings)


def _wakes(alarm: Resource) -> Iterator[Finding]:
    least, operator = alarm.get("threshold") or 0, alarm.get("comparison_operator")
    first = (operator == "GreaterThanThreshold" and least < 1) or (
        operator == "GreaterThanOrEqualToThreshold" and 0 < least <= 1
    )
    if not first:
        yield _alarm(alarm, f"{operator} {least} does not tell of the first event", "set GreaterThanThreshold 0")
    if alarm.get("statistic") in ("Minimum", "SampleCount"):
        yield _alarm(alarm, f"statistic {alarm.get('statistic')} misses events", "set Maximum")
    if alarm.get("actions_enabled") is False or not alarm.get("alarm_actions"):
        yield _alarm(alarm, "nobody is told", "set alarm_actions to a topic, and leave actions_enabled")


def told(plan: Plan) -> Iterator[Finding]:
    """Every alarm may publish to the topics of this plan that it names.

    Without a policy of its own a topic lets its account's services publish.
    """
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        for topic in filter(None, map(plan.at, alarm.get("alarm_actions") or ())):
            if topic.type == "aws_sns_topic":
                yield from _may_tell(plan, alarm, topic)


def _may_tell(plan: Plan, alarm: Resource, topic: Resource) -> Iterator[Finding]:
    principal = ("Service", "cloudwatch.amazonaws.com")
    policy, key = of_resource(plan, topic), key_of(plan, topic)
    publish = Request(action="sns:Publish", resource=topic.arn, principal=principal, source_arn=alarm.arn)
    if policy and not allows(policy, publish):
        yield _alarm(topic, f"{alarm.address} may not publish to it", "grant sns:Publish to cloudwatch.amazonaws.com")
    for action in WRITING if key else ():
        use = Request(action=action, resource=key.arn if key else "", principal=principal, source_arn=alarm.arn)
        if key and not allows(of_resource(plan, key), use):
            yield _alarm(key, f"{alarm.address} may not encrypt what it tells", f"allow {action} to {principal[1]}")


def queues_watched(alarm: Resource) -> Iterator[str]:
    """The names of the queues whose messages the alarm counts, by itself or in a metric query."""
    metrics = [
        alarm.values,
        *(metric for query in alarm.get("metric_query") or () for metric in query.get("metric") or ()),
    ]
    for it in metrics:
        if it.get("metric_name") == METRIC and it.get("namespace") == "AWS/SQS":
            yield str((it.get("dimensions") or {}).get("QueueName"))


def _alarm(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="alarm", problem=problem, fix=fix)
