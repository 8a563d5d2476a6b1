"""What each function of a plan could do to the others, were it taken over: nothing.

Every attack is tried in the name of every function's role, by the policies of the role and of what is attacked. What
the evaluator cannot tell counts in the attacker's favour.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.plans import Plan, Resource, document, names_of
from fanout_tools.proof.policies import Request, may, of_resource, of_role
from scripts.mutants.fixture import FIXTURE


@dataclass(frozen=True)
class Attack:
    """A call that has to be refused."""

    what: str
    action: str
    target: str
    told: Mapping[str, str] = field(default_factory=dict, hash=False)


@cache
def fixture() -> Plan:
    return Plan.read(json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8")))


@cache
def declared() -> Mapping[str, Manifest]:
    return load_all(FIXTURE / "services")


def names() -> Names:
    return names_of(fixture())


FUNCTIONS = {str(it.get("function_name")): it for it in fixture().of("aws_lambda_function")}
RECORDING = ("PutItem", "UpdateItem", "DeleteItem", "PartiQLInsert", "PartiQLUpdate", "BatchWriteItem")
READING = ("GetItem", "Query", "Scan", "PartiQLSelect", "BatchGetItem")
TAKING = ("ReceiveMessage", "DeleteMessage", "PurgeQueue", "SetQueueAttributes")
CODE = ("UpdateFunctionCode", "UpdateFunctionConfiguration", "GetFunction", "AddPermission", "PublishLayerVersion")
RULES = ("PutRule", "PutTargets", "RemoveTargets", "DeleteRule", "PutPermission", "StartReplay")
ROLES = ("iam:PassRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole")
SOURCE, NAME = "events:source", "events:detail-type"


def attacks(function: str) -> Iterator[Attack]:
    """All on what is another's, and on what is nobody's of the functions."""
    for worker, manifest in declared().items():
        if names().function(worker) != function:
            yield from _on_worker(function, worker, manifest)
    yield from _on_claims(function)
    yield from _on_the_bus(function)
    yield from _on_the_platform(function)


def _on_worker(function: str, worker: str, manifest: Manifest) -> Iterator[Attack]:
    for what, table in (
        ("idempotency records", names().idempotency_table(worker)),
        ("gathers", names().gather_table(worker)),
    ):
        if (found := _named("aws_dynamodb_table", table)) is not None:
            for action in (*RECORDING, *READING):
                yield Attack(f"{worker}'s {what}", f"dynamodb:{action}", found.arn)
    for name in (
        names().queue(worker, fifo=manifest.queue.fifo),
        names().dead_letter_queue(worker, fifo=manifest.queue.fifo),
    ):
        queue = _named("aws_sqs_queue", name)
        assert queue is not None
        if function == names().function("canary") and name.removesuffix(".fifo").endswith("-dlq"):
            continue  # it takes its own canaries out again
        for action in TAKING:
            yield Attack(f"queue {name}", f"sqs:{action}", queue.arn)
        if not (name == names().queue(worker) and worker in _parts_of(function)):
            yield Attack(f"queue {name}", "sqs:SendMessage", queue.arn)
    victim = FUNCTIONS[names().function(worker)]
    for action in CODE:
        yield Attack(f"{worker}'s function", f"lambda:{action}", victim.arn)
    for action in ROLES:
        yield Attack(f"{worker}'s role", action, str(victim.get("role")))


def _on_claims(function: str) -> Iterator[Attack]:
    bucket = next(it for it in fixture().of("aws_s3_bucket") if "-claims-" in str(it.get("bucket")))
    yield from (Attack("all claims", f"s3:{action}", bucket.arn) for action in ("ListBucket", "ListBucketVersions"))
    yield Attack("what operators dropped", "s3:GetObject", f"{bucket.arn}/operations/op-1/000001.jsonl")
    for owner in (*FUNCTIONS, "people"):
        claim = f"{bucket.arn}/{owner}/shop.orders/OrderPlaced/1-abc.json"
        for action in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl"):
            yield Attack(f"a claim of {owner}", f"s3:{action}", claim)
        if owner != function:
            yield Attack(f"a claim of {owner}", "s3:PutObject", claim, {"s3:if-none-match": "*"})
        yield Attack(f"a claim of {owner} that is there", "s3:PutObject", claim)


def _on_the_bus(function: str) -> Iterator[Attack]:
    [bus] = fixture().of("aws_cloudwatch_event_bus")
    if function != names().function("canary"):
        for source in ("canary.shop.orders", "canary.fanout"):
            yield Attack("a canary", "events:PutEvents", bus.arn, {SOURCE: source, NAME: "OrderPlaced"})
    for source, name in (("shop.orders", "Forged"), ("forged", "OrderPlaced"), ("aws.s3", "Object Created")):
        yield Attack(f"{source}/{name}", "events:PutEvents", bus.arn, {SOURCE: source, NAME: name})
    yield from (Attack("rules", f"events:{action}", f"{_rules(bus)}/any") for action in RULES)


def _on_the_platform(function: str) -> Iterator[Attack]:
    journal = _named("aws_dynamodb_table", names().operations_table)
    assert journal is not None
    yield from (Attack("the operators' journal", f"dynamodb:{action}", journal.arn) for action in RECORDING)
    outbox = _named("aws_dynamodb_table", names().outbox_table)
    allowed = {names().function(worker) for worker, it in declared().items() if it.outbox}
    if outbox is not None and function not in allowed | {names().function("outbox")}:
        yield from (Attack("the outbox", f"dynamodb:{action}", outbox.arn) for action in RECORDING)
    for packages in (it for it in fixture().of("aws_s3_bucket") if "-packages-" in str(it.get("bucket"))):
        yield Attack("packages", "s3:PutObject", f"{packages.arn}/any.zip")


def _parts_of(function: str) -> list[str]:
    return next((it.parts_of for worker, it in declared().items() if names().function(worker) == function), [])


def _named(kind: str, name: str) -> Resource | None:
    return next((it for it in fixture().of(kind) if it.get("name") == name), None)


def _rules(bus: Resource) -> str:
    return bus.arn.replace(":event-bus/", ":rule/")


def succeeds(role: Resource, attack: Attack) -> bool:
    """As IAM decides within one account: an Allow of either side, and a Deny of neither
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)."""
    plan, bucket = fixture(), attack.target.split("/")[0]
    request = Request(action=attack.action, resource=attack.target, told=attack.told)
    own = of_role(plan, role)
    attacked = plan.at(attack.target) or plan.at(bucket)
    theirs = of_resource(plan, attacked) if attacked else []
    named = Request(action=attack.action, resource=attack.target, told=attack.told, principal=("AWS", role.arn))
    refused = may([*theirs, *own], request) is False
    return not refused and (may(own, request) or may(theirs, named))


def test_there_are_functions_of_every_kind() -> None:
    """GIVEN the plan WHEN read THEN it has workers, web functions, the relay, the canary and the forwarder of spans."""
    kinds = {"billing", "storefront", "outbox", "canary", "traces"}

    assert {names().function(it) for it in kinds} <= FUNCTIONS.keys() | {names().function("outbox")}
    assert len(FUNCTIONS) >= 9


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_was_taken_over_has_nothing_of_anothers(function: str) -> None:
    """GIVEN the role of a function WHEN every attack is tried in its name THEN none succeeds."""
    role = fixture().at(FUNCTIONS[function].get("role"))
    assert role is not None
    tried = list(attacks(function))

    assert [attack for attack in tried if succeeds(role, attack)] == []
    assert len(tried) > 150


@pytest.mark.parametrize("worker", sorted(declared()))
def test_what_is_a_workers_own_it_may(worker: str) -> None:
    """GIVEN the same evaluator WHEN a worker does with its own what it has to THEN it may: the attacks do not fail for
    want of understanding."""
    manifest, function = declared()[worker], FUNCTIONS[names().function(worker)]
    role = fixture().at(function.get("role"))
    queue = _named("aws_sqs_queue", names().queue(worker, fifo=manifest.queue.fifo))
    bucket = next(it for it in fixture().of("aws_s3_bucket") if "-claims-" in str(it.get("bucket")))
    [bus] = fixture().of("aws_cloudwatch_event_bus")
    assert role is not None
    assert queue is not None
    calls = [Attack("its queue", f"sqs:{action}", queue.arn) for action in ("ReceiveMessage", "DeleteMessage")]
    for event in manifest.publishes:
        source, name = event.split("/")
        claim = f"{bucket.arn}/{names().function(worker)}/{event}/1-abc.json"
        calls.append(Attack("its event", "events:PutEvents", bus.arn, {SOURCE: source, NAME: name}))
        calls.append(Attack("its claim", "s3:PutObject", claim, {"s3:if-none-match": "*"}))

    assert [call for call in calls if not succeeds(role, call)] == []


def test_only_the_scheduled_canary_and_the_deployer_send_canaries() -> None:
    """GIVEN every role of the plan WHEN asked for a canary on the bus THEN the scheduled canary's alone may put one,
    and EventBridge's own, by which rules forward; beside them, who deploys."""
    [bus] = fixture().of("aws_cloudwatch_event_bus")
    canary = Attack("a canary", "events:PutEvents", bus.arn, {SOURCE: "canary.shop.orders", NAME: "OrderPlaced"})
    roles = [it for it in fixture().of("aws_iam_role") if succeeds(it, canary)]

    trusted = {it.get("name"): document(it.get("assume_role_policy"))["Statement"][0]["Principal"] for it in roles}
    assert trusted == {
        names().bus: {"Service": "events.amazonaws.com"},
        names().function("canary"): {"Service": "lambda.amazonaws.com"},
    }


def test_no_policy_of_a_queue_lets_anything_but_the_ways_in() -> None:
    """GIVEN the policy of each queue WHEN read THEN it lets in services alone, each for the plan's own rules and
    topics: everybody else needs a role's permission, of which the attacks tell."""
    for queue in fixture().of("aws_sqs_queue"):
        for statement in of_resource(fixture(), queue):
            if statement.allow:
                assert {kind for kind, _ in statement.principals} == {"Service"}, queue.address
                assert [key for _, key, _ in statement.conditions] == ["aws:sourcearn"], queue.address


def test_a_policy_that_is_wider_is_seen() -> None:
    """GIVEN a role with a wildcard WHEN attacked THEN the evaluator tells: a canary, another's claim, its records."""
    role = fixture().at(FUNCTIONS[names().function("audit")].get("role"))
    policy = next(it for it in fixture().of("aws_iam_role_policy") if role and it.get("role") == role.get("name"))
    whole = document(policy.get("policy"))
    whole["Statement"].append({"Effect": "Allow", "Action": ["*"], "Resource": ["*"]})
    wide = of_role(fixture().changed(policy.having(policy=json.dumps(whole))), role) if role else []
    tried = list(attacks(names().function("audit")))

    assert all(may(wide, Request(action=it.action, resource=it.target, told=it.told)) for it in tried)
