"""What is kept is encrypted, and who has to use a key may: a hop that may not is refused as one without a grant is.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html says what services
need of a queue's key: GenerateDataKey and Decrypt. AWS's own keys (alias/aws/sqs) cannot be granted to services.
"""

from collections.abc import Iterator
from typing import Final

from fanout_tools.plans import Plan, Resource, deliveries
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import SCOPES, Request, allows, of_resource, statements

__all__ = ["WRITING", "encrypted", "key_alias", "key_by_service", "key_of", "key_scoped", "logged", "usable"]

WRITING: Final = ("kms:GenerateDataKey", "kms:Decrypt")
_ATTRIBUTES: Final = ("kms_master_key_id", "kms_key_identifier", "kms_key_id")
_KEPT: Final = ("aws_sqs_queue", "aws_sns_topic", "aws_cloudwatch_event_bus", "aws_cloudwatch_log_group")


def encrypted(plan: Plan) -> Iterator[Finding]:
    """Every queue is encrypted, and every key that is named is in the plan."""
    for it in plan.of(*_KEPT):
        name = key_name(it)
        if name and key_of(plan, it) is None:
            problem = f"its key {name} is not in the plan, so that nobody can tell whether services may use it"
            yield _key(it, problem, "name a key of the plan, or leave it to SSE-SQS")
        elif it.type == "aws_sqs_queue" and not name and it.get("sqs_managed_sse_enabled") is not True:
            yield _key(it, "is not encrypted", "set sqs_managed_sse_enabled or kms_master_key_id")


def usable(plan: Plan) -> Iterator[Finding]:
    """Every service that writes to a queue or topic with a key may use the key."""
    for hop in deliveries(plan):
        for to in (hop.destination, plan.at(hop.dead_letter_arn)):
            if to is None or hop.writer is None or (key := key_of(plan, to)) is None:
                continue
            if to.type == "aws_cloudwatch_log_group":
                continue  # CloudWatch Logs uses the key itself, see logged
            for action in WRITING:
                request = Request(
                    action=action, resource=key.arn, principal=("Service", hop.service), source_arn=hop.writer.arn
                )
                if not allows(of_resource(plan, key), request):
                    problem = (
                        f"{hop.writer.address} may not write to {to.address}: {action} is not allowed to {hop.service}"
                    )
                    yield _key(key, problem, "allow it in the key's policy, for aws:SourceArn or aws:SourceAccount")


def logged(plan: Plan) -> Iterator[Finding]:
    """CloudWatch Logs may use the key of every log group that has one
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html)."""
    for group in plan.of("aws_cloudwatch_log_group"):
        key = key_of(plan, group)
        for action in WRITING if key else ():
            service = ("Service", f"logs.{group.arn.split(':')[3]}.amazonaws.com")
            told = {"kms:encryptioncontext:aws:logs:arn": group.arn}
            if key and not allows(
                of_resource(plan, key), Request(action=action, resource=key.arn, principal=service, told=told)
            ):
                problem = f"{group.address} takes no line: {action} is not allowed to {service[1]}"
                yield _key(key, problem, "allow it in the key's policy, for kms:EncryptionContext:aws:logs:arn")


def key_scoped(plan: Plan) -> Iterator[Finding]:
    """A key's grant to a service is tied to a source, an account or a context."""
    for key in plan.of("aws_kms_key"):
        for it in of_resource(plan, key):
            services = [name for kind, name in it.principals if kind == "Service"]
            tied = any(name in SCOPES or name.startswith("kms:encryptioncontext:") for _, name, _ in it.conditions)
            wide = [value for _, name, values in it.conditions if name in SCOPES for value in values if value == "*"]
            harmless = set(it.actions) <= {"kms:DescribeKey"}
            if it.allow and services and not harmless and (not tied or wide):
                problem = f"any account may have {', '.join(services)} use it"
                yield Finding(
                    address=it.at, rule="scope", problem=problem, fix="add aws:SourceAccount or aws:SourceArn"
                )


def key_by_service(plan: Plan) -> Iterator[Finding]:
    """A role uses keys by way of the services that keep what they encrypt, never by itself."""
    for it in plan.of("aws_iam_role_policy", "aws_iam_policy"):
        for statement in statements(it.address, it.get("policy")):
            tied = any(name == "kms:viaservice" for _, name, _ in statement.conditions)
            if statement.allow and not tied and any(action.startswith("kms:") for action in statement.actions):
                problem = f"allows {', '.join(statement.actions)} whatever it is that the key encrypts"
                yield Finding(address=it.address, rule="scope", problem=problem, fix="add kms:ViaService as condition")


def key_name(resource: Resource) -> str:
    """What the resource names as its key: an id, an ARN or an alias; empty when it names none."""
    return next((str(resource.get(name)) for name in _ATTRIBUTES if resource.get(name)), "")


def key_of(plan: Plan, resource: Resource) -> Resource | None:
    """The key of the plan with which the resource is encrypted."""
    name = key_name(resource)
    for alias in plan.of("aws_kms_alias"):
        if name in (alias.get("name"), alias.arn):
            name = str(alias.get("target_key_id"))
    return next((it for it in plan.of("aws_kms_key") if name and name in (it.arn, it.get("key_id"))), None)


def key_alias(plan: Plan, key: Resource) -> str:
    """The key's alias, by which a policy may name it; empty when it has none."""
    aliases = plan.of("aws_kms_alias")
    return next((str(it.get("name")) for it in aliases if it.get("target_key_id") in (key.get("key_id"), key.arn)), "")


def _key(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="key", problem=problem, fix=fix)
