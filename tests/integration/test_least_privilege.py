"""Each worker has what its role permits, no less and no more: take one permission away, and what needed it fails
visibly and loses nothing; give it back, and the redelivery succeeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cache, partial
from typing import Any, Final
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from fanout.events.canary import MARK
from fanout.invoke import Tree, invoke_all
from fanout.publish import wrap
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Declared
from fanout_tools.canary.run import Verdict, run
from fanout_tools.declarations.worker import load_all
from fanout_tools.project import project
from scripts.paths import REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.iam import provoke
from tests.integration.iam.mapping import denied_in, taken_over
from tests.integration.iam.provoke import InItsName, Provocation
from tests.integration.iam.role import PARTIQL, Permission, Role
from tests.integration.platform import Platform, client, eventually, order

pytestmark = pytest.mark.skipif(EMULATOR != "ministack", reason="IAM is enforced on MiniStack alone")

MANIFESTS: Final = load_all(REPOSITORY / "services")
WORKERS: Final = sorted(MANIFESTS)

EVERY_WORKER: Final[Mapping[Permission, Provocation]] = {
    Permission("Queue", "sqs:ReceiveMessage"): provoke.an_event,
    Permission("Queue", "sqs:DeleteMessage"): provoke.an_event,
    Permission("Queue", "sqs:GetQueueAttributes"): provoke.an_event,
    Permission("Queue", "sqs:ChangeMessageVisibility"): provoke.a_held_event,
    Permission("DeadLetter", "sqs:SendMessage"): provoke.a_stray_body,
    Permission("FetchClaims", "s3:GetObject"): provoke.an_event_with_its_payload_in_s3,
    Permission("Idempotency", PARTIQL): provoke.an_event,
}

GATHERING: Final = {
    Permission("Gather", "dynamodb:GetItem"),
    Permission("Gather", "dynamodb:PutItem"),
    Permission("Gather", "dynamodb:UpdateItem"),
    Permission("Gather", "dynamodb:Query"),
    Permission("Wake", "sqs:SendMessage"),
}
PUBLISHING: Final = Permission("Publish", "events:PutEvents")
PUBLISHERS: Final = {"billing", "report", "thumbnails"}
WRITING: Final = {Permission("Permission0", "dynamodb:PutItem"), Permission("Permission0", "dynamodb:UpdateItem")}

BY_ITS_EVENT: Final[Mapping[str, set[Permission]]] = {
    "audit": {Permission("Permission0", "s3:PutObject")},
    "billing": WRITING,
    "inventory": WRITING,
    "loyalty": WRITING,
    "notifications": {
        Permission("Permission0", "dynamodb:PutItem"),
        Permission("Permission1", "ses:SendEmail"),
        Permission("Powertools", "dynamodb:PutItem"),
    },
    "report": {*GATHERING, Permission("Permission0", "s3:GetObject")},
    "scribe": {Permission("Permission0", "dynamodb:PutItem"), Permission("Outbox", "dynamodb:PutItem")},
    "thumbnails": {
        *GATHERING,
        Permission("Permission0", "s3:GetObject"),
        Permission("Permission1", "s3:PutObject"),
    },
}
"""What a worker needs for an event that it handles to the end, beside what every worker does."""

POWERTOOLS: Final[Mapping[str, set[Permission]]] = {
    "notifications": {Permission("Powertools", "dynamodb:GetItem"), Permission("Powertools", "dynamodb:DeleteItem")}
}
"""Without these Powertools goes on: its circuit breaker counts anew, and a record that it cannot delete expires."""

COMMITTING: Final = Permission("Idempotency", "dynamodb:UpdateItem")
DEPOSITING: Final = Permission("DepositClaims", "s3:PutObject")
IN_ITS_NAME: Final[Mapping[Permission, InItsName]] = {COMMITTING: provoke.commit, DEPOSITING: provoke.deposit}

INVOKING: Final = Permission("Permission2", "lambda:InvokeFunction")

READING: Final = Permission("Permission0", "dynamodb:GetItem")
UNDOING: Final[Mapping[str, Mapping[str, object]]] = {
    "billing": {"step": "refund"},
    "inventory": {"step": "release", "index": 0, "line": {"sku": "CD-TEST", "quantity": 1}},
}
"""Steps of a workflow that look first at what there is to undo; no event makes their workers read."""

MISSING: Final = "MiniStack says of an object that is not there that it is not there, also to who may not list"
LOGGED: Final = "MiniStack writes the log itself"

UNSEEN: Final[Mapping[Permission, tuple[Provocation, str]]] = {
    Permission("Logs", "logs:CreateLogStream"): (provoke.an_event, LOGGED),
    Permission("Logs", "logs:PutLogEvents"): (provoke.an_event, LOGGED),
}
"""What this emulator does not ask for, of every worker: see docs/reference/emulators.md."""

LISTING: Final = Permission("Permission0", "s3:ListBucket")
UNSEEN_OF: Final[Mapping[str, set[Permission]]] = {"report": {LISTING}, "thumbnails": {LISTING}}


def _trials() -> Iterator[object]:
    for worker in (*WORKERS, "scribe"):
        trials = dict(EVERY_WORKER) if worker in WORKERS else {}
        trials |= dict.fromkeys(sorted(BY_ITS_EVENT.get(worker, ())), provoke.an_event)
        for permission, provocation in trials.items():
            yield pytest.param(worker, permission, provocation, id=_id(worker, permission))
        if worker in WORKERS:
            yield from _gaps(worker)


def _gaps(worker: str) -> Iterator[object]:
    unseen = {**UNSEEN, **dict.fromkeys(UNSEEN_OF.get(worker, ()), (provoke.a_missing_file, MISSING))}
    for permission, (provocation, reason) in unseen.items():
        gap = pytest.mark.gap(emulator="ministack", reason=reason)
        yield pytest.param(worker, permission, provocation, id=_id(worker, permission), marks=gap)


def _id(worker: str, permission: Permission) -> str:
    return f"{worker}-{permission.sid}-{permission.action}"


@pytest.mark.parametrize(("worker", "permission", "provocation"), list(_trials()))
def test_a_missing_permission_fails_and_loses_nothing(
    platform: Platform, worker: str, permission: Permission, provocation: Provocation
) -> None:
    """GIVEN a worker whose role lacks one permission WHEN a message needs it THEN IAM refuses just that, and the
    message stays; WHEN the permission is back THEN the redelivery is handled, and only a stray body is in the DLQ."""
    dead_lettered = provocation is provoke.a_stray_body
    role = Role(platform.names.function(worker))
    with taken_over(platform, worker, role) as mapping:
        with role.without(permission):
            sent = provocation(platform, worker)
            refused = mapping.until_refused()

        assert refused.denied == {permission.action}
        assert dead_lettered or refused.kept or sent not in mapping.acknowledged
        assert mapping.until_acknowledged({sent, *refused.kept}) == set()

    dead = {letter.get("message_id") for letter in platform.dead_letters(worker)} & mapping.acknowledged
    assert dead == ({sent} if dead_lettered else set())


@pytest.mark.parametrize("worker", sorted(PUBLISHERS))
def test_what_may_not_be_published_is_dead_lettered(platform: Platform, worker: str) -> None:
    """GIVEN a worker whose role may not publish WHEN an event has it publish THEN the event is in the DLQ at once, with
    IAM's refusal: each further try would repeat the handler's effect."""
    role = Role(platform.names.function(worker))
    with taken_over(platform, worker, role) as mapping, role.without(PUBLISHING):
        sent = provoke.an_event(platform, worker)
        mapping.until_acknowledged({sent})

    # What another event left in the queue may have been refused beside it.
    [letter] = [it for it in platform.dead_letters(worker) if it.get("message_id") == sent]
    assert denied_in(letter["error_message"]) == {PUBLISHING.action}


def _calls() -> Iterator[object]:
    for worker, manifest in sorted(MANIFESTS.items()):
        for permission in [COMMITTING, DEPOSITING] if manifest.publishes else [COMMITTING]:
            yield pytest.param(worker, permission, id=_id(worker, permission))


@pytest.mark.parametrize(("worker", "permission"), list(_calls()))
def test_a_call_of_the_core_needs_its_permission(platform: Platform, worker: str, permission: Permission) -> None:
    """GIVEN a call of the worker core that the samples' events do not bring about WHEN it is made in the role's name
    THEN it succeeds, and without its permission IAM refuses it."""
    role, call = Role(platform.names.function(worker)), IN_ITS_NAME[permission]
    with role.assumed() as session:
        call(platform, worker, session)
        with role.without(permission), pytest.raises(ClientError) as refused:
            call(platform, worker, session)
    assert denied_in(str(refused.value)) == {permission.action}


def test_a_tree_needs_to_invoke_itself(platform: Platform) -> None:
    """GIVEN thumbnails without lambda:InvokeFunction WHEN a tree of it is invoked THEN every answer names the refusal;
    WHEN the permission is back THEN the function answers itself."""
    role = Role(platform.names.function("thumbnails"))

    def failures() -> list[str | None]:
        results = invoke_all(
            role.name,
            [{"image": "bm9uZQ==", "longer_side": 8}] * 4,
            qualifier="live",
            timeout_s=30,
            tree=Tree(threshold=1, depth=2),
        )
        return [result.failure.message if result.failure else None for result in results]

    with role.without(INVOKING):
        assert all(INVOKING.action in denied_in(message or "") for message in failures())
    assert all("is not an image" in (message or "") for message in failures())


@pytest.mark.parametrize("worker", sorted(UNDOING))
def test_a_step_that_undoes_needs_to_read(platform: Platform, worker: str) -> None:
    """GIVEN a worker that may not read its table WHEN a workflow has it undo a step THEN the step fails and names the
    refusal; WHEN the permission is back THEN the step is done."""
    role = Role(platform.names.function(worker))
    order_id = f"undone-{uuid4()}"
    payload = {**UNDOING[worker], "order_id": order_id, "order": {"order_id": order_id}}

    def failure() -> str | None:
        [result] = invoke_all(role.name, [payload], qualifier="live", timeout_s=30)
        return result.failure.message if result.failure else None

    with role.without(READING):
        assert denied_in(failure() or "") == {READING.action}
    assert failure() is None


@pytest.mark.parametrize("worker", WORKERS)
def test_every_permission_is_on_trial(platform: Platform, worker: str) -> None:
    """GIVEN the role of a worker WHEN its permissions are listed THEN each has its trial above, or a named gap."""
    tried = {*EVERY_WORKER, *BY_ITS_EVENT.get(worker, ()), *IN_ITS_NAME}
    publishing = {PUBLISHING} if worker in PUBLISHERS else set()
    gaps = {*UNSEEN, *UNSEEN_OF.get(worker, ()), *POWERTOOLS.get(worker, ())}
    invoked = ({INVOKING} if worker == "thumbnails" else set()) | ({READING} if worker in UNDOING else set())

    untried = Role(platform.names.function(worker)).permissions() - tried - gaps - invoked - publishing
    assert untried == set(), f"{worker}: what needs these? Add its trial, or take them from the role"


CALLED: Final = {
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "lambda:Invoke": "lambda:InvokeFunction",
}
"""Calls that IAM knows by another name."""
CANARY_OF_EARLIER: Final = json.dumps({"source": "canary.shop.billing", "detail-type": "X", "detail": {MARK: "0-1"}})
STRAY: Final = "no event, which stays where it is"
UNTRIED: Final = {
    "logs:CreateLogStream",  # Lambda's own
    "logs:PutLogEvents",
    "s3:DeleteObjectVersion",  # of a bucket that keeps versions
    "sqs:GetQueueAttributes",  # of a queue in which others wait before the canary
}


def test_canaries_by_the_clock_need_what_their_role_permits(platform: Platform) -> None:
    """GIVEN the role of the scheduled canary WHEN a run in its name finds all well, and another the mappings of two
    workers disabled THEN no call is refused, and every permission was needed."""
    role, called = Role(platform.names.function("canary"), policy="canary"), set[str]()
    declared = Declared.read(project(platform.services.parent))

    def record(model: Any, **_: object) -> None:
        name = f"{model.service_model.endpoint_prefix}:{model.name}"
        called.add(CALLED.get(name, name))

    letters = platform.deployment.dead_letter_queue_url("loyalty")
    with role.assumed() as session:
        session.events.register("before-call", record)
        make = partial(session.client, config=Config(s3={"addressing_style": "path"}, max_pool_connections=32))
        deployed = Deployed(platform.names, cache(make))
        well = run(deployed, declared, limit_s=120)
        for body in (CANARY_OF_EARLIER, STRAY):
            client("sqs").send_message(QueueUrl=letters, MessageBody=body)
        with platform.switched_off("loyalty"), platform.switched_off("thumbnails"):
            ill = run(deployed, declared, limit_s=120)

    assert {it.verdict for it in well} == {Verdict.DELIVERED}
    assert {it.pair.worker for it in ill if it.verdict is Verdict.FAILED} == {"loyalty", "thumbnails"}
    assert {it.action for it in role.permissions()} - called - UNTRIED == set()
    left = [it for it in platform.dead_letters("loyalty") if it["body"] in (CANARY_OF_EARLIER, STRAY)]
    client("sqs").purge_queue(QueueUrl=letters)
    assert [it["body"] for it in left] == [STRAY]


def test_an_event_through_the_bus_outlives_a_missing_permission(platform: Platform) -> None:
    """GIVEN three workers that may not write their tables WHEN an order is placed THEN each is refused; WHEN they may
    again THEN each has its effect by the queue's own redelivery, and no DLQ has the order."""
    effects = {"billing": "ledger", "inventory": "reservations", "notifications": "confirmations"}
    permission = Permission("Permission0", "dynamodb:PutItem")
    provoke.fill_stock(platform)
    placed = wrap(order(f"c-{uuid4()}"))

    def refused(worker: str) -> bool:
        pages = (
            client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=platform.names.log_group(worker), filterPattern=f'"{placed.metadata.event_id}"')
        )
        return any(permission.action in denied_in(event["message"]) for page in pages for event in page["events"])

    with ExitStack() as taken:
        for worker in effects:
            taken.enter_context(Role(platform.names.function(worker)).without(permission))
        platform.publisher.publish(placed)
        eventually(lambda: all(map(refused, effects)), bool, "every worker is refused")

    identity = placed.data["order_id"]
    eventually(
        lambda: [platform.item(table, order_id=identity) for table in effects.values()], all, "every effect is there"
    )
    for worker in effects:
        letters = {letter.get("event_id") for letter in platform.dead_letters(worker)}
        assert placed.metadata.event_id not in letters
