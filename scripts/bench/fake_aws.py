"""AWS's JSON protocols as a deployment of any size would answer them, each call after a network's latency.

python -m scripts.bench.fake_aws PORT LATENCY_S WORKERS
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httptools
import orjson

__all__ = ["Answer", "fleet", "serve"]

Answer = Callable[[str, str, dict[str, Any]], tuple[int, Any]]
"""What service, operation and parameters are answered with: a status, and what becomes JSON."""

SERVICES = {"AmazonSQS": "sqs", "GraniteServiceVersion20100801": "cloudwatch", "Logs_20140328": "logs"}

IDENTITY = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ann</Arn>"
    b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class _Served(asyncio.Protocol):
    def __init__(self, answer: Answer, latency_s: float) -> None:
        self._answer, self._latency_s = answer, latency_s
        self._begin()

    def _begin(self) -> None:
        self._parser, self._url, self._body = httptools.HttpRequestParser(self), b"", b""
        self._headers: dict[bytes, bytes] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._body.startswith(b"Action=GetCallerIdentity"):
            status, body = 200, IDENTITY
        else:
            status, content = self._answer(*self._asked())
            body = orjson.dumps(content)
        self._begin()
        head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, head + body)

    def _asked(self) -> tuple[str, str, dict[str, Any]]:
        target = self._headers.get(b"x-amz-target", b"").decode()
        if target:
            prefix, _, operation = target.partition(".")
            return SERVICES[prefix], operation, orjson.loads(self._body)
        url = urlsplit(self._url.decode())
        return "lambda", "ListEventSourceMappings", dict(parse_qsl(url.query))


async def serve(answer: Answer, *, port: int = 0, latency_s: float = 0.0) -> asyncio.Server:
    """Listen on the loopback address."""
    return await asyncio.get_running_loop().create_server(lambda: _Served(answer, latency_s), "127.0.0.1", port)


def fleet(workers: int) -> Answer:
    """So many workers, ``w000`` and on, under the namespace ``bench``: each has handled records, one has dead letters,
    one is paused while its messages wait."""

    def attributes(parameters: Mapping[str, Any]) -> Any:
        name = parameters["QueueUrl"].rpartition("/")[2]
        held = {"bench-w001-dlq": (3, 0), "bench-w002": (7, 0)}.get(name, (0, 0))
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return {"Attributes": dict(zip(names, map(str, held), strict=True))}

    def data(parameters: Mapping[str, Any]) -> Any:
        return {"MetricDataResults": [_result(query, workers) for query in parameters["MetricDataQueries"]]}

    answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "GetQueueAttributes": attributes,
        "GetMetricData": data,
        "DescribeAlarms": lambda _: {"MetricAlarms": [], "CompositeAlarms": []},
        "ListEventSourceMappings": lambda asked: {
            "EventSourceMappings": [{"EventSourceArn": asked.get("EventSourceArn"), "State": "Disabled"}]
        },
    }
    return lambda _, operation, parameters: (200, answers[operation](parameters))


def _result(query: Mapping[str, Any], workers: int) -> dict[str, Any]:
    if "Expression" in query:
        return {"Id": query["Id"], "Label": f"bench-w{workers - 1:03}", "Values": [2.0], "StatusCode": "Complete"}
    handled = query["MetricStat"]["Metric"]["MetricName"] == "handled"
    return {"Id": query["Id"], "Values": [10.0] * 15 if handled else [], "StatusCode": "Complete"}


async def main(port: int, latency_s: float, workers: int) -> None:
    server = await serve(fleet(workers), port=port, latency_s=latency_s)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
