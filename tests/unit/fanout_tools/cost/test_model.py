"""The formulas, held to sums made by hand with the prices of the price file, and to what must hold of any bill."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_tools.cost.fixed import Canary, Fixed, Forwarder, Task, WebFunction
from fanout_tools.cost.mix import Mix, WebMix, WorkerMix
from fanout_tools.cost.model import METRICS, bill, chunks, loads, upkeep
from fanout_tools.cost.prices import Line, load
from fanout_tools.declarations.worker import IdempotencyMode

from .conftest import EVENT, month, small

PRICES = load()
modes = st.sampled_from(list(IdempotencyMode))
rates = st.floats(1, 1e9)


def _items(lines: list[Line]) -> dict[str, float]:
    items: dict[str, float] = {}
    for it in lines:
        items[f"{it.price} {it.item}"] = items.get(f"{it.price} {it.item}", 0.0) + it.usd
    return items


def _sum(lines: list[Line]) -> float:
    return sum(it.usd for it in lines)


def test_a_million_events_of_a_kilobyte_one_a_batch() -> None:
    """GIVEN a batch for each record WHEN a million come THEN each item is what it is by hand."""
    items = _items(bill(small(), month(), Mix(), PRICES))

    assert items == pytest.approx(
        {
            "events.custom events published": 1.00,  # 1 M x 1 chunk
            "sns.publish published": 0.50,
            "sns.filter_gb filters by body": 0.09,  # 1 M x 1,000 B = 1 GB, one filter
            "sqs.standard sent": 0.40,
            "sqs.standard received": 0.40,  # 1 M batches, one receive each
            "sqs.standard deleted": 0.40,
            "lambda.request invocations": 0.20,
            "lambda.arm64_gb_s compute": 0.11666725,  # 1 M x 35 ms x 0.25 GB = 8,750 GB-s
            "dynamodb.write idempotency": 1.25,  # 2 M writes of at most 1 KB
            "cloudwatch.logs_gb logs written": 0.50,  # 1 M x 1,000 B
        }
    )


def test_ten_records_a_second_fill_batches_of_ten() -> None:
    """GIVEN 10 records a second, a window of 1 s WHEN batches hold 10 THEN all are full; at 100, they are 11."""
    ten_a_second = month(10 * 730 * 3600)

    full = bill(small(window_s=1), ten_a_second, Mix(), PRICES)
    wide = loads(small(window_s=1, batch_size=100), ten_a_second, Mix())[0]

    assert wide.fill == 11
    assert _items(full)["lambda.request invocations"] == pytest.approx(2.628 * 0.20)
    assert _items(full)["sqs.standard received"] == pytest.approx(2.628 * 0.40)
    # 15 ms of the batch and 10 x 20 ms of its records, 0.25 GB
    assert _items(full)["lambda.arm64_gb_s compute"] == pytest.approx(2.628e6 * 0.215 * 0.25 * 0.0000133334)


def test_each_bus_elsewhere_is_paid_for() -> None:
    inventory = replace(small(), leaving={EVENT: 2})

    items = _items(bill(inventory, month(), Mix(), PRICES))

    assert items["events.between_buses to buses elsewhere"] == pytest.approx(2.00)


def test_a_batch_over_ten_takes_more_receives_and_deletes() -> None:
    lines = bill(small(batch_size=100), month(), Mix(workers={"billing": WorkerMix(batch_fill=25)}), PRICES)

    # 40,000 batches of 25: three receives and three deletes each
    assert _items(lines)["sqs.standard received"] == pytest.approx(0.12 * 0.40)
    assert _items(lines)["sqs.standard deleted"] == pytest.approx(0.12 * 0.40)


def test_large_events_are_charged_by_chunks_of_64_kib() -> None:
    assert [chunks(it) for it in (0, 65_536, 65_537, 262_144)] == [1, 1, 2, 4]

    items = _items(bill(small(), month(size=100_000), Mix(), PRICES))

    assert items["events.custom events published"] == pytest.approx(2.00)
    assert items["sqs.standard sent"] == pytest.approx(0.80)
    assert items["sqs.standard received"] == pytest.approx(0.80)
    assert items["sqs.standard deleted"] == pytest.approx(0.40)  # a delete carries no payload


def test_fifo_queues_have_their_own_price() -> None:
    items = _items(bill(small(fifo=True), month(), Mix(), PRICES))

    assert items["sqs.fifo sent"] == pytest.approx(0.50)
    assert not any(it.startswith("sqs.standard") for it in items)


def test_a_fifo_topic_is_charged_by_message_and_size() -> None:
    inventory = small()
    topic = replace(inventory.topics[EVENT][0], fifo=True, subscriptions=3, filters=0)

    items = _items(bill(replace(inventory, topics={EVENT: (topic,)}), month(), Mix(), PRICES))

    assert {it: usd for it, usd in items.items() if it.startswith("sns")} == pytest.approx(
        {
            "sns.fifo_publish published": 0.30,
            "sns.fifo_publish_gb published, by size": 0.017,
            "sns.fifo_delivery delivered": 0.03,
            "sns.fifo_delivery_gb delivered, by size": 0.003,
        }
    )


def test_an_archive_costs_what_comes_and_what_it_keeps() -> None:
    items = _items(bill(replace(small(), archives=(90,)), month(), Mix(), PRICES))

    assert items["events.archive_gb archived"] == pytest.approx(0.10)
    assert items["events.archive_gb_month archive kept"] == pytest.approx(0.023 * 90 / (730 / 24))


def test_an_event_of_aws_is_charged_as_it_comes_and_as_it_is_forwarded() -> None:
    event = "aws.s3/Object Created"
    inventory = replace(small(), ways=(), topics={event: ()})
    traffic = replace(month(), events={event: 1e6}, bytes={event: 500})

    assert _items(bill(inventory, traffic, Mix(), PRICES)) == pytest.approx(
        {"events.aws_opt_in AWS's own events": 1.0, "events.between_buses default bus to ours": 1.0}
    )


def test_an_event_from_an_external_queue_is_charged_by_its_pipe_too() -> None:
    piped = replace(small(), piped=frozenset({EVENT}))

    (pipe,) = (it for it in bill(piped, month(1e6, 70_000), Mix(), PRICES) if it.item == "taken from a queue")

    assert pipe.usd == pytest.approx(0.80)


def test_duplicates_and_retries_cost_reads_and_writes() -> None:
    items = _items(bill(small(), month(), Mix(duplicates=0.5, retries=0.5), PRICES))

    # 0.5 M fresh x 2, 0.5 M known x 1, 0.5 M received again x 2
    assert items["dynamodb.write idempotency"] == pytest.approx(2.5 * 0.625)
    assert items["dynamodb.read idempotency"] == pytest.approx(0.5 * 0.125)
    assert items["sqs.standard delayed for a retry"] == pytest.approx(0.5 * 0.40)
    assert items["lambda.request invocations"] == pytest.approx(1.5 * 0.20)


def test_idempotency_records_are_kept_for_their_ttl() -> None:
    """GIVEN records kept for 18 days WHEN a million come THEN they are stored, and backed up, for 18 days each."""
    inventory = small()
    workers = {"billing": replace(inventory.workers["billing"], ttl_s=18 * 86_400)}
    items = _items(bill(replace(inventory, workers=workers), month(), Mix(), PRICES))

    # 1 M x (400 + 100) B for 18 of 30.4 days
    gb_months = 0.5 * 18 / (730 / 24)
    assert items["dynamodb.gb_month idempotency kept"] == pytest.approx(gb_months * 0.25)
    assert items["dynamodb.pitr_gb_month idempotency kept, backups"] == pytest.approx(gb_months * 0.20)


def test_nothing_is_kept_with_idempotency_off() -> None:
    inventory = small(mode=IdempotencyMode.OFF)
    workers = {"billing": replace(inventory.workers["billing"], ttl_s=18 * 86_400)}

    assert not [it for it in _items(bill(replace(inventory, workers=workers), month(), Mix(), PRICES)) if "kept" in it]


def test_what_handlers_do_is_the_mixes() -> None:
    own = WorkerMix(writes=2, reads=1, puts=3, log_bytes=500, batch_ms=0, record_ms=100)
    items = _items(bill(small(), month(), Mix(workers={"billing": own}), PRICES))

    assert items["dynamodb.write handler's writes"] == pytest.approx(2 * 0.625)
    assert items["dynamodb.read handler's reads"] == pytest.approx(0.125)
    assert items["s3.put handler's objects"] == pytest.approx(15.0)
    assert items["cloudwatch.logs_gb logs written"] == pytest.approx(1.5 * 0.50)
    assert items["lambda.arm64_gb_s compute"] == pytest.approx(25_000 * 0.0000133334)


def test_a_condition_lets_a_share_pass() -> None:
    inventory = small()
    ways = (replace(inventory.ways[0], conditional=True),)
    mix = Mix(workers={"billing": WorkerMix(match=0.25)})

    found = loads(replace(inventory, ways=ways), month(), mix)[0]

    assert found.records == {EVENT: 250_000}
    assert loads(inventory, month(), mix)[0].records == {EVENT: 1e6}  # there is no condition to pass


@given(rates, st.floats(1, 10), modes, st.integers(0, 300), st.integers(1, 100))
def test_more_events_never_cost_less(
    events: float, factor: float, mode: IdempotencyMode, window_s: int, batch_size: int
) -> None:
    inventory = small(mode=mode, window_s=window_s, batch_size=batch_size)

    fewer, more = (_sum(bill(inventory, month(it), Mix(), PRICES)) for it in (events, events * factor))

    assert more >= fewer * (1 - 1e-9)


@given(rates, st.floats(1, 10), st.floats(1, 10), modes)
def test_fuller_batches_of_up_to_ten_never_cost_more(
    events: float, one: float, other: float, mode: IdempotencyMode
) -> None:
    emptier, fuller = (
        _sum(bill(small(mode=mode), month(events), Mix(workers={"billing": WorkerMix(batch_fill=it)}), PRICES))
        for it in sorted((one, other))
    )

    assert fuller <= emptier * (1 + 1e-9)


@given(rates, st.floats(0, 1), st.floats(0, 3))
def test_strict_costs_no_less_than_claim_and_claim_no_less_than_off(
    events: float, duplicates: float, retries: float
) -> None:
    mix = Mix(duplicates=duplicates, retries=retries)
    strict, claim, off = (_sum(bill(small(mode=it), month(events), mix, PRICES)) for it in IdempotencyMode)

    assert strict >= claim * (1 - 1e-9)
    assert claim >= off


@given(rates, st.integers(1, 1_048_576))
def test_larger_events_never_cost_less(events: float, size: int) -> None:
    one, larger = (_sum(bill(small(), month(events, it), Mix(), PRICES)) for it in (size, min(size * 2, 1_048_576)))

    assert larger >= one * (1 - 1e-9)


def _upkeep_of(fixed: Fixed, mix: Mix | None = None, events: float = 1e6) -> dict[str, float]:
    lines = upkeep(replace(small(), fixed=fixed), month(events), mix or Mix(), PRICES)
    return {it.item: it.usd for it in lines}


def test_an_idle_queue_is_polled_all_month() -> None:
    """GIVEN five pollers that wait 20 s WHEN nothing comes THEN there are 657,000 empty receives."""
    assert _upkeep_of(Fixed(), events=0)["empty receives"] == pytest.approx(0.657 * 0.40)


def test_receives_that_bring_messages_take_the_place_of_empty_ones() -> None:
    assert _upkeep_of(Fixed(), events=300_000)["empty receives"] == pytest.approx(0.357 * 0.40)
    assert "empty receives" not in _upkeep_of(Fixed(), events=1e6)


def test_each_metric_of_a_worker_is_charged_while_it_works() -> None:
    assert _upkeep_of(Fixed())["metrics"] == pytest.approx(METRICS * 0.30)
    assert "metrics" not in _upkeep_of(Fixed(), events=0)


def test_alarms_dashboards_and_logs() -> None:
    items = _upkeep_of(Fixed(alarm_metrics=45, alarm_metrics_high_resolution=1, dashboards=8, log_retention_days=73))

    assert (items["alarms"], items["alarms of high resolution"]) == pytest.approx((4.50, 0.30))
    assert items["dashboards"] == pytest.approx(24.0)
    assert items["logs kept"] == pytest.approx(2.4 * 0.03)  # 1 GB a month, for 73 of 30.4 days


def test_a_key_is_asked_for_once_in_five_minutes() -> None:
    """B / D = 8,760 periods: one producer writes and reads its data key, one consumer reads it; a topic has none."""
    inventory = small()
    worker = replace(inventory.workers["billing"], encrypted=True)
    fixed = Fixed(keys=1, encrypted_topics=2, encrypted_tables=1)
    lines = upkeep(replace(inventory, workers={"billing": worker}, fixed=fixed), month(), Mix(), PRICES)
    items = {it.item: it.usd for it in lines}

    assert items["keys"] == 1.00
    assert items["queue's keys"] == pytest.approx(3 * 8_760 * 0.000003)
    assert items["topics' keys"] == pytest.approx(2 * 2 * 8_760 * 0.000003)
    assert items["tables' keys"] == pytest.approx(8_760 * 0.000003)


def test_a_queue_never_needs_more_keys_than_its_messages() -> None:
    inventory = small()
    worker = replace(inventory.workers["billing"], encrypted=True)
    lines = upkeep(replace(inventory, workers={"billing": worker}), month(10), Mix(), PRICES)

    assert next(it.quantity for it in lines if it.item == "queue's keys") == 30


def test_environments_that_are_kept_ready_cost_all_month() -> None:
    inventory = small()
    worker = replace(inventory.workers["billing"], provisioned=4)
    lines = upkeep(replace(inventory, workers={"billing": worker}), month(), Mix(), PRICES)

    # 4 x 0.25 GB x 2,628,000 s
    assert next(it.usd for it in lines if it.item == "kept ready") == pytest.approx(2_628_000 * 0.0000033334)


def test_a_function_without_a_router_costs_its_requests() -> None:
    """GIVEN a function URL and an HTTP API, and no router WHEN nothing is asked THEN nothing is paid; WHEN a million
    requests are THEN each is paid by its time, and those of the API by their size too."""
    web = tuple(WebFunction(name=via, memory_mb=512, architecture="arm64", via=via) for via in ("url", "http_api"))
    fixed = Fixed(web=web, log_retention_days=365)
    mix = WebMix(requests=1_000_000, request_ms=100, request_kib=513, request_log_bytes=500)

    assert not [it for it in _upkeep_of(fixed, Mix(web=WebMix(requests=0))) if it.startswith(("url", "http_api"))]
    items = _upkeep_of(fixed, Mix(web=mix))

    assert items["http_api: HTTP API"] == pytest.approx(2.0)
    assert "url: HTTP API" not in items
    for via in ("url", "http_api"):
        assert items[f"{via}: invocations"] == pytest.approx(0.2)
        assert items[f"{via}: compute"] == pytest.approx(50_000 * 0.0000133334)
        assert items[f"{via}: logs written"] == pytest.approx(0.25)
        assert items[f"{via}: logs kept"] == pytest.approx(0.5 * 12 * 0.03)
    assert not [it for it in items if "environments" in it or "load balancers" in it]


def test_a_router_costs_its_tasks_balancer_and_environments() -> None:
    fixed = Fixed(
        tasks=(Task(name="router", tasks=2, vcpu=0.5, gb=1.0, architecture="arm64"),),
        web=(WebFunction(name="shop", memory_mb=1024, architecture="arm64"),),
        balancers=1,
        nat_gateways=1,
        addresses=1,
        endpoints=2,
    )
    items = _upkeep_of(fixed, Mix(web=WebMix(environments=3, lcu=0.5)))

    assert items["router: processors"] == pytest.approx(730 * 0.03238)
    assert items["router: memory"] == pytest.approx(1460 * 0.00356)
    assert items["shop: environments"] == pytest.approx(3 * 2_628_000 * 0.0000133334)
    assert items["load balancers"] == pytest.approx(730 * 0.0225)
    assert items["load balancers' work"] == pytest.approx(365 * 0.008)
    assert items["NAT gateways"] == pytest.approx(730 * 0.045)
    assert items["public addresses"] == pytest.approx(730 * 0.005)
    assert items["interface endpoints"] == pytest.approx(1460 * 0.01)


def test_canaries_by_the_clock_cost_their_events_and_their_function() -> None:
    """GIVEN canaries for one pair every quarter of an hour WHEN a month is without events THEN 2,920 runs are paid."""
    canary = Canary(every_s=900, memory_mb=512, architecture="arm64")
    lines = upkeep(replace(small(), fixed=Fixed(canary=canary)), month(0), Mix(), PRICES)

    found = {it.price: it.quantity for it in lines if it.item.startswith("canaries")}
    assert found == {
        "events.custom": 2_920 * len(small().ways),
        "lambda.request": 2_920,
        "lambda.arm64_gb_s": 2_920 * 15 * 0.5,
        "cloudwatch.metric": 3,
    }


def test_spans_are_forwarded_by_the_batch() -> None:
    """GIVEN a forwarder of 256 MiB WHEN a worker has a million batches of one record THEN it is invoked for each."""
    forwarder = Forwarder(memory_mb=256, architecture="arm64")
    lines = bill(replace(small(), fixed=Fixed(forwarder=forwarder)), month(), Mix(), PRICES)

    found = {it.price: it.quantity for it in lines if it.item == "spans forwarded"}
    assert found == {"lambda.request": 1_000_000, "lambda.arm64_gb_s": pytest.approx(25_000)}
    assert not [it for it in bill(small(), month(), Mix(), PRICES) if it.item == "spans forwarded"]
