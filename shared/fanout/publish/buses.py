"""The two kinds of EventBridge's buses, told apart by the bus's name or ARN, and one PutEvents call to either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypedDict

__all__ = ["CLASSIC", "V2", "BusKind", "Fault", "Request", "kind_of", "put"]

MAX_CALL_BYTES = 1024 * 1024
"""Of the entries of one call together
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html, 1 MB since January 2026)."""

PERMANENT = frozenset(
    {
        "AccessDeniedException",
        "ClaimRefused",
        "InvalidArgument",
        "InvalidInputException",
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "ParamValidationError",
        "ResourceNotFoundException",
        "ValidationException",
    }
)
"""Error codes of an entry, or a call, that no repetition mends."""


@dataclass(frozen=True, slots=True)
class BusKind:
    service: Literal["events", "eventbridgev2"]
    """The client that speaks to it."""
    max_entries: int
    """Of one PutEvents call."""


CLASSIC = BusKind("events", 10)
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""

V2 = BusKind("eventbridgev2", 100)
"""The service model of ``eventbridgev2`` in botocore: PutEventsRequestEntryList."""


class Request(TypedDict):
    """One event as both kinds take it."""

    Source: str
    DetailType: str
    Detail: str


class Fault(NamedTuple):
    """Why an entry was not taken."""

    code: str
    message: str

    @property
    def permanent(self) -> bool:
        return self.code in PERMANENT

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def kind_of(bus: str) -> BusKind:
    """What kind of bus it is; one of the second kind is only known by its ARN, the classic by name or ARN."""
    return V2 if ":event-busv2/" in bus else CLASSIC


def put(client: Any, bus: str, requests: Sequence[Request]) -> list[Fault | None]:
    """Each entry's fault, or None. What befalls the call as a whole befalls each entry."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if kind_of(bus) is V2:
            response = client.put_events(EventBusArn=bus, Entries=requests)
        else:
            response = client.put_events(Entries=[{"EventBusName": bus, **request} for request in requests])
    except ClientError as error:
        return [Fault(error.response["Error"]["Code"], error.response["Error"]["Message"])] * len(requests)
    except BotoCoreError as error:
        return [Fault(type(error).__name__, str(error))] * len(requests)
    return [
        Fault(answer["ErrorCode"], answer.get("ErrorMessage", "")) if answer.get("ErrorCode") else None
        for answer in response["Entries"]
    ]
