"""The function that sends the spans of workers' batches to a collector as they are logged.

It is subscribed to the workers' log groups by the term ``spans``. CloudWatch Logs invokes it asynchronously
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html): what fails for the moment is
raised, so that Lambda tries again; the spans have the same ids then. What the collector will never take is told in the
log.
"""

from __future__ import annotations

import base64
import gzip
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from fanout import telemetry
from fanout.parameters import secret
from fanout.tracing.hops import Hop, hops_of
from fanout.tracing.otlp import ExportError, Span, consumer_span, export, published_spans, request_of

__all__ = ["handler"]

log = logging.getLogger(__name__)

SECRET = "otlp-headers"
"""A JSON object of header fields, as a vendor's key: SECRET_OTLP_HEADERS names it in Secrets Manager."""


def handler(event: Mapping[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda's
    """The function's entry: a batch of log lines in.

    :raises ExportError: the collector does not take spans for the moment.
    """
    telemetry.configure()
    spans = list(_spans(event))
    if not spans:
        return
    try:
        refused = export(os.environ["FANOUT_OTLP_ENDPOINT"], request_of(spans, _namespace()), headers=_headers())
    except ExportError as error:
        if error.may_pass:
            raise
        log.error("the collector will never take these spans: %s", error, extra={"spans": len(spans)})
        refused = len(spans)
    counts = {"spans": len(spans), "spans_refused": refused}
    telemetry.emit_metrics({"worker": "traces"}, counts, {})


def _spans(event: Mapping[str, Any]) -> Iterator[tuple[str, Span]]:
    """Of the lines, each with its worker."""
    told = orjson.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    if told.get("messageType") != "DATA_MESSAGE":  # else CloudWatch Logs tries whether we are there
        return
    for each in told["logEvents"]:
        for hop in _hops(each["message"]):
            yield hop.worker, consumer_span(hop)
            yield from ((hop.worker, span) for span in published_spans(hop))


def _hops(message: str) -> Iterator[Hop]:
    try:
        line = orjson.loads(message)
    except orjson.JSONDecodeError:  # another line that holds the word
        return
    if isinstance(line, dict):
        yield from (hop for hop in hops_of(line) if hop.sampled)


def _headers() -> Mapping[str, str]:
    if "SECRET_OTLP_HEADERS" not in os.environ:
        return {}
    return {str(name): str(value) for name, value in orjson.loads(secret(SECRET)).items()}


def _namespace() -> str:
    return os.environ.get("FANOUT_NAMESPACE", "")
