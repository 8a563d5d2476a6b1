"""Cost and time of a record, by what Lambda reports."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_tools.operate.views.tuning import (
    NothingMeasuredError,
    Point,
    Report,
    Strategy,
    choose,
    drawn,
    dumped,
    points,
    read,
)
from fanout_tools.operate.views.tuning_svg import svg

GB_S, REQUEST = 0.0000133334, 0.0000002

WARM = (
    "START RequestId: 1\nEND RequestId: 1\nREPORT RequestId: 1\tDuration: 105.21 ms\tBilled Duration: 106 ms\t"
    "Memory Size: 256 MB\tMax Memory Used: 80 MB\t\n"
)
COLD = WARM.replace("Max Memory Used: 80 MB\t", "Max Memory Used: 81 MB\tInit Duration: 512.5 ms\t")


def test_a_report_is_read_from_an_invocations_log() -> None:
    assert Report.parse(10, WARM) == Report(10, 256, 105.21, 106, 80)
    assert Report.parse(10, COLD) == Report(10, 256, 105.21, 106, 81, 512.5)
    assert Report.parse(10, "no report") is None


def recorded(batch: int, memory: int, ms: float, used: int = 80) -> list[Report]:
    warm = [Report(batch, memory, ms + n, int(ms + n) + 1, used) for n in range(3)]
    return [Report(batch, memory, ms, int(ms), used, 400.0), *warm]


RECORDED = [
    *recorded(1, 128, 80, used=126),
    *recorded(1, 256, 40),
    *recorded(1, 512, 22),
    *recorded(1, 1024, 20),
    *recorded(10, 256, 220),
    *recorded(10, 512, 110),
    *recorded(10, 1024, 100),
]


def test_a_batch_shares_the_time_among_its_records() -> None:
    curve = {(point.batch, point.memory_mb): point for point in points(RECORDED, GB_S, REQUEST)}

    one, ten = curve[1, 512], curve[10, 512]
    assert (one.ms_a_record, ten.ms_a_record) == (23.0, 11.1)
    assert one.usd_a_million == pytest.approx((0.024 * 0.5 * GB_S + REQUEST) * 1e6, abs=1e-4)
    assert ten.usd_a_million == pytest.approx((0.112 * 0.5 * GB_S + REQUEST) / 10 * 1e6, abs=1e-4)
    assert (one.invocations, one.cold_ms, one.used_mb) == (3, 422.0, 80)


@pytest.mark.parametrize(
    ("strategy", "chosen"),
    [(Strategy.COST, (10, 256)), (Strategy.SPEED, (10, 1024)), (Strategy.BALANCED, (10, 512))],
)
def test_a_strategy_chooses(strategy: Strategy, chosen: tuple[int, int]) -> None:
    best = choose(points(RECORDED, GB_S, REQUEST), strategy)
    assert (best.batch, best.memory_mb) == chosen


def test_a_point_whose_memory_is_full_is_not_chosen() -> None:
    cheap = Point(128, 1, 3, 1.0, 0.1, None, 127)
    dear = Point(256, 1, 3, 2.0, 0.3, None, 127)
    assert choose([cheap, dear], Strategy.COST) is dear
    assert choose([cheap], Strategy.COST) is cheap


@given(
    st.lists(
        st.builds(
            Report,
            st.integers(1, 50),
            st.integers(128, 4096),
            st.floats(0.1, 900),
            st.integers(1, 900),
            st.integers(1, 128),
            st.none() | st.floats(1, 900),
        ),
        max_size=40,
    )
)
def test_what_is_recorded_is_read_again(reports: list[Report]) -> None:
    assert read(dumped(reports)) == reports


@pytest.mark.parametrize("text", ["REPORT RequestId", '{"batch": 1}', "[1]"])
def test_what_is_no_record_is_an_error(text: str) -> None:
    with pytest.raises(NothingMeasuredError, match="no recorded reports"):
        read(text)


def test_cold_starts_alone_are_no_measure() -> None:
    with pytest.raises(NothingMeasuredError, match="cold starts"):
        points([Report(1, 128, 1.0, 1, 1, 300.0)], GB_S, REQUEST)


def test_the_curve_is_drawn_in_text_and_as_a_picture() -> None:
    curve = points(RECORDED, GB_S, REQUEST)
    best = choose(curve, Strategy.BALANCED)

    lines = list(drawn(curve, best))
    assert len(lines) == len(curve)
    assert [line for line in lines if "chosen" in line] == [line for line in lines if "10    512 MB" in line]
    assert sum("memory full" in line for line in lines) == 1
    picture = ElementTree.fromstring(svg("billing & co", curve, best))
    assert [each.text for each in picture.iter() if each.text == "batch 10"] == ["batch 10"] * 2
