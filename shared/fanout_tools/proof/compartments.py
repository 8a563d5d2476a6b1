"""A function that was taken over has nothing of another's: whose queue it may write to and read, which claims it may
find, write and overwrite, and in whose name it may publish.

Conditions of a grant are left out of account but for those asked for here: a grant reaches what it may reach under any.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Plan, Resource, block, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import Statement, matches, of_resource, of_role

__all__ = ["claims", "published", "queues"]

_CLAIMS: Final = "FANOUT_CLAIMS_BUCKET"
_LISTING: Final = ("s3:ListBucket", "s3:ListBucketVersions")
_UNDOING: Final = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutBucketVersioning")
_MEDDLING: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:SetQueueAttributes")
_SENDING: Final = "sqs:SendMessage"
_NAMED: Final = ("events:source", "events:detail-type")
"""The condition keys that AWS sets for each entry of PutEvents
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html)."""


def queues(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """A function's role reaches no queue of another worker, but for the one to which it reports parts. The scheduled
    canary, which takes its canaries out of dead-letter queues, is nobody's own code."""
    names, named = names_of(plan), {str(it.get("name")): it for it in plan.of("aws_sqs_queue")}
    reporting = {names.function(worker): manifest.parts_of for worker, manifest in manifests.items()}
    for function, role in _functions(plan):
        grants = _grants(plan, role, "sqs")
        for worker, manifest in manifests.items():
            if function in (names.function(worker), names.function("canary")):
                continue
            queue = names.queue(worker, fifo=manifest.queue.fifo)
            dead = names.dead_letter_queue(worker, fifo=manifest.queue.fifo)
            reports = (queue,) if worker in reporting.get(function, ()) else ()
            for at in (named[it] for it in (queue, dead) if it in named):
                actions = _MEDDLING if at.get("name") in reports else (*_MEDDLING, _SENDING)
                yield from _reached(grants, role, actions, at.arn, f"{at.address}, which is {worker}'s")


def claims(plan: Plan) -> Iterator[Finding]:
    """Claims are found by their keys alone, written under the publisher's own name, and never overwritten."""
    for bucket in plan.of("aws_s3_bucket"):
        owners = [function for function, _ in _functions(plan, claiming=str(bucket.get("bucket")))]
        if not owners:
            continue
        for function, role in _functions(plan):
            grants = _grants(plan, role, "s3")
            yield from _reached(
                grants, role, _LISTING, bucket.arn, f"{bucket.address}, whose keys are no one's to list"
            )
            dropped = f"what operators have dropped into {bucket.address}"
            yield from _reached(grants, role, ("s3:GetObject",), f"{bucket.arn}/operations/any", dropped)
            for other in (*owners, "any"):
                yield from _reached(grants, role, _UNDOING, f"{bucket.arn}/{other}/any", f"what is in {bucket.address}")
                if other != function:
                    what = f"{bucket.address} under {other}/, which is not its own"
                    yield from _reached(grants, role, ("s3:PutObject",), f"{bucket.arn}/{other}/any", what)
        yield from _overwritten(plan, bucket)


def published(plan: Plan, manifests: Mapping[str, Manifest], web: Mapping[str, WebManifest]) -> Iterator[Finding]:
    """A function puts just the events on the bus that its declaration names; canaries, that would tell of a delivery
    that there was not, are among no one's."""
    names = names_of(plan)
    declared = {names.function(name): it.publishes for name, it in manifests.items()}
    declared |= {names.function(name): it.publishes for name, it in web.items()}
    outbox = sorted({event for it in manifests.values() if it.outbox for event in it.publishes})
    declared |= {names.function("outbox"): outbox}
    for function, role in _functions(plan):
        for bus in plan.of("aws_cloudwatch_event_bus") if function in declared else ():
            for statement in _reaching(_grants(plan, role, "events"), "events:PutEvents", bus.arn):
                yield from _in_its_name(statement, role, declared[function])


def _in_its_name(statement: Statement, role: Resource, events: Sequence[str]) -> Iterator[Finding]:
    parts = [event.split("/", 1) for event in events]
    for index, key in enumerate(_NAMED):
        wanted = {part[index] for part in parts}
        named = [
            set(values) for operator, it, values in statement.conditions if it == key and "StringEquals" in operator
        ]
        if not any(values <= wanted for values in named):
            problem = f"lets {role.address} publish events that are not declared"
            fix = f"name the declared ones in a condition on {key}"
            yield Finding(address=statement.at, rule="scope", problem=problem, fix=fix)


def _overwritten(plan: Plan, bucket: Resource) -> Iterator[Finding]:
    policy = [it for it in of_resource(plan, bucket) if not it.allow]
    if policy and not any(_only_new(it, bucket) for it in policy):  # without any, no policy is enforced: an emulator
        fix = "deny s3:PutObject to everybody where s3:if-none-match is Null"
        yield Finding(address=bucket.address, rule="scope", problem="lets what is in it be overwritten", fix=fix)
    versioning = [it for it in plan.of("aws_s3_bucket_versioning") if it.get("bucket") == bucket.get("id")]
    if not any(block(it, "versioning_configuration").get("status") == "Enabled" for it in versioning):
        problem, fix = "keeps no version of what is deleted", "enable versioning"
        yield Finding(address=bucket.address, rule="scope", problem=problem, fix=fix)


def _only_new(statement: Statement, bucket: Resource) -> bool:
    """Whether it is the Deny of AWS's guide, no wider and no narrower
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html)."""
    return (
        statement.principals == (("*", "*"),)
        and statement.actions == ("s3:PutObject",)
        and statement.resources == (f"{bucket.arn}/*",)
        and statement.conditions == (("Null", "s3:if-none-match", ("true",)),)
        and not statement.negated
    )


def _functions(plan: Plan, claiming: str | None = None) -> Iterator[tuple[str, Resource]]:
    """Each function's name, with its role; of those that are told of a bucket of claims, where one is given."""
    for function in plan.of("aws_lambda_function"):
        told: Mapping[str, Any] = block(function, "environment").get("variables") or {}
        role = plan.at(function.get("role"))
        if role is not None and (claiming is None or told.get(_CLAIMS) == claiming):
            yield str(function.get("function_name")), role


def _grants(plan: Plan, role: Resource, service: str) -> list[Statement]:
    """What the role may do with a service."""
    return [it for it in of_role(plan, role) if it.allow and any(_of_service(action, service) for action in it.actions)]


def _of_service(action: str, service: str) -> bool:
    return action == "*" or action.lower().startswith(f"{service}:")


def _reached(
    grants: Sequence[Statement], role: Resource, actions: Sequence[str], arn: str, what: str
) -> Iterator[Finding]:
    for action in actions:
        for statement in _reaching(grants, action, arn):
            problem = f"lets {role.address} call {action} on {what}"
            yield Finding(address=statement.at, rule="scope", problem=problem, fix="take it away")


def _reaching(grants: Sequence[Statement], action: str, arn: str) -> Iterator[Statement]:
    for it in grants:
        if any(matches(resource, arn) for resource in it.resources) and any(
            matches(pattern.lower(), action.lower()) for pattern in it.actions
        ):
            yield it
