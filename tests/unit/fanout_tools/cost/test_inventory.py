"""What of a plan costs money."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fanout.errors import PlanError
from fanout_tools.cost.fixed import Canary, Forwarder, fixed
from fanout_tools.cost.inventory import inventory
from fanout_tools.declarations.worker import IdempotencyMode, Manifest
from fanout_tools.plans import Plan, Resource

EVENTS = ("aws.s3/Object Created", "shop.billing/InvoiceIssued", "shop.media/AlbumReady", "shop.orders/OrderPlaced")


def test_each_event_has_its_ways(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    found = inventory(plan, manifests, EVENTS)

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
    (topic,) = inventory(plan, manifests, EVENTS).topics["shop.orders/OrderPlaced"]

    assert (topic.subscriptions, topic.filters, topic.fifo) == (2, 2, False)
    assert inventory(plan, manifests, EVENTS).topics["shop.billing/InvoiceIssued"] == ()


def test_workers_are_as_planned_and_declared(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    workers = inventory(plan, manifests, EVENTS).workers

    assert workers["statements"].fifo
    assert workers["statements"].mode is IdempotencyMode.CLAIM
    assert (workers["thumbnails"].memory_mb, workers["thumbnails"].batch_size) == (1024, 1)
    assert (workers["audit"].batch_size, workers["audit"].window_s) == (100, 1)
    assert all(it.encrypted for it in workers.values())


def test_a_worker_that_the_plan_has_not_is_told(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    with pytest.raises(PlanError, match="no queue and function of newcomer: make it anew"):
        inventory(plan, {**manifests, "newcomer": manifests["billing"]}, EVENTS)


def test_a_worker_that_nobody_declares_is_told(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    fewer = {name: it for name, it in manifests.items() if name != "billing"}
    with pytest.raises(PlanError, match="services/ declares no worker billing"):
        inventory(plan, fewer, EVENTS)


def test_the_months_own_is_counted(plan: Plan) -> None:
    found = fixed(plan)

    alarms = list(plan.of("aws_cloudwatch_metric_alarm"))
    queries = [it.get("metric_query") or () for it in alarms]  # of all but one a metric, where it is an expression
    assert found.alarm_metrics == len(alarms) + sum(len(it) - 2 for it in queries if len(it) > 2)
    assert (found.keys, found.alarm_metrics_high_resolution) == (1, 0)
    assert found.encrypted_queues == len(list(plan.of("aws_sqs_queue")))


def test_a_router_is_counted_where_the_plan_has_one(plan: Plan) -> None:
    zonal = Resource(
        address="e", type="aws_vpc_endpoint", values={"vpc_endpoint_type": "Interface", "subnet_ids": ["a", "b"]}
    )
    free = Resource(address="g", type="aws_vpc_endpoint", values={"vpc_endpoint_type": "Gateway"})

    found = fixed(replace(plan, resources=(*plan.resources, zonal, free)))

    (router,) = found.tasks
    assert (router.tasks, router.vcpu, router.gb, router.architecture) == (2, 0.5, 1.0, "arm64")
    assert {it.name: it.via for it in found.web} == {
        "fanout-fixture-storefront": "router",
        "fanout-fixture-console": "router",
        "fanout-fixture-hooks": "url",
        "fanout-fixture-api": "http_api",
    }
    assert found.canary == Canary(every_s=900, memory_mb=512, architecture="arm64")
    assert found.forwarder == Forwarder(memory_mb=256, architecture="arm64")
    assert (found.balancers, found.endpoints) == (1, 2)


def test_without_a_router_none_is_counted(plan: Plan) -> None:
    parts = ("module.platform.module.router", "module.platform.module.web")

    found = fixed(replace(plan, resources=tuple(it for it in plan.resources if not it.address.startswith(parts))))

    assert (found.tasks, found.web, found.balancers) == ((), (), 0)


def test_the_events_that_pipes_make_are_known(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    assert inventory(plan, manifests, EVENTS).piped == {"shop.orders/OrderPlaced"}


def test_the_events_that_leave_are_known(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    found = inventory(plan, manifests, ["shop.orders/OrderPlaced", "shop.billing/InvoiceIssued", "shop.x/Unknown"])

    assert found.leaving == {"shop.orders/OrderPlaced": 1, "shop.billing/InvoiceIssued": 1}


def test_the_addresses_of_a_load_balancer_on_the_internet_are_counted(plan: Plan) -> None:
    """GIVEN a load balancer with two public subnets THEN it has two addresses; none if it is internal."""
    (balancer,) = plan.of("aws_lb")
    others = tuple(it for it in plan.resources if it is not balancer)

    assert fixed(plan).addresses == len(balancer.get("subnets")) == 2
    assert fixed(replace(plan, resources=(*others, balancer.having(internal=True)))).addresses == 0


def test_every_function_is_priced_or_named(plan: Plan, manifests: Mapping[str, Manifest]) -> None:
    """GIVEN workers, web functions, the console, a canary and a forwarder THEN no function is left; WHEN one comes that
    a stream feeds THEN it is named as not calculated."""
    relay, stream = (
        Resource(address=kind, type=kind, values={"function_name": "relay", "arn": "arn:aws:lambda:::relay"})
        for kind in ("aws_lambda_function", "aws_lambda_event_source_mapping")
    )

    assert "aws_lambda_function" not in inventory(plan, manifests, EVENTS).unpriced
    more = replace(plan, resources=(*plan.resources, relay, stream))
    assert inventory(more, manifests, EVENTS).unpriced["aws_lambda_function"] == 1
