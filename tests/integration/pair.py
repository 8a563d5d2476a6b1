"""A project of two workers of one event, as ``fanout new`` writes it, on an emulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from fanout_tools import emulators
from scripts.paths import BUILD, REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.platform import eventually

NAME = "pair"
EVENT = f"{NAME}.orders/OrderPlaced"
NAMESPACE = f"{NAME}-local"


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

    def publish(self, number: int) -> str:
        """The event's id."""
        data = {"order_id": f"o-{number}", "email": "a@example.org"}
        said = self.fanout("publish", EVENT, "--data", json.dumps(data), "--namespace", NAMESPACE, "--json")
        return str(json.loads(said)["event_id"])

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


@contextmanager
def written(root: Path) -> Iterator[Pair]:
    """The project in this folder, with an emulator of its own beside it, which checks no permissions: how MiniStack's
    differ is said by this repository's root alone. At the end what is deployed of it is destroyed."""
    with emulators.running(EMULATOR, run_dir=root.parent / "emulator") as endpoints:
        there = _written(root, endpoints.environment())
        yield there
        there.attempt("destroy", "local", "--emulator", EMULATOR)


def _written(root: Path, env: Mapping[str, str]) -> Pair:
    root.mkdir()
    there = Pair(root, env)
    there.fanout("new", "project", ".")
    there.fanout("new", "worker", "ledger", "--on", EVENT)
    # What every worker needs is built already, and is the same.
    built = root / "build" / "packages" / "local"
    built.mkdir(parents=True)
    for file in (BUILD / "packages" / "local").glob("dependencies-*"):
        shutil.copy2(file, built / file.name)
    return there
