"""The model answers as AWS does, where the core depends on it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from scripts.reliability.model.clock import Clock
from scripts.reliability.model.dynamodb import ModelDynamoDB
from scripts.reliability.model.faults import Client, Death, Fault, Faults, Hit, Process
from scripts.reliability.model.sqs import ModelQueue, ModelSQS

INSERT = "INSERT INTO \"t\" VALUE {'id': ?, 'owner': ?}"
UPDATE = 'UPDATE "t" SET "owner" = ? REMOVE "pending" WHERE "id" = ? AND "owner" = ?'


@pytest.fixture
def dynamodb() -> ModelDynamoDB:
    model = ModelDynamoDB()
    model.create("t", "id")
    return model


def execute(dynamodb: Any, text: str, *values: str) -> Any:
    parameters = [{"S": value} for value in values]
    [answer] = dynamodb.batch_execute_statement(Statements=[{"Statement": text, "Parameters": parameters}])["Responses"]
    return answer.get("Error", {}).get("Code", answer.get("Item"))


def test_an_insert_refuses_what_is_there(dynamodb: ModelDynamoDB) -> None:
    """GIVEN an item WHEN it is inserted again THEN DuplicateItem, and the first stays."""
    assert execute(dynamodb, INSERT, "1", "a") is None
    assert execute(dynamodb, INSERT, "1", "b") == "DuplicateItem"
    assert execute(dynamodb, 'SELECT * FROM "t" WHERE "id" = ?', "1") == {"id": {"S": "1"}, "owner": {"S": "a"}}


def test_an_update_is_conditional(dynamodb: ModelDynamoDB) -> None:
    """GIVEN an item of an owner WHEN another owner, or nobody's item, is updated THEN ConditionalCheckFailed."""
    execute(dynamodb, INSERT, "1", "a")

    assert execute(dynamodb, UPDATE, "b", "1", "x") == "ConditionalCheckFailed"
    assert execute(dynamodb, UPDATE, "b", "2", "a") == "ConditionalCheckFailed"
    assert execute(dynamodb, UPDATE, "b", "1", "a") is None
    assert execute(dynamodb, UPDATE, "b", "1", "a") == "ConditionalCheckFailed"


def test_a_batch_has_limits(dynamodb: ModelDynamoDB) -> None:
    """GIVEN 26 statements, or one item twice WHEN executed THEN the call is refused."""
    statements: list[Any] = [{"Statement": INSERT, "Parameters": [{"S": str(n)}, {"S": "a"}]} for n in range(26)]

    with pytest.raises(ClientError, match="26 statements"):
        dynamodb.batch_execute_statement(Statements=statements)
    with pytest.raises(ClientError, match="twice"):
        dynamodb.batch_execute_statement(Statements=[statements[0]] * 2)


def test_an_item_has_a_limit(dynamodb: ModelDynamoDB) -> None:
    """GIVEN 400 KB WHEN written THEN it is refused."""
    assert execute(dynamodb, INSERT, "1", "x" * 410_000) == "ValidationError"
    with pytest.raises(ClientError, match="ValidationException"):
        dynamodb.put_item(TableName="t", Item={"id": {"S": "1"}, "text": {"S": "x" * 410_000}})


def test_a_transaction_is_all_or_nothing(dynamodb: ModelDynamoDB) -> None:
    """GIVEN a transaction with one condition that does not hold WHEN written THEN nothing is, and the reasons say which
    of them."""
    count: Any = {
        "Update": {
            "TableName": "t",
            "Key": {"id": {"S": "1"}},
            "UpdateExpression": "ADD times :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    once: Any = {
        "Put": {"TableName": "t", "Item": {"id": {"S": "2"}}, "ConditionExpression": "attribute_not_exists(id)"}
    }
    dynamodb.transact_write_items(TransactItems=[count, once])

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as refused:
        dynamodb.transact_write_items(TransactItems=[count, once])

    codes = [reason["Code"] for reason in refused.value.response["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"]
    assert dynamodb.tables["t"].items[repr({"S": "1"}),]["times"] == {"N": "1"}


def test_what_is_not_known_is_refused(dynamodb: ModelDynamoDB) -> None:
    """GIVEN a statement that the model does not read WHEN executed THEN it says so rather than guess."""
    with pytest.raises(NotImplementedError):
        execute(dynamodb, 'UPSERT INTO "t" VALUE {}')


def test_a_queue_counts_receives_and_moves() -> None:
    """GIVEN a maxReceiveCount of 2 WHEN nobody deletes THEN the third receive finds the message in the DLQ."""
    clock = Clock()
    dlq = ModelQueue("dlq", clock)
    queue = ModelQueue("queue", clock, visibility_s=30, max_receives=2, dlq=dlq)
    queue.send("body")

    for _ in range(2):
        assert [m.body for m in queue.receive(10)] == ["body"]
        assert queue.receive(10) == []
        clock.advance(30)

    assert queue.receive(10) == []
    assert [m.body for m in dlq.messages] == ["body"]
    assert len(queue.moved) == 1


def test_an_old_receipt_is_worth_nothing() -> None:
    """GIVEN a message that was handed out again WHEN deleted by its first receipt THEN it stays."""
    clock = Clock()
    queue = ModelQueue("queue", clock, visibility_s=30)
    queue.send("body")
    [message] = queue.receive(1)
    first = message.receipt
    clock.advance(30)
    queue.receive(1)

    assert not queue.delete(first)
    assert queue.delete(message.receipt)


def test_the_retention_deletes_and_is_recorded() -> None:
    """GIVEN a message WHEN the retention ends THEN it is lost, and the model says so."""
    clock = Clock()
    queue = ModelQueue("queue", clock, retention_s=60)
    queue.send("body")
    clock.advance(60)

    assert queue.receive(1) == []
    assert [m.body for m in queue.lost] == ["body"]


def test_a_fifo_group_is_locked_while_one_is_under_way() -> None:
    """GIVEN two groups WHEN a message of one is under way THEN the other group goes on, and its own order waits."""
    clock = Clock()
    queue = ModelQueue("queue", clock, fifo=True)
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        queue.send(body, group=group)

    [first] = queue.receive(1)
    assert first.body == "a1"
    assert [m.body for m in queue.receive(10)] == ["b1"]
    queue.delete(first.receipt)
    assert [m.body for m in queue.receive(10)] == ["a2"]


def test_a_fifo_queue_takes_no_entry_without_a_group_and_none_with_a_delay() -> None:
    """GIVEN a FIFO queue WHEN an entry has no message group, or a delay THEN the call is refused."""
    sqs = ModelSQS()
    sqs.add(ModelQueue("queue", Clock(), fifo=True))

    with pytest.raises(ClientError, match="MissingParameter"):
        sqs.send_message(QueueUrl="queue", MessageBody="body")
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(
            QueueUrl="queue", MessageBody="body", MessageGroupId="a", MessageDeduplicationId="1", DelaySeconds=0
        )


def test_a_deduplication_id_is_known_for_five_minutes() -> None:
    """GIVEN a message WHEN another one has its deduplication id THEN it is sent only after 300 s."""
    clock = Clock()
    queue = ModelQueue("queue", clock, fifo=True)
    first = queue.send("first", group="a", deduplication="1")

    clock.advance(299)
    assert queue.send("second", group="a", deduplication="1") == first
    clock.advance(1)
    assert queue.send("third", group="a", deduplication="1") != first
    assert [message.body for message in queue.messages] == ["first", "third"]


def test_a_second_fault_hits_a_later_call() -> None:
    """GIVEN two faults WHEN calls are made THEN the second one's count begins after the first has hit."""
    faults = Faults(Hit("send", 2, Fault.LOST), Hit("send", 1, Fault.REFUSED))

    assert [faults.of("send", 0) for _ in range(4)] == [None, Fault.LOST, Fault.REFUSED, None]
    assert not faults.left


def test_an_outage_lasts_while_a_second_fault_hits_another_call() -> None:
    """GIVEN an outage of one call and a fault of another WHEN both are made THEN each has its own."""
    faults = Faults(Hit("send", 1, Fault.OUTAGE), Hit("read", 1, Fault.LOST))

    assert faults.of("send", 0) is Fault.OUTAGE
    assert faults.of("read", 1) is Fault.LOST
    assert faults.of("send", 9) is Fault.OUTAGE
    assert faults.of("send", 10) is None


@pytest.mark.parametrize(
    ("fault", "runs", "raised"),
    [
        (Fault.REFUSED, 0, ClientError),
        (Fault.LOST_REPEATED, 2, None),
        (Fault.TWICE, 2, None),
        (Fault.LOST, 1, ConnectionClosedError),
        (Fault.NEVER, 0, ReadTimeoutError),
        (Fault.LATE, 1, None),
        (Fault.TOO_LATE, 1, Death),
        (Fault.DIES_BEFORE, 0, Death),
        (Fault.DIES_AFTER, 1, Death),
    ],
)
def test_a_fault_hits_one_call(fault: Fault, runs: int, raised: type[BaseException] | None) -> None:
    """GIVEN a fault at the first call WHEN it is made THEN it runs as often as the fault says, and ends so."""
    clock, sqs = Clock(), ModelSQS()
    queue = sqs.add(ModelQueue("queue", clock))
    process = Process(clock, deadline=clock.now + 600)
    client = Client(sqs, process, Faults(Hit("send", 1, fault)), lambda *_: "send")

    def send() -> None:
        client.send_message(QueueUrl="queue", MessageBody="body")

    if raised is None:
        send()
    else:
        with pytest.raises(raised):
            send()

    assert len(queue.messages) == runs
    if raised is Death:
        with pytest.raises(Death):  # nothing of a dead process has an effect
            send()
        assert len(queue.messages) == runs
    else:
        send()
        assert len(queue.messages) == runs + 1


def test_some_entries_are_throttled() -> None:
    """GIVEN three entries WHEN some are throttled THEN the others are sent, and the answer names those that were
    not."""
    clock, sqs = Clock(), ModelSQS()
    queue = sqs.add(ModelQueue("queue", clock))
    client = Client(sqs, Process(clock), Faults(Hit("send", 1, Fault.PARTIAL)), lambda *_: "send")

    answer = client.send_message_batch(
        QueueUrl="queue", Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(3)]
    )

    assert [failed["Id"] for failed in answer["Failed"]] == ["0", "2"]
    assert [message.body for message in queue.messages] == ["1"]
