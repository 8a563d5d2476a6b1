"""The JSON Schema of ``worker.yaml``, for editors: ``python -m fanout.manifest_schema`` writes it anew."""

import json
from pathlib import Path
from typing import Any

from fanout.manifest import Manifest

__all__ = ["FILE", "schema", "text"]

FILE = Path(__file__).with_name("worker.schema.json")


def schema() -> dict[str, Any]:
    """The manifest's schema, in the dialect that pydantic writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Manifest.model_json_schema()}


def text() -> str:
    """What the file has to hold."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE}")
