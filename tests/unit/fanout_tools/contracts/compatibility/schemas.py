"""JSON Schemas as pydantic writes them, changes of them, and values that keep them, for hypothesis."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

__all__ = ["changed", "instances", "objects", "schemas"]

Schema = dict[str, Any]

NAMES = ["a", "b", "c"]
WORDS = ["", "x", "xy", "xyz", "y"]


def _span(low: str, high: str) -> st.SearchStrategy[Schema]:
    """Neither, one or both of two limits; there is always a value between them."""
    return st.fixed_dictionaries({}, optional={low: st.integers(0, 1), high: st.integers(2, 3)})


STRINGS = st.one_of(
    _span("minLength", "maxLength").map(lambda span: {"type": "string", **span}),
    st.lists(st.sampled_from(WORDS), min_size=1, unique=True).map(lambda w: {"type": "string", "enum": w}),
    st.sampled_from(WORDS).map(lambda word: {"type": "string", "const": word}),
)
NUMBERS = st.one_of(
    st.builds(
        lambda kind, span: {"type": kind, **span}, st.sampled_from(["integer", "number"]), _span("minimum", "maximum")
    ),
    st.builds(
        lambda kind, span: {"type": kind, **span},
        st.sampled_from(["integer", "number"]),
        _span("exclusiveMinimum", "maximum"),
    ),
    st.integers(1, 4).map(lambda step: {"type": "integer", "multipleOf": step}),
)
LEAVES: st.SearchStrategy[Schema] = st.one_of(STRINGS, NUMBERS, st.just({"type": "boolean"}), st.just({}))


def _arrays(items: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.builds(lambda item, span: {"type": "array", "items": item, **span}, items, _span("minItems", "maxItems")),
        st.lists(items, min_size=1, max_size=2).map(
            lambda each: {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
        ),
    )


def _objects(values: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    def of(properties: Schema, required: set[str]) -> Schema:
        return {"type": "object", "properties": properties, "required": sorted(required & properties.keys())}

    return st.builds(of, st.dictionaries(st.sampled_from(NAMES), values, max_size=3), st.sets(st.sampled_from(NAMES)))


def _maps(values: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return values.map(lambda value: {"type": "object", "additionalProperties": value})


def _unions(members: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.lists(members, min_size=1, max_size=2).map(lambda each: {"anyOf": [*each, {"type": "null"}]})


schemas = st.recursive(
    LEAVES, lambda each: st.one_of(_arrays(each), _objects(each), _maps(each), _unions(each)), max_leaves=6
)
objects = _objects(schemas)


def changed(schema: Schema) -> st.SearchStrategy[Schema]:
    """The schema with one of its parts, at any depth, replaced or edited."""
    return st.sampled_from(list(_places(schema))).flatmap(lambda place: _edit(schema, place))


def _places(schema: Schema, above: tuple[str | int, ...] = ()) -> Any:
    yield above
    for name, value in schema.get("properties", {}).items():
        yield from _places(value, (*above, "properties", name))
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from _places(schema[keyword], (*above, keyword))
    for keyword in ("prefixItems", "anyOf"):
        for index, member in enumerate(schema.get(keyword, ())):
            yield from _places(member, (*above, keyword, index))


def _edit(schema: Schema, place: tuple[str | int, ...]) -> st.SearchStrategy[Schema]:
    part: Any = schema
    for step in place:
        part = part[step]
    edits: list[st.SearchStrategy[Schema]] = [schemas, schemas.map(lambda other: {"anyOf": [part, other]})]
    droppable = [key for key in part if key not in ("type", "properties", "items", "anyOf", "prefixItems")]
    if droppable:
        edits.append(st.sampled_from(droppable).map(lambda key: {k: v for k, v in part.items() if k != key}))
    if "properties" in part:
        edits.append(
            st.builds(
                lambda name, value: {**part, "properties": {**part["properties"], name: value}},
                st.sampled_from(NAMES),
                schemas,
            )
        )
    return st.one_of(edits).map(lambda new: _replaced(schema, place, new))


def _replaced(schema: Schema, place: tuple[str | int, ...], part: Schema) -> Schema:
    if not place:
        return part
    whole: Any = deepcopy(schema)
    holder = whole
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = part
    return whole  # type: ignore[no-any-return]


def instances(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that keep the schema, as a strict publisher writes them: no field that it does not declare."""
    if "anyOf" in schema:
        return st.one_of([instances(member) for member in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    of_type: Callable[[Schema], st.SearchStrategy[Any]] = _OF_TYPE[schema.get("type", "any")]
    return of_type(schema)


def _strings(schema: Schema) -> st.SearchStrategy[Any]:
    return st.text("xy", min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 5))


def _numbers(schema: Schema) -> st.SearchStrategy[Any]:
    step = schema.get("multipleOf", 1)
    above = schema.get("exclusiveMinimum")
    low: int = schema["minimum"] if "minimum" in schema else schema.get("exclusiveMinimum", -4)
    high: int = schema.get("maximum", 6)
    whole = st.integers(low, high).map(lambda n: n * step) if "maximum" not in schema else st.integers(low, high)
    values: st.SearchStrategy[Any] = whole
    if schema["type"] == "number":
        values = whole | st.integers(low * 2, high * 2).map(lambda half: half / 2)
    return values.filter(lambda n: above is None or n > above)


def _lists(schema: Schema) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*map(instances, schema["prefixItems"])).map(list)
    return st.lists(instances(schema["items"]), min_size=schema.get("minItems", 0), max_size=schema.get("maxItems", 4))


def _dictionaries(schema: Schema) -> st.SearchStrategy[Any]:
    if "additionalProperties" in schema:
        return st.dictionaries(st.sampled_from(NAMES), instances(schema["additionalProperties"]), max_size=3)
    each = {name: instances(value) for name, value in schema.get("properties", {}).items()}
    required = {name: value for name, value in each.items() if name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional={n: v for n, v in each.items() if n not in required})


_OF_TYPE: dict[str, Any] = {
    "string": _strings,
    "integer": _numbers,
    "number": _numbers,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
    "array": _lists,
    "object": _dictionaries,
    "any": lambda _: st.one_of(
        st.none(), st.booleans(), st.integers(-4, 6), st.sampled_from(WORDS), st.just([]), st.just({})
    ),
}
