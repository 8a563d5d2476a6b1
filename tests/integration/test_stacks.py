"""An environment of stacks on the emulator: split; one worker deployed, rolled back, removed with messages queued."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from tests.integration.conftest import EMULATOR
from tests.integration.pair import NAME, Pair, written
from tests.integration.platform import eventually

HANDLER = "services/confirmation/handler.py"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with written(tmp_path_factory.mktemp("stacks") / NAME) as found:
        yield found


def test_a_deployed_environment_is_split_and_one_worker_is_deployed_rolled_back_and_removed(pair: Pair) -> None:
    """GIVEN an environment that is deployed whole WHEN it is split THEN no stack has anything to do; WHEN one worker is
    deployed THEN its alias alone moves; WHEN it is rolled back THEN it has its version of before; WHEN another is
    removed that has messages queued THEN it handles them first, and nothing of it is left."""
    pair.deploy("--no-canary")
    versions = {worker: pair.version(worker) for worker in ("confirmation", "ledger")}
    mapping = pair.mapping("ledger")
    arguments = ("--env", "local", "--emulator", EMULATOR)

    # Split
    code, said = pair.attempt("deploy", "local", "--worker", "ledger", "--emulator", EMULATOR)
    assert (code, "`fanout split local` makes stacks of it" in said) == (1, True), said
    said = pair.fanout("split", "local", "--emulator", EMULATOR)
    assert set(re.findall(r"^stack +(\w+): 0 changes$", said, re.MULTILINE)) == {
        "platform",
        "confirmation",
        "ledger",
        "edge",
    }
    assert pair.mapping("ledger") == mapping

    # One worker's deployment
    handler = pair.root / HANDLER
    handler.write_text(handler.read_text() + "\n# Another version.\n")
    said = pair.deploy("--worker", "confirmation")
    assert re.findall(r"^stack +(\w+), ", said, re.MULTILINE) == ["confirmation"]
    assert pair.version("confirmation") != versions["confirmation"]
    assert pair.version("ledger") == versions["ledger"]

    # Its rollback
    said = pair.fanout("rollback", "confirmation", *arguments)
    assert pair.version("confirmation") == versions["confirmation"], said
    pair.deploy("--worker", "confirmation", "--no-canary")
    assert pair.version("confirmation") == versions["confirmation"]  # there is no new code
    code, said = pair.attempt("rollback", "ledger", *arguments)
    assert (code, f"ledger: there is no version before {versions['ledger']}" in said) == (1, True), said

    # A removal with messages queued
    code, said = pair.attempt("remove", "ledger", *arguments)
    assert (code, "is declared, and would be deployed again" in said) == (1, True), said
    shutil.rmtree(pair.root / "services" / "ledger")
    pair.switch("ledger", on=False)
    for number in range(3):
        pair.publish(number)
    eventually(lambda: pair.waiting("ledger"), lambda it: it == 3, "three wait for the worker")
    code, said = pair.attempt("remove", "ledger", "--limit", "1", *arguments)
    assert (code, "holds 3 messages after 1 s; nothing new comes" in said) == (1, True), said
    pair.switch("ledger", on=True)
    said = pair.fanout("remove", "ledger", *arguments)
    assert "drained" in said
    assert not any("ledger" in it for names in pair.left().values() for it in names)

    # Nothing is left
    pair.fanout("destroy", "local", "--emulator", EMULATOR)
    assert pair.left() == {"queues": [], "functions": [], "buses": [], "roles": []}
