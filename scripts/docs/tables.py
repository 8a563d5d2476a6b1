"""Tables of a declaration's keys, from its JSON Schema, and of AWS's quotas."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fanout_tools.proof.quotas import Quota
from scripts.docs.markdown import cell

__all__ = ["descriptions", "keys", "paths", "quotas", "value_of"]

Schema = Mapping[str, Any]
_BOUNDS: Final = {"minimum": "at least {}", "maximum": "at most {}", "minItems": "at least {} of them",
                  "maxLength": "at most {} characters"}  # fmt: skip


def keys(schema: Schema) -> str:
    """A table of the top-level keys, then a section with a table for each key that is a mapping."""
    parts = [_table("", schema, schema)]
    for path, section in _sections("", schema, schema):
        parts.append(f"## {path}\n\n{cell(section.get('description', ''))}\n\n{_table(path, section, schema)}")
    return "\n" + "\n".join(parts) + "\n"


def quotas(quotas: Mapping[str, Quota]) -> str:
    """A table of AWS's quotas by their names."""
    head = "| name | AWS gives | more if asked for | an environment comes to it with |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{name}` | [{it.most:,} {it.what}]({it.source}) | {'yes' if it.adjustable else 'no'} | {cell(it.met)} |\n"
        for name, it in quotas.items()
    )


def descriptions(schema: Schema) -> Iterator[tuple[str, str]]:
    """Every key with its own description, which editors show; that of its kind does not count."""
    for at, section in [("", schema), *((f"{path}.", it) for path, it in _sections("", schema, schema))]:
        yield from ((f"{at}{key}", value.get("description", "")) for key, value in section["properties"].items())


def paths(schema: Schema) -> Iterator[str]:
    """Every key, such as ``batch.size``; ``tables.NAME.key`` where names are the declaration's own."""
    yield from schema["properties"]
    for path, section in _sections("", schema, schema):
        yield from (f"{path}.{key}" for key in section["properties"])


def _sections(path: str, section: Schema, schema: Schema) -> Iterator[tuple[str, Schema]]:
    for key, value in section["properties"].items():
        suffix, inner = _inner(value, schema)
        if "properties" in inner:
            at = f"{path}.{key}{suffix}".lstrip(".")
            yield at, inner
            yield from _sections(at, inner, schema)


def _inner(value: Schema, schema: Schema) -> tuple[str, Schema]:
    """What a key's mapping is, behind its reference, and how its place is written: ``subscribes[]``."""
    if "items" in value:
        return "[]", _resolved(value["items"], schema)
    if "patternProperties" in value:
        return ".NAME", _resolved(next(iter(value["patternProperties"].values())), schema)
    return "", _resolved(value, schema)


def _resolved(value: Schema, schema: Schema) -> Schema:
    reference = value.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else value


def _table(path: str, section: Schema, schema: Schema) -> str:
    required = section.get("required", ())
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for key, value in section["properties"].items():
        at = f"{path}.{key}".lstrip(".")
        default = "**required**" if key in required else _default(value)
        rows.append(
            f'| <a id="{at}"></a>`{key}` | {value_of(value, schema)} | {default} | {cell(_told(value, schema))} |'
        )
    return "\n".join(rows) + "\n"


def _told(value: Schema, schema: Schema) -> str:
    return str(value.get("description") or _resolved(value, schema).get("description", ""))


def _default(value: Schema) -> str:
    default = value.get("default")
    if default in ([], {}, None):
        return "none"
    return "see below" if isinstance(default, dict) else f"`{json.dumps(default).strip(chr(34))}`"


def value_of(value: Schema, schema: Schema) -> str:
    """The kind of a key's value and its bounds, in words."""
    if "anyOf" in value:
        return " or ".join(value_of(each, schema) for each in value["anyOf"] if each.get("type") != "null")
    target = _resolved(value, schema)
    if "enum" in target:
        return ", ".join(f"`{each}`" for each in target["enum"])
    if "items" in target:
        return ", ".join([f"list of {value_of(target['items'], schema)}", *_bounds(target)])
    if "patternProperties" in target:
        pattern, each = next(iter(target["patternProperties"].items()))
        return f"mapping of names, `{_pattern(pattern)}`, to {value_of(each, schema)}"
    kind = "mapping" if target.get("type", "object") == "object" else target["type"]
    return ", ".join([kind, *_bounds(target)])


def _bounds(value: Schema) -> Iterator[str]:
    least, most = value.get("minimum"), value.get("maximum")
    if least is not None and most is not None:
        yield f"{least:,} to {most:,}"
    else:
        yield from (_BOUNDS[name].format(value[name]) for name in ("minimum", "maximum") if name in value)
    yield from (_BOUNDS[name].format(value[name]) for name in ("minItems", "maxLength") if name in value)
    if "pattern" in value:
        yield f"`{_pattern(value['pattern'])}`"


def _pattern(pattern: str) -> str:
    """Within code in a table."""
    return pattern.replace("|", "\\|")
