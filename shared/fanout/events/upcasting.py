"""Upcasters: events of older versions, read as today's contract.

Only the newest version of an event is a class. What was published under an older one (in flight while a new version
is deployed, in the archive, in a dead-letter queue) is brought forward one version at a time by functions that stand
beside the contract::

    @upcasts(OrderPlaced, from_version=1)
    def _with_currency(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "total": {"amount": data["total"], "currency": "USD"}}

They work on JSON values, so that they outlive the classes of the versions they know.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from fanout.errors import ContractError, EventError
from fanout.events.event import Event

__all__ = ["Upcaster", "check", "read", "readable_versions", "upcasts"]

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""From an event's data, its own to change, to the data of the next version."""

E = TypeVar("E", bound=Event)


def upcasts(contract: type[Event], *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare how the data of ``from_version`` become those of the next version.

    :raises ContractError: there is no such contract, it is not newer than ``from_version``, or another function takes
        that step.
    """
    if not (isinstance(contract, type) and issubclass(contract, Event) and contract is not Event):
        raise ContractError(f"@upcasts: {contract!r}: no such contract; give the class of the newest version")
    declared = contract.contract
    if type(from_version) is not int or not 1 <= from_version < declared.version:
        raise ContractError(
            f"@upcasts({contract.__name__}, from_version={from_version!r}): the contract is of version "
            f"{declared.version}; from_version must be one before it, 1 or more"
        )

    def declare(upcaster: Upcaster) -> Upcaster:
        other = contract.upcasters.setdefault(from_version, upcaster)
        if other is not upcaster:
            raise ContractError(
                f"{_place(upcaster)}: {declared.identifier} is upcast from version {from_version} by "
                f"{_place(other)} too; keep one"
            )
        return upcaster

    return declare


def check(contract: type[Event]) -> None:
    """Whether the contract's upcasters lead, one version at a time, to its own version.

    :raises ContractError: a step is missing; the text names it.
    """
    versions = readable_versions(contract)
    for version in contract.upcasters:
        if version not in versions:
            gap = versions.start - 1
            raise ContractError(
                f"{contract.contract}: nothing leads from version {gap} to {gap + 1}, so version {version} cannot be "
                f"read; declare @upcasts({contract.__name__}, from_version={gap}) beside the contract"
            )


def readable_versions(contract: type[Event]) -> range:
    """The versions of the event that can be read as the contract: its own, and those before it that upcasters lead
    from without a gap."""
    first = contract.contract.version
    while first - 1 in contract.upcasters:
        first -= 1
    return range(first, contract.contract.version + 1)


def read(contract: type[E], data: Mapping[str, Any], version: int) -> E:
    """The event in what the bus delivered, published under any version that can be read.

    :raises EventError: the version is too new or cannot be upcast, an upcaster fails on the data, or they break the
        contract.
    """
    if version != contract.contract.version:
        data = _upcast(contract, data, version)
    return contract.from_data(data)


def _upcast(contract: type[Event], data: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    versions = readable_versions(contract)
    if version not in versions:
        raise EventError(f"{contract.contract}: {_unreadable(contract, version)}")
    # The steps may change what they get; the envelope must stay as it came.
    upcast = deepcopy(dict(data))
    for step in range(version, versions.stop - 1):
        upcaster = contract.upcasters[step]
        try:
            upcast = upcaster(upcast)
        except Exception as error:
            raise EventError(
                f"{contract.contract}: {_place(upcaster)} cannot upcast the data from version {step}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(upcast, dict):
            raise EventError(
                f"{contract.contract}: {_place(upcaster)} answers {type(upcast).__name__}; it must return the data of "
                f"version {step + 1}, a dict"
            )
    return upcast


def _unreadable(contract: type[Event], version: int) -> str:
    if version < 1:
        return f"the event has version {version}; versions count from 1: fix its publisher"
    if version > contract.contract.version:
        return (
            f"the event has version {version}, which this worker does not know yet; deploy the worker with the newer "
            "contract, then redrive its DLQ"
        )
    gap = readable_versions(contract).start - 1
    return (
        f"the event has version {version}, and no upcaster leads from version {gap} to {gap + 1}; declare "
        f"@upcasts({contract.__name__}, from_version={gap}) beside the contract, deploy the worker, then redrive its "
        "DLQ"
    )


def _place(upcaster: Upcaster) -> str:
    return f"{upcaster.__module__}.{upcaster.__qualname__}"
