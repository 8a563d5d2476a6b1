"""The smaller services: EventBridge's bus, S3, SSM Parameter Store and Secrets Manager."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import count
from typing import Any

from scripts.reliability.model.errors import EXCEPTIONS, refusal

__all__ = ["ModelBus", "ModelParameters", "ModelS3", "ModelSecrets"]


class ModelBus:
    """
    :param deliver: is told of each entry as EventBridge would deliver it, with its detail-type.
    """

    def __init__(self, deliver: Callable[[str, str], None]) -> None:
        self.taken: list[dict[str, Any]] = []
        """The entries, in order; what was put twice is here twice."""
        self._deliver = deliver
        self._numbers = count(1)

    def put_events(self, **request: Any) -> dict[str, Any]:
        entries = request["Entries"]
        if not 0 < len(entries) <= 10:
            raise refusal("ValidationException", "PutEvents", f"{len(entries)} entries")
        return {"FailedEntryCount": 0, "Entries": [self._take(entry) for entry in entries]}

    def _take(self, entry: dict[str, Any]) -> dict[str, Any]:
        self.taken.append(entry)
        body = {
            "version": "0",
            "id": f"bus-{next(self._numbers)}",
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "time": "2027-01-15T08:00:00Z",
            "account": "123456789012",
            "region": "eu-central-1",
            "resources": [],
            "detail": json.loads(entry["Detail"]),
        }
        self._deliver(f"{entry['Source']}/{entry['DetailType']}", json.dumps(body))
        return {"EventId": str(body["id"])}


class _Body(io.BytesIO):
    """A streaming body, which boto3 lets one use in a ``with``."""


class ModelS3:
    exceptions = EXCEPTIONS

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}

    def put_object(self, **request: Any) -> dict[str, Any]:
        key = request["Bucket"], request["Key"]
        if request.get("IfNoneMatch") == "*" and key in self.objects:
            raise refusal("PreconditionFailed", "PutObject")
        self.objects[key] = request
        return {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        found = self._found(request, "GetObject")
        encoding = {"ContentEncoding": found["ContentEncoding"]} if "ContentEncoding" in found else {}
        return {"Body": _Body(found["Body"]), "ContentLength": len(found["Body"]), **encoding}

    def head_object(self, **request: Any) -> dict[str, Any]:
        return {"ContentLength": len(self._found(request, "HeadObject")["Body"])}

    def _found(self, request: dict[str, Any], operation: str) -> dict[str, Any]:
        try:
            return self.objects[request["Bucket"], request["Key"]]
        except KeyError:
            raise refusal("NoSuchKey" if operation == "GetObject" else "404", operation) from None


class ModelParameters:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        found = [{"Name": name, "Value": self.values[name]} for name in request["Names"] if name in self.values]
        return {"Parameters": found, "InvalidParameters": [n for n in request["Names"] if n not in self.values]}


class ModelSecrets:
    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        if request["SecretId"] not in self.values:
            raise refusal("ResourceNotFoundException", "GetSecretValue")
        return {"SecretString": self.values[request["SecretId"]]}
