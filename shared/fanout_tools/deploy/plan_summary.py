"""A plan as a person judges it: what becomes of each worker; known drift is left out."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fanout_tools.deploy.drift import Difference, differences, known

__all__ = ["changes", "lines"]

NAMES: Final = 6
"""Of what is added or changed so many are named; of what is removed or replaced, all."""
_WORKER: Final = re.compile(r'\["([^"]+)"\]')
_MODULE: Final = re.compile(r"module\.(?!platform\b)([a-z_]+)")
_WORDS: Final = {"create": "add", "update": "change", "delete": "remove"}


def changes(plan: Mapping[str, Any], target: str) -> list[Difference]:
    """What a plan would do, without the drift that is known of ``target``: an emulator's name, or ``aws``."""
    entries = known(target)
    return [found for found in differences(plan) if not any(entry.explains(found) for entry in entries)]


def lines(found: Sequence[Difference]) -> Iterator[str]:
    """The counts, then each worker or module with what becomes of it."""
    actions = Counter({(d.address, _word(d.action)) for d in found})
    number = Counter(action for _, action in actions)
    yield ", ".join(f"{number[word]} to {word}" for word in ("add", "change", "replace", "remove"))
    groups: dict[str, dict[str, dict[str, list[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for difference in found:
        resources = groups[_owner(difference.address)][_word(difference.action)]
        resources[_resource(difference.address)].append(difference.attribute)
    for owner in sorted(groups):
        for action, resources in sorted(groups[owner].items()):
            yield f"  {owner:16} {action} {len(resources)}: {_named(action, resources)}"


def _named(action: str, resources: Mapping[str, Sequence[str]]) -> str:
    named = [_with_attributes(name, attributes) for name, attributes in sorted(resources.items())]
    most = NAMES if action in {"add", "change"} else len(named)
    more = [f"{len(named) - most} more"] if len(named) > most else []
    return ", ".join([*named[:most], *more])


def _with_attributes(name: str, attributes: Sequence[str]) -> str:
    return name if list(attributes) == ["*"] else f"{name} ({', '.join(attributes)})"


def _word(action: str) -> str:
    return _WORDS.get(action, "replace")


def _owner(address: str) -> str:
    """The worker, where the address has one; else the module."""
    if ".worker[" in address or '.web["' in address:
        return str(_WORKER.findall(address)[0])
    modules = _MODULE.findall(address)
    return modules[0] if modules else "environment"


def _resource(address: str) -> str:
    return re.sub(r"^(module\.[a-z_]+(\[[^]]*\])?\.)+", "", address)
