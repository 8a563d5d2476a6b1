"""``idempotency.key`` of every worker.yaml, held against the contracts of the events that the worker takes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fanout.event import Event
from fanout.manifest import Manifest

__all__ = ["unknown_fields"]


def unknown_fields(contracts: Sequence[type[Event]], manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """Fields that no event of the worker has, so that each would be told by its id alone.

    :param manifests: by the worker's name.
    """
    for worker, manifest in manifests.items():
        taken = {subscription.event for subscription in manifest.subscribes}
        schemas = [it.model_json_schema() for it in contracts if it.contract.identifier in taken or manifest.wildcard]
        for index, field in enumerate(manifest.idempotency.key):
            if not any(_has(schema, schema, field.split(".")) for schema in schemas):
                yield (
                    f"services/{worker.replace('-', '_')}/worker.yaml: idempotency.key.{index}: {field}: "
                    "no event that it subscribes to has such a field; correct the name"
                )


def _has(root: Mapping[str, Any], schema: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether data of the schema may have a value at the path."""
    if not path:
        return True
    if "$ref" in schema:
        return _has(root, root["$defs"][schema["$ref"].rpartition("/")[2]], path)
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if any(_has(root, option, path) for option in options):
        return True
    if path[0] in schema.get("properties", {}):
        return _has(root, schema["properties"][path[0]], path[1:])
    further = schema.get("additionalProperties", False)
    return _has(root, further, path[1:]) if isinstance(further, Mapping) else bool(further)
