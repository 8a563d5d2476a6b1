"""Each source, in AWS's own shapes: pages, limits, things that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from fanout_tools.operate.fast import Fast, FastError
from fanout_tools.operate.sources import alarms, functions, logs, metrics, reports
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.sources.metrics import Metric, Window
from tests.unit.fanout_tools.operate.conftest import StandIn, deployment

WINDOW = Window(1_800_000_000.0, 1_800_000_900.0)


def test_alarms_of_all_pages_and_kinds_ring_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: str, asked: dict[str, Any]) -> Any:
        if "NextToken" not in asked:
            metric = {"AlarmName": "shop-prod-b", "AlarmDescription": "B", "StateTransitionedTimestamp": 1.5}
            return {"MetricAlarms": [metric], "NextToken": "t"}
        return {"MetricAlarms": [], "CompositeAlarms": [{"AlarmName": "shop-prod-a"}]}

    topology = deployment("billing")
    found = StandIn(answer).run(lambda fast: alarms.ringing(fast, topology), monkeypatch)

    assert [(it.name, it.description, it.since) for it in found] == [
        ("shop-prod-a", "", None),
        ("shop-prod-b", "B", 1.5),
    ]


def test_metrics_are_asked_by_500_and_their_pages_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN 501 metrics, of whose answers a part comes on a second page WHEN asked THEN two calls and a page more."""

    def answer(_: str, asked: dict[str, Any]) -> Any:
        queries = asked["MetricDataQueries"]
        assert len(queries) <= 500
        if len(queries) == 1 and "NextToken" not in asked:
            return {"MetricDataResults": [{"Id": "m0", "Values": [2.0], "StatusCode": "PartialData"}], "NextToken": "t"}
        return {"MetricDataResults": [{"Id": it["Id"], "Values": [1.0], "StatusCode": "Complete"} for it in queries]}

    wanted = [Metric("fanout", f"n{number}", ()) for number in range(501)]
    aws = StandIn(answer)
    found = aws.run(lambda fast: metrics.values(fast, wanted, WINDOW), monkeypatch)

    assert found[wanted[0]] == [1.0]
    assert found[wanted[500]] == [2.0, 1.0]
    assert len(aws.asked) == 3


@pytest.mark.parametrize(
    ("seconds", "period"), [(60, 60), (3600, 60), (7200, 300), (86_400, 3600), (7 * 86_400, 21_600)]
)
def test_a_longer_window_has_longer_periods(seconds: int, period: int) -> None:
    assert Window(0, seconds).period_s == period


def test_a_series_has_each_period_and_what_was_counted_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN metrics that tell of some minutes WHEN a series is asked for THEN each minute is there, and those that are
    not told of have nothing."""

    def answer(_: str, asked: dict[str, Any]) -> Any:
        first = asked["MetricDataQueries"][0]["Id"]
        told = {"Id": first, "Timestamps": [1_800_000_060.0, 1_800_000_000.0], "Values": [2.0, 1.0]}
        return {"MetricDataResults": [{**told, "StatusCode": "Complete"}]}

    topology = deployment("billing")
    aws = StandIn(answer)
    found = aws.run(lambda fast: metrics.series(fast, topology, "billing", WINDOW), monkeypatch)

    assert len(found) == 15
    assert [counts["handled"] for counts in found.values()] == [1, 2, *[0] * 13]
    assert {counts["rejected"] for counts in found.values()} == {0}
    assert len(aws.asked) == 1


def mapping(queue: str, **said: Any) -> dict[str, Any]:
    return {"EventSourceArn": f"arn:aws:sqs:eu-central-1:123456789012:{queue}", "State": "Enabled", **said}


def test_mappings_of_many_are_listed_by_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: str, asked: dict[str, Any]) -> Any:
        if "Marker" not in asked:
            return {"EventSourceMappings": [mapping("another")], "NextMarker": "m"}
        return {"EventSourceMappings": [mapping("shop-prod-billing", State="Disabled", LastModified=7.5)]}

    topology = deployment("billing", "audit")
    workers = topology.workers.values()
    found = StandIn(answer).run(lambda fast: functions.mappings(fast, topology, workers), monkeypatch)

    assert found == {"billing": Mapped("Disabled", 7.5), "audit": None}
    assert Mapped("Disabling", None).paused


def test_mappings_of_few_are_asked_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = deployment(*(f"w{number}" for number in range(300)))
    aws = StandIn(
        lambda _, asked: {"EventSourceMappings": [{"EventSourceArn": asked["EventSourceArn"], "State": "Enabled"}]}
    )
    some = [topology.worker("w1"), topology.worker("w2")]
    found = aws.run(lambda fast: functions.mappings(fast, topology, some), monkeypatch)

    assert {name: it and it.paused for name, it in found.items()} == {"w1": False, "w2": False}
    assert len(aws.asked) == 2


async def no_pause(_: float) -> None:
    return None


def cells(**fields: str) -> list[dict[str, str]]:
    return [{"field": name.replace("at_", "@"), "value": value} for name, value in fields.items()]


def test_insights_are_waited_for_and_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN 51 log groups WHEN asked THEN two queries, each looked at until it is done, and the lines by time."""
    states = {"q0": ["Scheduled", "Running", "Complete"], "q1": ["Complete"]}
    started: list[int] = []

    def answer(operation: str, asked: dict[str, Any]) -> Any:
        if operation == "StartQuery":
            started.append(len(asked["logGroupNames"]))
            return {"queryId": f"q{len(started) - 1}"}
        number = int(asked["queryId"][1:])
        at, log = f"2027-01-15 08:00:0{2 - number}.000", f"123456789012:/aws/lambda/shop-prod-w{number}"
        rows = [cells(at_timestamp=at, at_message='{"level": "ERROR"}', at_log=log)]
        return {"status": states[asked["queryId"]].pop(0), "results": rows}

    topology = deployment(*(f"w{number}" for number in range(51)))

    async def use(fast: Fast) -> Any:
        return await logs.ask_insights(fast, topology.workers.values(), WINDOW, "fields @message", sleep=no_pause)

    lines = StandIn(answer).run(use, monkeypatch)
    assert sorted(started) == [1, 50]
    assert [(line.worker, line.at_ms) for line in lines] == [("w1", 1_800_000_001_000), ("w0", 1_800_000_002_000)]


def test_a_query_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = StandIn(lambda operation, _: {"queryId": "q"} if operation == "StartQuery" else {"status": "Timeout"})
    topology = deployment("billing")

    with pytest.raises(FastError, match="GetQueryResults: Timeout"):
        aws.run(lambda fast: logs.ask_insights(fast, topology.workers.values(), WINDOW, "fields @message"), monkeypatch)


def test_usage_on_aws_is_summed_by_insights(monkeypatch: pytest.MonkeyPatch) -> None:
    log = "123456789012:/aws/lambda/shop-prod-billing"
    report = cells(at_log=log, invocations="10", billed_ms="1200", used_mb="80.4", memory_mb="256", cold="1")
    results = {reports.REPORTS: [report], reports.RECORDS: [cells(at_log=log, records="95")]}
    asked_for: dict[str, str] = {}

    def answer(operation: str, asked: dict[str, Any]) -> Any:
        if operation == "StartQuery":
            identifier = f"q{len(asked_for)}"
            asked_for[identifier] = asked["queryString"]
            return {"queryId": identifier}
        return {"status": "Complete", "results": results[asked_for[asked["queryId"]]]}

    topology = deployment("billing", "idle")
    found = StandIn(answer).run(lambda fast: reports.usage(fast, topology, WINDOW), monkeypatch)
    assert found == {"billing": reports.Usage(10, 1200, 80, 256, 1, 95)}
