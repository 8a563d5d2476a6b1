"""AWS's quotas that an environment may meet as it grows: how much of each a plan takes.

An account that has been given more of an adjustable one says so in the environment's ``check_plan.yaml``. What else is
in the account and region is not in the plan, and not counted.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools.plans import Plan, Resource, block, document
from fanout_tools.proof.findings import Finding

__all__ = ["QUOTAS", "Quota", "kept"]

Used = Iterator[tuple[str, int]]
"""Where, and how much."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """One of AWS's quotas."""

    what: str
    most: int
    """By default."""
    adjustable: bool
    met: str
    """Where an environment comes to it."""
    fix: str
    source: str
    """AWS's page."""
    used: Callable[[Plan], Used]


def kept(plan: Plan, given: Mapping[str, int]) -> Iterator[Finding]:
    """What takes more than AWS gives.

    :param given: the quotas that the account has more of, by their name in :data:`QUOTAS`.
    :raises PlanError: there is no such quota, or it cannot be raised.
    """
    if unknown := [name for name in given if name not in QUOTAS or not QUOTAS[name].adjustable]:
        known = ", ".join(name for name, quota in QUOTAS.items() if quota.adjustable)
        raise PlanError(f"check_plan.yaml: quotas: {unknown[0]}: is none that AWS raises; these are: {known}")
    for name, quota in QUOTAS.items():
        most = given.get(name, quota.most)
        for address, used in quota.used(plan):
            if used > most:
                raised = f", or ask for more and write quotas: {{{name}: N}} into check_plan.yaml"
                fix = quota.fix + (raised if quota.adjustable else "")
                problem = f"{used:,} {quota.what}; AWS gives {most:,}"
                yield Finding(address=address, rule="quota", problem=problem, fix=fix)


def _counted(kind: str, *by: str, having: Callable[[Resource], bool] = bool) -> Callable[[Plan], Used]:
    """How many of a kind there are for each value of these attributes; the address is that of the first."""

    def used(plan: Plan) -> Used:
        groups: dict[tuple[str, ...], list[str]] = {}
        for it in filter(having, plan.of(kind)):
            groups.setdefault(tuple(str(it.get(name)) for name in by), []).append(it.address)
        yield from ((addresses[0], len(addresses)) for addresses in groups.values())

    return used


def _each(kind: str, measure: Callable[[Resource], int]) -> Callable[[Plan], Used]:
    def used(plan: Plan) -> Used:
        yield from ((it.address, measure(it)) for it in plan.of(kind))

    return used


def _has_wildcard(pattern: Any) -> bool:
    if isinstance(pattern, Mapping):
        return "wildcard" in pattern or any(map(_has_wildcard, pattern.values()))
    return isinstance(pattern, list) and any(map(_has_wildcard, pattern))


def _role_policies(plan: Plan) -> Used:
    sizes: Counter[str] = Counter()
    first: dict[str, str] = {}
    for it in plan.of("aws_iam_role_policy"):
        first.setdefault(str(it.get("role")), it.address)
        sizes[str(it.get("role"))] += len("".join(str(it.get("policy")).split()))
    yield from ((first[role], size) for role, size in sizes.items())


def _concurrency(plan: Plan) -> Used:
    """Of the reserved, which takes from what the account's other functions have."""
    reserved = [it for it in plan.of("aws_lambda_function") if int(it.get("reserved_concurrent_executions") or 0) > 0]
    if reserved:
        yield reserved[0].address, sum(int(it.get("reserved_concurrent_executions")) for it in reserved)


def _environment(function: Resource) -> int:
    variables: Mapping[str, str] = block(function, "environment").get("variables") or {}
    return sum(len(f"{name}{value}".encode()) for name, value in variables.items())


def _widgets(dashboard: Resource) -> list[int]:
    """How many metrics each of them shows."""
    widgets = document(dashboard.get("dashboard_body")).get("widgets", [])
    return [len(it["properties"].get("metrics", [])) for it in widgets]


def _insights(alarm: Resource) -> bool:
    return "SELECT " in json.dumps(alarm.get("metric_query") or [])


_EVENTBRIDGE: Final = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
_LAMBDA: Final = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_IAM: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_CLOUDWATCH: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"
_LOGS: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"
_SNS_FILTERS: Final = "https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"
_SQS: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"

QUOTAS: Final[Mapping[str, Quota]] = {
    "rules-per-bus": Quota(
        what="rules on one bus",
        most=300,
        adjustable=True,
        met="some 290 subscriptions of `via: bus`; a domain behind a topic takes two rules; "
        "af-south-1 and eu-south-1 have 100, which `check_plan.yaml` can say",
        fix="let workers subscribe via: topic",
        source=_EVENTBRIDGE,
        used=_counted("aws_cloudwatch_event_rule", "event_bus_name"),
    ),
    "wildcard-rules-per-bus": Quota(
        what="rules with a wildcard on one bus",
        most=30,
        adjustable=False,
        met="30 subscriptions of `via: bus` whose `where` has a `wildcard`",
        fix="write prefix or suffix in place of wildcard, or subscribe via: topic",
        source=_EVENTBRIDGE,
        used=_counted(
            "aws_cloudwatch_event_rule",
            "event_bus_name",
            having=lambda it: _has_wildcard(document(it.get("event_pattern"))),
        ),
    ),
    "targets-per-rule": Quota(
        what="targets of one rule",
        most=5,
        adjustable=False,
        met="never: each rule has one",
        fix="give each target a rule of its own",
        source=_EVENTBRIDGE,
        used=_counted("aws_cloudwatch_event_target", "event_bus_name", "rule"),
    ),
    "filters-per-topic": Quota(
        what="subscriptions with a filter on one topic",
        most=200,
        adjustable=True,
        met="200 workers of one domain",
        fix="split the domain's source, or let workers subscribe via: bus",
        source=_SNS_FILTERS,
        used=_counted("aws_sns_topic_subscription", "topic_arn", having=lambda it: bool(it.get("filter_policy"))),
    ),
    "filters": Quota(
        what="subscriptions with a filter",
        most=10_000,
        adjustable=True,
        met="never: one for each worker and source; all environments of the account count",
        fix="let workers subscribe via: bus",
        source=_SNS_FILTERS,
        used=_counted("aws_sns_topic_subscription", having=lambda it: bool(it.get("filter_policy"))),
    ),
    "roles": Quota(
        what="roles",
        most=1_000,
        adjustable=True,
        met="about 950 workers; all environments of the account count",
        fix="move an environment to another account",
        source=_IAM,
        used=_counted("aws_iam_role"),
    ),
    "role-policy-size": Quota(
        what="characters in a role's inline policies",
        most=10_240,
        adjustable=False,
        met="a worker with some 40 statements of `permissions`",
        fix="join statements of the worker's permissions",
        source=_IAM,
        used=_role_policies,
    ),
    "tables": Quota(
        what="tables",
        most=2_500,
        adjustable=True,
        met="about 1,200 workers that gather; 2,500 others",
        fix="let workers that need no memory declare idempotency: off",
        source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html",
        used=_counted("aws_dynamodb_table"),
    ),
    "reserved-concurrency": Quota(
        what="reserved concurrent executions",
        most=900,
        adjustable=True,
        met="the sum of `function.reserved_concurrency`; AWS keeps 100 of the account's 1,000 for the others",
        fix="reserve less",
        source=_LAMBDA,
        used=_concurrency,
    ),
    "layers": Quota(
        what="layers of a function",
        most=5,
        adjustable=False,
        met="never: a function has two at most",
        fix="put dependencies into one layer",
        source=_LAMBDA,
        used=_each("aws_lambda_function", lambda it: len(it.get("layers") or ())),
    ),
    "environment-size": Quota(
        what="bytes of a function's environment variables",
        most=4_096,
        adjustable=False,
        met="a worker with many `parameters`, `secrets` and stores with long names",
        fix="give the worker fewer parameters, or shorter names",
        source=_LAMBDA,
        used=_each("aws_lambda_function", _environment),
    ),
    "queue-policy-size": Quota(
        what="bytes of a queue's policy",
        most=8_192,
        adjustable=False,
        met="a worker of `via: bus` with about 80 subscriptions",
        fix="split the worker, or subscribe via: topic",
        source=_SQS,
        used=_each("aws_sqs_queue", lambda it: len(str(it.get("policy") or "").encode())),
    ),
    "log-resource-policies": Quota(
        what="resource policies of CloudWatch Logs",
        most=10,
        adjustable=False,
        met="never: one for each environment; ten environments in an account and region",
        fix="write one policy for all log groups of a service",
        source=_LOGS,
        used=_counted("aws_cloudwatch_log_resource_policy"),
    ),
    "log-subscriptions": Quota(
        what="subscriptions of one log group",
        most=2,
        adjustable=False,
        met="the span forwarder is one; another of the project's own is the second",
        fix="remove one",
        source=_LOGS,
        used=_counted("aws_cloudwatch_log_subscription_filter", "log_group_name"),
    ),
    "log-groups-per-query": Quota(
        what="log groups in one saved query",
        most=50,
        adjustable=False,
        met="never: beyond 50 workers each query is saved in parts",
        fix="save it in parts",
        source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html",
        used=_each("aws_cloudwatch_query_definition", lambda it: len(it.get("log_group_names") or ())),
    ),
    "insights-alarms": Quota(
        what="alarms on Metrics Insights queries",
        most=200,
        adjustable=True,
        met="never: two for each environment",
        fix="watch metrics by name",
        source=_CLOUDWATCH,
        used=_counted("aws_cloudwatch_metric_alarm", having=_insights),
    ),
    "widgets-per-dashboard": Quota(
        what="widgets on one dashboard",
        most=500,
        adjustable=False,
        met="never: beyond 100 workers each domain has dashboards of its own",
        fix="split the dashboard",
        source=_CLOUDWATCH,
        used=_each("aws_cloudwatch_dashboard", lambda it: len(_widgets(it))),
    ),
    "metrics-per-widget": Quota(
        what="metrics in one graph",
        most=500,
        adjustable=False,
        met="never: beyond 100 workers each domain has dashboards of its own",
        fix="show fewer in one graph",
        source=_CLOUDWATCH,
        used=_each("aws_cloudwatch_dashboard", lambda it: max(_widgets(it), default=0)),
    ),
    "metrics-per-dashboard": Quota(
        what="metrics on one dashboard",
        most=2_500,
        adjustable=False,
        met="never: beyond 100 workers each domain has dashboards of its own",
        fix="split the dashboard",
        source=_CLOUDWATCH,
        used=_each("aws_cloudwatch_dashboard", lambda it: sum(_widgets(it))),
    ),
}
"""By the name that ``quotas`` of a ``check_plan.yaml`` calls them."""
