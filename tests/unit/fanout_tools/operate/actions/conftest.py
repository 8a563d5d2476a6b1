"""EventBridge, Scheduler and Lambda, as far as operations call them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import pytest

from scripts.reliability.model.errors import refusal
from scripts.reliability.model.sqs import ModelQueue
from tests.unit.fanout_tools.operate.mortal import Deployment


class Scheduler:
    """Keeps schedules; :meth:`ring` carries out what they say."""

    def __init__(self) -> None:
        self.schedules: dict[str, Mapping[str, Any]] = {}

    def create_schedule(self, **request: Any) -> None:
        if request["Name"] in self.schedules:
            raise refusal("ConflictException", "CreateSchedule")
        self.schedules[request["Name"]] = request

    def update_schedule(self, **request: Any) -> None:
        if request["Name"] not in self.schedules:
            raise refusal("ResourceNotFoundException", "UpdateSchedule")
        self.schedules[request["Name"]] = request

    def delete_schedule(self, **request: Any) -> None:
        if self.schedules.pop(request["Name"], None) is None:
            raise refusal("ResourceNotFoundException", "DeleteSchedule")

    def earliest(self) -> float:
        """When the first of them is due, in seconds since 1970."""
        moments = [it["ScheduleExpression"].removeprefix("at(").removesuffix(")") for it in self.schedules.values()]
        return min(datetime.fromisoformat(f"{moment}+00:00").timestamp() for moment in moments)

    def ring(self, clients: Mapping[str, Any]) -> None:
        """The time of each has come: universal targets call the API with their input."""
        for name in sorted(self.schedules):
            target = self.schedules.pop(name)["Target"]
            service, action = target["Arn"].split(":")[-2:]
            clients[service](action, orjson.loads(target["Input"]))


class Lambda:
    """One mapping."""

    def __init__(self) -> None:
        self.enabled = True

    def list_event_source_mappings(self, **_: Any) -> dict[str, Any]:
        state = "Enabled" if self.enabled else "Disabled"
        return {"EventSourceMappings": [{"UUID": "mapping-1", "State": state}]}

    def update_event_source_mapping(self, **request: Any) -> None:
        assert request["UUID"] == "mapping-1"
        self.enabled = request["Enabled"]


class Events:
    """A bus whose archive has some events; a replay goes at once to the rules that it names."""

    def __init__(self, deployment: Deployment, archive: list[str]) -> None:
        self.archive = archive
        self.rules: dict[str, dict[str, Any]] = {}
        self.replays: list[str] = []
        self._deployment = deployment

    def put_rule(self, **request: Any) -> None:
        self.rules.setdefault(request["Name"], {}).update(request)

    def put_targets(self, **request: Any) -> dict[str, Any]:
        self.rules[request["Rule"]]["targets"] = request["Targets"]
        return {"FailedEntryCount": 0}

    def remove_targets(self, **request: Any) -> None:
        self._rule(request["Rule"])["targets"] = []

    def delete_rule(self, **request: Any) -> None:
        self.rules.pop(request["Name"], None)

    def start_replay(self, **request: Any) -> None:
        if request["ReplayName"] in self.replays:
            raise refusal("ResourceAlreadyExistsException", "StartReplay")
        self.replays.append(request["ReplayName"])
        for arn in request["Destination"]["FilterArns"]:
            for target in self._rule(arn.rpartition("/")[2])["targets"]:
                self._to(target["Arn"], request["ReplayName"])

    def describe_replay(self, **_: Any) -> dict[str, Any]:
        return {"State": "COMPLETED"}

    def _rule(self, name: str) -> dict[str, Any]:
        if name not in self.rules:
            raise refusal("ResourceNotFoundException", "DescribeRule")
        return self.rules[name]

    def _to(self, arn: str, replay: str) -> None:
        url = self._deployment.topology.place.queue_url(arn.rpartition(":")[2])
        for body in self.archive:
            event = {**orjson.loads(body), "replay-name": replay}
            self._deployment.sqs.queues[url].send(orjson.dumps(event).decode())


class TemporaryQueues:
    """SQS that makes and deletes queues too."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._deployment.sqs, name)

    def create_queue(self, **request: Any) -> None:
        url = self._deployment.topology.place.queue_url(request["QueueName"])
        if url not in self._deployment.sqs.queues:
            self._deployment.sqs.add(ModelQueue(url, self._deployment.clock))

    def delete_queue(self, **request: Any) -> None:
        if self._deployment.sqs.queues.pop(request["QueueUrl"], None) is None:
            raise refusal("AWS.SimpleQueueService.NonExistentQueue", "DeleteQueue")


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()
