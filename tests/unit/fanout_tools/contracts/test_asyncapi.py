"""The AsyncAPI document: structured as the specification says, and true of contracts and workers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, Field

from fanout import Event
from fanout.events.event import Contract, load_contracts
from fanout_tools.contracts.asyncapi import document
from fanout_tools.contracts.golden import find
from fanout_tools.contracts.snapshots import read_all, schema
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.project import project as project_of

pytestmark = pytest.mark.shop

ROOT = Path(__file__).parents[4]

# What AsyncAPI 3.0.0 knows of each object: (required members, all members).
# https://www.asyncapi.com/docs/reference/specification/v3.0.0#schema
MEMBERS: dict[str, tuple[set[str], set[str]]] = {
    "document": (
        {"asyncapi", "info"},
        {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"},
    ),
    "info": (
        {"title", "version"},
        {"title", "version", "description", "termsOfService", "contact", "license", "tags", "externalDocs"},
    ),
    "channel": (
        set(),
        {
            *("address", "messages", "title", "summary", "description", "servers", "parameters", "tags"),
            *("externalDocs", "bindings"),
        },
    ),
    "operation": (
        {"action", "channel"},
        {
            *("action", "channel", "title", "summary", "description", "security", "tags", "externalDocs", "bindings"),
            *("traits", "messages", "reply"),
        },
    ),
    "message": (
        set(),
        {
            *("headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags"),
            *("externalDocs", "bindings", "examples", "traits"),
        },
    ),
    "example": (set(), {"headers", "payload", "name", "summary"}),
    "tag": ({"name"}, {"name", "description", "externalDocs"}),
}


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    """The document of the shop."""
    contracts = load_contracts()
    workers = load_all(ROOT / "services")
    return document(contracts, read_all(project_of(ROOT).schemas), find(project_of(ROOT).golden), workers, "1.2.3")


def conforms(kind: str, value: dict[str, Any]) -> None:
    required, known = MEMBERS[kind]
    assert required <= value.keys()
    assert {name for name in value if not name.startswith("x-")} <= known


def pointed(reference: dict[str, Any], whole: dict[str, Any]) -> Any:
    assert reference.keys() == {"$ref"}
    found: Any = whole
    for step in reference["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield {"$ref": value["$ref"]}
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


# Structure.


def test_every_object_has_its_members(shop: dict[str, Any]) -> None:
    """GIVEN the shop's document WHEN its objects are held against the specification THEN each has what it requires
    and nothing that it does not know."""
    conforms("document", shop)
    conforms("info", shop["info"])
    assert (shop["asyncapi"], shop["info"]["version"]) == ("3.0.0", "1.2.3")
    for channel in shop["channels"].values():
        conforms("channel", channel)
    for operation in shop["operations"].values():
        conforms("operation", operation)
        assert operation["action"] in {"send", "receive"}
        for tag in operation["tags"]:
            conforms("tag", tag)
    for message in shop["components"]["messages"].values():
        conforms("message", message)
        for example in message.get("examples", []):
            conforms("example", example)
    for components in shop["components"].values():
        assert all(re.fullmatch(r"[\w.-]+", name) for name in components)


def test_every_reference_leads_somewhere(shop: dict[str, Any]) -> None:
    """GIVEN the shop's document WHEN its references are followed THEN none is dangling; an operation's messages are
    those of its channel."""
    for reference in references(shop):
        pointed(reference, shop)
    for operation in shop["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")


def test_every_payload_is_a_schema_that_its_examples_keep(shop: dict[str, Any]) -> None:
    """GIVEN each message WHEN its payload is read as JSON Schema of AsyncAPI's draft THEN it is one, each version has
    an example, and the examples, golden events, keep it."""
    for key, message in shop["components"]["messages"].items():
        whole = {"components": shop["components"], "allOf": [{"$ref": f"#/components/messages/{key}/payload"}]}
        Draft7Validator.check_schema(message["payload"])
        assert message["examples"]
        for example in message["examples"]:
            Draft7Validator(whole).validate(example["payload"])
            broken = json.loads(json.dumps(example["payload"]))
            broken["source"] = "elsewhere"
            assert not Draft7Validator(whole).is_valid(broken)


def test_a_version_is_told_from_another(shop: dict[str, Any]) -> None:
    """GIVEN a message of version 1 WHEN held against the payload of version 2 THEN it does not keep it: every message
    of a channel is one of its messages, and only one."""
    messages = shop["components"]["messages"]
    whole = {
        "components": shop["components"],
        "allOf": [{"$ref": "#/components/messages/shop.orders.OrderPlaced.v2/payload"}],
    }
    for example in messages["shop.orders.OrderPlaced.v1"]["examples"]:
        assert not Draft7Validator(whole).is_valid(example["payload"])


# Truth.


def test_a_channel_is_a_domain(shop: dict[str, Any]) -> None:
    """GIVEN the shop WHEN its channels are read THEN each is a source, with its events in every version."""
    assert list(shop["channels"]) == ["aws.s3", "shop.billing", "shop.media", "shop.orders", "shop.reports"]
    assert shop["channels"]["shop.orders"]["address"] == "shop.orders"
    assert list(shop["channels"]["shop.orders"]["messages"]) == [
        "FulfilmentRequested.v1",
        "OrderPlaced.v1",
        "OrderPlaced.v2",
    ]
    message = pointed(shop["channels"]["aws.s3"]["messages"]["Object-Created.v1"], shop)
    assert message["name"] == "Object Created"
    assert "correlationId" not in message


def test_a_subscriber_receives_every_version(shop: dict[str, Any]) -> None:
    """GIVEN a worker that subscribes WHEN its operation is read THEN it receives all versions, on its channel."""
    operation = shop["operations"]["inventory.receive.shop.orders.OrderPlaced"]

    assert operation["action"] == "receive"
    assert operation["channel"] == {"$ref": "#/channels/shop.orders"}
    assert [reference["$ref"].rpartition("/")[2] for reference in operation["messages"]] == [
        "OrderPlaced.v1",
        "OrderPlaced.v2",
    ]
    assert {"name": "owner:warehouse"} in operation["tags"]
    assert "x-where" not in operation


def test_a_subscribers_condition_is_kept(shop: dict[str, Any]) -> None:
    """GIVEN a subscription with ``where`` WHEN its operation is read THEN the pattern is there."""
    assert shop["operations"]["loyalty.receive.shop.billing.InvoiceIssued"]["x-where"] == {
        "total": {"amount": [{"numeric": [">", 25]}]}
    }


def test_a_publisher_sends_the_newest_version() -> None:
    """GIVEN a worker that publishes WHEN its operation is read THEN it sends the newest version alone."""
    manifest = Manifest.parse(
        {"description": "P", "subscribes": [{"event": "a.b/C"}], "publishes": ["a.b/D"]}, file="worker.yaml"
    )
    versions = {Contract("a.b", name, version): {"type": "object"} for name in "CD" for version in (1, 2, 10)}
    made = document([], versions, [], {"w": manifest}, "1")

    assert made["operations"]["w.send.a.b.D"]["messages"] == [{"$ref": "#/channels/a.b/messages/D.v10"}]


def test_a_worker_of_everything_receives_every_event(shop: dict[str, Any]) -> None:
    """GIVEN a worker of * WHEN its operations are read THEN there is one for each event."""
    assert [name for name in shop["operations"] if name.startswith("audit.")] == [
        "audit.receive.aws.s3.Object-Created",
        "audit.receive.shop.billing.InvoiceIssued",
        "audit.receive.shop.media.AlbumReady",
        "audit.receive.shop.media.AlbumUploaded",
        "audit.receive.shop.media.PhotographAdded",
        "audit.receive.shop.media.ThumbnailsCreated",
        "audit.receive.shop.orders.FulfilmentRequested",
        "audit.receive.shop.orders.OrderPlaced",
        "audit.receive.shop.reports.SalesChunkAssigned",
        "audit.receive.shop.reports.SalesReportRequested",
        "audit.receive.shop.reports.SalesSummarised",
    ]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Adopted(Event, source="test.asyncapi"):
    """A union, a tuple, and a field called like a keyword."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    place: tuple[float, float]
    discriminator: str


def test_what_the_newer_draft_says_otherwise_is_said_in_asyncapis() -> None:
    """GIVEN a discriminated union and a tuple WHEN exported THEN they are as AsyncAPI's Schema Object wants them, and
    definitions are components of their own."""
    made = document([Adopted], {Adopted.contract: schema(Adopted)}, [], {}, "1")
    components = made["components"]["schemas"]
    properties = components["test.asyncapi.Adopted.v1"]["properties"]

    assert properties["pet"]["discriminator"] == "kind"
    assert [each["$ref"] for each in properties["pet"]["oneOf"]] == [
        "#/components/schemas/test.asyncapi.Adopted.v1.Cat",
        "#/components/schemas/test.asyncapi.Adopted.v1.Dog",
    ]
    assert [item["type"] for item in properties["place"]["items"]] == ["number", "number"]
    assert properties["discriminator"]["type"] == "string"
    assert "$defs" not in components["test.asyncapi.Adopted.v1"]
    for reference in references(made):
        pointed(reference, made)
