"""What of a plan costs money."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fanout.cli.cost.estate import estate
from fanout.cli.cost.fixed import fixed, unpriced
from fanout.errors import PlanError
from fanout.manifest import IdempotencyMode, Manifest
from fanout.plans import Plan, Resource

EVENTS = ("aws.s3/Object Created", "shop.billing/InvoiceIssued", "shop.media/AlbumReady", "shop.orders/OrderPlaced")


def test_each_event_has_its_ways(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    found = estate(plan, manifests, EVENTS)

    ways = {(it.event.partition("/")[2], it.worker): (it.topic, it.conditional) for it in found.ways}
    assert ways == {
        ("Object Created", "audit"): (None, False),
        ("Object Created", "thumbnails"): (None, True),
        ("InvoiceIssued", "audit"): (None, False),
        ("InvoiceIssued", "statements"): (None, True),
        ("AlbumReady", "audit"): (None, False),
        ("OrderPlaced", "audit"): (None, False),
        ("OrderPlaced", "billing"): ("fanout-fixture-shop-orders", False),
        ("OrderPlaced", "notifications"): ("fanout-fixture-shop-orders", False),
        ("OrderPlaced", "statements"): (None, False),
    }


def test_a_topic_scans_for_each_filter(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    (topic,) = estate(plan, manifests, EVENTS).topics["shop.orders/OrderPlaced"]

    assert (topic.subscriptions, topic.filters, topic.fifo) == (2, 2, False)
    assert estate(plan, manifests, EVENTS).topics["shop.billing/InvoiceIssued"] == ()


def test_workers_are_as_planned_and_declared(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    workers = estate(plan, manifests, EVENTS).workers

    assert workers["statements"].fifo
    assert workers["statements"].mode is IdempotencyMode.CLAIM
    assert (workers["thumbnails"].memory_mb, workers["thumbnails"].batch_size) == (1024, 1)
    assert (workers["audit"].batch_size, workers["audit"].window_s) == (100, 1)
    assert all(it.encrypted for it in workers.values())


def test_a_worker_that_the_plan_has_not_is_told(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    with pytest.raises(PlanError, match="no queue and function of newcomer: make it anew"):
        estate(plan, {**manifests, "newcomer": manifests["billing"]}, EVENTS)


def test_a_worker_that_nobody_declares_is_told(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    fewer = {name: it for name, it in manifests.items() if name != "billing"}
    with pytest.raises(PlanError, match="services/ declares no worker billing"):
        estate(plan, fewer, EVENTS)


def test_the_months_own_is_counted(plan: Plan) -> None:
    found = fixed(plan)

    alarms = list(plan.of("aws_cloudwatch_metric_alarm"))
    metrics = [sum(bool(query.get("metric")) for query in it.get("metric_query") or ()) for it in alarms]
    assert found.alarm_metrics == sum(max(1, it) for it in metrics)  # a rate is of two, executions end badly in three
    assert (found.keys, found.alarm_metrics_high_resolution, found.tasks, found.web) == (1, 0, (), ())
    assert found.encrypted_queues == len(list(plan.of("aws_sqs_queue")))


def test_a_router_is_counted_where_the_plan_has_one(plan: Plan) -> None:
    task = {"arn": "arn:t:1", "cpu": "512", "memory": "1024", "runtime_platform": [{"cpu_architecture": "ARM64"}]}
    more = (
        Resource(address="t", type="aws_ecs_task_definition", values=task),
        Resource(
            address="s",
            type="aws_ecs_service",
            values={"name": "router", "desired_count": 2, "task_definition": "arn:t:1"},
        ),
        Resource(
            address="w",
            type="aws_lambda_function",
            values={"function_name": "shop", "arn": "arn:w", "memory_size": 1024, "architectures": ["arm64"]},
        ),
        Resource(address="l", type="aws_lb", values={"name": "router"}),
        Resource(
            address="e",
            type="aws_vpc_endpoint",
            values={"vpc_endpoint_type": "Interface", "subnet_ids": ["a", "b"]},
        ),
        Resource(address="g", type="aws_vpc_endpoint", values={"vpc_endpoint_type": "Gateway"}),
    )

    found = fixed(replace(plan, resources=(*plan.resources, *more)))

    (router,) = found.tasks
    assert (router.tasks, router.vcpu, router.gb, router.architecture) == (2, 0.5, 1.0, "arm64")
    assert [it.name for it in found.web] == ["shop"]
    assert (found.balancers, found.endpoints) == (1, 2)


def test_what_costs_by_use_and_is_not_reckoned_is_named() -> None:
    counted = {"aws_s3_bucket": 2, "aws_s3_bucket_policy": 2, "aws_sfn_state_machine": 1, "aws_iam_role": 5}

    assert unpriced(counted) == {"aws_s3_bucket": 2, "aws_sfn_state_machine": 1}
