"""Aggregator in one DynamoDB table: partition key ``gather_id``, sort key ``item``.

``gather``      the closing item: the set of the parts that count, and who closed it. Adding to the set is one
                conditional update, so that a duplicate cannot count twice and a late part cannot count at all. It
                holds nothing else that grows, for each part's update is charged by its size.
``request``     the scattered event.
``part#00042``  what a part reported: written once, before the part counts. An item per part, because one item of all
                results would be over DynamoDB's 400 KB with a few of them.

A part costs two writes; its report is read once, when the gather ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from fanout.events.envelope import Envelope
from fanout.gather.state import MAX_DEADLINE_S, Part, ScatterGather
from fanout.outcomes import Reject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["DynamoDBGatherStore"]

Item = dict[str, Any]

MAX_RESULT_BYTES = 390 * 1024
"""Of a part's result as JSON: DynamoDB's 400 KB less the item's other attributes
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""

KEPT_S = MAX_DEADLINE_S + 14 * 24 * 3600
"""How long each item is kept: over the longest deadline, and then as long as a DLQ keeps the gather's last timer, so
that an operator can redrive it."""


class DynamoDBGatherStore:
    """See :class:`fanout.gather.store.GatherStore`.

    :param clock: seconds since 1970; tests give their own.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def create(self, gather: ScatterGather, request: Envelope) -> ScatterGather:
        event = orjson.dumps(request.pack())
        if len(event) > MAX_RESULT_BYTES:
            raise Reject(
                f"{request.identifier}: {len(event):,} bytes; at most {MAX_RESULT_BYTES:,} of a scattered event fit "
                "the table: keep its data in S3 and publish their key"
            )
        # First, so that a gather never is without it.
        self._put(gather.gather_id, "request", {"event": {"S": event.decode()}})
        fields: Item = {
            "into": {"S": gather.into},
            "total": {"N": str(gather.total)},
            "due_at": {"N": repr(gather.due_at)},
            "compensates": {"BOOL": gather.compensates},
        }
        if self._put(gather.gather_id, "gather", fields):
            return gather
        return self.read(gather.gather_id) or gather

    def read(self, gather_id: str) -> ScatterGather | None:
        item = self._get(gather_id, "gather")
        return None if item is None else _gather(gather_id, item)

    def request(self, gather_id: str) -> Envelope:
        item = self._get(gather_id, "request")
        if item is None:
            raise KeyError(gather_id)
        return Envelope.unpack(orjson.loads(item["event"]["S"]))

    def keep(self, gather_id: str, part: Part) -> Part:
        written = orjson.dumps(part.result)
        if len(written) > MAX_RESULT_BYTES:
            raise Reject(
                f"part {part.index}: a result of {len(written):,} bytes; at most {MAX_RESULT_BYTES:,} fit the table: "
                "keep it in S3 and return its key"
            )
        fields: Item = {"result": {"S": written.decode()}}
        if part.error is not None:
            fields["error"] = {"S": part.error}
        if self._put(gather_id, _part_key(part.index), fields):
            return part
        return self.part(gather_id, part.index) or part

    def mark_done(self, gather_id: str, index: int) -> ScatterGather | None:
        return self._update(
            gather_id,
            update="ADD #done :indices",
            condition="attribute_exists(gather_id) AND attribute_not_exists(#closed_by) "
            "AND NOT contains(#done, :index) AND #total > :index",
            names={"#done": "done", "#closed_by": "closed_by", "#total": "total"},
            values={":indices": {"NS": [str(index)]}, ":index": {"N": str(index)}},
        )

    def close(self, gather_id: str, timer_id: str) -> ScatterGather | None:
        return self._update(
            gather_id,
            update="SET #closed_by = :timer",
            condition="attribute_exists(gather_id) AND attribute_not_exists(#closed_by)",
            names={"#closed_by": "closed_by"},
            values={":timer": {"S": timer_id}},
        )

    def part(self, gather_id: str, index: int) -> Part | None:
        item = self._get(gather_id, _part_key(index))
        return None if item is None else _part(index, item)

    def parts(self, gather_id: str) -> Mapping[int, Part]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="gather_id = :gather AND begins_with(#item, :part)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":gather": {"S": gather_id}, ":part": {"S": "part#"}},
            ConsistentRead=True,
        )
        found = [(int(item["item"]["S"].partition("#")[2]), item) for page in pages for item in page["Items"]]
        return {index: _part(index, item) for index, item in found}

    # Calls.

    def _put(self, gather_id: str, item: str, fields: Item) -> bool:
        """Whether it was not there before."""
        expiration = {"N": str(int(self._clock()) + KEPT_S)}
        try:
            self._client.put_item(
                TableName=self._table,
                Item={"gather_id": {"S": gather_id}, "item": {"S": item}, "expiration": expiration, **fields},
                ConditionExpression="attribute_not_exists(gather_id)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _get(self, gather_id: str, item: str) -> Item | None:
        key: Item = {"gather_id": {"S": gather_id}, "item": {"S": item}}
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def _update(
        self, gather_id: str, *, update: str, condition: str, names: dict[str, str], values: Item
    ) -> ScatterGather | None:
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"gather_id": {"S": gather_id}, "item": {"S": "gather"}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _gather(gather_id, answer["Attributes"])


def _part_key(index: int) -> str:
    return f"part#{index:05}"


def _gather(gather_id: str, item: Item) -> ScatterGather:
    return ScatterGather(
        gather_id=gather_id,
        into=item["into"]["S"],
        total=int(item["total"]["N"]),
        due_at=float(item["due_at"]["N"]),
        compensates=item["compensates"]["BOOL"],
        done=frozenset(map(int, item["done"]["NS"])) if "done" in item else frozenset(),
        closed_by=item["closed_by"]["S"] if "closed_by" in item else None,
    )


def _part(index: int, item: Item) -> Part:
    error = item["error"]["S"] if "error" in item else None
    return Part(index=index, result=orjson.loads(item["result"]["S"]), error=error)
