"""A stand-in for AWS that takes and gives only what botocore's models know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import botocore.session
import pytest
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from fanout.idempotency.client import Credentials
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.topology import Place, Topology
from scripts.bench.fake_aws import serve

T = TypeVar("T")
Answers = Callable[[str, dict[str, Any]], Any]
"""Operation and parameters to what is answered: an object, or a status and an error's code."""


def manifest(**keys: Any) -> Manifest:
    declared = {"description": "It works", "subscribes": [{"event": "shop.orders/OrderPlaced"}], **keys}
    return Manifest.parse(declared, file="worker.yaml")


def deployment(*workers: str, place: Place | None = None, workflows: tuple[str, ...] = (), **keys: Any) -> Topology:
    """One whose workers are all declared alike."""
    manifests = {name: manifest(**keys) for name in workers}
    return Topology.made(manifests, Names("shop-prod"), place or Place("123456789012", "eu-central-1"), workflows)


class StandIn:
    """Answers, and keeps what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.pauses: list[float] = []
        self._answers = answers
        self._models: dict[str, ServiceModel] = {}

    def run(self, use: Callable[[Fast], Awaitable[T]], monkeypatch: pytest.MonkeyPatch) -> T:
        """What comes of using the services."""

        async def inside() -> T:
            server = await serve(self._answer)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for service in ("SQS", "CLOUDWATCH", "LAMBDA", "LOGS"):
                monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
            place, credentials = Place("123456789012", "eu-central-1"), Credentials("key", "secret", "token")
            try:
                async with Fast(place, credentials, sleep=self._pause) as fast:
                    return await use(fast)
            finally:
                server.close()

        return asyncio.run(inside())

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def _answer(self, service: str, operation: str, parameters: dict[str, Any]) -> tuple[int, Any]:
        model = self._model(service).operation_model(operation)
        assert model.input_shape is not None
        typed = _typed(parameters, model.input_shape)
        _check(typed, model.input_shape)
        self.asked.append((operation, parameters))
        answer = self._answers(operation, parameters)
        if isinstance(answer, tuple):
            status, code = answer
            return status, {"__type": f"com.amazonaws.{service}#{code}", "message": "said AWS"}
        assert model.output_shape is not None
        _check(_typed(answer, model.output_shape), model.output_shape)
        return 200, answer

    def _model(self, service: str) -> ServiceModel:
        if service not in self._models:
            self._models[service] = botocore.session.get_session().get_service_model(service)
        return self._models[service]


def _check(value: Any, shape: Shape) -> None:
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()


def _typed(value: Any, shape: Any) -> Any:
    """A value of JSON or of a query as botocore has it; keys that the shape does not know stay, and fail."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {key: _typed(each, shape.members[key]) if key in shape.members else each for key, each in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(each, shape.member) for each in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: _typed(each, shape.value) for key, each in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if shape.type_name == "integer" and isinstance(value, str):
        return int(value)
    return value
