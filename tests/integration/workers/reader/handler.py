"""Counts what it sees of large events."""

from contracts.media import ThumbnailsCreated
from fanout import Context, Worker
from fanout.aws import client
from fanout.resources import table

worker = Worker(__file__)


@worker.handles(ThumbnailsCreated)
def count(event: ThumbnailsCreated, _: Context) -> None:
    item = {"photograph": {"S": event.photograph}, "thumbnails": {"N": str(len(event.thumbnails))}}
    client("dynamodb").put_item(TableName=table("seen"), Item=item)


handler = worker.lambda_handler
