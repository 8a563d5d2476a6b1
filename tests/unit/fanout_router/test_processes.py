"""What is split between several router processes, and what is told of them together."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from fanout_router.config import RouterSettings
from fanout_router.errors import ConfigError
from fanout_router.processes import SharedMetrics, reserve_port, share_of

FUNCTION = {"name": "shop", "lambda_function": "shop", "minimum": 3, "maximum": 10, "spare": 1, "invoke_rate": 3.0}


def settings(processes: int, function: dict[str, Any] | None = None, **options: Any) -> RouterSettings:
    return RouterSettings.load(processes=processes, functions=[{**FUNCTION, **(function or {})}], **options)


def shares(whole: RouterSettings) -> list[RouterSettings]:
    return [share_of(whole, index) for index in range(whole.processes)]


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("bound", ["minimum", "maximum", "spare"])
def test_environments_are_split_and_none_is_lost(processes: int, bound: str) -> None:
    parts = [getattr(share.functions[0], bound) for share in shares(settings(processes))]
    assert sum(parts) == FUNCTION[bound]
    assert max(parts) - min(parts) <= 1


def test_no_process_is_without_a_bound() -> None:
    parts = [share.functions[0] for share in shares(settings(10, {"queue_length": 5, "invoke_burst": 1}))]
    assert all(part.maximum == 1 and part.queue_length == 1 and part.invoke_burst == 1 for part in parts)
    assert sum(part.invoke_rate for part in parts) == pytest.approx(3.0)


def test_each_process_has_a_control_port_of_its_own() -> None:
    parts = shares(settings(3, control_port=9_000, control_address="http://10.0.0.1:9000"))
    assert [(part.control_port, part.control_address) for part in parts] == [
        (9_000, "http://10.0.0.1:9000"),
        (9_001, "http://10.0.0.1:9001"),
        (9_002, "http://10.0.0.1:9002"),
    ]
    assert [part.control_port for part in shares(settings(2, control_port=0))] == [0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"processes": 11}, "processes 11 is above the maximum of shop"),
        ({"processes": 2, "control_port": 65_535}, "leaves no ports for 2 processes"),
        ({"processes": 2, "control_address": "http://router.internal"}, "control_address needs a port"),
        ({"processes": 0}, "DISPATCH_PROCESSES"),
    ],
)
def test_what_cannot_be_split_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(**options)


def test_the_client_port_is_kept_for_all_processes() -> None:
    known, kept = reserve_port(settings(2, port=0))
    with kept:
        again, second = reserve_port(known)  # as a process binds it
        second.close()
    assert known.port == again.port > 0


ONE = """# HELP dispatch_requests_total Requests finished
# TYPE dispatch_requests_total counter
dispatch_requests_total{function="shop",status="200"} %d.0
# HELP dispatch_queue_depth Requests waiting
# TYPE dispatch_queue_depth gauge
dispatch_queue_depth{function="shop"} 1.0
"""


def test_numbers_of_all_processes_are_told_together() -> None:
    metrics = SharedMetrics()
    metrics.told({1: ONE % 5, 0: ONE % 7})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    lines = generate_latest(registry).decode().splitlines()
    assert lines.count("# TYPE dispatch_requests_total counter") == 1
    assert [line for line in lines if line.startswith("dispatch_requests_total{")] == [
        'dispatch_requests_total{function="shop",process="0",status="200"} 7.0',
        'dispatch_requests_total{function="shop",process="1",status="200"} 5.0',
    ]
