"""The router's numbers as Prometheus metrics; collected when asked for, so that a request pays for plain
additions only.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from fanout_router.budget import BreakerState
from fanout_router.environment import State
from fanout_router.fleet import Fleet
from fanout_router.http.front import BUCKETS

if TYPE_CHECKING:
    from fanout_router.server import Router


class RouterCollector(Collector):
    """Turns the router's state into metrics."""

    def __init__(self, router: "Router") -> None:
        self._router = router

    def collect(self) -> Iterator[Metric]:
        """All metrics, as of now."""
        yield from self._requests()
        yield from self._dispatch()
        yield from self._fleets()
        yield from self._ports()

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("dispatch_requests", "Requests finished", labels=["function", "status"])
        durations = HistogramMetricFamily(
            "dispatch_request_seconds",
            "From the head of a request to the end of its response",
            labels=["function"],
        )
        moved = CounterMetricFamily("dispatch_body_bytes", "Body bytes", labels=["function", "direction"])
        cut = CounterMetricFamily("dispatch_cut_responses", "Responses begun and broken off", labels=["function"])
        for name, counts in self._router.front.counts.items():
            for status, count in counts.statuses.items():
                requests.add_metric([name, str(status)], count)
            total, buckets = 0, []
            for bound, count in zip((*BUCKETS, "+Inf"), counts.durations, strict=True):
                total += count
                buckets.append((str(bound), float(total)))
            durations.add_metric([name], buckets, sum_value=counts.seconds)
            moved.add_metric([name, "received"], counts.received)
            moved.add_metric([name, "sent"], counts.sent)
            cut.add_metric([name], counts.cut)
        refused = CounterMetricFamily("dispatch_refused", "Answers to what never became a request", labels=["status"])
        for status, count in self._router.front.refused.items():
            refused.add_metric([str(status)], count)
        yield from (requests, durations, moved, cut, refused)

    def _dispatch(self) -> Iterator[Metric]:
        gauges = {
            "waiting": GaugeMetricFamily("dispatch_queue_depth", "Requests waiting", labels=["function"]),
            "busy": GaugeMetricFamily("dispatch_channels_busy", "Channels at work", labels=["function"]),
            "free": GaugeMetricFamily("dispatch_channels_free", "Channels free", labels=["function"]),
        }
        counters = {
            "queued": "Requests that had to wait",
            "queue_seconds": "Time that requests waited",
            "service_seconds": "Time that channels were at work",
            "retried": "Requests tried again",
            "departed": "Requests whose client left",
        }
        families = {
            key: CounterMetricFamily(f"dispatch_{key}", text, labels=["function"]) for key, text in counters.items()
        }
        failures = CounterMetricFamily("dispatch_failures", "Requests that failed", labels=["function", "reason"])
        for fleet in self._router.fleets:
            dispatcher = fleet.dispatcher
            for key, gauge in gauges.items():
                gauge.add_metric([fleet.name], getattr(dispatcher, key))
            for key, family in families.items():
                family.add_metric([fleet.name], getattr(dispatcher.counts, key))
            for reason, count in dispatcher.failures.items():
                failures.add_metric([fleet.name, reason.value], count)
        yield from (*gauges.values(), *families.values(), failures)

    def _fleets(self) -> Iterator[Metric]:
        environments = GaugeMetricFamily("dispatch_environments", "Environments by state", labels=["function", "state"])
        desired = GaugeMetricFamily("dispatch_environments_desired", "Environments wanted", labels=["function"])
        breaker = GaugeMetricFamily(
            "dispatch_breaker", "1 for the state the circuit breaker is in", labels=["function", "state"]
        )
        cold = GaugeMetricFamily("dispatch_cold_start_seconds", "Mean cold start", labels=["function"])
        invokes = CounterMetricFamily("dispatch_invokes", "Invocations begun", labels=["function"])
        results = CounterMetricFamily("dispatch_invocation_results", "Invocations ended", labels=["function", "result"])
        avoided = CounterMetricFamily(
            "dispatch_cold_starts_avoided", "Requests that waited for no cold start", labels=["function"]
        )
        for fleet in self._router.fleets:
            _fleet_gauges(fleet, environments, breaker)
            desired.add_metric([fleet.name], fleet.desired)
            cold.add_metric([fleet.name], fleet.cold_start_s)
            invokes.add_metric([fleet.name], fleet.invoked)
            avoided.add_metric([fleet.name], fleet.cold_starts_avoided)
            for result, count in fleet.results.items():
                results.add_metric([fleet.name, result], count)
        yield from (environments, desired, breaker, cold, invokes, results, avoided)

    def _ports(self) -> Iterator[Metric]:
        router = self._router
        clients = GaugeMetricFamily("dispatch_client_connections", "Client connections")
        clients.add_metric([], len(router.front.connections))
        unauthenticated = GaugeMetricFamily("dispatch_control_strangers", "Control connections without a secret yet")
        unauthenticated.add_metric([], len(router.port.unauthenticated))
        refused = CounterMetricFamily("dispatch_control_refused", "Channels refused on the control port")
        refused.add_metric([], router.port.refused)
        broken = CounterMetricFamily("dispatch_control_wire_errors", "Control connections that broke HTTP/2")
        broken.add_metric([], router.port.wire_errors)
        handshakes = GaugeMetricFamily("dispatch_tls_handshakes", "TLS handshakes under way", labels=["port"])
        failed = CounterMetricFamily(
            "dispatch_tls_handshakes_failed", "TLS handshakes that failed, or took too long", labels=["port"]
        )
        for name, port in router.tls_ports.items():
            handshakes.add_metric([name], len(port.handshakes))
            failed.add_metric([name], port.failed)
        yield from (clients, unauthenticated, refused, broken, handshakes, failed)


def _fleet_gauges(fleet: Fleet, environments: GaugeMetricFamily, breaker: GaugeMetricFamily) -> None:
    for state in (State.INVOKED, State.SERVING, State.DRAINING):
        environments.add_metric([fleet.name, state.value], fleet.count(state))
    for condition in BreakerState:
        breaker.add_metric([fleet.name, condition.value], float(fleet.breaker.state is condition))


def registry(router: "Router") -> CollectorRegistry:
    """A registry of the router's metrics, and of its process's: CPU time, memory, files, garbage collection."""
    found = CollectorRegistry(auto_describe=False)
    found.register(RouterCollector(router))
    ProcessCollector(registry=found)
    PlatformCollector(registry=found)
    GCCollector(registry=found)
    return found
