"""The purchases of CDNOW's customers, as Fader and Hardie sampled them: 6,919 from January 1997 to June 1998."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from fanout.errors import FanoutError

__all__ = ["DataError", "Purchase", "read"]


class DataError(FanoutError):
    """The demo's data is not what it should be."""


@dataclass(frozen=True, slots=True)
class Purchase:
    customer: str
    """His or her number in the sample."""
    placed_on: date
    pieces: int
    amount: Decimal
    """In US dollars."""


def read(path: Path, most: int | None = None) -> list[Purchase]:
    """The first ``most`` purchases of the file, or all.

    :raises DataError: the file is missing, has fewer, or a line is not one of the five columns.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; run the demo from the repository's top folder") from error
    if most is not None and not 1 <= most <= len(lines):
        raise DataError(f"ORDERS={most}: {path} has 1 to {len(lines)} orders")
    return [_purchase(path, number, line) for number, line in enumerate(lines[:most], 1)]


def _purchase(path: Path, number: int, line: str) -> Purchase:
    try:
        _, customer, day, pieces, dollars = line.split()
        return Purchase(customer, datetime.strptime(day, "%Y%m%d").date(), int(pieces), Decimal(dollars))  # noqa: DTZ007
    except (ValueError, ArithmeticError) as error:
        raise DataError(f"{path}:{number}: {line!r} is not customer, customer, date, pieces, dollars") from error
