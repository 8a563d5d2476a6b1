"""Tables of the router's settings, from their pydantic models."""

from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from scripts.docs.markdown import cell
from scripts.docs.tables import value_of

__all__ = ["table"]


def table(model: type[BaseModel], *, prefix: str = "") -> str:
    """A row for each field.

    :param prefix: of the environment variables that set them; without one they are keys of a JSON object.
    """
    schema = model.model_json_schema()
    rows = ["", "| setting | value | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        shown, value = f"{prefix}{name.upper()}" if prefix else name, value_of(schema["properties"][name], schema)
        rows.append(f"| `{shown}` | {value} | {_default(field.default)} | {cell(field.description or '')} |")
    return "\n".join(rows) + "\n"


def _default(default: Any) -> str:
    if default is PydanticUndefined:
        return "**required**"
    if default in (None, "", []):
        return "none"
    return f"`{default}`"
