"""What operators change, written down before and after each step: the table ``<namespace>-operations``.

One operation is one partition: its head, then for each step of the work an *intent*, written before the step touches
anything, and a *done* after it. An intent without its done may have been carried out in part, and whoever resumes the
operation finds out which part. Nothing is ever deleted; all writes are conditional, so that a call that is repeated
changes nothing, and of two who would carry the same operation on one is turned away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fanout.errors import FanoutError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

__all__ = [
    "BY_DAY",
    "Announce",
    "Head",
    "Held",
    "Journal",
    "JournalError",
    "Operation",
    "Status",
    "Step",
    "UnknownOperationError",
]

BY_DAY = "by_day"
"""The table's index: the operations of a day, in their order."""
HELD_S = 150
"""How long an operation is one process's own after its last step; another may resume it then."""
IDS_AN_ITEM = 1_000
"""Of a plan, in one item: DynamoDB takes 400 KB
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""

_HEAD, _PLAN, _INTENT, _DONE, _NOTE = "0#head", "0#plan#", "1#", "2#", "3#"
_REFUSED = "ConditionalCheckFailedException"

Item = Mapping[str, "AttributeValueTypeDef"]


class JournalError(FanoutError):
    """The journal cannot be written or read; the text says why."""


class UnknownOperationError(JournalError):
    """There is no operation of that id."""

    exit_code = 3


class Held(JournalError):  # noqa: N818 - a refusal
    """Another process carries the operation on at this moment."""

    exit_code = 5


class Status(StrEnum):
    """How far an operation has come."""

    RUNNING = "running"
    """Or cut off: ``fanout operations resume`` carries it on."""
    STOPPED = "stopped"
    """By itself, before its end: it may be carried on."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who does what, and why."""

    operation: str
    """Its id: ids sort by time."""
    kind: str
    worker: str
    why: str
    who: str = ""
    """The caller's ARN; with single sign-on its last part is the person."""
    host: str = ""
    version: str = ""
    """Of fanout."""
    command: str = ""
    """The command line."""
    started_at: str = ""
    """UTC, ISO 8601."""
    total: int = 0
    """How many things it concerns."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """What the plan decided, as JSON values."""
    status: Status = Status.RUNNING
    told: Mapping[str, Any] = field(default_factory=dict)
    """Its result, as JSON values."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an operation."""

    number: int
    ids: tuple[str, ...]
    """What it concerns: message ids, for instance."""
    intent: Mapping[str, Any]
    """What was known before, as JSON values."""
    done: Mapping[str, Any] | None = None
    """What became of it; None: it may have been carried out in part."""

    @property
    def unsettled(self) -> frozenset[str]:
        """The ids that are still to be seen to, though the step is done."""
        done = self.done or {}
        return frozenset({*done.get("refused", ()), *done.get("undeleted", ())})


@dataclass(frozen=True, slots=True)
class Operation:
    """All that the journal has of an operation."""

    head: Head
    planned: tuple[str, ...]
    """The ids that the plan chose."""
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def settled(self) -> frozenset[str]:
        """The ids of all steps that are done, without those that were not taken or not deleted."""
        done = {each for step in self.steps if step.done is not None for each in step.ids}
        return frozenset(done.difference(*(step.unsettled for step in self.steps)))

    @property
    def doubtful(self) -> frozenset[str]:
        """The ids of which it is not known whether they have arrived, and of those that have and were not deleted."""
        begun = {each for step in self.in_doubt for each in step.ids}
        return frozenset(begun.union(*((step.done or {}).get("undeleted", ()) for step in self.steps)))

    @property
    def in_doubt(self) -> tuple[Step, ...]:
        """The steps that were begun and not finished."""
        return tuple(step for step in self.steps if step.done is None)

    @property
    def next_number(self) -> int:
        return max((step.number for step in self.steps), default=0) + 1


Announce = Callable[[str, str, Mapping[str, Any]], None]
"""Is told that an operation has ``OperationStarted`` or ``OperationFinished``: its id, and what there is to say."""


def _nobody(name: str, operation: str, data: Mapping[str, Any]) -> None:
    """Nobody is told."""
    del name, operation, data


@dataclass(frozen=True)
class Journal:
    """
    :ivar holder: this process, unique among all that write.
    :ivar announce: is told of each operation that has begun, or has come to an end for now; it raises nothing.
    :ivar clock: seconds since 1970; tests give their own.
    """

    client: DynamoDBClient = field(repr=False)
    table: str
    holder: str
    clock: Callable[[], float] = time.time
    announce: Announce = field(default=_nobody, repr=False)

    def open(self, head: Head, planned: Sequence[str] = ()) -> None:
        """Write the plan down, then the head: an operation that has a head has all of its plan.

        :raises JournalError: there is an operation of that id.
        """
        for number, start in enumerate(range(0, len(planned), IDS_AN_ITEM)):
            chunk = planned[start : start + IDS_AN_ITEM]
            self._put(head.operation, f"{_PLAN}{number:06d}", {"ids": json.dumps(chunk)})
        fields = {
            **{name: getattr(head, name) for name in _TEXTS},
            "plan": json.dumps(head.plan),
            "told": json.dumps(head.told),
            "day": head.started_at[:10],
            "holder": self.holder,
        }
        if not self._put(head.operation, _HEAD, fields, total=head.total, held_until=self._held_until()):
            raise JournalError(f"operation {head.operation}: there is one of that id already")
        told = {name: getattr(head, name) for name in ("kind", "worker", "why", "who", "started_at", "total")}
        self.announce("OperationStarted", head.operation, told)

    def take(self, operation: str) -> None:
        """Carry the operation on: it is this process's own from now on.

        :raises Held: it is another's.
        """
        names = {"#holder": "holder", "#until": "held_until", "#status": "status"}
        self._update(
            operation,
            "SET #holder = :me, #until = :until, #status = :running",
            "attribute_exists(op) AND (#holder = :me OR #until < :now)",
            names,
            {
                ":me": {"S": self.holder},
                ":until": {"N": self._held_until()},
                ":now": {"N": str(int(self.clock()))},
                ":running": {"S": Status.RUNNING},
            },
            refusal=f"operation {operation}: another process carries it on, or did until less than {HELD_S} s ago; "
            "try again then",
        )

    def intent(self, operation: str, number: int, ids: Sequence[str], **told: Any) -> None:
        """What is about to be done, before anything is.

        :raises Held: another process carries the operation on.
        """
        self._keep(operation)
        if not self._put(operation, f"{_INTENT}{number:06d}", {"ids": json.dumps(list(ids)), "told": json.dumps(told)}):
            raise Held(f"operation {operation}: step {number} is another process's")

    def done(self, operation: str, number: int, **told: Any) -> None:
        """What became of a step. The first word counts."""
        self._put(operation, f"{_DONE}{number:06d}", {"told": json.dumps(told)})

    def note(self, operation: str, text: str) -> None:
        """A remark that belongs to the operation."""
        self._put(operation, f"{_NOTE}{_now(self.clock)}", {"text": text})

    def keep(self, operation: str) -> None:
        """Still at it, while a step takes long.

        :raises Held: another process carries the operation on.
        """
        self._keep(operation)

    def close(self, operation: str, status: Status, **told: Any) -> None:
        """How the operation ended.

        :raises Held: another process carries the operation on.
        """
        self._update(
            operation,
            "SET #status = :status, #told = :told, #until = :zero",
            "#holder = :me",
            {"#status": "status", "#told": "told", "#until": "held_until", "#holder": "holder"},
            {
                ":status": {"S": status},
                ":told": {"S": json.dumps(told)},
                ":zero": {"N": "0"},
                ":me": {"S": self.holder},
            },
        )
        if status is not Status.RUNNING:
            self.announce("OperationFinished", operation, {"status": status.value, **told})

    def read(self, operation: str) -> Operation:
        """
        :raises UnknownOperationError: there is none of that id.
        """
        items = list(self._items(operation))
        heads = [item for item in items if _text(item, "step") == _HEAD]
        if not heads:
            raise UnknownOperationError(f"operation {operation}: there is none; `fanout operations ls` lists them")
        done = {_number_of(item, _DONE): json.loads(_text(item, "told")) for item in _of(items, _DONE)}
        return Operation(
            _head(heads[0]),
            tuple(each for item in _of(items, _PLAN) for each in json.loads(_text(item, "ids"))),
            tuple(_step(item, done) for item in _of(items, _INTENT)),
            tuple(_text(item, "text") for item in _of(items, _NOTE)),
        )

    def recent(self, days: int) -> Iterator[Head]:
        """The operations of the last days, the newest first."""
        today = datetime.fromtimestamp(self.clock(), UTC).date()
        for back in range(days):
            pages = self.client.get_paginator("query").paginate(
                TableName=self.table,
                IndexName=BY_DAY,
                KeyConditionExpression="#day = :day",
                ExpressionAttributeNames={"#day": "day"},
                ExpressionAttributeValues={":day": {"S": (today - timedelta(days=back)).isoformat()}},
                ScanIndexForward=False,
            )
            yield from (_head(item) for page in pages for item in page["Items"])

    def _items(self, operation: str) -> Iterator[Item]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="op = :op",
            ExpressionAttributeValues={":op": {"S": operation}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _put(self, operation: str, step: str, texts: Mapping[str, str], **numbers: int | str) -> bool:
        """Whether it is there now as it was meant: a call that was repeated finds its own item."""
        item: dict[str, AttributeValueTypeDef] = {
            "op": {"S": operation},
            "step": {"S": step},
            **{name: {"S": value} for name, value in texts.items()},
            **{name: {"N": str(value)} for name, value in numbers.items()},
        }
        from botocore.exceptions import ClientError

        try:
            self.client.put_item(TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(op)")
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            key: dict[str, AttributeValueTypeDef] = {"op": {"S": operation}, "step": {"S": step}}
            return self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item") == item
        return True

    def _keep(self, operation: str) -> None:
        self._update(
            operation,
            "SET #until = :until",
            "#holder = :me",
            {"#until": "held_until", "#holder": "holder"},
            {":until": {"N": self._held_until()}, ":me": {"S": self.holder}},
        )

    def _update(
        self,
        operation: str,
        expression: str,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, AttributeValueTypeDef],
        *,
        refusal: str = "",
    ) -> None:
        from botocore.exceptions import ClientError

        try:
            self.client.update_item(
                TableName=self.table,
                Key={"op": {"S": operation}, "step": {"S": _HEAD}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            raise Held(refusal or f"operation {operation}: another process has taken it over") from error

    def _held_until(self) -> str:
        return str(int(self.clock()) + HELD_S)


_TEXTS = ("kind", "worker", "why", "who", "host", "version", "command", "started_at", "status")


def _head(item: Item) -> Head:
    texts = {name: _text(item, name) for name in _TEXTS if name != "status"}
    return Head(
        operation=_text(item, "op"),
        total=int(item["total"]["N"]),
        plan=json.loads(_text(item, "plan")),
        told=json.loads(_text(item, "told")),
        status=Status(_text(item, "status")),
        **texts,
    )


def _step(item: Item, done: Mapping[int, Mapping[str, Any]]) -> Step:
    number = _number_of(item, _INTENT)
    return Step(number, tuple(json.loads(_text(item, "ids"))), json.loads(_text(item, "told")), done.get(number))


def _of(items: Sequence[Item], prefix: str) -> list[Item]:
    return [item for item in items if _text(item, "step").startswith(prefix)]


def _number_of(item: Item, prefix: str) -> int:
    return int(_text(item, "step").removeprefix(prefix))


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _now(clock: Callable[[], float]) -> str:
    return datetime.fromtimestamp(clock(), UTC).isoformat(timespec="microseconds")
