"""What a plan does not know before it is applied: ARNs made by AWS, and all that is made of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["unknown_values"]

_KEY: Final = re.compile(r"""\["(?:[^"\\]|\\.)*"\]|\[\d+\]""")


def unknown_values(shown: Mapping[str, Any]) -> list[str]:
    """What the configuration sets and the plan does not know, as ``address: attribute``."""
    configured = dict(_configured(shown["configuration"]["root_module"], ""))
    return [
        f"{change['address']}: {name}"
        for change in shown["resource_changes"]
        if change["mode"] == "managed"
        for name, unknown in (change["change"].get("after_unknown") or {}).items()
        if unknown and _holds_true(unknown) and name in configured.get(_without_keys(change), set())
    ]


def _configured(module: Mapping[str, Any], path: str) -> Iterator[tuple[str, set[str]]]:
    for resource in module.get("resources", ()):
        yield path + resource["address"], set(resource.get("expressions", {}))
    for name, call in module.get("module_calls", {}).items():
        yield from _configured(call["module"], f"{path}module.{name}.")


def _without_keys(change: Mapping[str, Any]) -> str:
    """The address without for_each keys and counts: that of the block in the configuration."""
    module = _KEY.sub("", change.get("module_address", ""))
    return ".".join(part for part in (module, change["type"], change["name"]) if part)


def _holds_true(unknown: Any) -> bool:
    if isinstance(unknown, Mapping):
        return any(map(_holds_true, unknown.values()))
    return any(map(_holds_true, unknown)) if isinstance(unknown, list) else bool(unknown)
