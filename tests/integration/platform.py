"""The deployed platform, as a test sees it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen
from uuid import uuid4

import boto3
import localstack_client.session

from contracts.billing import InvoiceIssued
from contracts.money import Money
from contracts.orders import OrderLine, OrderPlaced
from fanout.publish import Publisher
from fanout_tools.cli.deployment import Deployment
from fanout_tools.declarations.naming import ALIAS, Names
from fanout_tools.declarations.worker import load_all
from fanout_tools.deploy import environment as deploy
from fanout_tools.deploy import packages, terraform
from fanout_tools.emulators import Endpoints
from fanout_tools.project import project
from scripts.paths import REPOSITORY

ROOT = REPOSITORY / "terraform" / "environments" / "local"
NAMESPACE = "fanout-test"
NOT_HELD = {"localstack": {"scribe", "desk", "vault"}}
"""What an emulator cannot have: DynamoDB is another's beside LocalStack, whose streams it does not find; and
LocalStack's community edition has no HTTP APIs."""
PATIENCE_S = 240.0
EXTERNAL_QUEUE = "legacy-orders"
"""A queue that is not the platform's, whose messages a pipe puts on the bus; on LocalStack, which moves them."""
ELSEWHERE = "elsewhere"
"""A bus that is not the platform's, which gets its invoices."""
DESTINATIONS = {
    "elsewhere": {
        "bus": f"arn:aws:events:us-east-1:000000000000:event-bus/{ELSEWHERE}",
        "events": [InvoiceIssued.contract.identifier],
    }
}
CALLED = {
    "url": "https://localhost:9/",
    "rate": 10,
    "transform": {
        "paths": {"order": "$.detail.data.order_id", "kind": "$.detail-type"},
        "template": '{"order": <order>, "kind": <kind>}',
    },
}
"""An API that gets invoices; a test has it called elsewhere."""
API_KEY = "of-a-test"
FOR_THE_API = "for-the-api-"
"""How the ids of orders begin whose invoices go to the API: where nothing listens, others would be undelivered."""
WARM = "billing"
"""A worker that gets keep-warm pings by the clock, and answers direct invocations too."""

T = TypeVar("T")


def client(service: str) -> Any:
    """A client of the emulator, as LocalStack's own users make them; DynamoDB may be another's, which
    localstack-client does not know."""
    if service == "dynamodb":
        return boto3.client("dynamodb")
    return localstack_client.session.Session("test", "test", region_name="us-east-1").client(service)


def eventually(look: Callable[[], T], accept: Callable[[T], bool], what: str) -> T:
    """Look until what is seen is accepted.

    :raises AssertionError: it never was; the text shows what was seen last.
    """
    until = time.monotonic() + PATIENCE_S
    while not accept(seen := look()):
        assert time.monotonic() < until, f"{what}: not within {PATIENCE_S:.0f} s; last seen: {seen!r}"
        time.sleep(0.5)
    return seen


@dataclass
class Platform:
    """What Terraform made, and short ways to it."""

    emulator: str
    services: Path
    terraformed: deploy.Deployment
    apply_s: float
    deployed: bool = True
    sqs: Any = field(default_factory=lambda: client("sqs"))
    dynamodb: Any = field(default_factory=lambda: client("dynamodb"))
    s3: Any = field(default_factory=lambda: client("s3"))

    @classmethod
    def deploy(cls, work_dir: Path, emulator: str, workers: Iterable[Path]) -> Platform:
        """Build and apply the workers of these folders."""
        stage = _stage(work_dir / "stage", workers)
        for _ in packages.build(project(stage), "local", work_dir / "packages"):
            pass
        data_dir = work_dir / f"terraform-{emulator}"  # its name is the log's too
        shutil.rmtree(data_dir, ignore_errors=True)  # the state of an emulator that is gone
        terraform.init(ROOT, data_dir=data_dir)
        variables = {
            "TF_VAR_namespace": NAMESPACE,
            "TF_VAR_services_dir": str(stage / "services"),
            "TF_VAR_packages_dir": str(work_dir / "packages"),
            "TF_VAR_keep_warm": json.dumps({"workers": [WARM]}),
            "TF_VAR_queues": json.dumps(_queues(emulator)),
            "TF_VAR_bus_destinations": json.dumps({**DESTINATIONS, "crm": _api()}),
            "TF_VAR_canary": json.dumps({"every": "rate(8 hours)", "limit_s": 120}),
            "TF_VAR_function_environment": json.dumps(deploy.of_functions(emulator, _endpoints())),
        }
        terraformed = deploy.Deployment(root=ROOT, data_dir=data_dir, target="local", env=variables, asks=False)
        began = time.monotonic()
        terraformed.run("apply")
        return cls(emulator, stage / "services", terraformed, apply_s=time.monotonic() - began)

    def change(self, worker: str, old: str, new: str, *, deploy: bool = True) -> None:
        """Deploy a worker with this piece of its handler replaced; no traffic is shifted by steps.

        :param deploy: False: with the next change.
        """
        handler = self.services / worker / "handler.py"
        code = handler.read_text(encoding="utf-8")
        assert old in code
        handler.write_text(code.replace(old, new), encoding="utf-8")
        if not deploy:
            return
        for _ in packages.build(
            project(self.services.parent), "local", Path(self.terraformed.env["TF_VAR_packages_dir"])
        ):
            pass
        self.terraformed.run("apply")

    def destroy(self) -> None:
        if self.deployed:
            self.terraformed.run("destroy")
            self.deployed = False

    @property
    def names(self) -> Names:
        return Names(NAMESPACE)

    @property
    def deployment(self) -> Deployment:
        return Deployment(self.names, load_all(self.services))

    @property
    def publisher(self) -> Publisher:
        return Publisher(client("events"), self.names.bus)

    def outputs(self) -> dict[str, Any]:
        return terraform.outputs(ROOT, data_dir=self.terraformed.data_dir, env=self.terraformed.env)

    def item(self, table: str, **key: str) -> dict[str, Any] | None:
        """One item of a worker's table, with plain values."""
        found = self.dynamodb.get_item(
            TableName=self.names.table(table), Key={k: {"S": v} for k, v in key.items()}, ConsistentRead=True
        ).get("Item")
        return None if found is None else {name: next(iter(value.values())) for name, value in found.items()}

    def audit(self, containing: str) -> list[dict[str, Any]]:
        """The audited events in whose line the text occurs."""
        return [line for line in self._audit_lines() if containing in json.dumps(line)]

    def _audit_lines(self) -> Iterator[dict[str, Any]]:
        bucket = self.deployment.bucket("audit")
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", ()):
                body = self.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                yield from map(json.loads, body.splitlines())

    def mails(self, address: str) -> list[dict[str, Any]]:
        """What SES was asked to send to an address, as the emulator keeps it."""
        path = {"localstack": "/_aws/ses", "ministack": "/_ministack/ses/messages"}[
            self.emulator.removesuffix("-docker")
        ]
        with urlopen(os.environ["AWS_ENDPOINT_URL"] + path) as answer:
            kept = json.load(answer)["messages"]
        messages = kept if isinstance(kept, list) else [m for of_account in kept.values() for m in of_account]
        return [message for message in messages if address in json.dumps(message)]

    def dead_letters(self, worker: str) -> list[dict[str, Any]]:
        """What is in a worker's DLQ now, with the cause; the messages stay."""
        url = self.deployment.dead_letter_queue_url(worker)
        found: dict[str, Any] = {}
        while True:
            messages = self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=30
            ).get("Messages", [])
            if not messages:
                break
            found |= {message["MessageId"]: message for message in messages}
        for message in found.values():
            self.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [
            {
                "body": message["Body"],
                **{k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()},
            }
            for message in found.values()
        ]

    @contextmanager
    def switched_off(self, worker: str) -> Iterator[None]:
        """Disable a worker's mapping for a while."""
        functions, alias = client("lambda"), f":function:{self.names.function(worker)}:{ALIAS}"
        pages = functions.get_paginator("list_event_source_mappings").paginate()
        mappings = [it for page in pages for it in page["EventSourceMappings"]]
        [uuid] = [it["UUID"] for it in mappings if it["FunctionArn"].endswith(alias)]

        def switch(state: str) -> None:
            functions.update_event_source_mapping(UUID=uuid, Enabled=state == "Enabled")
            eventually(lambda: functions.get_event_source_mapping(UUID=uuid)["State"], state.__eq__, f"it is {state}")

        switch("Disabled")
        try:
            yield
        finally:
            switch("Enabled")

    def quiet(self) -> None:
        """Wait until no queue of a worker has a message, in several looks in a row."""
        for _ in range(3):
            eventually(
                self.deployment.depths, lambda depths: all(d.quiet for d in depths.values()), "the queues are quiet"
            )


def order(customer: str = "customer-1", *, order_id: str | None = None, amount: float = 30.0) -> OrderPlaced:
    """An order of three CDs."""
    return OrderPlaced(
        order_id=order_id or f"order-{uuid4()}",
        customer_id=customer,
        email=f"{customer}@customers.example",
        placed_on="1997-01-01",
        lines=[OrderLine(sku="CD-TEST", quantity=3)],
        total=Money(amount=amount, currency="USD"),
    )


def tested_workers(emulator: str) -> Iterator[Path]:
    """The folders of what services has, and of the tests' own workers that the emulator holds."""
    for home in (REPOSITORY / "services", REPOSITORY / "tests" / "integration" / "workers"):
        for worker in home.iterdir():
            declared = any((worker / name).exists() for name in ("worker.yaml", "workflow.yaml", "web.yaml"))
            if declared and worker.name not in NOT_HELD.get(emulator, ()):
                yield worker


def _queues(emulator: str) -> dict[str, Any]:
    moved = emulator == "localstack"  # without the plugin, the image has no pipes
    contract = OrderPlaced.contract
    legacy = {"queue": EXTERNAL_QUEUE, "event": contract.identifier, "schema_version": contract.version}
    return {"legacy": legacy} if moved else {}


def _api() -> dict[str, Any]:
    """The API as a destination, by a connection that is made beside Terraform."""
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": API_KEY}}
    made = client("events").create_connection(Name="crm", AuthorizationType="API_KEY", AuthParameters=key)
    arn = str(made["ConnectionArn"])
    connection = arn if arn.count("/") > 1 else f"{arn}/crm"  # MiniStack leaves the id out, and goes by the last part
    where = json.dumps({"order_id": [{"prefix": FOR_THE_API}]})
    return {"api": {**CALLED, "connection": connection}, "where": where, "events": DESTINATIONS[ELSEWHERE]["events"]}


def _stage(stage: Path, workers: Iterable[Path]) -> Path:
    """A repository whose services are these."""
    stage.mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "shared", "router"):
        (stage / name).symlink_to(REPOSITORY / name)
    (stage / "services").mkdir()
    (stage / "services" / "__init__.py").touch()
    for worker in workers:
        shutil.copytree(worker, stage / "services" / worker.name)
    return stage


def _endpoints() -> Endpoints:
    return Endpoints(url=os.environ["AWS_ENDPOINT_URL"], dynamodb_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
