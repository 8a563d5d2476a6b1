"""What is kept is encrypted, and who has to use a key may: a hop that may not is refused as one without a grant is.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html says what services
need of a queue's key: GenerateDataKey and Decrypt. AWS's own keys (alias/aws/sqs) cannot be granted to services.

KMS always learns what is encrypted: SNS and SQS give the topic's or queue's ARN as encryption context. Whom a service
acts for it does not always learn, and a grant must hold under each reading of AWS's texts:

- EventBridge to an encrypted topic: aws:SourceArn and aws:SourceAccount are not supported
  (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html; in the field
  https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/407,
  https://github.com/awslabs/aws-deployment-framework/issues/769).
- EventBridge or SNS to an encrypted queue: supported, but for one sentence the source is the writer and for another
  the queue (both in sqs-key-management.html), and SNS's own page has no condition at all
  (https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html).
- EventBridge for its bus: the source is the bus
  (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from fanout_tools.plans import Hop, Plan, Resource, deliveries
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import SCOPES, Request, allows, elsewhere, of_resource, of_role, statements

__all__ = ["WRITING", "encrypted", "key_alias", "key_by_service", "key_of", "key_scoped", "logged", "usable"]

WRITING: Final = ("kms:GenerateDataKey", "kms:Decrypt")
_ATTRIBUTES: Final = ("kms_master_key_id", "kms_key_identifier", "kms_key_id")
_CONTEXTS: Final[Mapping[str, str]] = {
    "aws_sns_topic": "kms:encryptioncontext:aws:sns:topicarn",
    "aws_sqs_queue": "kms:encryptioncontext:aws:sqs:arn",
    "aws_cloudwatch_event_bus": "kms:encryptioncontext:aws:events:event-bus:arn",
}
"""By what is encrypted, the condition key that holds its ARN."""
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
    """Every service that writes to a queue or topic with a key, or the role that it takes on, may use the key."""
    for hop in deliveries(plan):
        for to in (hop.destination, plan.at(hop.dead_letter_arn)):
            if to is None or hop.writer is None or to.type not in _CONTEXTS or (key := key_of(plan, to)) is None:
                continue  # CloudWatch Logs uses the key itself, see logged
            by_role = hop.role_arn and to == hop.destination and to.type != "aws_cloudwatch_event_bus"
            yield from _by_role(plan, hop, to, key) if by_role else _by_service(plan, hop, hop.writer, to, key)


def _by_service(plan: Plan, hop: Hop, writer: Resource, to: Resource, key: Resource) -> Iterator[Finding]:
    sources = (to.arn,) if to.type == "aws_cloudwatch_event_bus" else ("", writer.arn, to.arn)
    policy = of_resource(plan, key)
    for source in sources:
        if refused := [action for action in WRITING if not allows(policy, _use(key, to, hop, action, source))]:
            told = f"for {source}" if source else "without a source, and KMS may be told none"
            problem = f"{hop.service} may not write to {to.address}: no {' and no '.join(refused)} {told}"
            yield _key(key, problem, _fix_of(to))
            return  # one reading that fails is enough
    if any(allows(policy, _use(key, to, hop, action, elsewhere(writer.arn))) for action in WRITING):
        yield Finding(
            address=key.address,
            rule="scope",
            problem=f"{hop.service} may use it for {to.address} in the name of any account",
            fix="add a Deny for an aws:SourceAccount that is there and is not this account",
        )


def _use(key: Resource, to: Resource, hop: Hop, action: str, source: str) -> Request:
    """A call to KMS as the service makes it on the way to ``to``, with or without a source."""
    principal, told = ("Service", hop.service), {_CONTEXTS[to.type]: to.arn}
    return Request(action=action, resource=key.arn, principal=principal, source_arn=source, told=told)


def _fix_of(to: Resource) -> str:
    if to.type == "aws_cloudwatch_event_bus":
        return "allow it in the key's policy, with the bus as aws:SourceArn"
    context = "aws:sns:topicArn" if to.type == "aws_sns_topic" else "aws:sqs:arn"
    by_role = ', or give the rule\'s target a role: bus_grants = "role"' if to.type == "aws_sns_topic" else ""
    return f"allow it for kms:EncryptionContext:{context}, without aws:SourceArn and aws:SourceAccount{by_role}"


def _by_role(plan: Plan, hop: Hop, to: Resource, key: Resource) -> Iterator[Finding]:
    role = plan.at(hop.role_arn)
    service = "sns" if to.type == "aws_sns_topic" else "sqs"
    told = {"kms:viaservice": f"{service}.{to.arn.split(':')[3]}.amazonaws.com", _CONTEXTS[to.type]: to.arn}
    for action in WRITING if role else ():  # one that is not there is reported with the grants
        if role and not allows(of_role(plan, role), Request(action=action, resource=key.arn, told=told)):
            problem = f"may not write to {to.address} with it: {action} on {key.address} is not allowed"
            yield _key(role, problem, f"allow it in the role's policy, for kms:ViaService {service}")


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
            tied = any(_ties(name) for _, name, _ in it.conditions)
            wide = [value for _, name, values in it.conditions if _ties(name) for value in values if value == "*"]
            harmless = set(it.actions) <= {"kms:DescribeKey"}
            if it.allow and services and not harmless and (not tied or wide):
                problem = f"any account may have {', '.join(services)} use it"
                yield Finding(
                    address=it.at,
                    rule="scope",
                    problem=problem,
                    fix="add the kms:EncryptionContext of what it encrypts",
                )


def _ties(name: str) -> bool:
    return name in SCOPES or name.startswith("kms:encryptioncontext:")


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
