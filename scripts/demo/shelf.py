"""The shop's stock, before anything is ordered from it."""

from fanout import aws
from scripts.demo.scenario import ARTICLES, sku

__all__ = ["fill"]

PIECES = 1_000_000
AT_ONCE = 25
"""BatchWriteItem takes no more."""


def fill(table: str) -> None:
    """Put so many pieces of every article into the table of the stock, whatever was there before."""
    for start in range(0, ARTICLES, AT_ONCE):
        items = [
            {"sku": {"S": sku(number)}, "available": {"N": str(PIECES)}} for number in range(start, start + AT_ONCE)
        ]
        aws.client("dynamodb").batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]}
        )
