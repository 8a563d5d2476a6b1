"""Awards points for invoices; small ones never get here: see ``where`` in worker.yaml."""

from aws_lambda_powertools import Logger, Metrics

from contracts.billing import InvoiceIssued
from fanout import Context, Retry, Worker
from fanout.aws import client
from fanout.resources import table

worker = Worker(__file__)
logger = Logger(service="loyalty")
metrics = Metrics(namespace="fanout", service="loyalty")


@worker.handles(InvoiceIssued)
def award(invoice: InvoiceIssued, _: Context) -> None:
    """A point for each whole dollar, once per invoice."""
    points = {"N": str(int(invoice.total.amount))}
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": table("awards"),
                        "Item": {
                            "invoice_id": {"S": invoice.invoice_id},
                            "customer_id": {"S": invoice.customer_id},
                            "points": points,
                        },
                        "ConditionExpression": "attribute_not_exists(invoice_id)",
                    }
                },
                {
                    "Update": {
                        "TableName": table("points"),
                        "Key": {"customer_id": {"S": invoice.customer_id}},
                        "UpdateExpression": "ADD points :points",
                        "ExpressionAttributeValues": {":points": points},
                    }
                },
            ]
        )
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
        if codes[0] != "ConditionalCheckFailed":
            raise Retry(f"invoice {invoice.invoice_id}: the transaction was cancelled: {codes}") from error
        logger.info("awarded before", extra={"invoice_id": invoice.invoice_id})
        return
    metrics.add_metric(name="PointsAwarded", unit="Count", value=float(points["N"]))


handler = worker.lambda_handler
