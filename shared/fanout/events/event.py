"""Event contracts: what an event of a given source, name and version carries.

A contract is a pydantic model; declaring it is all there is to do::

    class OrderPlaced(Event, source="shop.orders", version=2):
        '''A customer has placed and paid for an order.'''
        order_id: str

Contracts are strict on publish (unknown fields and wrong types are refused) and tolerant on read (unknown fields
are kept out, so that a producer may add one before its consumers know it).
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from fanout.errors import ContractError, EventError

__all__ = ["Contract", "Event", "contract_of", "contracts", "forget_contracts", "load_contracts"]

# What a worker.yaml can subscribe to, and a file of :mod:`fanout_tools.contracts.snapshots` be called.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*")

_contracts: dict["Contract", type["Event"]] = {}


@dataclass(frozen=True, order=True)
class Contract:
    """Which event a class is the contract of."""

    source: str
    """The domain, EventBridge's source."""
    name: str
    """In the past tense, EventBridge's detail-type."""
    version: int
    """Of the schema."""
    owner: str | None = field(default=None, compare=False)
    """The team to ask about the event; the catalogue names it."""
    deprecated: str | None = field(default=None, compare=False)
    """What to use in its place, and until when it is still published; None while nothing speaks against it."""

    @property
    def identifier(self) -> str:
        """``<source>/<Name>``, as a ``worker.yaml`` subscribes to it."""
        return f"{self.source}/{self.name}"

    @property
    def aws_native(self) -> bool:
        """Whether an AWS service publishes it, so that it comes without fanout's envelope."""
        return self.source.startswith("aws.")

    def __str__(self) -> str:
        return f"{self.identifier} version {self.version}"


class Event(BaseModel):
    """Base of every contract::

        class OrderPlaced(Event, source="shop.orders", version=1):
            order_id: str

    Its class arguments are the ``source`` (the domain), the ``name`` (the class's own unless given), the schema's
    ``version``, the ``owner`` (a team), and ``deprecated`` (what to use instead). What is published is validated
    strictly; what is read may have fields that the contract does not know.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    contract: ClassVar[Contract]
    """Its source, name, version and texts, as the class arguments say."""
    upcasters: ClassVar[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]]
    """What brings the data of a version forward to the next, by version; see :mod:`fanout.events.upcasting`."""

    def __init_subclass__(
        cls,
        *,
        source: str | None = None,
        name: str | None = None,
        version: int = 1,
        owner: str | None = None,
        deprecated: str | None = None,
    ) -> None:
        super().__init_subclass__()
        if source is None:
            raise ContractError(f"{_place(cls)}: has no source; write class {cls.__name__}(Event, source=...)")
        if type(version) is not int or version < 1:
            raise ContractError(f"{_place(cls)}: version {version!r}: must be a whole number, 1 or more")
        for argument, text in (("owner", owner), ("deprecated", deprecated)):
            if text is not None and not text.strip():
                raise ContractError(f"{_place(cls)}: {argument}: is empty; write it or leave it out")
        cls.contract = Contract(source, name or cls.__name__, version, owner, deprecated)
        cls.upcasters = {}
        if not _IDENTIFIER.fullmatch(cls.contract.identifier):
            raise ContractError(f"{_place(cls)}: {cls.contract.identifier}: must match {_IDENTIFIER.pattern}")
        if source.startswith("canary."):
            raise ContractError(f"{_place(cls)}: source {source}: canary.* is for canaries alone; choose another")
        if cls.contract.aws_native and version != 1:
            raise ContractError(f"{_place(cls)}: version {version}: AWS's own events carry no version; leave it 1")
        other = _contracts.get(cls.contract)
        if other is not None and _place(other) != _place(cls):
            raise ContractError(
                f"{_place(cls)}: {cls.contract} is declared by {_place(other)} too; "
                "remove one, or give it the next version"
            )
        _contracts[cls.contract] = cls

    @classmethod
    def from_input(cls, data: object) -> Self:
        """The event in a publisher's input, JSON values: strict, no unknown fields, no value of another type that
        could be read as the right one.

        :raises EventError: a line for each field that breaks the contract.
        """
        try:
            written = orjson.dumps(data)
        except TypeError as error:
            raise EventError(f"{cls.contract}: data: not JSON values: {error}") from error
        try:
            return cls.model_validate_json(written, strict=True, extra="forbid")
        except ValidationError as error:
            raise _broken(cls.contract, error) from error

    @classmethod
    def from_data(cls, data: object) -> Self:
        """The event in data of the contract's own version, as the bus delivered them: unknown fields are left out.
        (Of any version: :func:`fanout.events.upcasting.read`.)

        :raises EventError: a line for each field that breaks the contract.
        """
        try:
            event: Self = cls.__pydantic_validator__.validate_python(data, extra="ignore")
        except ValidationError as error:
            raise _broken(cls.contract, error) from error
        return event

    def to_data(self) -> dict[str, Any]:
        """The event's data as JSON values."""
        return self.model_dump(mode="json")


def _broken(contract: Contract, error: ValidationError) -> EventError:
    lines = [f"{'.'.join(map(str, e['loc'])) or 'data'}: {e['msg']}" for e in error.errors(include_url=False)]
    return EventError(f"{contract}: {'; '.join(lines)}")


def contracts() -> list[type[Event]]:
    """Every contract declared so far, by source, name and version."""
    return [_contracts[contract] for contract in sorted(_contracts)]


def load_contracts(package: str = "contracts") -> list[type[Event]]:
    """Import every module of the contracts' package and return its contracts.

    :raises ContractError: a contract is declared wrongly or twice.
    """
    parent = importlib.import_module(package)
    for module in pkgutil.iter_modules(parent.__path__):
        importlib.import_module(f"{package}.{module.name}")
    return [contract for contract in contracts() if f"{contract.__module__}.".startswith(f"{package}.")]


def forget_contracts(package: str) -> None:
    """Forget the contracts of a package, which is about to be imported anew."""
    from fanout.events import personal

    for contract, event in list(_contracts.items()):
        if f"{event.__module__}.".startswith(f"{package}."):
            del _contracts[contract]
    personal.forget()


def contract_of(identifier: str, version: int | None = None) -> type[Event]:
    """The contract ``<source>/<Name>``, of that version or the newest.

    :raises ContractError: there is none; the text names those there are.
    """
    found = [c for c in contracts() if c.contract.identifier == identifier and version in (None, c.contract.version)]
    if not found:
        known = sorted({c.contract.identifier for c in contracts()})
        which = identifier if version is None else f"{identifier} version {version}"
        raise ContractError(
            f"{which}: no such contract; {_nearest(identifier, known)}there is {', '.join(known) or 'none'}"
        )
    return found[-1]


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}? " if near else ""


def _place(contract: type[Event]) -> str:
    return f"{contract.__module__}.{contract.__qualname__}"
