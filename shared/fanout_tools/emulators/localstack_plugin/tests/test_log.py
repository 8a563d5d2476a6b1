import pytest

from fanout_localstack.log import InvocationLog

REPORT = "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 256 MB\tMax Memory Used: 49 MB\t"


def log(**changes: object) -> list[str]:
    fields = {
        "request_id": "r",
        "version": "$LATEST",
        "output": "hello\n",
        "stop_reason": "",
        "duration_ms": 1.234,
        "init_ms": None,
        "memory_size_mb": 256,
        "memory_used_mb": 49,
    }
    return str(InvocationLog(**fields | changes)).splitlines()


def test_a_warm_invocation_has_lambdas_lines_around_its_output():
    assert log() == [
        "START RequestId: r Version: $LATEST",
        "hello",
        "END RequestId: r",
        REPORT,
    ]


def test_a_cold_start_is_reported():
    assert log(init_ms=28.0)[-1].endswith("\tInit Duration: 28.00 ms\t")


@pytest.mark.parametrize("output", ["half a line", "half a line\n"])
def test_why_lambda_ended_it_stands_on_a_line_of_its_own(output: str):
    assert log(output=output, stop_reason="timed out")[1:3] == ["half a line", "timed out"]


def test_no_output_leaves_no_empty_line():
    assert log(output="")[1] == "END RequestId: r"
