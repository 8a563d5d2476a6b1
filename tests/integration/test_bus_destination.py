"""Another bus gets the events that are declared for it."""

from __future__ import annotations

import json

from tests.integration.platform import DESTINATIONS, ELSEWHERE, Platform, client, eventually, order


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
