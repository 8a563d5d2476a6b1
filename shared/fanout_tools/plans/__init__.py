"""Terraform plans as the tools read them: what there will be, and who hands an event to whom.

The proof (docs/explanation/proof.md), the picture and catalogue (docs/how-to/draw-the-system.md) and ``fanout cost``
(docs/reference/cost.md) share this one reader, so that they speak of the same thing.
"""

from fanout_tools.plans.front_doors import FrontDoor, Permission, front_doors, permissions
from fanout_tools.plans.hops import Hop, consumers, dead_letter_queues, deliveries, function_of
from fanout_tools.plans.plan import Plan, Resource, block, document, is_existing, names_of, resources, unknown_values

__all__ = [
    "FrontDoor",
    "Hop",
    "Permission",
    "Plan",
    "Resource",
    "block",
    "consumers",
    "dead_letter_queues",
    "deliveries",
    "document",
    "front_doors",
    "function_of",
    "is_existing",
    "names_of",
    "permissions",
    "resources",
    "unknown_values",
]
