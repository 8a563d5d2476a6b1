"""A small inventory whose bill can be calculated by hand, and the plan that the proof is tested on."""

import json
from collections.abc import Mapping

import pytest

from fanout_tools.cost.fixed import Fixed
from fanout_tools.cost.inventory import Inventory, Topic, Way, Worker
from fanout_tools.cost.mix import Traffic
from fanout_tools.declarations.worker import IdempotencyMode, Manifest, load_all
from fanout_tools.plans import Plan
from scripts.mutants.fixture import FIXTURE

EVENT = "shop.orders/OrderPlaced"


def small(
    *, batch_size: int = 10, window_s: int = 0, mode: IdempotencyMode = IdempotencyMode.STRICT, fifo: bool = False
) -> Inventory:
    """One event, one topic with one filter, one worker."""
    worker = Worker(
        name="billing",
        fifo=fifo,
        batch_size=batch_size,
        window_s=window_s,
        memory_mb=256,
        architecture="arm64",
        mode=mode,
        encrypted=False,
    )
    topic = Topic(name="t", fifo=False, subscriptions=1, filters=1)
    return Inventory(
        region="us-east-1",
        workers={"billing": worker},
        ways=(Way(event=EVENT, worker="billing", conditional=False, topic="t"),),
        topics={EVENT: (topic,)},
        archives=(),
        fixed=Fixed(log_retention_days=365),
    )


def month(events: float = 1e6, size: int = 1_000) -> Traffic:
    return Traffic(events={EVENT: events}, bytes={EVENT: size})


@pytest.fixture(scope="session")
def plan() -> Plan:
    return Plan.read(json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def manifests() -> Mapping[str, Manifest]:
    return load_all(FIXTURE / "services")
