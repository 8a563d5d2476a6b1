"""Which functions are worth tuning first."""

from __future__ import annotations

import json

from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.reports import Usage, usage_in
from fanout_tools.operate.views.priority import ranked
from tests.unit.fanout_tools.operate.conftest import deployment

DAY = 86_400.0
PRICES = {"arm64": 0.0000133334, "x86_64": 0.0000166667}


def test_the_dearest_slack_comes_first_after_what_is_short_of_memory() -> None:
    topology = deployment("full", "dear", "cheap", "tight", batch={"size": 10})
    used = {
        "cheap": Usage(1_000, 100_000, 100, 1024, 0, 10_000),
        "dear": Usage(1_000_000, 100_000_000, 100, 1024, 0, 10_000_000),
        "tight": Usage(1_000_000, 100_000_000, 800, 1024, 0, 10_000_000),
        "full": Usage(10, 1_000, 250, 256, 5, 10),
    }
    found = ranked(topology, used, DAY, PRICES, 0.0000002)

    assert [it.worker for it in found] == ["full", "dear", "tight", "cheap"]
    assert found[0].reasons == (
        "its memory is nearly full: 250 of 256 MB",
        "its batches have 1.0 of 10 records: batch.window_s lets them fill",
        "5 of 10 invocations began cold",
    )
    assert found[1].usd_a_month == round((100_000 * PRICES["arm64"] + 0.2) * 30, 4)
    assert found[1].reasons == ("it uses 100 of 1024 MB",)
    assert found[2].reasons == ()


def test_usage_is_summed_from_reports_and_batches() -> None:
    report = "REPORT RequestId: 1 Duration: 5.2 ms Billed Duration: 6 ms Memory Size: 256 MB Max Memory Used: 80 MB"
    texts = [
        report,
        f"{report} Init Duration: 300.1 ms",
        json.dumps({"received": 7, "handled": 7}),
        "START RequestId: 1",
    ]

    assert usage_in(Line.read("w", 1, text) for text in texts) == Usage(2, 12, 80, 256, 1, 7)
    assert usage_in([Line.read("w", 1, "hello")]) is None
