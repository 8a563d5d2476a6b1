"""The outbox's relay: here the table is looked at after each batch, in place of its stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fanout import aws
from fanout.outbox.items import Written
from fanout.outbox.relay import Relay
from fanout.payloads import ClaimCheck
from fanout.publish import Publisher
from fanout_tools.declarations import routing
from fanout_tools.dev.local import Local

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["LocalOutbox"]


class _Marking:
    """Marks what was published. The relay does so by PartiQL, for which moto needs a package of its own."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb, self._table = dynamodb, table

    def batch_execute_statement(self, *, Statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """As DynamoDB's: each is an update of one attribute or two, and ends with the key."""
        for statement in Statements:
            value, *_, partition, event_id = statement["Parameters"]
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"partition": partition, "event_id": event_id},
                UpdateExpression="SET #mark = :value",
                ExpressionAttributeNames={
                    "#mark": "refused" if '"refused"' in statement["Statement"] else "relayed_at"
                },
                ExpressionAttributeValues={":value": value},
            )
        return {"Responses": [{} for _ in Statements]}


class LocalOutbox:
    """The relay of one project."""

    def __init__(self, local: Local) -> None:
        self._local = local

    def relay(self) -> int:
        """Publish what transactions have written; how many events there were."""
        topology = self._local.topology
        owners = [it for it in topology.workers.values() if it.manifest.outbox]
        if not owners:
            return 0
        dynamodb, table = aws.client("dynamodb"), topology.names.outbox_table
        items = dynamodb.scan(TableName=table)["Items"]
        written = [Written.from_item(item) for item in items if not item.keys() & {"relayed_at", "refused"}]
        if written:
            events = {event for it in owners for event in it.manifest.publishes}
            routes = routing.routes(events, {name: it.manifest for name, it in topology.workers.items()})
            claims = ClaimCheck(lambda: aws.client("s3"), lambda: topology.names.claims_bucket(topology.account))
            publisher = Publisher(self._local.bus, topology.names.bus, routes=routes, claim_check=claims)
            marking: Any = _Marking(dynamodb, table)
            Relay(publisher, marking, table, self._local.clock).publish(written)
        return len(written)
