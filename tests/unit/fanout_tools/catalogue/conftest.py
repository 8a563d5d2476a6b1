"""The topology of the plan that the proof is tested on: five workers, one of them FIFO, with keys and alarms."""

import json

import pytest

from fanout.events.event import load_contracts
from fanout_tools.catalogue.build import topology
from fanout_tools.catalogue.catalogue import Declarations, declarations
from fanout_tools.catalogue.topology import Topology
from fanout_tools.declarations.worker import load_all
from fanout_tools.plans import Plan
from scripts.mutants.fixture import FIXTURE
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
