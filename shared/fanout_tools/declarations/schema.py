"""The JSON Schemas of ``worker.yaml`` and ``web.yaml``, for editors; ``python -m scripts.schemas`` writes them anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest

__all__ = ["FILES", "schema", "text"]

FILES: Mapping[Path, type[BaseModel]] = {
    Path(__file__).with_name("worker.schema.json"): Manifest,
    Path(__file__).with_name("web.schema.json"): WebManifest,
}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """A declaration's schema, in the dialect that pydantic writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def text(model: type[BaseModel]) -> str:
    """What its file has to hold."""
    return json.dumps(schema(model), indent=2) + "\n"
