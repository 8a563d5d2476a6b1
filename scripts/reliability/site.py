"""A worker's place in a world: its declaration, its queues, and what its processes find in their environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fanout import Worker
from scripts.reliability.model.clock import Clock
from scripts.reliability.model.sqs import ModelQueue, ModelSQS

if TYPE_CHECKING:
    from scripts.reliability.world import World

__all__ = ["WORKER", "Define", "Helper", "Site", "environment"]

DAY_S = 86_400
WORKER = "probe"

Define = Callable[[Worker, "World"], None]


@dataclass(frozen=True)
class Helper:
    """Another worker of a scenario, which handles parts of the first one's gathers."""

    sections: Mapping[str, Any]
    """Of its ``worker.yaml``, but for the mode of its idempotency."""
    define: Define
    name: str = "helper"


def environment(worker: str) -> dict[str, str]:
    """Of a worker's function."""
    return {
        "FANOUT_NAMESPACE": "model",
        "FANOUT_QUEUE_URL": f"queue/{worker}",
        "FANOUT_DLQ_URL": f"queue/{worker}-dlq",
        "FANOUT_IDEMPOTENCY_TABLE": f"{worker}-idempotency",
        "FANOUT_GATHER_TABLE": f"{worker}-gather",
        "FANOUT_GATHER_QUEUES": f'{{"{WORKER}": "queue/{WORKER}"}}',
        "FANOUT_OUTBOX_TABLE": "outbox",
        "FANOUT_BUS": "bus",
        "FANOUT_CLAIMS_BUCKET": "claims",
        "PARAMETER_RATE": "/probe/rate",
        "SECRET_KEY": "probe/key",
        "AWS_LAMBDA_FUNCTION_NAME": worker,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
    }


class Site:
    """
    :param folder: in which the worker's declaration is written.
    :param define: declares its handlers; called once a process.
    """

    def __init__(
        self, name: str, folder: Path, sections: Mapping[str, Any], define: Define, clock: Clock, sqs: ModelSQS
    ) -> None:
        self.name, self.define, self.environment = name, define, environment(name)
        self.file = folder / "services" / name / "handler.py"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        declaration = yaml.safe_dump({"description": "A probe", **sections})
        (self.file.parent / "worker.yaml").write_text(declaration)
        self.settings = settings = Worker(str(self.file)).settings
        fifo = settings.fifo
        self.dlq = sqs.add(
            ModelQueue(self.environment["FANOUT_DLQ_URL"], clock, retention_s=14 * DAY_S, fifo=fifo),
        )
        self.queue = sqs.add(
            ModelQueue(
                self.environment["FANOUT_QUEUE_URL"],
                clock,
                visibility_s=settings.visibility_s,
                retention_s=settings.retention_s,
                max_receives=settings.backstop,
                dlq=self.dlq,
                fifo=fifo,
            )
        )
        self.batch_size = int(sections.get("batch", {}).get("size", 10))
