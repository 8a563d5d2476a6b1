"""The bus as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0), for catalogues,
generators, and teams that do not write Python.

A channel is a domain, a message an event in one version, an operation a worker that publishes (``send``) or subscribes
(``receive``). The payload is what a queue delivers: EventBridge's event with fanout's envelope as its detail.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from fanout.events.envelope import Metadata
from fanout.events.event import Contract, Event
from fanout_tools.contracts.golden import Golden

if TYPE_CHECKING:
    from fanout_tools.declarations.worker import Manifest, Subscription

__all__ = ["document"]

Json = dict[str, Any]

METADATA = "fanout.Metadata"


def document(
    contracts: Iterable[type[Event]],
    schemas: Mapping[Contract, Mapping[str, Any]],
    golden: Iterable[Golden],
    manifests: Mapping[str, "Manifest"],
    version: str,
) -> Json:
    """The AsyncAPI document.

    :param schemas: of every version that may still be on the bus.
    :param golden: become the messages' examples.
    :param version: of the application that the document describes.
    """
    declared = {contract.contract.identifier: contract for contract in contracts}
    examples: dict[Contract, list[Golden]] = {}
    for each in golden:
        examples.setdefault(each.contract, []).append(each)
    messages = {
        _key(contract): _message(contract, declared.get(contract.identifier), examples.get(contract, []))
        for contract in sorted(schemas)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "fanout",
            "version": version,
            "description": "The events on the bus, who publishes them, and who subscribes to them.",
        },
        "defaultContentType": "application/json",
        "channels": dict(_channels(schemas)),
        "operations": dict(_operations(schemas, manifests)),
        "components": {"messages": messages, "schemas": dict(_schemas(schemas))},
    }


def _key(contract: Contract) -> str:
    """A component's name: of letters, digits, ``.``, ``-`` and ``_``."""
    return f"{contract.source}.{_message_key(contract)}"


def _message_key(contract: Contract) -> str:
    # No event's name has a hyphen, so that two names stay two.
    return f"{contract.name.replace(' ', '-')}.v{contract.version}"


def _channels(contracts: Iterable[Contract]) -> Iterator[tuple[str, Json]]:
    by_source: dict[str, list[Contract]] = {}
    for contract in sorted(contracts):
        by_source.setdefault(contract.source, []).append(contract)
    for source, events in by_source.items():
        yield (
            source,
            {
                "address": source,
                "title": source,
                "description": f"The events whose EventBridge source is {source}.",
                "messages": {_message_key(each): _reference("components", "messages", _key(each)) for each in events},
            },
        )


def _message(contract: Contract, declared: type[Event] | None, golden: Iterable[Golden]) -> Json:
    doc, owner = (declared.__doc__ or "", declared.contract.owner) if declared else ("", None)
    summary, _, rest = doc.strip().partition("\n\n")
    message: Json = {
        "name": contract.name,
        "title": str(contract),
        "summary": " ".join(summary.split()),
        "contentType": "application/json",
        "tags": _owner_tags(owner),
        "payload": _payload(contract),
        "examples": [{"name": each.case, "payload": json.loads(each.delivered())} for each in golden],
    }
    if rest:
        message["description"] = rest
    if not contract.aws_native:
        message["correlationId"] = {"location": "$message.payload#/detail/metadata/correlation_id"}
    return {name: value for name, value in message.items() if value not in ("", [])}


def _payload(contract: Contract) -> Json:
    data = _reference("components", "schemas", _key(contract))
    envelope = {
        "type": "object",
        "properties": {"metadata": _metadata(contract.version), "data": data},
        "required": ["metadata", "data"],
    }
    return {
        "type": "object",
        "properties": {
            "source": {"const": contract.source},
            "detail-type": {"const": contract.name},
            "id": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "detail": data if contract.aws_native else envelope,
        },
        "required": ["source", "detail-type", "id", "time", "detail"],
    }


def _metadata(version: int) -> Json:
    of_version = {"type": "object", "properties": {"schema_version": {"const": version}}}
    return {"allOf": [_reference("components", "schemas", METADATA), of_version]}


def _schemas(schemas: Mapping[Contract, Mapping[str, Any]]) -> Iterator[tuple[str, Json]]:
    yield from _hoisted(METADATA, TypeAdapter(Metadata).json_schema())
    for contract, schema in sorted(schemas.items()):
        yield from _hoisted(_key(contract), schema)


def _hoisted(key: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """The schema and its definitions as components beside each other: in an AsyncAPI document a ``#`` in a reference
    is the document, and no longer the schema."""
    for name, definition in schema.get("$defs", {}).items():
        yield f"{key}.{name}", _moved(definition, key)
    yield key, _moved({name: value for name, value in schema.items() if name not in ("$defs", "$id")}, key)


def _moved(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [_moved(each, key) for each in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        return {**value, **_reference("components", "schemas", f"{key}.{reference.removeprefix('#/$defs/')}")}
    return _draft_7({name: _moved(each, key) for name, each in value.items()})


def _draft_7(schema: Json) -> Json:
    """AsyncAPI's Schema Object is of JSON Schema's draft 7, where a tuple's items are a list, with the name of the
    property as the discriminator; pydantic writes the newer draft and OpenAPI's discriminator."""
    adapted = dict(schema)
    if isinstance(schema.get("prefixItems"), list):
        if "items" in schema:
            adapted["additionalItems"] = schema["items"]
        adapted["items"] = adapted.pop("prefixItems")
    if isinstance(schema.get("oneOf"), list) and "discriminator" in schema:
        adapted["discriminator"] = schema["discriminator"]["propertyName"]
    return adapted


def _operations(contracts: Iterable[Contract], manifests: Mapping[str, "Manifest"]) -> Iterator[tuple[str, Json]]:
    versions: dict[str, list[Contract]] = {}
    for contract in sorted(contracts):
        versions.setdefault(contract.identifier, []).append(contract)
    for worker, manifest in manifests.items():
        for identifier in manifest.publishes:
            newest = versions[identifier][-1:]
            yield f"{worker}.send.{_event_key(newest[0])}", _operation("send", worker, manifest, newest)
        for subscription in manifest.subscribes:
            yield from _receives(worker, manifest, subscription, versions)


def _receives(
    worker: str, manifest: "Manifest", subscription: "Subscription", versions: Mapping[str, list[Contract]]
) -> Iterator[tuple[str, Json]]:
    """One operation for an event in all its versions; for ``*`` one for each event there is."""
    for identifier in versions if subscription.event == "*" else [subscription.event]:
        events = versions[identifier]
        operation = _operation("receive", worker, manifest, events)
        if subscription.where:
            operation["x-where"] = subscription.where
        yield f"{worker}.receive.{_event_key(events[0])}", operation


def _event_key(contract: Contract) -> str:
    return f"{contract.source}.{contract.name.replace(' ', '-')}"


def _operation(action: str, worker: str, manifest: "Manifest", events: list[Contract]) -> Json:
    source = events[0].source
    tags = [{"name": worker}, *_owner_tags(manifest.owner)]
    return {
        "action": action,
        "channel": _reference("channels", source),
        "title": f"{worker} {'publishes' if action == 'send' else 'takes'} {events[0].name}",
        "description": manifest.description,
        "tags": tags,
        "messages": [_reference("channels", source, "messages", _message_key(each)) for each in events],
    }


def _owner_tags(owner: str | None) -> list[Json]:
    return [{"name": f"owner:{owner}"}] if owner else []


def _reference(*steps: str) -> Json:
    return {"$ref": "#/" + "/".join(steps)}
