"""The topology of the plan that the proof is tested on: five workers, one of them FIFO, with keys and alarms."""

import json

import pytest

from fanout.event import load_contracts
from fanout.manifest import load_all
from fanout.plans import Plan
from scripts.check_plan.fixture import FIXTURE
from scripts.diagram.build import topology
from scripts.diagram.catalogue import Declarations
from scripts.diagram.declarations import declarations
from scripts.diagram.topology import Topology
from scripts.paths import REPOSITORY


@pytest.fixture(scope="session")
def plan() -> Plan:
    return Plan.read(json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def drawn(plan: Plan) -> Topology:
    events = [it.contract.identifier for it in load_contracts()]
    return topology(plan, load_all(FIXTURE / "services"), events)


@pytest.fixture(scope="session")
def declared() -> Declarations:
    return declarations(FIXTURE / "services", REPOSITORY / "shared" / "contracts" / "schemas")
