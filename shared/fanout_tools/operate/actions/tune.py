"""Measure a worker's package under other memory sizes: a function of its own, never the one that has the events.

It has the worker's package, layers and role, and :data:`fanout.tuning.VARIABLE` in its environment: the core then
remembers in memory, publishes nowhere and settles nothing. What handlers do by themselves they do.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.request import urlopen
from uuid import uuid4

from fanout.errors import FanoutError
from fanout.tuning import VARIABLE
from fanout_tools.declarations.naming import ALIAS
from fanout_tools.operate.lease import Ending, Lease
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.tuning import Report

__all__ = ["Tune", "TuneError", "batch_of", "refusal"]

KIND: Final = "tune"
TAKEN: Final = ("Runtime", "Handler", "Role", "Timeout", "Architectures", "TracingConfig")
"""Of the worker's function, as they are."""
LOOKS: Final = 20
LOOK_S: Final = 0.5


class TuneError(FanoutError):
    """The function could not be made, or its handlers fail."""


def refusal(worker: WorkerPlace) -> str | None:
    """Why a worker cannot be measured alone; None: it can."""
    if worker.manifest.gathers or worker.manifest.parts_of:
        return f"{worker.name} scatters or gathers: what it does depends on a table and timers"
    if worker.manifest.outbox:
        return f"{worker.name} writes events in its own transactions, which its table's stream would publish"
    return None


def batch_of(bodies: Sequence[str], size: int) -> dict[str, Any]:
    """What Lambda would hand over: so many records of these events in turn, each as an event of its own."""
    return {"Records": [_record(bodies[number % len(bodies)], number) for number in range(size)]}


def _record(body: str, number: int) -> dict[str, Any]:
    event = json.loads(body)
    identity = str(uuid4())
    event["id"] = identity
    if isinstance(metadata := event.get("detail", {}).get("metadata"), dict):
        metadata |= {"event_id": identity, "correlation_id": identity}
        metadata.pop("expires_at", None)
    now_ms = str(int(time.time() * 1000))
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": now_ms, "ApproximateFirstReceiveTimestamp": now_ms}
    return {
        "messageId": identity,
        "receiptHandle": f"none-{number}",
        "body": json.dumps(event),
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


def _download(url: str) -> bytes:
    with urlopen(url, timeout=60) as answer:
        content: bytes = answer.read()
    return content


@dataclass(frozen=True)
class Tune:
    """One measuring.

    :ivar client: makes the client of a service.
    :ivar bodies: of messages, as the worker's queue has them.
    :ivar download: fetches a package.
    """

    topology: Topology
    worker: WorkerPlace
    bodies: Sequence[str]
    client: Any = field(repr=False)
    operation: str = field(default_factory=lambda: f"{int(time.time()):x}-{secrets.token_hex(2)}")
    download: Callable[[str], bytes] = _download
    sleep: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        """Of the function."""
        return self.topology.names.temporary(KIND, self.operation)

    @cached_property
    def lease(self) -> Lease:
        ending = Ending("lambda", "deleteFunction", {"FunctionName": self.name})
        return Lease(self.client("scheduler"), self.topology, self.operation, (ending,))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the function, and take it away at the end, however it comes."""
        self.lease.begin()
        try:
            self._make()
            yield
        finally:
            self._remove()
            self.lease.end()

    def _make(self) -> None:
        found = self.client("lambda").get_function(FunctionName=self.worker.function, Qualifier=ALIAS)
        live: Mapping[str, Any] = found["Configuration"]
        variables = {**(live.get("Environment") or {}).get("Variables", {}), VARIABLE: "1"}
        taken = {key: live[key] for key in TAKEN if live.get(key)}
        if isinstance(taken.get("TracingConfig"), Mapping):
            taken["TracingConfig"] = {"Mode": taken["TracingConfig"]["Mode"]}
        vpc = live.get("VpcConfig") or {}
        if vpc.get("SubnetIds"):
            taken["VpcConfig"] = {key: vpc[key] for key in ("SubnetIds", "SecurityGroupIds")}
        self.client("lambda").create_function(
            FunctionName=self.name,
            Description=f"Measures {self.worker.name}; fanout tune removes it",
            Code={"ZipFile": self.download(found["Code"]["Location"])},
            Layers=[layer["Arn"] for layer in live.get("Layers") or ()],
            Environment={"Variables": variables},
            **taken,
        )

    def measure(self, memories: Sequence[int], batches: Sequence[int], rounds: int) -> Iterator[Report]:
        """A report for each invocation, as it comes: of each memory size and batch size one cold start, if Lambda makes
        one, and then so many rounds.

        :raises TuneError: a handler fails, or Lambda reports nothing.
        """
        functions = self.client("lambda")
        for memory in memories:
            self._ready("function_active_v2")
            functions.update_function_configuration(FunctionName=self.name, MemorySize=memory)
            self._ready("function_updated_v2")
            for batch in batches:
                self.lease.extend()
                for _ in range(rounds + 1):
                    yield self._invoke(batch)

    def _ready(self, waiter: str) -> None:
        self.client("lambda").get_waiter(waiter).wait(
            FunctionName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )

    def _invoke(self, batch: int) -> Report:
        payload = json.dumps(batch_of(self.bodies, batch)).encode()
        answer = self.client("lambda").invoke(FunctionName=self.name, LogType="Tail", Payload=payload)
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        said = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError") or not isinstance(said, dict):
            raise TuneError(f"{self.worker.name}: the function fails: {said}")
        if failed := len(said.get("batchItemFailures") or ()):
            raise TuneError(
                f"{self.worker.name}: {failed} of {batch} records fail; a failure's time says nothing: {log}"
            )
        report = Report.parse(batch, log)
        if report is None and self.topology.place.endpoint is not None:
            report = self._logged(batch, answer["ResponseMetadata"]["RequestId"])
        if report is None:
            raise TuneError(f"{self.worker.name}: Lambda's answer has no REPORT line: {log[-300:]}")
        return report

    def _logged(self, batch: int, request_id: str) -> Report | None:
        """The report in the function's log group: an emulator may leave it out of the answer."""
        for _ in range(LOOKS):
            events = self.client("logs").filter_log_events(logGroupName=self._log_group, filterPattern="REPORT")[
                "events"
            ]
            texts = [it["message"] for it in events]
            found = next((it for it in texts if request_id in it), texts[-1] if texts else "")
            if report := Report.parse(batch, found):
                return report
            self.sleep(LOOK_S)
        return None

    def _remove(self) -> None:
        functions = self.client("lambda")
        with suppress(functions.exceptions.ResourceNotFoundException):  # it was never made
            functions.delete_function(FunctionName=self.name)
        if self.topology.place.endpoint is not None:  # on AWS the worker's role may write to its own log group alone
            logs = self.client("logs")
            with suppress(logs.exceptions.ResourceNotFoundException):
                logs.delete_log_group(logGroupName=self._log_group)

    @property
    def _log_group(self) -> str:
        return self.topology.names.log_group(f"{KIND}-{self.operation}")
