"""The order in which stacks are deployed, what one worker makes stale, and how a state is taken apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fanout.errors import PlanError
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.deploy import environment, rollback, splitting
from fanout_tools.deploy import removing as removing_module
from fanout_tools.deploy import stacks as stacks_module
from fanout_tools.deploy.environment import Deployment
from fanout_tools.deploy.removing import Removal
from fanout_tools.deploy.stacks import Stacks, stale_with
from fanout_tools.deploy.terraform import TerraformError
from fanout_tools.plans.stacks import Owners

DECLARED = {
    "billing": "description: Bill\nsubscribes:\n  - event: shop.orders/OrderPlaced\n"
    "publishes: [shop.billing/InvoiceIssued]\n",
    "loyalty": "description: Award\nsubscribes:\n  - event: shop.billing/InvoiceIssued\n",
    "audit": "description: Keep\nvia: bus\nsubscribes:\n  - event: '*'\n",
}


def deployed(manifest: Manifest) -> dict[str, Any]:
    """As a stack's output says it."""
    subscribes = [{"event": it.event, "where": json.dumps(it.where)} for it in manifest.subscribes]
    return {"via": manifest.via, "subscribes": subscribes}


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "services"
    for name, text in DECLARED.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "worker.yaml").write_text(text)
    for module in (stacks_module, removing_module):
        monkeypatch.setattr(module, "project", lambda: SimpleNamespace(services=folder))
    monkeypatch.setattr(environment, "shift", lambda _: None)
    return folder


@dataclass
class Fake:
    """A deployment whose stacks remember what is done to them."""

    said: dict[str, Any]
    """Stack => its output ``stack``; the stacks that are there."""
    done: list[str] = field(default_factory=list)
    asks: bool = False
    stack: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    root: Path = Path("prod")
    whole: Fake | None = None
    further: dict[str, Any] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    def of_stack(self, name: str) -> Fake:
        return Fake(self.said, self.done, stack=name, further=self.further, counts=self.counts)

    def having(self, env: Mapping[str, str]) -> Fake:
        return Fake(self.said, self.done, stack=self.stack, env=env)

    def outputs(self) -> Mapping[str, Any]:
        return {"stack": self.said[self.stack], **self.further} if self.stack in self.said else {}

    def run_unasked(self, command: str, *args: str) -> None:
        held = self.env.get("TF_VAR_held_events", "")
        self.done.append(" ".join([command, self.stack, *args[:1], held]).strip())

    def terraform_quietly(self, *args: str) -> str:
        self.done.append(" ".join([*args, self.stack]).strip())
        return "* default\n" + "\n".join(f"  {name}" for name in self.said) if args == ("workspace", "list") else ""

    def state(self) -> Any:
        return STORED

    def release(self) -> list[str]:
        return []

    def drift(self, emulator: str) -> int:
        self.done.append(f"drift {self.stack} {emulator}")
        return 1

    def client(self, service: str, _region: str) -> Any:
        if service != "sqs":
            return Services(self.done)

        def attributes(QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - boto3's names
            number = self.counts.pop(0) if self.counts and QueueUrl == "queue" else 0
            return {"Attributes": {**dict.fromkeys(AttributeNames, "0"), AttributeNames[0]: str(number)}}

        return SimpleNamespace(get_queue_attributes=attributes)


STORED = {
    "resources": [
        {"type": "aws_sns_topic_subscription", "instances": [{"attributes": {"arn": "subscription-1"}}]},
        {"type": "aws_sqs_queue", "instances": [{"attributes": {"name": "shop-gone"}}]},
        {
            "type": "aws_cloudwatch_event_target",
            "instances": [{"attributes": {"rule": "gone-1", "event_bus_name": "shop", "target_id": "queue"}}],
        },
        {
            "type": "aws_dynamodb_table",
            "instances": [{"attributes": {"name": "shop-gone-idempotency", "deletion_protection_enabled": True}}],
        },
        {"type": "aws_s3_bucket", "instances": [{"attributes": {"bucket": "shop-files", "force_destroy": False}}]},
    ]
}


class GoneError(Exception):
    """What AWS says of what is not there."""


class Services:
    """SNS, EventBridge, DynamoDB and S3, where the subscription is gone already, and a bucket full."""

    exceptions = SimpleNamespace(NotFoundException=GoneError, ResourceNotFoundException=GoneError)

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def unsubscribe(self, **_: str) -> None:
        raise GoneError

    def remove_targets(self, **given: Any) -> None:
        self._done.append(f"remove {given['Rule']} {given['EventBusName']} {given['Ids']}")

    def update_table(self, **given: Any) -> None:
        self._done.append(f"remove protection of {given['TableName']}: {given['DeletionProtectionEnabled']}")

    def list_object_versions(self, **given: Any) -> Any:
        return {"Versions": [given["Bucket"]]}


def fake(said: dict[str, Any], **values: Any) -> tuple[Fake, Stacks]:
    base = Fake(said, **values)
    return base, Stacks(cast("Deployment", base))


def applied(base: Fake) -> list[str]:
    return [it for it in base.done if it.startswith(("apply", "destroy"))]


def test_the_platform_goes_first_and_the_edge_last(services: Path) -> None:
    base, stacks = fake({})

    stacks.deploy()

    first, *workers, last = applied(base)
    assert (first, last) == ("apply platform", "apply edge []")
    assert sorted(workers) == ["apply audit", "apply billing", "apply loyalty"]


def test_an_event_without_a_worker_counts_as_unmatched_before_the_worker_goes(services: Path) -> None:
    """GIVEN that an event has lost its last worker, and another got its first WHEN deployed THEN the edge goes first,
    with the new one held back, and once more at the end."""
    base, stacks = fake({"edge": {"matched": ["shop.orders/OrderPlaced", "shop.orders/OrderGone"]}})

    stacks.deploy()

    assert applied(base)[0] == 'apply edge ["shop.billing/InvoiceIssued"]'
    assert applied(base)[-1] == "apply edge []"


def test_a_worker_whose_subscriptions_are_the_same_is_deployed_alone(services: Path) -> None:
    loyalty = load_all(services)["loyalty"]
    base, stacks = fake({"loyalty": {"subscriptions": {"loyalty": deployed(loyalty)}}})

    assert stacks.deploy(["loyalty"]) == ["loyalty"]
    assert applied(base) == ["apply loyalty"]


def test_a_worker_is_told_by_name_when_there_is_none(services: Path) -> None:
    _, stacks = fake({})
    with pytest.raises(TerraformError, match="there is no worker 'moon'; there is: audit, billing, loyalty"):
        stacks.deploy(["moon"])


def test_publishers_know_the_ways_of_their_events_before_these_lead_anywhere_new(
    services: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a worker that filters by a field now WHEN it is deployed THEN the publisher of the event goes before it,
    and platform and edge about them; each is told with its reason."""
    before = deployed(load_all(services)["loyalty"])
    (services / "loyalty" / "worker.yaml").write_text(
        DECLARED["loyalty"] + "    where: { total: { amount: [{ numeric: ['>', 25] }] } }\n"
    )
    base, stacks = fake({"loyalty": {"subscriptions": {"loyalty": before}}, "edge": {"matched": []}})

    stacks.deploy(["loyalty"])

    assert applied(base)[:-1] == ["apply platform", "apply billing", "apply loyalty"]
    assert applied(base)[-1] == "apply edge []"
    assert "too         billing: it publishes what loyalty takes" in capsys.readouterr().out


def test_what_a_worker_takes_that_is_not_deployed_goes_on_counting_as_unmatched(services: Path) -> None:
    """GIVEN a worker that is declared and not deployed WHEN another is deployed alone, and the edge with it THEN the
    first one's events are held back: nobody would have them."""
    (services / "refunds").mkdir()
    (services / "refunds" / "worker.yaml").write_text(
        "description: Pay back\nsubscribes:\n  - event: shop.orders/OrderReturned\n"
    )
    base, stacks = fake({"edge": {"matched": ["shop.orders/OrderPlaced"]}})

    stacks.deploy(["loyalty"])

    assert applied(base)[-1] == 'apply edge ["shop.orders/OrderReturned"]'


def test_drift_is_looked_for_in_every_stack(services: Path) -> None:
    base, stacks = fake({"platform": {}, "edge": {}, "loyalty": {}})

    assert stacks.drift("ministack") == 3
    assert "drift loyalty ministack" in base.done


def test_a_new_worker_makes_stale_what_knows_all(services: Path) -> None:
    assert {"platform", "edge"} <= set(stale_with("audit", None, load_all(services)))


def test_what_is_deployed_and_not_declared_is_told(services: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, stacks = fake({"platform": {}, "edge": {}, "gone": {}})

    stacks.deploy()

    assert "gone is deployed, and nothing declares it: `fanout remove gone` drains it" in capsys.readouterr().out


def test_what_leads_to_the_workers_is_destroyed_first(services: Path) -> None:
    base, stacks = fake({"platform": {}, "edge": {}, "loyalty": {}, "gone": {}})

    stacks.destroy()

    first, *workers, last = applied(base)
    assert (first, sorted(workers), last) == ("destroy edge", ["destroy gone", "destroy loyalty"], "destroy platform")


def removal(said: dict[str, Any], counts: list[int], **values: Any) -> tuple[Fake, Removal]:
    queues = {
        "queue": {"name": "shop-gone", "url": "queue"},
        "dead_letter_queue": {"name": "shop-gone-dlq", "url": "dlq"},
    }
    base, stacks = fake(said, counts=counts)
    base.further.update(workers={"gone": queues}, traffic={"region": "eu-central-1"})
    seconds = iter(range(0, 10_000, 10))
    return base, Removal(
        stacks=stacks, worker="gone", monotonic=lambda: float(next(seconds)), sleep=lambda _: None, **values
    )


def test_a_worker_is_removed_once_it_has_handled_what_waits(services: Path) -> None:
    base, one = removal({"platform": {}, "edge": {}, "gone": {}}, [2, 1, 0, 1, 0, 0, 0])

    one.run()

    assert base.counts == []
    done = [it for it in base.done if it.startswith(("apply", "destroy", "remove"))]
    assert done == [
        "remove gone-1 shop ['queue']",
        "remove protection of shop-gone-idempotency: False",
        "destroy gone",
        "apply platform",
        'apply edge ["shop.billing/InvoiceIssued", "shop.orders/OrderPlaced"]',
    ]


def test_a_full_bucket_is_told_before_anything_goes(services: Path) -> None:
    base, one = removal({"platform": {}, "edge": {}, "gone": {}}, [0], with_data=True)

    with pytest.raises(TerraformError, match="shop-files holds objects, and S3 deletes no such bucket"):
        one.run()
    assert applied(base) == []


def test_a_stack_without_outputs_is_removed_once_that_is_approved(
    services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a stack whose first deployment has failed WHEN its removal is not approved THEN nothing goes."""
    base, one = removal({"platform": {}, "edge": {}, "gone": {}}, [0])
    base.further.clear()
    base.asks = True
    monkeypatch.setattr(environment, "approved", lambda: False)

    with pytest.raises(TerraformError, match="not approved"):
        one.run()
    assert applied(base) == []


def test_a_queue_that_does_not_empty_keeps_its_worker(services: Path) -> None:
    base, one = removal({"platform": {}, "edge": {}, "gone": {}}, [2] * 100, limit_s=60)

    with pytest.raises(TerraformError, match="shop-gone holds 2 messages after 60 s; nothing new comes"):
        one.run()
    assert "destroy gone" not in applied(base)


def test_what_is_declared_or_not_deployed_is_not_removed(services: Path) -> None:
    _, stacks = fake({"platform": {}, "edge": {}, "audit": {}})
    with pytest.raises(TerraformError, match="audit is declared, and would be deployed again; delete its folder"):
        Removal(stacks=stacks, worker="audit").run()
    with pytest.raises(TerraformError, match="there is no stack gone; there is: audit"):
        Removal(stacks=stacks, worker="gone").run()


STATE: Mapping[str, Any] = {
    "version": 4,
    "terraform_version": "1.11.4",
    "lineage": "l",
    "resources": [
        {"mode": "data", "type": "aws_region", "name": "current", "instances": [{}]},
        {
            "module": 'module.platform.module.worker["gone"]',
            "mode": "managed",
            "type": "aws_sqs_queue",
            "name": "main",
            "instances": [{"attributes": {"name": "q"}}],
        },
        {
            "module": "module.platform",
            "mode": "managed",
            "type": "aws_s3_object",
            "name": "package",
            "instances": [{"index_key": "workers/gone"}, {"index_key": "canary"}],
        },
        {"module": "module.platform", "mode": "managed", "type": "terraform_data", "name": "stack", "instances": [{}]},
    ],
}


def test_a_state_is_taken_apart_by_instance() -> None:
    parts = splitting.parts_of(STATE, Owners(frozenset({"gone"}), {}, "shop"), ["platform", "gone", "edge"])

    assert {
        stack: [(it["type"], [i.get("index_key") for i in it["instances"]]) for it in part["resources"]]
        for stack, part in parts.items()
    } == {
        "platform": [],
        "gone": [("aws_sqs_queue", [None]), ("aws_s3_object", ["workers/gone"])],
        "edge": [("aws_s3_object", ["canary"])],
    }
    assert {part["lineage"] for part in parts.values()} == {"l-platform", "l-gone", "l-edge"}


def test_a_state_with_what_stands_elsewhere_is_not_taken_apart() -> None:
    mine = {"mode": "managed", "type": "aws_vpc", "name": "mine", "instances": [{}]}
    with pytest.raises(PlanError, match=r"aws_vpc\.mine: stands beside"):
        splitting.parts_of({**STATE, "resources": [mine]}, Owners(frozenset(), {}, "shop"), ["platform"])


class Functions:
    """Lambda with versions of one function."""

    def __init__(self, live: str, versions: list[str], weights: Mapping[str, float] | None = None) -> None:
        self.live, self._versions = live, versions
        self.weights = dict(weights or {})
        self.exceptions = SimpleNamespace(PreconditionFailedException=KeyError)

    def get_alias(self, **_: str) -> Any:
        routing = {"AdditionalVersionWeights": self.weights}
        return {"FunctionVersion": self.live, "RevisionId": "r", "RoutingConfig": routing}

    def update_alias(self, *, FunctionVersion: str, **_: Any) -> Any:  # noqa: N803 - boto3's name
        self.live, self.weights = FunctionVersion, {}
        return self.get_alias()

    def get_paginator(self, _: str) -> Any:
        versions = [{"Version": it} for it in ["$LATEST", *self._versions]]
        return SimpleNamespace(paginate=lambda **_: [{"Versions": versions}])


def rolling(functions: Functions, kept: list[Any] | None = None) -> Deployment:
    live = {"module": 'module.platform.module.worker["gone"]', "type": "terraform_data", "name": "live"}
    attributes = {name: {"value": "12", "type": "string"} for name in ("input", "output")}
    state = {"serial": 7, "resources": [{**live, "instances": [{"attributes": attributes}]}]}
    worker = {"function": "shop-gone", "alias": "live", "version": "12", "live": "12", "alarms": []}
    traffic = {"region": "eu-central-1", "steps": [], "minutes": 1, "workers": {"gone": worker}}
    made = SimpleNamespace(
        outputs=lambda: {"traffic": traffic},
        client=lambda *_: functions,
        state=lambda: state,
        put_state=([] if kept is None else kept).append,
    )
    return cast("Deployment", made)


@pytest.mark.parametrize(
    ("live", "weights", "now"),
    [("12", {}, "9"), ("9", {}, "2"), ("9", {"12": 0.1}, "9")],
    ids=["newest", "old", "shift"],
)
def test_a_worker_goes_back_to_the_version_before(live: str, weights: Mapping[str, float], now: str) -> None:
    """... and Terraform's state knows it: else an apply would give the events back."""
    functions, kept = Functions(live, ["2", "9", "12"], weights), list[Any]()

    assert rollback.roll_back(rolling(functions, kept), "gone") == (live, now)
    assert (functions.live, functions.weights) == (now, {})
    [state] = kept
    assert state["serial"] == 8
    assert state["resources"][0]["instances"][0]["attributes"]["output"]["value"] == now


def test_what_has_no_version_before_stays() -> None:
    with pytest.raises(TerraformError, match="gone: there is no version before 2"):
        rollback.roll_back(rolling(Functions("2", ["2", "9"])), "gone")
    with pytest.raises(TerraformError, match="moon is not deployed there"):
        rollback.roll_back(rolling(Functions("2", ["2"])), "moon")
