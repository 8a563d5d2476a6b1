"""Metrics: names as Prometheus wants them, counters that never fall, and dashboards that name what there is."""

import json
import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from fanout_router.config import RouterSettings
from fanout_router.control import ControlPort
from fanout_router.fleet import Fleet
from fanout_router.metrics import registry
from fanout_router.scaler import QueueScaler, ScalerOptions
from fanout_router.server import Router
from scripts.simulate.fake_invoker import FakeInvoker, Timeline

ROOT = Path(__file__).parents[3]


def router() -> Router:
    """A router that is not started, with its fleet."""
    made = Router(RouterSettings.load(functions=[{"name": "web", "app": "m:a"}]))
    dispatcher = made.front.routes.routes[0].dispatcher
    scaler = QueueScaler(ScalerOptions()).desired
    made.fleets.append(Fleet("web", dispatcher, scaler, FakeInvoker(), Timeline()))
    made.port = ControlPort(made.fleets)
    made.front.counts["web"].statuses[200] += 1
    made.front.count_refused(400, "192.0.2.7")
    made.fleets[0].results["completed"] += 1
    return made


def samples(found: CollectorRegistry) -> list[Sample]:
    return [sample for metric in found.collect() for sample in metric.samples]


def test_names_follow_the_conventions() -> None:
    """https://prometheus.io/docs/practices/naming: base units, and _total behind what only grows."""
    for metric in registry(router()).collect():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name), metric.name
        assert metric.documentation
        assert not re.search(r"_(ms|millis|minutes|kb|mb|percent)(_|$)", metric.name), metric.name
        if metric.type == "counter":
            assert all(sample.name.endswith(("_total", "_created")) for sample in metric.samples), metric.name
        assert metric.name.startswith(("dispatch_", "process_", "python_")), metric.name


def test_the_process_is_among_them() -> None:
    names = {sample.name for sample in samples(registry(router()))}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names


def test_no_counter_falls() -> None:
    """GIVEN requests served by few invocations WHEN many more are made THEN nothing is taken back."""
    made = router()
    found = registry(made)
    (fleet,) = made.fleets
    fleet.dispatcher.counts.finished = 10
    before = {(s.name, *s.labels.values()): s.value for s in samples(found) if s.name.endswith("_total")}
    fleet.invoked += 50
    after = {(s.name, *s.labels.values()): s.value for s in samples(found) if s.name.endswith("_total")}
    assert all(after[key] >= value for key, value in before.items())
    assert before["dispatch_cold_starts_avoided_total", "web"] == 10


def test_the_dashboard_names_metrics_that_there_are() -> None:
    dashboard = json.loads((ROOT / "router/dashboards/grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for text in expressions for name in re.findall(r"\b(?:dispatch|process)_[a-z_]+", text)}
    there = {sample.name for sample in samples(registry(router()))}
    assert len(expressions) > 15
    assert asked <= there
