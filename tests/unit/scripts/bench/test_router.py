"""The figures of the router's benchmark, and the lines that its generators print."""

import hpack
import pytest

from scripts.bench.router import COMPILED, H2, LOADS, PACED, VARIED, figures
from scripts.bench.router_load import load
from scripts.bench.router_load.load import Measured
from scripts.bench.router_load.varied_h2 import prepared


def run(cpu_us: float, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Measured:
    return Measured(requests=100, cpu_us=cpu_us, rate=100.0, p50_ms=p50_ms, p99_ms=p99_ms, max_ms=9.0, memory_mb=30.0)


def test_a_ratio_is_that_of_the_same_round() -> None:
    # GIVEN a machine that is twice as slow in the second round
    samples = {("ours", VARIED): [run(11), run(22), run(11)], ("haproxy", VARIED): [run(10), run(20), run(5)]}
    # THEN the median of the rounds' ratios counts
    assert figures(samples) == {"cpu_varied_vs_haproxy": pytest.approx(1.1)}


def test_figures_of_programs_that_are_not_here_are_left_out() -> None:
    samples = {("ours", what): [run(10)] for what in LOADS}
    assert figures(samples) == {}
    samples["nghttpx", H2] = [run(20)]
    samples["haproxy", PACED] = [run(20, p50_ms=0.75, p99_ms=1.0)]
    assert figures(samples) == {
        "cpu_h2_vs_nghttpx": 0.5,
        "p50_ms_over_haproxy_at_1000": 0.25,
        "p99_vs_haproxy_at_1000": 2.0,
    }


def test_the_compiled_router_has_figures_of_its_own() -> None:
    samples = {(COMPILED, VARIED): [run(9)], ("haproxy", VARIED): [run(10)]}
    assert figures(samples) == {"compiled_cpu_varied_vs_haproxy": 0.9}


@pytest.mark.parametrize("printed", ["", "measured 0 1000000 0 0 0 0", "measured 100 1000000 1 500 900 1200"])
def test_a_run_with_errors_or_without_requests_is_none(printed: str) -> None:
    with pytest.raises(RuntimeError):
        load.reported(printed, 0.5, (1,), "200B")


def test_what_a_generator_reports_is_in_microseconds() -> None:
    found = load.reported("noise\nmeasured 2000 500000 0 1500 9000 12000\n", 0.1, (1,), "200B")
    assert found.requests == 2_000
    assert [found.cpu_us, found.rate] == pytest.approx([50, 4_000])
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (1.5, 9.0, 12.0)


def test_prepared_requests_are_13_fields_and_no_two_are_alike() -> None:
    decoder = hpack.Decoder()
    heads = [tuple(decoder.decode(block)) for block in prepared("/200B", 50)]
    assert len({head[3] for head in heads}) == 50
    assert {len(head) for head in heads} == {4 + 13}
