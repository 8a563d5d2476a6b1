"""What batches write of their records is read again, and makes the same spans whoever makes them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import orjson
import pytest

from fanout import Context
from fanout.events.envelope import span_id, trace_id
from fanout.processing.accounts import span_lines
from fanout.publish import wrap
from fanout.testing import Rig, record, record_of
from fanout.tracing.hops import Hop, hops_of
from fanout.tracing.otlp import ExportError, consumer_span, endpoint, export, published_spans, request_of

from ..conftest import MakeWorker, ThingFollowed, ThingHappened


def told(*records: Any, make_worker: MakeWorker, line: dict[str, Any] | None = None) -> tuple[list[Hop], Rig]:
    """The hops of a batch, by way of the line that the worker writes."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=1))

    rig = Rig(worker, clock=lambda: 1_000_001.5)
    [accounts] = span_lines(rig.deliver(*records))
    written = {"worker": "things", "function_version": "7", "_aws": {"Timestamp": 1_000_002_000}, "spans": accounts}
    return list(hops_of(json.loads(orjson.dumps(written | (line or {}))))), rig


def test_a_hop_is_read_as_it_was_written(make_worker: MakeWorker) -> None:
    """GIVEN an event that was handled and published another WHEN its batch's line is read THEN the hop says so, with
    its trace; and a span of what was published is named by that event's own context."""
    envelope = wrap(ThingHappened(number=1), subject="s")
    [hop], rig = told(record_of(envelope, sent_ms=1_000_001_000), make_worker=make_worker)
    [published] = rig.published

    assert (hop.worker, hop.event_id, hop.event, hop.subject) == (
        "things",
        envelope.metadata.event_id,
        envelope.identifier,
        "s",
    )
    assert (hop.outcome, hop.version, hop.published) == ("handled", "7", (published.metadata.event_id,))
    assert hop.traceparent == envelope.metadata.traceparent
    [sent] = published_spans(hop)
    assert f"00-{sent['traceId']}-{sent['spanId']}-01" == published.metadata.traceparent
    assert sent["parentSpanId"] == hop.span_id


def test_a_trace_from_elsewhere_is_kept(make_worker: MakeWorker) -> None:
    """GIVEN an event whose publisher had a trace of its own WHEN handled THEN its span is in that trace, beneath the
    publisher's span."""
    traceparent = f"00-{'a' * 32}-{'b' * 16}-00"
    [hop], _ = told(record_of(wrap(ThingHappened(number=1), traceparent=traceparent)), make_worker=make_worker)
    span = consumer_span(hop)

    assert (span["traceId"], span["parentSpanId"]) == ("a" * 32, "b" * 16)
    assert not hop.sampled


def test_what_is_no_hop_is_left_out(make_worker: MakeWorker) -> None:
    """GIVEN a record that is no event, a line without records, and one that is somebody else's WHEN read THEN there are
    no hops."""
    hops, _ = told(record("junk"), make_worker=make_worker)

    assert hops == []
    lines: list[dict[str, Any]] = [
        {},
        {"worker": "w", "spans": "text"},
        {"worker": "w", "spans": [[], "x", None, ["e"]]},
        {"spans": []},
    ]
    for line in lines:
        assert list(hops_of(line)) == []


def test_tries_of_an_event_are_spans_of_their_own(make_worker: MakeWorker) -> None:
    """GIVEN two receives of a message, and a duplicate of it WHEN spans are made THEN no two are the same one, and a
    failure is an error."""
    [hop], _ = told(record_of(wrap(ThingHappened(number=1))), make_worker=make_worker)
    tries = [hop, hop._replace(receives=2, outcome="retried"), hop._replace(outcome="duplicates", sent_ms=5)]

    assert len({each.span_id for each in tries}) == 3
    assert [consumer_span(each)["status"].get("code") for each in tries] == [None, 2, None]
    assert hop.span_id == span_id(f"things/{hop.event_id}/1")


@pytest.fixture
def collector() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A collector's URL, what it was sent, and the status that it answers next."""
    got: list[dict[str, Any]] = []
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
            got.append({"path": self.path, "key": self.headers.get("x-key"), **json.loads(body)})
            self.send_response(status[0])
            self.end_headers()
            self.wfile.write(b'{"partialSuccess": {"rejectedSpans": "2"}}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got, status
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_reach_a_collector(
    make_worker: MakeWorker, collector: tuple[str, list[dict[str, Any]], list[int]]
) -> None:
    """GIVEN spans of two workers WHEN exported THEN the collector has them by service, in OTLP's JSON; what it refused
    is counted, and an answer other than 200 is an error that says whether to try again."""
    url, got, status = collector
    [hop], _ = told(record_of(wrap(ThingHappened(number=1))), make_worker=make_worker)
    body = request_of([("b", consumer_span(hop)), ("a", consumer_span(hop)), ("b", consumer_span(hop))], "fanout-test")

    assert export(url, body, headers={"x-key": "k"}) == 2
    assert (got[0]["path"], got[0]["key"]) == ("/v1/traces", "k")
    services = [each["resource"]["attributes"][0]["value"]["stringValue"] for each in got[0]["resourceSpans"]]
    assert services == ["a", "b"]
    [first] = got[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert first["kind"] == 5
    assert int(first["endTimeUnixNano"]) >= int(first["startTimeUnixNano"]) == 1_000_001_500_000_000
    assert trace_id(f"00-{first['traceId']}-{first['spanId']}-01")

    for code, may_pass in ((503, True), (400, False)):
        status[0] = code
        with pytest.raises(ExportError, match=str(code)) as caught:
            export(url, body)
        assert caught.value.may_pass is may_pass


def test_where_traces_go() -> None:
    """GIVEN a collector's URL with and without a path WHEN asked where traces go THEN the path is kept, or added; what
    is no URL is refused, and a collector that is not there may come back."""
    assert endpoint("https://c.example:4318/") == "https://c.example:4318/v1/traces"
    assert endpoint("https://c.example/api/v1/otlp") == "https://c.example/api/v1/otlp"
    with pytest.raises(ExportError, match="must begin with"):
        endpoint("c.example")
    with pytest.raises(ExportError) as caught:
        export("http://127.0.0.1:1", {})
    assert caught.value.may_pass
