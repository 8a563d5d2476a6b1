"""The dead-letter queue of a rule's target gets what cannot be delivered.

Wrong in 4.14.0: ``DeadLetterConfig`` and ``RetryPolicy`` of a target are stored and described, but never
used: an event that cannot be delivered is logged and lost.

Known by: a rule with a deleted queue as its target and a DeadLetterConfig, on a bare LocalStack: the
dead-letter queue stays empty. What AWS puts into it is in "Using dead-letter queues to process undelivered
events" of the EventBridge user guide.
"""

import json
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localstack.services.events.target import TargetSender

__all__ = ["install"]

LOG = logging.getLogger(__name__)

#: AWS retries for up to 24 hours, 185 times; a test cannot wait, and nothing here fixes itself.
_MAX_RETRIES = 2


def install() -> None:
    """Wrap the one method through which every target gets its events."""
    from localstack.services.events.target import TargetSender

    deliver = TargetSender.process_event

    def process_event(self: TargetSender, event: dict[str, Any], trace_header: Any) -> None:
        retries = min(self.target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 185), _MAX_RETRIES)
        for attempt in range(retries + 1):
            try:
                return deliver(self, dict(event), trace_header)
            except Exception as error:  # noqa: BLE001 - whatever the target's client raises
                last = error
                LOG.debug("attempt %d to deliver to %s failed: %s", attempt + 1, self.arn, error)
        _bury(self, event, last, retries)
        raise last

    TargetSender.process_event = process_event


def _code(error: Exception) -> str:
    """EventBridge has a word of its own for what a policy refuses."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", "SDK_CLIENT_ERROR"))
    return "NO_PERMISSIONS" if code == "AccessDenied" else code


def _bury(sender: "TargetSender", event: dict[str, Any], error: Exception, retries: int) -> None:
    """Send ``event`` to the dead-letter queue of the target, if it has one."""
    from localstack.aws.connect import connect_to

    arn = sender.target.get("DeadLetterConfig", {}).get("Arn")
    if not arn:
        return
    _, _, _, region, account, name = arn.split(":")
    sqs = connect_to(aws_access_key_id=account, region_name=region).sqs
    url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    attributes = {
        "RULE_ARN": sender.rule_arn,
        "TARGET_ARN": sender.arn,
        "ERROR_CODE": _code(error),
        "ERROR_MESSAGE": str(error),
        "RETRY_ATTEMPTS": str(retries),
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    sqs.send_message(
        QueueUrl=url,
        # LocalStack carries the name of the bus in the event; AWS does not.
        MessageBody=json.dumps({key: value for key, value in event.items() if key != "event-bus-name"}),
        MessageAttributes={key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()},
    )
