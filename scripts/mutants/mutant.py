"""A plan that is wrong in one thing."""

from dataclasses import dataclass
from typing import Final

from fanout_tools.plans import Plan, Resource

__all__ = ["ELSEWHERE", "Mutant", "mutant"]

ELSEWHERE: Final = "arn:aws:sqs:us-east-1:999999999999:elsewhere"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A plan that is wrong in one thing."""

    name: str
    type: str
    """Of the resource that was spoilt."""
    plan: Plan
    addresses: frozenset[str]
    """One of these has to be named."""


def mutant(resource: Resource, change: str, plan: Plan, *others: str) -> Mutant:
    """A plan in which this was done to a resource.

    :param others: addresses that a finding may name as well.
    """
    addresses = frozenset({resource.address, *others})
    return Mutant(name=f"{resource.address}: {change}", type=resource.type, plan=plan, addresses=addresses)
