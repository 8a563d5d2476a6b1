"""An environment of stacks on the emulator: split; one worker deployed, rolled back, removed with messages queued."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from fanout_tools import emulators
from scripts.paths import BUILD, REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.platform import eventually

NAME = "pair"
EVENT = f"{NAME}.orders/OrderPlaced"
NAMESPACE = f"{NAME}-local"
HANDLER = "services/confirmation/handler.py"


class Pair:
    """A project of two workers of one event, as ``fanout new`` writes it, on the emulator of this run."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self.root, self.env = root, env

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.env.get(f"AWS_ENDPOINT_URL_{service.upper()}", self.env["AWS_ENDPOINT_URL"]),
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def fanout(self, *arguments: str) -> str:
        """What the command prints.

        :raises AssertionError: it failed.
        """
        code, said = self.attempt(*arguments)
        assert code == 0, said
        return said

    def attempt(self, *arguments: str) -> tuple[int, str]:
        """Its exit code, and what it prints."""
        paths = [str(REPOSITORY / "shared"), str(REPOSITORY / "router")]
        ran = subprocess.run(
            [sys.executable, "-c", "from fanout_tools.cli import main; main()", *arguments],
            cwd=self.root,
            env={**os.environ, **self.env, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr

    def deploy(self, *arguments: str) -> str:
        return self.fanout("deploy", "local", "--emulator", EMULATOR, "--no-hint", *arguments)

    def publish(self, number: int) -> None:
        data = {"order_id": f"o-{number}", "email": "a@example.org"}
        self.fanout("publish", EVENT, "--data", json.dumps(data), "--namespace", NAMESPACE)

    def version(self, worker: str) -> str:
        """That has the worker's events."""
        found = self.client("lambda").get_alias(FunctionName=f"{NAMESPACE}-{worker}", Name="live")
        return str(found["FunctionVersion"])

    def url(self, queue: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=f"{NAMESPACE}-{queue}")["QueueUrl"])

    def waiting(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def mapping(self, worker: str) -> str:
        """The id of what feeds its function."""
        found = self.client("lambda").list_event_source_mappings(EventSourceArn=self.arn(worker))["EventSourceMappings"]
        return str(found[0]["UUID"])

    def arn(self, queue: str) -> str:
        names = self.client("sqs").get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["QueueArn"])
        return str(names["Attributes"]["QueueArn"])

    def switch(self, worker: str, *, on: bool) -> None:
        uuid, state = self.mapping(worker), "Enabled" if on else "Disabled"
        self.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=on)
        eventually(
            lambda: self.client("lambda").get_event_source_mapping(UUID=uuid)["State"],
            lambda it: it == state,
            f"it is {state}",
        )

    def left(self) -> Mapping[str, Any]:
        """What is there of it."""
        found = {
            "queues": self.client("sqs").list_queues(QueueNamePrefix=f"{NAMESPACE}-").get("QueueUrls", []),
            "functions": [it["FunctionName"] for it in self.client("lambda").list_functions()["Functions"]],
            "buses": [it["Name"] for it in self.client("events").list_event_buses()["EventBuses"]],
            "roles": [it["RoleName"] for it in self.client("iam").list_roles()["Roles"]],
        }
        return {kind: [it for it in names if f"{NAME}-local" in it] for kind, names in found.items()}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """On an emulator of its own, which checks no permissions: how MiniStack's differ is said by this repository's root
    alone."""
    root = tmp_path_factory.mktemp("stacks") / NAME
    with emulators.running(EMULATOR, run_dir=root.parent / "emulator") as endpoints:
        yield from _deployed(root, endpoints.environment())


def _deployed(root: Path, env: Mapping[str, str]) -> Iterator[Pair]:
    root.mkdir()
    there = Pair(root, env)
    there.fanout("new", "project", ".")
    there.fanout("new", "worker", "ledger", "--on", EVENT)
    # What every worker needs is built already, and is the same.
    built = root / "build" / "packages" / "local"
    built.mkdir(parents=True)
    for file in (BUILD / "packages" / "local").glob("dependencies-*"):
        shutil.copy2(file, built / file.name)
    yield there
    there.attempt("destroy", "local", "--emulator", EMULATOR)


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
