"""Another bus and an API get the events that are declared for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

from tests.integration.platform import (
    API_KEY,
    CALLED,
    DESTINATIONS,
    ELSEWHERE,
    FOR_THE_API,
    NAMESPACE,
    Platform,
    client,
    eventually,
    order,
)


def test_another_bus_gets_the_events_that_are_declared_for_it(platform: Platform) -> None:
    """GIVEN a bus elsewhere that keeps what it gets WHEN an order is placed THEN the invoice that follows comes there,
    as it was published, and the order does not."""
    events, sqs = client("events"), platform.sqs
    events.create_event_bus(Name=ELSEWHERE)
    url = sqs.create_queue(QueueName="kept-elsewhere")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="all", EventBusName=ELSEWHERE, EventPattern='{"version": ["0"]}')["RuleArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule="all", EventBusName=ELSEWHERE, Targets=[{"Id": "queue", "Arn": arn}])
    placed = order("probe")

    platform.publisher.publish(placed)

    kept = eventually(
        lambda: [json.loads(it["Body"]) for it in sqs.receive_message(QueueUrl=url).get("Messages", ())],
        lambda found: any(it["detail"]["data"]["order_id"] == placed.order_id for it in found),
        "the invoice has come to the bus elsewhere",
    )
    names = {f"{it['source']}/{it['detail-type']}" for it in kept}
    assert names == set(DESTINATIONS[ELSEWHERE]["events"])


class Api(ThreadingHTTPServer):
    """Keeps the requests that it gets: method, key and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.requests: list[tuple[str, str | None, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Request(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.command, self.headers["x-api-key"], json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing on the terminal."""


@contextmanager
def _called() -> Iterator[Api]:
    """The deployed destination calls this for as long as the block lasts: no emulator trusts a certificate of ours."""
    events, name = client("events"), f"{NAMESPACE}-to-crm"
    with Api() as api:
        Thread(target=api.serve_forever, daemon=True).start()
        events.update_api_destination(Name=name, InvocationEndpoint=api.url)
        try:
            yield api
        finally:
            events.update_api_destination(Name=name, InvocationEndpoint=CALLED["url"])
            api.shutdown()


def test_an_api_gets_what_the_template_makes_of_an_event(platform: Platform) -> None:
    """GIVEN an API with a connection and a template WHEN two orders are placed THEN it is called once, for the invoice
    that its pattern selects, with what the template makes of it and with the connection's key."""
    selected = order("probe", order_id=f"{FOR_THE_API}{uuid4()}")

    with _called() as api:
        for placed in (order("probe"), selected):
            platform.publisher.publish(placed)
        eventually(lambda: list(api.requests), bool, "the API has been called")

    assert api.requests == [("POST", API_KEY, {"order": selected.order_id, "kind": "InvoiceIssued"})]
