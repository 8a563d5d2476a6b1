"""The evidence of a deployment, read with boto3's clients: see :class:`fanout_tools.operate.search.Sources`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from fanout_tools.canary.deployed import MISSING
from fanout_tools.operate.actions.pause import told_pauses
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.evidence import Execution, QueueState
from fanout_tools.operate.operations import journal_of
from fanout_tools.operate.sources import hops, standing
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from fanout_tools.operate.sources.records import Records
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["Reading"]

MOST_LETTERS = 1_000
"""Of one dead-letter queue: each ten are a call, and are hidden from others for a moment."""

UNREADABLE = MISSING | {"AccessDenied", "AccessDeniedException"}
"""To see a message is to receive it, which is a right of its own."""


class Reading(Records):
    """All sources of one deployment.

    :param client: makes a client of an AWS service by its name.
    """

    def __init__(self, topology: Topology, client: Callable[[Any], Any]) -> None:
        super().__init__(client("dynamodb"))
        self._topology = topology
        self._client = client

    def lines(self, text: str, since: float, until: float) -> Iterable[Mapping[str, Any]]:
        """Emulators' log groups are read one by one; on AWS all are searched by one query."""
        logs = self._client("logs")
        if self._topology.place.endpoint is None:
            return hops.insights(logs, f"/aws/lambda/{self._topology.names.namespace}-", text, since, until)
        groups = [place.log_group for place in self._topology.workers.values()]
        return hops.matching(logs, groups, text, since, until)

    def queues(self, workers: Iterable[WorkerPlace]) -> Mapping[str, QueueState]:
        states = standing.queue_states(self._client("sqs"), self._client("lambda"), workers)
        if not any(state.paused for state in states.values()):
            return states
        told = self._pauses()
        return {
            worker: replace(state, paused_by=told.get(worker, "")) if state.paused else state
            for worker, state in states.items()
        }

    def _pauses(self) -> Mapping[str, str]:
        try:
            return told_pauses(journal_of(self._topology, self._client("dynamodb")))
        except ClientError as error:
            if error.response["Error"]["Code"] in UNREADABLE:
                return {}
            raise

    def executions(self, workflow: str, event_ids: Mapping[str, float]) -> Iterable[tuple[str, Execution]]:
        machine = self._topology.workflows[workflow]
        return standing.executions(self._client("stepfunctions"), machine, workflow, event_ids)

    def letters(self, queue_url: str, max_receives: int) -> tuple[Sequence[DeadLetter], bool]:
        queue = DeadLetterQueue(self._client("sqs"), queue_url, max_receives)
        try:
            browsed = queue.browse(MOST_LETTERS)
        except ClientError as error:
            if error.response["Error"]["Code"] in UNREADABLE:
                return [], False
            raise
        return browsed.letters, browsed.whole
