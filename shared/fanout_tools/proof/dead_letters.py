"""Each hop tries again, what it gives up is kept, and someone is told: retries, dead-letter queues, alarms.

An event that no worker subscribes to is kept too, and not lost in silence: a misspelt name is seen there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fanout_tools.declarations.worker import Manifest
from fanout_tools.patterns import EVENTBRIDGE, Pattern
from fanout_tools.plans import (
    Hop,
    Plan,
    Resource,
    block,
    consumers,
    dead_letter_queues,
    deliveries,
    document,
    function_of,
    is_existing,
    names_of,
)
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.keys import WRITING, key_of
from fanout_tools.proof.policies import Request, allows, of_resource, of_role

__all__ = [
    "alarmed",
    "consumed_queues",
    "dead_letters_kept",
    "dead_letters_taken",
    "delivered",
    "invocations_kept",
    "queues_watched",
    "retries",
    "told",
    "unmatched_kept",
]

_UNKNOWN = "x-no-worker-subscribes-to-this"
METRIC = "ApproximateNumberOfMessagesVisible"


def retries(plan: Plan) -> Iterator[Finding]:
    """Every rule's target says how often it tries again. SNS's own policy for queues, 23 days, cannot be changed:
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html."""
    for it in plan.of("aws_cloudwatch_event_target"):
        policy = block(it, "retry_policy")
        attempts, age = policy.get("maximum_retry_attempts") or 0, policy.get("maximum_event_age_in_seconds") or 0
        if attempts < 1 or age < 60:
            yield _retry(it, f"tries {attempts} times more, for {age} s", "set retry_policy, to AWS's 185 and 86400")
    for mapping in consumers(plan):
        queue = plan.at(mapping.get("event_source_arn"))
        receives = document(queue.get("redrive_policy")).get("maxReceiveCount", 0) if queue else 0
        if queue and int(receives) < 2:
            yield _retry(queue, f"gives an event up after {receives} receives", "set maxReceiveCount to 2 or more")
        if queue and not _in_time(queue, int(receives)):
            yield _retry(
                queue,
                f"deletes an event before a function that cannot run has received it {receives} times",
                "keep maxReceiveCount x visibility_timeout_seconds under message_retention_seconds",
            )


def _in_time(queue: Resource, receives: int) -> bool:
    """Whether SQS moves a message to the DLQ before it deletes it, though each receive ends in a visibility timeout: a
    move keeps the time at which the message was sent
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html)."""
    hidden_s = int(queue.get("visibility_timeout_seconds") or 0)
    return receives * hidden_s < int(queue.get("message_retention_seconds") or 4 * 86_400)


def _retry(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="retry", problem=problem, fix=fix)


def delivered(plan: Plan) -> Iterator[Finding]:
    """Every hop comes from something and leads to something in the plan, or by a role to a bus elsewhere; and every
    rule has a hop."""
    for hop in deliveries(plan):
        if hop.writer is None:
            yield _loose(hop.carrier, "its rule or topic is not in the plan", "name one that is")
        elif hop.writer.get("state") == "DISABLED" or hop.writer.get("is_enabled") is False:
            yield _loose(hop.writer, "the rule is disabled, so that its events are lost", "remove state or is_enabled")
        if hop.leaves and not hop.role_arn:
            yield _loose(hop.carrier, "its destination is a bus elsewhere, and has no role", "give it one that may put")
        elif hop.destination is None and not hop.leaves:
            yield _loose(hop.carrier, f"its destination {hop.destination_arn} is not in the plan", "name one that is")
    led = {hop.writer.address for hop in deliveries(plan) if hop.writer}
    for rule in plan.of("aws_cloudwatch_event_rule"):
        if rule.address not in led:
            yield _loose(rule, "leads nowhere: the events that it selects are lost", "give it a target")


def _loose(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="delivery", problem=problem, fix=fix)


def dead_letters_taken(plan: Plan) -> Iterator[Finding]:
    """Every hop, and every queue that a function takes from, has a dead-letter queue that takes from it."""
    for hop in deliveries(plan):
        yield from _has_queue(plan, hop)
    for mapping in consumers(plan):
        if queue := plan.at(mapping.get("event_source_arn")):
            yield from _redrives(plan, queue)


def _has_queue(plan: Plan, hop: Hop) -> Iterator[Finding]:
    fix = "name a standard queue of the plan as its dead-letter queue"
    queue = plan.at(hop.dead_letter_arn)
    if not hop.dead_letter_arn:
        yield _dead(hop.carrier, "has no dead-letter queue: what it cannot deliver is lost", fix)
    elif queue is None or queue.type != "aws_sqs_queue":
        yield _dead(hop.carrier, f"its dead-letter queue {hop.dead_letter_arn} is not in the plan", fix)
    elif queue.get("fifo_queue"):
        yield _dead(hop.carrier, f"its dead-letter queue {queue.address} is FIFO, which the service refuses", fix)
    elif queue.arn == hop.destination_arn:
        yield _dead(hop.carrier, "its dead-letter queue is the queue that it cannot deliver to", fix)


def _redrives(plan: Plan, queue: Resource) -> Iterator[Finding]:
    arn = document(queue.get("redrive_policy")).get("deadLetterTargetArn")
    dead = plan.at(arn)
    if dead is None or dead.type != "aws_sqs_queue":
        problem = f"its dead-letter queue {arn} is not in the plan" if arn else "has no redrive_policy"
        yield _dead(queue, problem, "name a queue of the plan as deadLetterTargetArn")
        return
    if bool(dead.get("fifo_queue")) != bool(queue.get("fifo_queue")):
        yield _dead(dead, f"is not of the kind of {queue.address}", "make both FIFO or both standard")
    allowed = document(dead.get("redrive_allow_policy"))
    if not _admits(allowed, queue.arn):
        yield _dead(dead, f"takes no messages from {queue.address}", "name the queue in redrive_allow_policy")


def _admits(allowed: dict[str, Any], queue_arn: str) -> bool:
    """Whether a redrive_allow_policy names the queue: ``allowAll``, AWS's default, lets every queue in."""
    return allowed.get("redrivePermission") == "byQueue" and queue_arn in allowed.get("sourceQueueArns", ())


def dead_letters_kept(plan: Plan) -> Iterator[Finding]:
    """A dead-letter queue keeps messages longer than the queue they come from: SQS counts from the first sending
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html)."""
    longest = max((it.get("message_retention_seconds") or 0 for it in _sources(plan)), default=0)
    for it in dead_letter_queues(plan):
        kept = it.get("message_retention_seconds") or 0
        if kept < max(longest, 4 * 24 * 3600):
            problem = f"keeps events for {kept} s, less than a queue before it or than four days"
            yield _dead(it, problem, "set message_retention_seconds to 1209600, the most there is")


def _sources(plan: Plan) -> list[Resource]:
    queues = [plan.at(mapping.get("event_source_arn")) for mapping in consumers(plan)]
    return [it for it in queues if it is not None]


def consumed_queues(plan: Plan) -> Iterator[Finding]:
    """A mapping is on, reports failures one by one, and hides a message as long as its function may run."""
    for mapping in consumers(plan):
        if mapping.get("enabled") is False:
            yield _loose(mapping, "is off: its queue fills until events expire", "set enabled")
        if "ReportBatchItemFailures" not in (mapping.get("function_response_types") or ()):
            problem = "a batch with one failure counts as done, and the failed event is deleted"
            yield _loose(mapping, problem, "set function_response_types to ReportBatchItemFailures")
        if mapping.get("filter_criteria"):
            problem = "SQS deletes the events that its filter does not match, and nobody is told"
            yield _loose(mapping, problem, "remove filter_criteria, and let the subscription or rule select")
        queue, function = plan.at(mapping.get("event_source_arn")), function_of(plan, mapping)
        if queue and function and (queue.get("visibility_timeout_seconds") or 0) < (function.get("timeout") or 3):
            yield _loose(
                queue, "an event is visible again before its function ends", "raise visibility_timeout_seconds"
            )


def invocations_kept(plan: Plan) -> Iterator[Finding]:
    """What is invoked without waiting for an answer, and fails, is kept: a worker's alias has a queue on failure that
    its function may write to (Lambda writes in the name of the function's role). A web function's caller waits."""
    workers = {mapping.get("function_name") for mapping in consumers(plan)}
    for alias in (it for it in plan.of("aws_lambda_alias") if it.arn in workers):
        name, qualifier = alias.get("function_name"), alias.get("name")
        config = next(
            (
                it
                for it in plan.of("aws_lambda_function_event_invoke_config")
                if (it.get("function_name"), it.get("qualifier")) == (name, qualifier)
            ),
            None,
        )
        queue, function = plan.at(_on_failure(config)), function_of(plan, alias)
        role = plan.at(function.get("role")) if function else None
        if queue is None or queue.type != "aws_sqs_queue" or queue.get("fifo_queue"):
            problem = "an asynchronous invocation that fails is lost: it has no standard queue of the plan on failure"
            yield _dead(config or alias, problem, "name one as destination of on_failure")
        elif role and not allows(of_role(plan, role), Request(action="sqs:SendMessage", resource=queue.arn)):
            yield _dead(
                role, f"may not write to {queue.address}, its alias's queue on failure", "allow sqs:SendMessage"
            )


def _on_failure(config: Resource | None) -> str | None:
    if config is None:
        return None
    kept: list[dict[str, Any]] = block(config, "destination_config").get("on_failure") or []
    return next((it.get("destination") for it in kept), None)


def _dead(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="dead-letter", problem=problem, fix=fix)


def unmatched_kept(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Events of an unknown source, and those of each known source with an unknown name, are kept somewhere.

    The rules' own patterns decide, on one such event each. On a bus that others use too, an unknown source is theirs,
    as are the events of AWS services: none of those is kept.
    """
    shared = is_existing(next(plan.of("aws_cloudwatch_event_bus")))
    events = [it.event for manifest in manifests.values() for it in manifest.subscribes]
    sources = sorted({event.partition("/")[0] for event in events if event != "*"})
    keeping = [
        Pattern.parse(document(hop.writer.get("event_pattern")), dialect=EVENTBRIDGE)
        for hop in _keepers(plan)
        if hop.writer
    ]
    for source in [_UNKNOWN, *sources]:
        event = {"version": "0", "source": source, "detail-type": _UNKNOWN, "detail": {}}
        kept = any(pattern.matches(event) for pattern in keeping)
        if shared and (source == _UNKNOWN or source.startswith("aws.")):
            if kept:
                yield _others(plan, source)
        elif not kept:
            what = "an unknown source" if source == _UNKNOWN else f"an unknown name of {source}"
            problem, fix = f"events of {what} are lost in silence", "give them a rule to a queue with an alarm"
            bus = next(plan.of("aws_cloudwatch_event_bus"))
            yield Finding(address=bus.address, rule="unmatched", problem=problem, fix=fix)


def _others(plan: Plan, source: str) -> Finding:
    what = "any source" if source == _UNKNOWN else source
    problem, fix = f"other teams' events of {what} are kept as unmatched", "name the sources of the contracts alone"
    return Finding(
        address=next(plan.of("aws_cloudwatch_event_bus")).address, rule="unmatched", problem=problem, fix=fix
    )


def _keepers(plan: Plan) -> list[Hop]:
    """The hops from the platform's bus to where events stay: a queue that no function empties, so that an
    alarm is owed on it."""
    bus, consumed = names_of(plan).bus, {it.get("event_source_arn") for it in consumers(plan)}
    return [
        hop
        for hop in deliveries(plan)
        if hop.writer
        and str(hop.writer.get("event_bus_name")).rpartition("/")[2] == bus
        and hop.writer.get("state") != "DISABLED"
        and hop.destination
        and hop.destination.type == "aws_sqs_queue"
        and hop.destination_arn not in consumed
    ]


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
        named = {it: None for actions in ("alarm_actions", "ok_actions") for it in alarm.get(actions) or ()}
        for topic in filter(None, map(plan.at, named)):
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
