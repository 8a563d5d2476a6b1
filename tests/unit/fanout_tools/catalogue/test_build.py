"""A plan becomes nodes, edges and ways."""

from collections.abc import Mapping

from fanout_tools.catalogue.build import topology
from fanout_tools.catalogue.topology import EdgeKind, Kind, Layer, Topology
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.plans import Plan
from scripts.mutants.fixture import FIXTURE


def _edges(drawn: Topology, kind: EdgeKind = EdgeKind.EVENT) -> set[tuple[str, str]]:
    return {(it.source, it.target) for it in drawn.edges if it.kind is kind}


def _manifests() -> Mapping[str, Manifest]:
    return load_all(FIXTURE / "services")


def test_an_event_passes_bus_rule_topic_queue_and_function(drawn: Topology) -> None:
    assert {
        ("publisher/(applications)", "bus/fanout-fixture"),
        ("bus/fanout-fixture", "rule/topic-shop-orders"),
        ("rule/topic-shop-orders", "topic/shop-orders"),
        ("topic/shop-orders", "queue/billing"),
        ("queue/billing", "function/billing"),
    } <= _edges(drawn)
    assert {("function/billing", "store/ledger"), ("function/billing", "store/balances")} <= _edges(drawn, EdgeKind.USE)
    assert ("function/notifications", "store/orders@shop.example") in _edges(drawn, EdgeKind.USE)


def test_each_queue_has_its_dead_letter_queue_with_its_alarm(drawn: Topology) -> None:
    assert ("queue/billing", "dead-letter queue/billing-dlq") in _edges(drawn, EdgeKind.FAILURE)
    assert drawn.node("dead-letter queue/billing-dlq").alarms == ("fanout-fixture-billing-dlq-not-empty",)
    assert ("rule/topic-shop-orders", "dead-letter queue/shop-orders-undelivered") in _edges(drawn, EdgeKind.FAILURE)


def test_a_fifo_worker_has_both_its_dead_letter_queues(drawn: Topology) -> None:
    names = {it.title for it in drawn.of("statements", Kind.DEAD_LETTER_QUEUE)}

    assert names == {"statements-dlq.fifo", "statements-undelivered-dlq"}
    assert drawn.of("statements", Kind.QUEUE)[0].facts["fifo"] is True


def test_unmatched_events_are_one_rule_whatever_patterns_they_need(drawn: Topology) -> None:
    into = [it for it in drawn.edges if it.target == "dead-letter queue/unmatched"]

    assert [(it.source, it.kind) for it in into] == [("rule/unmatched", EdgeKind.EVENT)]


def test_facts_are_the_plans(drawn: Topology) -> None:
    queue, function = drawn.of("thumbnails", Kind.QUEUE)[0], drawn.of("thumbnails", Kind.FUNCTION)[0]

    assert (queue.facts["batch_size"], queue.facts["visibility_s"], queue.facts["max_concurrency"]) == (1, 360, 5)
    assert (function.facts["memory_mb"], function.facts["architecture"]) == (1024, "arm64")
    assert queue.lines == ('Object Created where object.key ends with ".jpg" or ".jpeg" or ".png"',)


def test_every_declared_pair_has_its_way_and_size(drawn: Topology) -> None:
    ways = {(it.event, it.worker): it for it in drawn.ways}

    assert ways["shop.orders/OrderPlaced", "billing"].via == "topic"
    assert all(it.whole and it.max_bytes == 262_144 for it in ways.values())


def test_a_broken_way_is_told(plan: Plan) -> None:
    subscription = next(it for it in plan.of("aws_sns_topic_subscription") if "billing" in it.address)

    broken = topology(plan.changed(subscription.having(filter_policy="{}")), _manifests())

    assert {it.worker for it in broken.ways if not it.whole} == {"billing"}


def test_without_alarms_nothing_has_a_bell(plan: Plan) -> None:
    silent = Plan(tuple(it for it in plan.resources if it.type != "aws_cloudwatch_metric_alarm"))

    assert not any(it.alarms for it in topology(silent, _manifests()).nodes)


def test_schedules_and_a_router_are_sources_where_the_plan_has_them(plan: Plan) -> None:
    function = next(it for it in plan.of("aws_lambda_function") if it.get("function_name") == "fanout-fixture-billing")
    web = function.having(function_name="fanout-fixture-shopfront", arn=f"{function.arn}-web")
    bus = next(plan.of("aws_cloudwatch_event_bus"))
    target = {"arn": bus.arn, "eventbridge_parameters": [{"detail_type": "SalesReportRequested"}]}
    schedule = bus.having(name="nightly", arn="arn:s", schedule_expression="rate(1 day)", target=[target])
    more = Plan(
        (
            *plan.resources,
            type(web)(address="web", type=web.type, values=web.values),
            type(web)(address="schedule", type="aws_scheduler_schedule", values=schedule.values),
            type(web)(address="lb", type="aws_lb", values={"name": "fanout-fixture-router", "arn": "arn:lb"}),
            type(web)(address="ecs", type="aws_ecs_service", values={"name": "fanout-fixture-router"}),
        )
    )

    drawn = topology(more, _manifests(), ["a/B", "a/C", "a/D"], {"shopfront": ["a/B"], "elsewhere": ["a/C"]})

    assert drawn.node("function/shopfront").lines == ("web", "B")
    assert drawn.node("publisher/elsewhere").lines == ("C",)
    assert drawn.node("publisher/(applications)").lines == ("D",)
    assert {
        ("function/shopfront", "bus/fanout-fixture"),
        ("schedule/nightly", "bus/fanout-fixture"),
        ("service/router (load balancer)", "service/router (ECS service)"),
        ("service/router (ECS service)", "function/shopfront"),
    } <= _edges(drawn)
    assert drawn.node("function/shopfront").layer is Layer.SOURCE


def test_an_external_queue_is_a_source(drawn: Topology) -> None:
    assert drawn.node("external-queue/legacy-imports").lines == ("OrderPlaced",)
    assert ("external-queue/legacy-imports", "bus/fanout-fixture") in _edges(drawn)


def test_the_clock_of_canaries_is_a_source(drawn: Topology) -> None:
    assert drawn.node("schedule/canary").lines == ("rate(15 minutes)", "every pair")
    assert ("schedule/canary", "bus/fanout-fixture") in _edges(drawn)


def test_a_topology_survives_its_json(drawn: Topology) -> None:
    assert Topology.from_json(drawn.to_json()) == drawn


def test_a_bus_elsewhere_is_where_its_events_go(drawn: Topology) -> None:
    ledger = "bus/arn:aws:events:us-east-1:444455556666:event-bus/ledger"
    sent = {source for source, target in _edges(drawn) if target == ledger}

    assert drawn.node(ledger).title == "ledger (bus of 444455556666)"
    assert len(sent) == 2
    assert {(rule, "dead-letter queue/to-ledger-undelivered") for rule in sent} <= _edges(drawn, EdgeKind.FAILURE)
