"""A trace as OpenTelemetry's spans: those that :mod:`fanout.tracing.otlp` makes of hops, and the publications of events
that no worker published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanout.events.envelope import new_traceparent, span_id
from fanout.tracing.hops import Hop
from fanout.tracing.otlp import Span, consumer_span, producer_span, request_of
from fanout_tools.operate.views.trace import Branch, Node, Trace
from fanout_tools.operate.views.why import Fate

__all__ = ["spans_of"]

PUBLISHER = "publisher"
"""The service of a root's publication: who it was is not known."""


def spans_of(trace: Trace, namespace: str) -> dict[str, Any]:
    """The request that sends them. A worker of which only the record is known has a span without a duration.

    :param namespace: the deployment's.
    """
    return request_of((each for root in trace.roots for each in _of_node(root, None, None)), namespace)


def _of_node(node: Node, publisher: str | None, cause: Hop | None) -> Iterator[tuple[str, Span]]:
    tries = [hop for branch in node.branches for hop in branch.tries]
    first = tries[0] if tries else None
    correlation_id = node.correlation_id or (cause.correlation_id if cause else node.event_id)
    derived = new_traceparent(node.event_id, correlation_id)
    context = first.traceparent if first else derived
    trace = first.trace_id if first else cause.trace_id if cause else derived[3:35]
    yield (
        publisher or PUBLISHER,
        producer_span(
            node.event,
            node.event_id,
            correlation_id,
            trace=trace,
            span=context.split("-")[2] if first else span_id(node.event_id),
            parent=cause.span_id if cause else None,
            at_ms=(node.published_at or 0.0) * 1000,
        ),
    )
    for branch in node.branches:
        hops = branch.tries or list(_told(node, branch, correlation_id, context))
        for hop in hops:
            yield branch.worker, consumer_span(hop)
        for child in branch.children:
            yield from _of_node(child, branch.worker, _publishing(hops, child.event_id))


def _told(node: Node, branch: Branch, correlation_id: str, traceparent: str) -> Iterator[Hop]:
    """What the record alone says of the handling."""
    if branch.record is None or branch.reason.fate is not Fate.HANDLED:
        return
    at_ms = int((branch.record.completed_at or 0.0) * 1000)
    yield Hop(
        worker=branch.worker,
        event_id=node.event_id,
        correlation_id=correlation_id,
        event=node.event,
        subject=node.subject,
        sent_ms=None,
        wait_ms=None,
        begin_ms=at_ms,
        took_ms=None,
        tries=branch.record.tries,
        receives=branch.record.tries,
        outcome="handled",
        published=(),
        traceparent=traceparent,
        version=None,
        logged_ms=at_ms,
    )


def _publishing(hops: list[Hop] | Any, event_id: str) -> Hop | None:
    """The try that published it; the last one where none is known to have."""
    found = [hop for hop in hops if event_id in hop.published]
    return (found or list(hops) or [None])[-1]
