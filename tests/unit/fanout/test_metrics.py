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


def test_no_line_is_longer_than_cloudwatch_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN 100 metrics of the longest names with 100 values each WHEN flushed THEN every line is below 256 KB, and no
    value is lost."""
    metrics = Metrics()
    for number in range(100):
        for value in range(100):
            metrics.add(f"{number:03}".rjust(1_024, "M"), value + 1 / 3)
    metrics.flush("w")

    out = capsys.readouterr().out.splitlines()
    assert max(map(len, out)) < 256_000
    values = [each for line in out for each in json.loads(line).values() if isinstance(each, list)]
    assert sum(map(len, values)) == 10_000


def test_a_name_has_one_unit() -> None:
    """GIVEN a metric in milliseconds WHEN it is added in bytes, or in high resolution THEN the error names it."""
    metrics = Metrics()
    metrics.add("Took", 1.0, unit="Milliseconds")
    with pytest.raises(ValueError, match="metric Took: is in Milliseconds, high_resolution=False, not in Bytes"):
        metrics.add("Took", 1.0, unit="Bytes")
    with pytest.raises(ValueError, match=r"metric Took: .* not in Milliseconds, high_resolution=True"):
        metrics.add("Took", 1.0, unit="Milliseconds", high_resolution=True)


def test_high_resolution_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN metrics by the second WHEN flushed THEN the line declares them so."""
    metrics = Metrics()
    metrics.count("Fast", high_resolution=True)
    metrics.add("Took", 1.5, unit="Seconds", high_resolution=True)
    metrics.flush("w")

    [line] = lines(capsys)
    [declared] = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert declared["Metrics"] == [
        {"Name": "Fast", "Unit": "Count", "StorageResolution": 1},
        {"Name": "Took", "Unit": "Seconds", "StorageResolution": 1},
    ]


@pytest.mark.parametrize("name", ["worker", "_aws", "handled", "retried", "batch_ms", "", " ", "x" * 1_025])
def test_the_platforms_names_are_refused(name: str) -> None:
    """GIVEN a name that the platform's line has already, or that CloudWatch does not take WHEN counted THEN refused:
    the platform's own metrics and their alarms stay right."""
    with pytest.raises(ValueError, match="metric"):
        Metrics().count(name)


def test_a_unit_is_one_of_cloudwatchs() -> None:
    """GIVEN a unit that CloudWatch drops in silence WHEN added THEN the error lists the units."""
    with pytest.raises(ValueError, match="CloudWatch has no unit euros; take one of Seconds, "):
        Metrics().add("Amount", 1.0, unit="euros")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_left_out(
    value: float, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a value that is no finite number WHEN added THEN a warning names the metric, and the others are written."""
    metrics = Metrics()
    metrics.add("Amount", value)
    metrics.add("Amount", 1.0)
    metrics.flush("w")

    assert [line["Amount"] for line in lines(capsys)] == [[1.0]]
    assert "metric Amount" in caplog.text
