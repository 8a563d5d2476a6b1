"""Take a worker away whose declaration is gone: nothing new is led to it, what waits is handled, and then it goes.

Steps, each of which can be repeated: its events count as unmatched where nobody else takes them; its routes are taken
away; its queue is waited for; the rest of its stack is destroyed; the platform forgets it. Its tables and buckets stay
in AWS unless they are to go, too.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.declarations.worker import load_all
from fanout_tools.deploy import environment, progress, terraform
from fanout_tools.deploy.environment import Deployment
from fanout_tools.deploy.stacks import Stacks
from fanout_tools.plans.stacks import EDGE, PLATFORM
from fanout_tools.project import project

__all__ = ["Removal"]

ROUTES: Final = (
    "aws_sns_topic_subscription.this",
    "aws_cloudwatch_event_target.this",
    "aws_cloudwatch_event_rule.this",
)
STORES: Final = (
    "module.platform.module.store.aws_dynamodb_table.worker[",
    "module.platform.module.store.aws_s3_bucket",
    "module.platform.module.store.module.guard.",
)
COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
LOOKS: Final = 3
"""SQS counts approximately: so many times in a row there has to be nothing."""


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The removal of one worker from an environment of stacks.

    :ivar with_data: its tables and buckets go, too.
    :ivar limit_s: how long its queue is waited for.
    """

    stacks: Stacks
    worker: str
    with_data: bool = False
    limit_s: float = 900.0
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """
        :raises TerraformError: it is declared or not deployed, has dead letters or full buckets, or is not empty in
            time.
        """
        declared = load_all(project().services)
        self._refuse_what_stays(declared)
        stack = self.stacks.base.of_stack(self.worker)
        outputs, held = stack.outputs(), list(_instances(stack.state()))
        it, client = (outputs.get("workers") or {}).get(self.worker), self._clients(stack, outputs)
        if self.with_data:
            _refuse_full_buckets(client("s3"), held)
        if it:
            self._refuse_dead_letters(client("sqs"), it)
        self._approve()
        if it:
            self.stacks.widen(declared)
            _unroute(client("sns"), client("events"), held)
            progress.say("routes", f"nothing new is led to {self.worker}")
            self._drain(client("sqs"), it)
            self._refuse_dead_letters(client("sqs"), it)
        self._forget_stores()
        _unprotect(client("dynamodb"), _instances(stack.state()))
        stack.release()
        stack.run_unasked("destroy")
        self.stacks.forget(self.worker)
        self.stacks.apply([PLATFORM])
        self.stacks.narrow(declared, ())
        progress.say("removed", self.worker)

    def _refuse_what_stays(self, declared: Collection[str]) -> None:
        if self.worker in declared:
            raise terraform.TerraformError(
                f"{self.worker} is declared, and would be deployed again; delete its folder in "
                f"{project().services} first"
            )
        if self.worker not in self.stacks.deployed():
            raise terraform.TerraformError(f"there is no stack {self.worker}; there is: {self._others()}")

    def _clients(self, stack: Deployment, outputs: Mapping[str, Any]) -> Callable[[str], Any]:
        region = (outputs.get("traffic") or {}).get("region") or stack.env.get("AWS_REGION", "us-east-1")
        return lambda service: stack.client(service, region)

    def _others(self) -> str:
        return ", ".join(it for it in self.stacks.deployed() if it not in (EDGE, PLATFORM))

    def _refuse_dead_letters(self, sqs: Any, it: Mapping[str, Any]) -> None:
        queue = it["dead_letter_queue"]
        if number := _count(sqs, queue["url"]):
            raise terraform.TerraformError(
                f"{queue['name']} holds {number} messages, which would be lost: `fanout dlq redrive`, `export` or "
                f"`drop` those of {self.worker} first, while its declaration is there"
            )

    def _approve(self) -> None:
        data = "its tables and buckets with all their data" if self.with_data else "but for its tables and buckets"
        progress.say("remove", f"{self.worker}: its routes now, and once its queue is empty the rest, {data}")
        if self.stacks.base.asks and not environment.approved():
            raise terraform.TerraformError("not approved: nothing was changed")

    def _drain(self, sqs: Any, it: Mapping[str, Any]) -> None:
        url, until, seen = it["queue"]["url"], self.monotonic() + self.limit_s, 0
        while seen < LOOKS:
            number = _count(sqs, url)
            seen = 0 if number else seen + 1
            if number and self.monotonic() > until:
                raise terraform.TerraformError(
                    f"{it['queue']['name']} holds {number} messages after {self.limit_s:.0f} s; nothing new comes. See "
                    f"`fanout status {self.worker}`, and run the same command again"
                )
            self.sleep(2.0)
        progress.say("drained", it["queue"]["name"])

    def _forget_stores(self) -> None:
        """Leave the data to whoever wants them: Terraform forgets them."""
        if self.with_data:
            return
        stack = self.stacks.base.of_stack(self.worker)
        held = [it for it in stack.terraform_quietly("state", "list").splitlines() if it.startswith(STORES)]
        if held:
            stack.terraform_quietly("state", "rm", *held)
            tables = sorted({it.rpartition("[")[2].strip('"]') for it in held})
            progress.say("kept", f"in AWS, no longer Terraform's: {', '.join(tables)}")


def _unroute(sns: Any, events: Any, held: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Lead nothing new to the queue, by calls of our own: Terraform's ``-target`` takes what a resource depends on with
    it, here the queue."""
    for kind, it in held:
        with suppress(sns.exceptions.NotFoundException, events.exceptions.ResourceNotFoundException):  # an earlier try
            if kind == "aws_sns_topic_subscription":
                sns.unsubscribe(SubscriptionArn=it["arn"])
            elif kind == "aws_cloudwatch_event_target":
                events.remove_targets(Rule=it["rule"], EventBusName=it["event_bus_name"], Ids=[it["target_id"]])


def _unprotect(dynamodb: Any, held: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Let go of the tables that go: DynamoDB refuses to delete a protected one, after the queue has gone."""
    for kind, it in held:
        if kind == "aws_dynamodb_table" and it.get("deletion_protection_enabled"):
            with suppress(dynamodb.exceptions.ResourceNotFoundException):  # an earlier try
                dynamodb.update_table(TableName=it["name"], DeletionProtectionEnabled=False)


def _refuse_full_buckets(s3: Any, held: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """:raises TerraformError: a bucket holds something, and Terraform was not told to empty it."""
    for kind, it in held:
        if kind != "aws_s3_bucket" or it.get("force_destroy"):
            continue
        found = s3.list_object_versions(Bucket=it["bucket"], MaxKeys=1)
        if found.get("Versions") or found.get("DeleteMarkers"):
            raise terraform.TerraformError(
                f"{it['bucket']} holds objects, and S3 deletes no such bucket: empty it (versions too), or leave out "
                "--with-data"
            )


def _instances(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Type and attributes of each resource in a state."""
    for resource in state.get("resources", ()):
        for instance in resource["instances"]:
            yield resource["type"], instance["attributes"]


def _count(sqs: Any, url: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    return sum(int(found[name]) for name in COUNTS)
