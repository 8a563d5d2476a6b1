"""A worker's business metrics: one line a batch, within CloudWatch's limits."""

import json

import pytest

from fanout.metrics import Metrics


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_are_summed_and_values_kept(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN counts and values WHEN flushed THEN one line has them with their units and dimensions; and only once."""
    monkeypatch.setenv("FANOUT_NAMESPACE", "fanout-test")
    metrics = Metrics()
    metrics.count("Orders")
    metrics.count("Orders", 2)
    metrics.add("Amount", 1.5, unit="None")
    metrics.add("Amount", 2.5)
    metrics.flush("billing")
    metrics.flush("billing")

    [line] = lines(capsys)
    assert (line["Orders"], line["Amount"], line["worker"], line["namespace"]) == (
        [3],
        [1.5, 2.5],
        "billing",
        "fanout-test",
    )
    [declared] = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert declared["Metrics"] == [{"Name": "Orders", "Unit": "Count"}, {"Name": "Amount", "Unit": "None"}]
    assert declared["Dimensions"] == [["namespace", "worker"]]


def test_no_line_has_more_than_cloudwatch_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN 150 metrics, and 250 values of one WHEN flushed THEN no line has over 100 of either, and none is lost."""
    metrics = Metrics()
    for number in range(150):
        metrics.count(f"M{number}")
    for _ in range(250):
        metrics.add("Amount", 1.0)
    metrics.flush("w")

    written = lines(capsys)
    names = [[m["Name"] for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] for line in written]  # type: ignore[index]
    assert max(map(len, names)) <= 100
    amounts = [line["Amount"] for line in written if "Amount" in line]
    assert [len(each) for each in amounts] == [100, 100, 50]  # type: ignore[arg-type]
    assert len({name for each in names for name in each}) == 151


def test_a_name_has_one_unit() -> None:
    """GIVEN a metric in milliseconds WHEN it is added in bytes THEN the error names it."""
    metrics = Metrics()
    metrics.add("Took", 1.0, unit="Milliseconds")
    with pytest.raises(ValueError, match="metric Took: is in Milliseconds, not in Bytes"):
        metrics.add("Took", 1.0, unit="Bytes")
