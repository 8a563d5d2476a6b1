"""What one schema may write and another, reading it, would refuse or lose.

The rules are those of JSON Schema (draft 2020-12) as pydantic writes it; a keyword that is not known here may not
change at all. A reader leaves unknown fields out, as fanout's do: ``additionalProperties: false`` refuses nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fanout_tools.contracts.compatibility import limits
from fanout_tools.contracts.compatibility.alternatives import Schema, alternatives, node

__all__ = ["Refusal", "Rule", "refusals"]


class Rule(StrEnum):
    """Which rule a refusal is of."""

    TYPE = "type"
    NULL = "null"
    PRESENCE = "presence"
    """The reader requires what the writer need not write, or does not know what it writes."""
    DEFAULT = "default"
    """Where the writer left the field out, the reader takes another value for it."""
    VALUES = "values"
    LIMIT = "limit"
    KEYWORD = "keyword"
    """A keyword that cannot be compared, and is not the same."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that may be written and cannot be read as it was meant."""

    field: str
    rule: Rule
    keyword: str
    """Of JSON Schema."""
    written: str
    """What the writer's schema says there."""
    wanted: str
    """What the reader's says."""

    @property
    def loss(self) -> bool:
        """Whether it is read all the same, but left out, or as another value."""
        return self.rule is Rule.DEFAULT or (self.rule is Rule.PRESENCE and self.wanted == "absent")


def refusals(*, writer: Schema, reader: Schema, losses: bool) -> list[Refusal]:
    """Everything that the writer's schema allows and the reader's does not.

    :param losses: also tell what is not refused but lost: fields the reader does not know, defaults that differ.
    """
    return list(_Comparison(writer, reader, losses).of(writer, reader, "", ()))


_Pairs = tuple[tuple[int, int], ...]
"""The pairs of schemas that are being compared further up: what recurs is taken for fine."""


@dataclass(frozen=True)
class _Comparison:
    writer: Schema
    reader: Schema
    losses: bool

    def of(self, written: Schema, read: Schema, field: str, above: _Pairs) -> Iterator[Refusal]:
        """Compare two schemas of one field."""
        pair = (id(written), id(read))
        if pair in above:
            return
        readers = alternatives(read, self.reader)
        for each in alternatives(written, self.writer):
            yield from self._closest(each, readers, field, (*above, pair))

    def _closest(self, written: Schema, readers: Sequence[Schema], field: str, above: _Pairs) -> list[Refusal]:
        """The refusals of that alternative of the reader's that has the fewest."""
        if written.get("type") == "null" and not any(_accepts_type("null", r.get("type")) for r in readers):
            return [Refusal(field or "data", Rule.NULL, "type", "allowed", "not allowed")]
        of_type = [r for r in readers if _accepts_type(written.get("type"), r.get("type"))]
        if not of_type:
            wanted = " or ".join(dict.fromkeys(r.get("type", "any") for r in readers if r.get("type") != "null"))
            return [Refusal(field or "data", Rule.TYPE, "type", written.get("type", "any"), wanted)]
        each = [list(self._plain(written, read, field, above)) for read in of_type]
        return min(each, key=len)

    def _plain(self, written: Schema, read: Schema, field: str, above: _Pairs) -> Iterator[Refusal]:
        for keyword, was, wants in limits.exceeded(written, read):
            rule = Rule.VALUES if keyword == "enum" else Rule.LIMIT
            yield Refusal(field or "data", rule, keyword, was, wants)
        for keyword, was, wants in limits.unlike(written, read):
            yield Refusal(field or "data", Rule.KEYWORD, keyword, was, wants)
        yield from self._items(written, read, field, above)
        yield from self._fields(written, read, field, above)

    def _items(self, written: Schema, read: Schema, field: str, above: _Pairs) -> Iterator[Refusal]:
        """Lists by their items, tuples by position."""
        positions = max(len(written.get("prefixItems", ())), len(read.get("prefixItems", ())))
        longest = written.get("maxItems")
        for index in range(positions if longest is None else min(positions, longest)):
            yield from self.of(_item(written, index), _item(read, index), f"{field}[{index}]", above)
        if "items" in read and (longest is None or longest > positions):
            yield from self.of(node(written.get("items", True)), node(read["items"]), f"{field}[]", above)

    def _fields(self, written: Schema, read: Schema, field: str, above: _Pairs) -> Iterator[Refusal]:
        known: Schema = read.get("properties", {})
        for name, schema in written.get("properties", {}).items():
            place = f"{field}.{name}".lstrip(".")
            if name in known:
                yield from self.of(node(schema), node(known[name]), place, above)
                yield from self._presence(written, read, name, place)
            elif (others := _others(read)) is not None:
                yield from self.of(node(schema), others, place, above)
            elif self.losses:
                yield Refusal(place, Rule.PRESENCE, "properties", _need(written, name), "absent")
        for name in read.get("required", ()):
            if name not in written.get("properties", {}):
                yield Refusal(f"{field}.{name}".lstrip("."), Rule.PRESENCE, "required", "absent", "required")
        yield from self._entries(written, read, field, above)

    def _presence(self, written: Schema, read: Schema, name: str, place: str) -> Iterator[Refusal]:
        was, wants = _need(written, name), _need(read, name)
        if (was, wants) == ("optional", "required"):
            yield Refusal(place, Rule.PRESENCE, "required", was, wants)
        before, now = (limits.text(node(s["properties"][name]).get("default")) for s in (written, read))
        if self.losses and was == wants == "optional" and before != now:
            yield Refusal(place, Rule.DEFAULT, "default", before, now)

    def _entries(self, written: Schema, read: Schema, field: str, above: _Pairs) -> Iterator[Refusal]:
        """Maps, by the schema of their values."""
        entries, wanted = _others(written), _others(read)
        if entries is None:
            return
        for name in sorted(read.get("properties", {}).keys() - written.get("properties", {}).keys()):
            yield from self.of(entries, node(read["properties"][name]), f"{field}.{name}".lstrip("."), above)
        place = f"{field}.*".lstrip(".")
        if wanted is not None:
            yield from self.of(entries, wanted, place, above)
        elif self.losses and read.get("type") == "object":
            yield Refusal(place, Rule.PRESENCE, "additionalProperties", "optional", "absent")


def _accepts_type(written: str | None, read: str | None) -> bool:
    return read is None or written == read or (written, read) == ("integer", "number")


def _need(schema: Schema, name: str) -> str:
    return "required" if name in schema.get("required", ()) else "optional"


def _item(schema: Schema, index: int) -> Schema:
    first: Sequence[Any] = schema.get("prefixItems", ())
    return node(first[index] if index < len(first) else schema.get("items", True))


def _others(schema: Schema) -> Schema | None:
    """What fields beside the declared ones have to keep; None where there are none: a model writes its own fields
    alone."""
    open_map = "properties" not in schema and schema.get("type") == "object"
    others = schema.get("additionalProperties", open_map)
    return None if others is False else node(others)
