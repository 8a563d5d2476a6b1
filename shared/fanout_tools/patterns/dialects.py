"""What each AWS service takes of the pattern language, and the limits it sets, with the page that says so.

* EventBridge: user guide, "Comparison operators for use in event patterns" and "EventBridge quotas".
* SNS: developer guide, "Amazon SNS subscription filter policies" and "Filter policy constraints".
"""

from dataclasses import dataclass
from typing import Any

__all__ = ["EVENTBRIDGE", "RESERVED_IN_OR", "SNS", "Dialect"]

RESERVED_IN_OR = frozenset(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"}
    | {"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"}
    | {"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"}
    | {"ip-address-in-range", "ip-address-not-in-range"}
)
"""Names that no field inside ``$or`` may have, some for operators to come (Event Ruler, Constants)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The pattern language as one service speaks it."""

    name: str
    """The service, as errors name it."""
    operators: frozenset[str]
    """The operators a value may be written with, ``$or`` and plain values aside."""
    excludable: frozenset[str]
    """The operators that ``anything-but`` may hold; plain values and lists of them are always allowed."""
    affix_ignores_case: bool
    """Whether ``prefix`` and ``suffix`` may hold ``equals-ignore-case``."""
    exists_needs_content: bool
    """Whether ``{"exists": true}`` asks for more than a leaf: a value that is neither null nor empty."""
    max_characters: int
    """Longest pattern, in characters of its JSON text."""
    max_number: float
    """Largest magnitude that ``numeric`` and ``anything-but`` compare."""
    max_fraction_digits: int
    """Digits after the decimal point that ``numeric`` and ``anything-but`` compare."""
    max_keys: int | None = None
    """Most keys at the top of the pattern; None: no limit but the size."""
    max_or_combinations: int | None = None
    """Largest product of the lengths of all ``$or`` arrays."""
    max_value_combinations: int | None = None
    """Largest product of (number of values x depth) over all keys; branches of an ``$or`` add up."""
    max_wildcard_complexity: int | None = None
    """Largest complexity of the wildcards of one field, as :mod:`fanout_tools.patterns.complexity` measures it."""
    or_may_name_a_field: bool = False
    """Whether an ``$or`` that chooses among no fields is the name of a field; else it is refused."""

    def is_or(self, name: str, value: Any) -> bool:
        """Whether an entry of the pattern chooses among fields, or means to and must be refused."""
        return name == "$or" and (not self.or_may_name_a_field or _chooses(value))


def _chooses(branches: Any) -> bool:
    """The three conditions that make an ``$or`` what it is (SNS developer guide, "OR operator")."""
    return (
        isinstance(branches, list)
        and len(branches) > 1
        and all(isinstance(branch, dict) and RESERVED_IN_OR.isdisjoint(branch) for branch in branches)
    )


EVENTBRIDGE = Dialect(
    name="EventBridge",
    operators=frozenset(
        {"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard"}
    ),
    excludable=frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"}),
    affix_ignores_case=True,
    exists_needs_content=False,
    max_characters=2_048,
    max_number=5e9,
    max_fraction_digits=6,
    max_or_combinations=1_000,
    # AWS says only that some are "too complex"; 10 parts what it was seen to take from what it refuses.
    max_wildcard_complexity=10,
)

# A filter policy under the scope MessageBody; policies over message attributes do not nest.
SNS = Dialect(
    name="SNS",
    operators=frozenset({"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr"}),
    excludable=frozenset({"prefix"}),
    affix_ignores_case=False,
    exists_needs_content=True,
    max_characters=256 * 1_024,
    max_number=1e9,
    max_fraction_digits=5,
    max_keys=5,
    max_value_combinations=150,
    or_may_name_a_field=True,
)
