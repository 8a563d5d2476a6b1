"""Whether the fields that ``idempotency.key`` names are fields of the events that the worker subscribes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fanout.events.event import Event
from fanout_tools.declarations.worker import Manifest

__all__ = ["unknown_key_fields"]


def unknown_key_fields(contracts: Sequence[type[Event]], manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """A field that none of the worker's events has would leave every event to its id."""
    for worker, manifest in manifests.items():
        subscribed = {subscription.event for subscription in manifest.subscribes}
        schemas = [
            contract.model_json_schema()
            for contract in contracts
            if contract.contract.identifier in subscribed or "*" in subscribed
        ]
        for index, field in enumerate(manifest.idempotency.key):
            if not any(_has(schema, schema, field.split(".")) for schema in schemas):
                yield (
                    f"services/{worker.replace('-', '_')}/worker.yaml: idempotency.key.{index}: {field}: no event that "
                    "it subscribes to has such a field; correct the name"
                )


def _has(root: Mapping[str, Any], schema: Mapping[str, Any], path: Sequence[str]) -> bool:
    if not path:
        return True
    if reference := schema.get("$ref"):
        return _has(root, root["$defs"][reference.rpartition("/")[2]], path)
    if path[0] in schema.get("properties", {}):
        return _has(root, schema["properties"][path[0]], path[1:])
    further = schema.get("additionalProperties", False)  # of a mapping with keys of the data's own
    if further is True or (further and _has(root, further, path[1:])):
        return True
    return any(_has(root, each, path) for kind in ("anyOf", "oneOf", "allOf") for each in schema.get(kind, ()))
